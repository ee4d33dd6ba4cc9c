// Random correct sequences of instructions, with what each reads and writes by a sequential model of bytes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#include "ascsim/instruction.h"
#include "ascsim/options.h"
#include "checker_program.h"
#include "vector_model.h"

namespace ascsim::test {

constexpr uint64_t kRegion = 4096;    // of UB: where everything happens
constexpr uint64_t kOffsets = 4096;   // behind it: 64 offsets for Gather, never written
constexpr uint64_t kGathered = 1024;  // the part of the region that they lead into
constexpr uint64_t kGmBytes = 8192;   // its first bytes are loaded into region and offsets

struct Act {
  enum class Kind : uint8_t { kIssue, kGet, kSet };
  Kind kind = Kind::kIssue;
  Instruction instruction;  // GM addresses from 0 on; kGet: src0; kSet: dst and scalar
  uint64_t value = 0;       // that kGet reads
  std::vector<Touch> touches;
};

// Memory as a sequential machine would have it; takes down what is touched.
class Bytes {
 public:
  std::vector<uint8_t> ub = std::vector<uint8_t>(kRegion + 256, 0), gm = std::vector<uint8_t>(kGmBytes, 0);
  std::vector<Touch> touches;

  uint64_t Get(Space space, uint64_t address, uint32_t size, AccessKind kind = AccessKind::kRead) {
    touches.push_back({space, address, size, kind});
    return Load(space == Space::kGM ? gm : ub, address, size);
  }
  void Put(Space space, uint64_t address, uint32_t size, uint64_t bits, AccessKind kind = AccessKind::kWrite) {
    touches.push_back({space, address, size, kind});
    Store(space == Space::kGM ? &gm : &ub, address, size, bits);
  }
};

class SequenceGenerator {
 public:
  SequenceGenerator(uint64_t seed, uint32_t length) : random_(seed), length_(length) {}

  std::vector<Act> Run() {
    for (size_t i = 0; i < kGmBytes; i += 4) {
      // Small numbers of all types, mostly.
      const float number = static_cast<float>(random_.In(0, 200)) / 4 - 25;
      uint32_t bits = random_.In(0, 5000);
      if (random_.OneIn(2)) std::memcpy(&bits, &number, 4);
      Store(&memory_.gm, i, 4, bits);
    }
    for (uint64_t i = 0; i < 64; ++i) {
      Store(&memory_.gm, kRegion + 4 * i, 4, random_.In(0, kGathered / 4 - 1) * 4);
    }
    initial_gm = memory_.gm;
    CopyIn(0, 0, kRegion);
    CopyIn(kOffsets, kOffsets, 256);
    while (acts_.size() < length_) Next();
    return std::move(acts_);
  }

  std::vector<uint8_t> initial_gm;
  const Bytes& memory() const { return memory_; }
  Random& random() { return random_; }

 private:
  using Bits = std::vector<uint64_t>;

  void Next() {
    Instruction i;
    switch (random_.In(0, 12)) {
      case 0:
        return PaddedLoad();
      case 1:
        return PaddedStore();
      case 2:
        return LocalCopy();
      case 3:
        return Scalar(/*write=*/false);
      case 4:
        return Scalar(/*write=*/true);
      case 5:
        return Convert();
      case 6:
        return Compare();
      case 7:
        return SelectBits();
      case 8:
        return Gather();
      case 9:
        return Sum();
      case 10:
        return Duplicate();
      default:
        return Binary();
    }
  }

  // Instructions are tried on a copy: whatever meets a NaN or infinity, whose bits say little, is dropped.
  void Keep(Instruction i, Pipe pipe, const std::function<bool(Bytes*)>& model) {
    Bytes next = memory_;
    next.touches.clear();
    if (!model(&next)) return;
    Act act;
    act.instruction = i;
    act.instruction.pipe = pipe;
    act.touches = std::move(next.touches);
    memory_ = std::move(next);
    acts_.push_back(std::move(act));
  }

  static Operand At(Space space, uint64_t address, DType type) {
    Operand operand;
    operand.space = space;
    operand.address = address;
    operand.type = type;
    operand.used = true;
    return operand;
  }
  uint64_t Block(uint64_t bytes, uint64_t low = 0) {
    return low + random_.In(0, static_cast<uint32_t>((kRegion - low - bytes) / 32)) * 32;
  }
  static bool Apart(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes) {
    return a + a_bytes <= b || b + b_bytes <= a;
  }

  void CopyIn(uint64_t to, uint64_t from, uint32_t bytes) {
    Instruction i;
    i.op = Op::kCopyGmToUb;
    i.dst = At(Space::kUB, to, DType::kU8);
    i.src0 = At(Space::kGM, from, DType::kU8);
    i.bursts.count = 1;
    i.bursts.bytes = bytes;
    Keep(i, Pipe::kMTE2, [&](Bytes* m) {
      for (uint32_t k = 0; k < bytes; k += 8) m->Put(Space::kUB, to + k, 8, m->Get(Space::kGM, from + k, 8));
      return true;
    });
  }

  static uint32_t RoundUp(uint32_t bytes) { return (bytes + 31) / 32 * 32; }

  void PaddedLoad() {
    const DType types[] = {DType::kU8, DType::kF16, DType::kF32};
    const uint32_t form = random_.In(0, 2), size = SizeOf(types[form]);
    Instruction i;
    Bursts& b = i.bursts;
    b.count = random_.In(1, 3);
    b.bytes = random_.In(1, 100 / size) * size;
    b.source_gap = random_.In(0, 40);
    b.target_gap = random_.In(0, 2) * 32;
    b.left_padding = random_.In(0, 8 / size) * size;
    b.right_padding = random_.In(0, 8 / size) * size;
    b.padding_value = random_.Bits();
    b.padded = true;
    i.op = Op::kCopyGmToUb;
    i.option[0] = random_.In(0, 2);
    const uint32_t target = RoundUp(b.left_padding + b.bytes + b.right_padding);
    const auto to_pitch = target + static_cast<uint32_t>(b.target_gap);
    const auto from_pitch = b.bytes + static_cast<uint32_t>(b.source_gap);
    const uint64_t to = Block(b.count * to_pitch), from = random_.In(0, 7000);
    i.dst = At(Space::kUB, to, types[form]);
    i.src0 = At(Space::kGM, from, types[form]);
    Keep(i, Pipe::kMTE2, [&](Bytes* m) {
      for (uint32_t r = 0; r < b.count; ++r) {
        std::vector<uint64_t> data;
        for (uint32_t k = 0; k < b.bytes; ++k) data.push_back(m->Get(Space::kGM, from + r * from_pitch + k, 1));
        for (uint32_t k = 0; k < target; ++k) {
          const uint32_t phase = 8 * (k % size);
          uint64_t byte = i.option[0] == 0 ? data[k % size] : i.option[0] == 1 ? b.padding_value >> phase & 0xff : 0;
          if (i.option[0] == 2) byte = k % 2 == 0 ? 0xf7 : 0x7f;
          if (k >= b.left_padding && k < b.left_padding + b.bytes) byte = data[k - b.left_padding];
          m->Put(Space::kUB, to + r * to_pitch + k, 1, byte);
        }
      }
      return true;
    });
  }

  void PaddedStore() {
    Instruction i;
    Bursts& b = i.bursts;
    const bool atomic = random_.OneIn(3);
    b.count = random_.In(1, 3);
    b.bytes = atomic ? random_.In(1, 25) * 4 : random_.In(1, 100);
    b.source_gap = random_.In(0, 2) * 32;
    b.target_gap = random_.In(0, 40);
    b.padded = true;
    i.op = Op::kCopyUbToGm;
    if (atomic) i.atomic = Atomic::kAdd;
    i.atomic_type = DType::kS32;
    const auto from_pitch = RoundUp(b.bytes) + static_cast<uint32_t>(b.source_gap);
    const auto to_pitch = b.bytes + static_cast<uint32_t>(b.target_gap);
    const uint64_t from = Block(b.count * from_pitch), to = random_.In(0, 7000);
    i.src0 = At(Space::kUB, from, DType::kS32);
    i.dst = At(Space::kGM, to, DType::kS32);
    Keep(i, Pipe::kMTE3, [&](Bytes* m) {
      for (uint32_t r = 0; r < b.count; ++r) {
        const uint32_t unit = atomic ? 4 : 1;
        for (uint32_t k = 0; k < b.bytes; k += unit) {
          const uint64_t value = m->Get(Space::kUB, from + r * from_pitch + k, unit), at = to + r * to_pitch + k;
          if (!atomic) {
            m->Put(Space::kGM, at, 1, value);
          } else {
            m->Put(Space::kGM, at, 4, value + Load(m->gm, at, 4), AccessKind::kAtomicAdd);
          }
        }
      }
      return true;
    });
  }

  void LocalCopy() {
    Instruction i;
    const uint32_t bytes = random_.In(1, 12) * 32;
    const uint64_t from = Block(bytes), to = Block(bytes);
    if (!Apart(from, bytes, to, bytes)) return;
    i.op = Op::kCopyUbToUb;
    i.bursts.count = 1;
    i.bursts.bytes = bytes;
    i.dst = At(Space::kUB, to, DType::kF16);
    i.src0 = At(Space::kUB, from, DType::kF16);
    Keep(i, Pipe::kV, [&](Bytes* m) {
      for (uint32_t k = 0; k < bytes; k += 8) m->Put(Space::kUB, to + k, 8, m->Get(Space::kUB, from + k, 8));
      return true;
    });
  }

  void Scalar(bool write) {
    const DType types[] = {DType::kU8, DType::kU16, DType::kF32, DType::kS64};
    const DType type = types[random_.In(0, 3)];
    const uint32_t size = SizeOf(type);
    const Space space = random_.OneIn(4) ? Space::kGM : Space::kUB;
    const uint64_t at = random_.In(0, static_cast<uint32_t>(kRegion) / size - 1) * size;
    Instruction i;
    i.op = write ? Op::kSetValue : Op::kGetValue;
    (write ? i.dst : i.src0) = At(space, at, type);
    i.scalar = random_.In(0, 100);
    uint64_t value = 0;
    Keep(i, Pipe::kS, [&](Bytes* m) {
      if (write) m->Put(space, at, size, i.scalar);
      if (!write) value = m->Get(space, at, size);
      return true;
    });
    acts_.back().kind = write ? Act::Kind::kSet : Act::Kind::kGet;
    acts_.back().value = value;
  }

  // Elements that take part, all of them or the first ones of every repeat.
  void SetMask(Instruction* i, uint32_t elements, uint32_t* active) {
    *active = random_.OneIn(2) ? elements : random_.In(1, elements);
    i->mask.low = *active >= 64 ? ~uint64_t{0} : (uint64_t{1} << *active) - 1;
    i->mask.high = *active <= 64 ? 0 : *active == 128 ? ~uint64_t{0} : (uint64_t{1} << (*active - 64)) - 1;
  }

  // Elementwise: repeats of `elements`, operands of contiguous repeats or in strides.
  struct Shape {
    uint32_t repeats, elements, active;
  };
  Shape NewShape(Instruction* i, uint32_t elements) {
    Shape shape{random_.In(1, 3), elements, 0};
    SetMask(i, elements, &shape.active);
    i->repeats = shape.repeats;
    return shape;
  }
  // The operand with its view; blocks of a repeat lie apart at times.
  View Place(Operand* operand, DType type, const Shape& shape) {
    View view;
    view.size = SizeOf(type);
    const uint32_t blocks = shape.elements * view.size / 32;
    view.block_stride = random_.OneIn(4) ? 2 : 1;
    view.repeat_stride = blocks * view.block_stride + (random_.OneIn(4) ? 1 : 0);
    const uint64_t bytes = uint64_t{shape.repeats} * view.repeat_stride * 32;
    view.address = Block(bytes);
    *operand = At(Space::kUB, view.address, type);
    operand->block_stride = static_cast<uint16_t>(view.block_stride);
    operand->repeat_stride = static_cast<uint16_t>(view.repeat_stride);
    return view;
  }
  static uint64_t Extent(const View& view, const Shape& shape) {
    return uint64_t{shape.repeats} * view.repeat_stride * 32;
  }
  static bool Apart(const View& a, const View& b, const Shape& shape) {
    return Apart(a.address, Extent(a, shape), b.address, Extent(b, shape));
  }

  void Elementwise(const Instruction& i, const Shape& shape, const View& dst, const std::vector<View>& sources,
                   const std::function<bool(const Bits&, uint64_t*)>& f) {
    Keep(i, Pipe::kV, [&](Bytes* m) {
      for (uint32_t r = 0; r < shape.repeats; ++r) {
        Bits results(shape.active);
        for (uint32_t k = 0; k < shape.active; ++k) {
          Bits in;
          for (const View& view : sources) in.push_back(m->Get(Space::kUB, view.At(r, k), view.size));
          if (!f(in, &results[k])) return false;
        }
        for (uint32_t k = 0; k < shape.active; ++k) m->Put(Space::kUB, dst.At(r, k), dst.size, results[k]);
      }
      return true;
    });
  }

  static bool Finite(const FloatFormat& format, const Bits& in) {
    return std::all_of(in.begin(), in.end(),
                       [&](uint64_t bits) { return std::isfinite(format.Decode(static_cast<uint32_t>(bits))); });
  }
  // The nearest of the format, when it is a number.
  static bool Round(const FloatFormat& format, Real value, uint64_t* bits) {
    *bits = format.Encode(format.Nearest(value));
    return Finite(format, {*bits});
  }

  void Binary() {
    const DType types[] = {DType::kF32, DType::kF16, DType::kS32, DType::kU16};
    const uint32_t form = random_.In(0, 3);
    const DType type = types[form];
    Instruction i;
    const Shape shape = NewShape(&i, 256 / SizeOf(type));
    const Op numbers[] = {Op::kAdd, Op::kSub, Op::kMul};
    const uint32_t which = random_.In(0, form == 3 ? 1 : 2);
    i.op = form == 3 ? (which == 0 ? Op::kAnd : Op::kOr) : numbers[which];
    const View a = Place(&i.src0, type, shape), b = Place(&i.src1, type, shape);
    View d = Place(&i.dst, type, shape);
    if (random_.OneIn(3)) {
      i.dst = i.src0;
      d = a;
    } else if (!Apart(d, a, shape)) {
      return;
    }
    if (!Apart(d, b, shape)) return;
    Elementwise(i, shape, d, {a, b}, [&](const Bits& in, uint64_t* out) {
      if (form == 3) {
        *out = which == 0 ? in[0] & in[1] : in[0] | in[1];
        return true;
      }
      if (form == 2) {
        *out = (which == 0 ? in[0] + in[1] : which == 1 ? in[0] - in[1] : in[0] * in[1]) & 0xffffffff;
        return true;
      }
      const FloatFormat& format = form == 0 ? kFloat : test::kHalf;
      if (!Finite(format, in)) return false;
      const Real x = format.Decode(static_cast<uint32_t>(in[0])), y = format.Decode(static_cast<uint32_t>(in[1]));
      return Round(format, which == 0 ? x + y : which == 1 ? x - y : x * y, out);
    });
  }

  void Duplicate() {
    Instruction i;
    i.op = Op::kDuplicate;
    const DType type = random_.OneIn(2) ? DType::kU16 : DType::kF32;
    const Shape shape = NewShape(&i, 256 / SizeOf(type));
    i.scalar = random_.In(0, 30000);
    const View d = Place(&i.dst, type, shape);
    Elementwise(i, shape, d, {}, [&](const Bits&, uint64_t* out) {
      *out = i.scalar;
      return true;
    });
  }

  void Convert() {
    Instruction i;
    i.op = Op::kCast;
    const bool narrow = random_.OneIn(2);
    i.option[0] = static_cast<uint64_t>(narrow ? Rounding::kRint : Rounding::kNone);
    const Shape shape = NewShape(&i, 64);
    const View s = Place(&i.src0, narrow ? DType::kF32 : DType::kF16, shape);
    const View d = Place(&i.dst, narrow ? DType::kF16 : DType::kF32, shape);
    if (!Apart(d, s, shape)) return;
    const FloatFormat& from = narrow ? kFloat : test::kHalf;
    Elementwise(i, shape, d, {s}, [&](const Bits& in, uint64_t* out) {
      if (!Finite(from, in)) return false;
      return Round(narrow ? test::kHalf : kFloat, from.Decode(static_cast<uint32_t>(in[0])), out);
    });
  }

  // Bits of a comparison, 8 bytes a repeat.
  void Compare() {
    Instruction i;
    i.op = Op::kCompare;
    Shape shape{random_.In(1, 3), 64, 64};
    i.repeats = shape.repeats;
    const View a = Place(&i.src0, DType::kS32, shape), b = Place(&i.src1, DType::kS32, shape);
    // For integers the chip compares for equality only.
    i.option[0] = static_cast<uint64_t>(Comparison::kEqual);
    const uint64_t to = Block(32), bytes = 8 * shape.repeats;
    i.dst = At(Space::kUB, to, DType::kU8);
    if (!Apart(to, bytes, a.address, Extent(a, shape)) || !Apart(to, bytes, b.address, Extent(b, shape))) return;
    Keep(i, Pipe::kV, [&](Bytes* m) {
      for (uint32_t r = 0; r < shape.repeats; ++r) {
        uint64_t bits = 0;
        for (uint32_t k = 0; k < 64; ++k) {
          const bool equal = m->Get(Space::kUB, a.At(r, k), 4) == m->Get(Space::kUB, b.At(r, k), 4);
          bits |= uint64_t{equal} << k;
        }
        m->Put(Space::kUB, to + 8 * r, 8, bits);
      }
      return true;
    });
  }

  void SelectBits() {
    Instruction i;
    i.op = Op::kSelect;
    i.option[0] = static_cast<uint64_t>(Selection::kTensorTensor);
    Shape shape{random_.In(1, 3), 64, 64};
    i.repeats = shape.repeats;
    const View a = Place(&i.src0, DType::kF32, shape), b = Place(&i.src1, DType::kF32, shape);
    const View d = Place(&i.dst, DType::kF32, shape);
    const uint64_t bits = Block(32);
    i.src2 = At(Space::kUB, bits, DType::kU8);
    if (!Apart(d, a, shape) || !Apart(d, b, shape) || !Apart(bits, 32, d.address, Extent(d, shape))) return;
    Keep(i, Pipe::kV, [&](Bytes* m) {
      for (uint32_t r = 0; r < shape.repeats; ++r) {
        const uint64_t choice = m->Get(Space::kUB, bits + 8 * r, 8);
        for (uint32_t k = 0; k < 64; ++k) {
          const uint64_t x = m->Get(Space::kUB, a.At(r, k), 4), y = m->Get(Space::kUB, b.At(r, k), 4);
          m->Put(Space::kUB, d.At(r, k), 4, (choice >> k & 1) != 0 ? x : y);
        }
      }
      return true;
    });
  }

  void Gather() {
    Instruction i;
    i.op = Op::kGather;
    uint32_t active = 0;
    SetMask(&i, 64, &active);
    const uint64_t to = Block(256, kGathered);
    i.dst = At(Space::kUB, to, DType::kF32);
    i.src0 = At(Space::kUB, 0, DType::kF32);
    i.src1 = At(Space::kUB, kOffsets, DType::kU32);
    Keep(i, Pipe::kV, [&](Bytes* m) {
      for (uint32_t k = 0; k < active; ++k) {
        const uint64_t offset = m->Get(Space::kUB, kOffsets + 4 * k, 4);
        m->Put(Space::kUB, to + 4 * k, 4, m->Get(Space::kUB, offset, 4));
      }
      return true;
    });
  }

  // A float a repeat: sums of neighbours, of those again, and so on.
  void Sum() {
    Instruction i;
    i.op = Op::kWholeReduceSum;
    Shape shape{random_.In(1, 2), 64, 64};
    i.repeats = shape.repeats;
    const View s = Place(&i.src0, DType::kF32, shape);
    const uint64_t to = random_.In(0, kRegion / 4 - 2) * 4;
    if (!Apart(to, 8, s.address, Extent(s, shape))) return;
    i.dst = At(Space::kUB, to, DType::kF32);
    i.dst.repeat_stride = 1;
    Keep(i, Pipe::kV, [&](Bytes* m) {
      for (uint32_t r = 0; r < shape.repeats; ++r) {
        Bits values(64);
        for (uint32_t k = 0; k < 64; ++k) values[k] = m->Get(Space::kUB, s.At(r, k), 4);
        if (!Finite(kFloat, values)) return false;
        for (uint32_t count = 32; count > 0; count /= 2) {
          for (uint32_t k = 0; k < count; ++k) {
            const Real x = kFloat.Decode(static_cast<uint32_t>(values[2 * k]));
            const Real y = kFloat.Decode(static_cast<uint32_t>(values[2 * k + 1]));
            if (!Round(kFloat, x + y, &values[k])) return false;
          }
        }
        m->Put(Space::kUB, to + 4 * r, 4, values[0]);
      }
      return true;
    });
  }

  Random random_;
  uint32_t length_;
  Bytes memory_;
  std::vector<Act> acts_;
};

}  // namespace ascsim::test
