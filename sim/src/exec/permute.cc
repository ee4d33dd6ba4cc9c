// Broadcasts of elements to blocks, transposes, and index vectors.
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string>
#include <vector>

#include "ascsim/address_list.h"
#include "core/half.h"
#include "exec/lanes.h"
#include "exec/tables.h"

namespace ascsim {
namespace {

void Fill(uint8_t* block, const uint8_t* element, uint32_t size) {
  for (uint32_t at = 0; at < kBlockBytes; at += size) std::memcpy(block + at, element, size);
}

// Element e of src fills block e of dst, eight elements a repeat; a dst.block_stride of 0 counts as 1 (Brcb.md).
// option[0]: elements of src that are there, 0: 8 a repeat; blocks of the others are not written.
// The source is fetched by blocks: of 16-bit elements, every second repeat uses what the one before has read. That is
// what in-place calls get, which the page forbids and silicon runs.
template <uint32_t kSize>
void Brcb(Execution& execution) {
  constexpr uint32_t kPerBlock = kBlockBytes / kSize;
  const Instruction& i = execution.instruction();
  const uint64_t count = i.option[0] != 0 ? i.option[0] : uint64_t{i.repeats} * kBlocksPerRepeat;
  const uint64_t block_step = uint64_t{i.dst.block_stride == 0 ? uint16_t{1} : i.dst.block_stride} * kBlockBytes;
  const uint64_t repeat_step = uint64_t{i.dst.repeat_stride} * kBlockBytes;
  uint8_t fetched[kBlockBytes] = {};
  bool overlap = i.dst.space != i.src0.space;  // or reported
  for (uint64_t e = 0; e < count; ++e) {
    if (e % kPerBlock == 0) {
      const uint64_t bytes = std::min<uint64_t>(kPerBlock, count - e) * kSize;
      std::memcpy(fetched, execution.Read(i.src0, i.src0.address + e * kSize, bytes), bytes);
    }
    const uint64_t to = i.dst.address + e / kBlocksPerRepeat * repeat_step + e % kBlocksPerRepeat * block_step;
    Fill(execution.Write(i.dst, to, kBlockBytes), fetched + e % kPerBlock * kSize, kSize);
    if (!overlap && Range{to, to + kBlockBytes}.Meets({i.src0.address, i.src0.address + count * kSize})) {
      overlap = true;
      execution.Report(Rule::kOverlap, "block " + std::to_string(e) + " of dst overlaps src, which Brcb forbids",
                       i.dst.space, to, kBlockBytes);
    }
  }
}

// N matrices of rows x columns become columns x rows.
void TransposeMatrices(const uint8_t* from, uint8_t* to, uint64_t matrices, uint64_t rows, uint64_t columns,
                       uint32_t size) {
  for (uint64_t m = 0; m < matrices; ++m) {
    for (uint64_t r = 0; r < rows; ++r) {
      for (uint64_t c = 0; c < columns; ++c) {
        std::memcpy(to + (c * rows + r) * size, from + (r * columns + c) * size, size);
      }
    }
    from += rows * columns * size;
    to += rows * columns * size;
  }
}

// option: matrices, rows, columns. src1, when used: scratch of `scalar` bytes, whose contents are undefined afterwards.
void Transpose(Execution& execution) {
  const Instruction& i = execution.instruction();
  const uint64_t matrices = i.option[0], rows = i.option[1], columns = i.option[2];
  const uint32_t size = SizeOf(i.src0.type);
  const uint64_t bytes = matrices * rows * columns * size;
  if (bytes == 0) return;
  const uint8_t* from = execution.Read(i.src0, i.src0.address, bytes);
  const std::vector<uint8_t> read(from, from + bytes);
  if (i.src1.used) std::memset(execution.Write(i.src1, i.src1.address, i.scalar), 0, i.scalar);
  TransposeMatrices(read.data(), execution.Write(i.dst, i.dst.address, bytes), matrices, rows, columns, size);
}

// Addresses of the 16 blocks of one side: kept by the API header, or as kernels store them in UB.
std::array<uint64_t, kAddressListSize> Addresses(Execution& execution, const Operand& in_ub, const uint32_t* kept) {
  std::array<uint64_t, kAddressListSize> result{};
  if (!in_ub.used) {
    std::copy(kept, kept + kAddressListSize, result.begin());
    return result;
  }
  std::memcpy(result.data(), execution.Read(in_ub, in_ub.address, sizeof(result)), sizeof(result));
  // GetPhyAddr gives host addresses.
  const auto base = reinterpret_cast<uint64_t>(execution.Read(in_ub, 0, 0));
  for (uint64_t& address : result) {
    if (address >= base && address < base + execution.MemoryBytes(in_ub.space)) address -= base;
  }
  return result;
}

void CheckBlocks(Execution& execution, const std::array<uint64_t, kAddressListSize>& blocks, const char* side) {
  for (uint32_t b = 0; b < kAddressListSize; ++b) {
    if (blocks[b] % kBlockBytes == 0) continue;
    execution.Report(Rule::kMisaligned,
                     std::string(side) + "[" + std::to_string(b) + "]: expected a multiple of 32 bytes, got " +
                         std::to_string(blocks[b]),
                     Space::kUB, blocks[b], kBlockBytes);
    return;
  }
}

// TransDataTo5HD.md. option[0]: handle of the address lists, unless src1 and src2 are used (lists of dst and of src in
// UB); option[1]: bit 0 upper half of dst's blocks, bit 1 upper half of src's, for 8-bit elements.
template <uint32_t kSize>
void TransDataTo5HD(Execution& execution) {
  constexpr uint32_t kBlocks = kAddressListSize;
  const Instruction& i = execution.instruction();
  const AddressList& list = KeptAddresses(static_cast<uint32_t>(i.option[0]));
  const auto dst = Addresses(execution, i.src1, list.dst);
  const auto src = Addresses(execution, i.src2, list.src);
  CheckBlocks(execution, dst, "dstList");
  CheckBlocks(execution, src, "srcList");
  const uint64_t dst_half = kSize == 1 && (i.option[1] & 1) != 0 ? kBlockBytes / 2 : 0;
  const uint64_t src_half = kSize == 1 && (i.option[1] & 2) != 0 ? kBlockBytes / 2 : 0;
  constexpr uint32_t kBytes = kSize == 1 ? kBlockBytes / 2 : kBlockBytes;  // of a block, each way
  constexpr uint32_t kElements = kBytes / kSize;
  for (uint64_t r = 0; r < i.repeats; ++r) {
    // A single repeat starts a stride behind the addresses of the lists.
    const uint64_t step = (i.repeats == 1 ? 1 : r) * kBlockBytes;
    uint8_t from[kBlocks][kBytes], to[kBlocks][kBytes];
    for (uint32_t b = 0; b < kBlocks; ++b) {
      std::memcpy(from[b], execution.Read(i.src0, src[b] + step * i.src0.repeat_stride + src_half, kBytes), kBytes);
    }
    // Element e of all sources in turn: one block of 8- or 16-bit elements, two blocks of 32-bit ones.
    for (uint32_t e = 0; e < kElements; ++e) {
      for (uint32_t b = 0; b < kBlocks; ++b) {
        const uint32_t at = e * kBlocks + b;
        std::memcpy(to[at / kElements] + at % kElements * kSize, from[b] + e * kSize, kSize);
      }
    }
    for (uint32_t b = 0; b < kBlocks; ++b) {
      std::memcpy(execution.Write(i.dst, dst[b] + step * i.dst.repeat_stride + dst_half, kBytes), to[b], kBytes);
    }
  }
}

struct IndexF32 {
  using T = float;
  static float At(float first, uint64_t k) { return first + static_cast<float>(k); }
};
struct IndexF16 {
  using T = uint16_t;
  static uint16_t At(uint16_t first, uint64_t k) { return FloatToHalf(HalfToFloat(first) + static_cast<float>(k)); }
};
template <class Unsigned>
struct IndexInt {
  using T = Unsigned;
  static T At(T first, uint64_t k) { return static_cast<T>(first + static_cast<T>(k)); }
};

// Element e of repeat r becomes scalar + r * (elements of a repeat) + e.
template <class Index>
void CreateVecIndex(Execution& execution) {
  using T = typename Index::T;
  constexpr uint32_t kLanes = kRepeatBytes / sizeof(T);
  const Instruction& i = execution.instruction();
  T first;
  std::memcpy(&first, &i.scalar, sizeof(T));
  const uint64_t repeats = NumRepeats(i, kLanes);
  T values[kLanes];
  for (uint64_t r = 0; r < repeats; ++r) {
    for (uint32_t e = 0; e < kLanes; ++e) values[e] = Index::At(first, r * kLanes + e);
    WriteLanes<sizeof(T)>(execution, i.dst, i.dst.address + r * i.dst.repeat_stride * kBlockBytes,
                          ActiveLanes(i, r, kLanes), reinterpret_cast<const uint8_t*>(values));
  }
}

ExecFunction FindCreateVecIndex(DType type) {
  switch (type) {
    case DType::kF32:
      return CreateVecIndex<IndexF32>;
    case DType::kF16:
      return CreateVecIndex<IndexF16>;
    case DType::kS32:
      return CreateVecIndex<IndexInt<uint32_t>>;
    case DType::kS16:
      return CreateVecIndex<IndexInt<uint16_t>>;
    default:
      return nullptr;
  }
}

// Far more than instructions can wait in the queues of all cores.
constexpr uint32_t kNumKept = 1 << 16;
std::vector<AddressList> kept_lists;
uint32_t next_kept = 0;

}  // namespace

uint32_t KeepAddresses(const AddressList& list) {
  if (kept_lists.size() < kNumKept) {
    kept_lists.push_back(list);
  } else {
    kept_lists[next_kept] = list;
  }
  const uint32_t handle = next_kept;
  next_kept = (next_kept + 1) % kNumKept;
  return handle;
}

const AddressList& KeptAddresses(uint32_t handle) {
  static const AddressList none;
  return handle < kept_lists.size() ? kept_lists[handle] : none;
}

ExecFunction FindPermute(Op op, DType dst, DType src) {
  const uint32_t size = SizeOf(dst);
  switch (op) {
    case Op::kBrcb:
      return dst != src ? nullptr : size == 4 ? Brcb<4> : size == 2 ? Brcb<2> : nullptr;
    case Op::kTranspose:
      return dst == src ? Transpose : nullptr;
    case Op::kTransDataTo5HD:
      if (dst != src) return nullptr;
      return size == 4 ? TransDataTo5HD<4> : size == 2 ? TransDataTo5HD<2> : size == 1 ? TransDataTo5HD<1> : nullptr;
    case Op::kCreateVecIndex:
      return FindCreateVecIndex(dst);
    default:
      return nullptr;
  }
}

}  // namespace ascsim
