// LocalTensor and GlobalTensor: typed views of UB or L1 and of GM, and how instructions take them as operands.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <type_traits>
#include <utility>

#include "ascendc/types.h"
#include "ascsim/runtime.h"

namespace ascsim_detail {

// One element as operator() gives it. `auto v = t(i)` takes a copy on silicon, where operator() is a reference; so the
// value is captured when the element is named, and only a temporary can be assigned to.
template <typename T>
class ElementRef {
 public:
  ElementRef(ascsim::Space space, uint64_t address, ascsim::Loc loc) : space_(space), loc_(loc), address_(address) {
    ascsim::Peek(space, address, sizeof(T), &bits_);
  }
  ElementRef(const ElementRef&) = default;

  operator T() const {
    ascsim::ScalarRead(space_, address_, ScalarTypeOf<T>(), loc_);
    return FromBits<T>(bits_);
  }
  template <class U, std::enable_if_t<!std::is_same_v<std::decay_t<U>, ElementRef>, int> = 0>
  ElementRef& operator=(const U& value) && {
    Store(static_cast<T>(value));
    return *this;
  }
  ElementRef& operator=(const ElementRef& other) && {
    Store(static_cast<T>(other));
    return *this;
  }
  template <class U>
  ElementRef& operator+=(const U& value) && {
    const auto [a, b] = Operands(value);
    Store(static_cast<T>(a + b));
    return *this;
  }
  template <class U>
  ElementRef& operator-=(const U& value) && {
    const auto [a, b] = Operands(value);
    Store(static_cast<T>(a - b));
    return *this;
  }
  template <class U>
  ElementRef& operator*=(const U& value) && {
    const auto [a, b] = Operands(value);
    Store(static_cast<T>(a * b));
    return *this;
  }
  template <class U>
  ElementRef& operator/=(const U& value) && {
    const auto [a, b] = Operands(value);
    Store(static_cast<T>(a / b));
    return *this;
  }
  ElementRef& operator++() && { return std::move(*this) += T(1); }
  ElementRef& operator--() && { return std::move(*this) -= T(1); }

 private:
  // This element and another number, in the type that the operation has.
  template <class U>
  auto Operands(const U& value) const {
    const T mine = *this;
    if constexpr (!std::is_arithmetic_v<T> || !std::is_arithmetic_v<U>) {
      return std::pair<T, U>(mine, value);
    } else if constexpr (std::is_floating_point_v<U>) {
      using C = std::common_type_t<T, U>;
      return std::pair<C, C>(static_cast<C>(mine), static_cast<C>(value));
    } else {
      return std::pair<T, T>(mine, static_cast<T>(value));
    }
  }
  void Store(T value) {
    bits_ = BitsOf(value);
    ascsim::ScalarWrite(space_, address_, ScalarTypeOf<T>(), bits_, loc_);
  }

  ascsim::Space space_;
  ascsim::Loc loc_;
  uint64_t address_;
  uint64_t bits_ = 0;
};

// Default-constructed tensors point here, outside every memory, so that their use is reported.
constexpr uint64_t kNoAddress = uint64_t{1} << 40;

// `begin` and `end` of the tensor; 0: not known.
inline void CheckElement(const char* what, uint64_t index, uint64_t address, uint64_t size, uint64_t begin,
                         uint64_t end, ascsim::Loc loc) {
  const bool before = address < begin;
  if (!before && (end == 0 || address + size <= end)) return;
  char text[160];
  if (before) {
    std::snprintf(text, sizeof(text), "%s of element %lld starts %llu bytes before the tensor", what,
                  static_cast<long long>(index), static_cast<unsigned long long>(begin - address));
  } else {
    std::snprintf(text, sizeof(text), "%s of element %llu ends %llu bytes beyond the tensor", what,
                  static_cast<unsigned long long>(index), static_cast<unsigned long long>(address + size - end));
  }
  ascsim::ReportBreach("out-of-bounds", loc, text);
}

}  // namespace ascsim_detail

namespace AscendC {

constexpr uint8_t K_MAX_SHAPE_DIM = 8;

struct ShapeInfo {
  ShapeInfo() = default;
  ShapeInfo(uint8_t dim, const uint32_t* dims, uint8_t original_dim, const uint32_t* original_dims, DataFormat format)
      : shapeDim(dim), originalShapeDim(original_dim), dataFormat(format) {
    for (int i = 0; i < dim && i < K_MAX_SHAPE_DIM; ++i) shape[i] = dims[i];
    for (int i = 0; i < original_dim && i < K_MAX_SHAPE_DIM; ++i) originalShape[i] = original_dims[i];
  }
  ShapeInfo(uint8_t dim, const uint32_t* dims, DataFormat format) : ShapeInfo(dim, dims, dim, dims, format) {}
  explicit ShapeInfo(uint8_t dim, const uint32_t* dims) : ShapeInfo(dim, dims, DataFormat::ND) {}
  uint8_t shapeDim = 0;
  uint8_t originalShapeDim = 0;
  uint32_t shape[K_MAX_SHAPE_DIM] = {};
  uint32_t originalShape[K_MAX_SHAPE_DIM] = {};
  DataFormat dataFormat = DataFormat::ND;
};

template <typename T>
class LocalTensor {
 public:
  using PrimType = PrimT<T>;

  LocalTensor() = default;
  // Static tensors: `addr` in bytes from the start of the memory behind `pos`, `tileSize` elements.
  LocalTensor(TPosition pos, uint32_t addr, uint32_t tileSize)
      : LocalTensor(pos, uint64_t{addr}, uint64_t{tileSize} * sizeof(T),
                    uint64_t{addr} + uint64_t{tileSize} * sizeof(T)) {
    // Behind a TPipe that is gone: the memory is the kernel's own again.
    ascsim::MarkFreed(Space(), address_, bytes_, /*freed=*/false, ascsim::Loc{});
  }

  PrimType GetValue(uint32_t index, ascsim::Loc loc = ascsim::Loc::Here()) const {
    const uint64_t address = address_ + uint64_t{index} * sizeof(T);
    ascsim_detail::CheckElement("GetValue", index, address, sizeof(T), 0, end_, loc);
    return ascsim_detail::FromBits<PrimType>(
        ascsim::ScalarRead(Space(), address, ascsim_detail::ScalarTypeOf<T>(), loc));
  }
  template <typename U>
  void SetValue(uint32_t index, U value, ascsim::Loc loc = ascsim::Loc::Here()) const {
    const uint64_t address = address_ + uint64_t{index} * sizeof(T);
    ascsim_detail::CheckElement("SetValue", index, address, sizeof(T), 0, end_, loc);
    ascsim::ScalarWrite(Space(), address, ascsim_detail::ScalarTypeOf<T>(),
                        ascsim_detail::BitsOf(static_cast<PrimType>(value)), loc);
  }
  ascsim_detail::ElementRef<PrimType> operator()(uint32_t index, ascsim::Loc loc = ascsim::Loc::Here()) const {
    const uint64_t address = address_ + uint64_t{index} * sizeof(T);
    ascsim_detail::CheckElement("access", index, address, sizeof(T), 0, end_, loc);
    return {Space(), address, loc};
  }

  // From element `offset` to the end of this tensor.
  LocalTensor operator[](uint32_t offset) const {
    const uint64_t skipped = uint64_t{offset} * sizeof(T);
    LocalTensor result = *this;
    result.address_ += skipped;
    result.bytes_ = skipped < bytes_ ? bytes_ - skipped : 0;
    return result;
  }
  template <typename U>
  LocalTensor<U> ReinterpretCast() const {
    LocalTensor<U> result(position_, address_, bytes_, end_);
    result.SetUserTag(tag_);
    return result;
  }

  // Host address of the first byte: `(__ubuf__ T*)t.GetPhyAddr()` can be read and written, unseen by the checks.
  // ascsim_detail::AddressOf turns it back.
  uint64_t GetPhyAddr() const { return GetPhyAddr(0); }
  uint64_t GetPhyAddr(uint32_t offset) const {
    return reinterpret_cast<uint64_t>(ascsim::SpaceBase(Space())) + address_ + uint64_t{offset} * sizeof(T);
  }
  int32_t GetPosition() const { return static_cast<int32_t>(position_); }
  uint32_t GetSize() const { return static_cast<uint32_t>(bytes_ / sizeof(T)); }  // elements
  uint32_t GetLength() const { return static_cast<uint32_t>(bytes_); }            // bytes
  void SetSize(uint32_t elements) { SetBytes(uint64_t{elements} * sizeof(T)); }
  void SetBufferLen(uint32_t bytes) { SetBytes(bytes); }
  // `offset` counts elements of `other`.
  template <typename U>
  void SetAddrWithOffset(const LocalTensor<U>& other, uint32_t offset) {
    const LocalTensor<T> part = other[offset].template ReinterpretCast<T>();
    *this = part;
  }

  void SetUserTag(TTagType tag) { tag_ = tag; }
  TTagType GetUserTag() const { return tag_; }
  void SetShapeInfo(const ShapeInfo& shape) { shape_ = shape; }
  ShapeInfo GetShapeInfo() const { return shape_; }

  // For the API headers. Addresses are byte offsets into the memory behind the position.
  LocalTensor(TPosition position, uint64_t address, uint64_t bytes, uint64_t end)
      : address_(address), bytes_(bytes), end_(end), position_(position) {}
  uint64_t Address() const { return address_; }
  uint64_t End() const { return end_; }
  ascsim::Space Space() const {
    return ascsim_detail::IsL1Position(position_) ? ascsim::Space::kL1 : ascsim::Space::kUB;
  }

 private:
  void SetBytes(uint64_t bytes) {
    bytes_ = bytes;
    end_ = address_ + bytes;
  }

  uint64_t address_ = ascsim_detail::kNoAddress;
  uint64_t bytes_ = 0;
  uint64_t end_ = 0;  // of the buffer that was allocated, whatever part of it this is
  TPosition position_ = TPosition::VECCALC;
  TTagType tag_ = 0;
  ShapeInfo shape_;
};

template <typename T>
class GlobalTensor {
 public:
  using PrimType = PrimT<T>;

  GlobalTensor() = default;
  void SetGlobalBuffer(PrimType* buffer, uint64_t bufferSize) {
    address_ = begin_ = reinterpret_cast<uint64_t>(buffer);
    elements_ = bufferSize;
    end_ = address_ + bufferSize * sizeof(T);
  }
  // The size is not known then: GetSize() is 0 and accesses are checked against the allocation alone.
  void SetGlobalBuffer(PrimType* buffer) {
    address_ = reinterpret_cast<uint64_t>(buffer);
    elements_ = 0;
    begin_ = end_ = 0;
  }

  const PrimType* GetPhyAddr() const { return reinterpret_cast<const PrimType*>(address_); }
  PrimType* GetPhyAddr(uint64_t offset) const { return reinterpret_cast<PrimType*>(address_ + offset * sizeof(T)); }

  PrimType GetValue(uint64_t index, ascsim::Loc loc = ascsim::Loc::Here()) const {
    const uint64_t address = address_ + index * sizeof(T);
    ascsim_detail::CheckElement("GetValue", index, address, sizeof(T), begin_, end_, loc);
    return ascsim_detail::FromBits<PrimType>(
        ascsim::ScalarRead(ascsim::Space::kGM, address, ascsim_detail::ScalarTypeOf<T>(), loc));
  }
  void SetValue(uint64_t index, PrimType value, ascsim::Loc loc = ascsim::Loc::Here()) const {
    const uint64_t address = address_ + index * sizeof(T);
    ascsim_detail::CheckElement("SetValue", index, address, sizeof(T), begin_, end_, loc);
    ascsim::ScalarWrite(ascsim::Space::kGM, address, ascsim_detail::ScalarTypeOf<T>(), ascsim_detail::BitsOf(value),
                        loc);
  }
  ascsim_detail::ElementRef<PrimType> operator()(uint64_t index, ascsim::Loc loc = ascsim::Loc::Here()) const {
    const uint64_t address = address_ + index * sizeof(T);
    ascsim_detail::CheckElement("access", index, address, sizeof(T), begin_, end_, loc);
    return {ascsim::Space::kGM, address, loc};
  }

  GlobalTensor operator[](uint64_t offset) const {
    GlobalTensor result = *this;
    result.address_ += offset * sizeof(T);
    result.elements_ = offset < elements_ ? elements_ - offset : 0;
    return result;
  }
  uint64_t GetSize() const { return elements_; }

  void SetShapeInfo(const ShapeInfo& shape) { shape_ = shape; }
  ShapeInfo GetShapeInfo() const { return shape_; }
  // A hint that changes no result; its effect on time is not modelled.
  template <CacheRwMode rwMode = CacheRwMode::RW>
  void SetL2CacheHint(CacheMode) {}

  // For the API headers.
  uint64_t Address() const { return address_; }
  uint64_t Begin() const { return begin_; }
  uint64_t End() const { return end_; }

 private:
  uint64_t address_ = 0;
  uint64_t elements_ = 0;
  uint64_t begin_ = 0, end_ = 0;  // of the whole buffer; 0: not known
  ShapeInfo shape_;
};

}  // namespace AscendC

namespace ascsim_detail {

// The operand that an instruction makes of a tensor, with block_stride 1 and repeat_stride 8; set those after. T must
// be an element type that is simulated.
template <typename T>
ascsim::Operand OperandOf(const AscendC::LocalTensor<T>& tensor) {
  ascsim::Operand operand;
  operand.address = tensor.Address();
  operand.end = tensor.End();
  operand.space = tensor.Space();
  operand.type = DTypeOf<T>;
  operand.used = true;
  return operand;
}
template <typename T>
ascsim::Operand OperandOf(const AscendC::GlobalTensor<T>& tensor) {
  ascsim::Operand operand;
  operand.address = tensor.Address();
  operand.begin = tensor.Begin();
  operand.end = tensor.End();
  operand.space = ascsim::Space::kGM;
  operand.type = DTypeOf<T>;
  operand.used = true;
  return operand;
}

// Byte offset in UB (or L1) of what LocalTensor::GetPhyAddr gave, for instructions that take lists of addresses.
// Numbers that are no host address of the memory pass as they are.
inline uint64_t AddressOf(uint64_t physical, ascsim::Space space = ascsim::Space::kUB) {
  const uint64_t base = reinterpret_cast<uint64_t>(ascsim::SpaceBase(space));
  const uint64_t size = space == ascsim::Space::kL1 ? ascsim::L1Bytes() : ascsim::UbBytes();
  return physical >= base && physical < base + size ? physical - base : physical;
}

}  // namespace ascsim_detail
