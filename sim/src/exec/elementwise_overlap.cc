// The overlap rule of element-wise instructions.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include "exec/walk.h"

namespace ascsim {
namespace {

struct Range {
  uint64_t begin = 0, end = 0;
  bool Meets(const Range& other) const { return begin < other.end && other.begin < end; }
};

Range Footprint(const Operand& operand, uint32_t element_bytes, const Repeats& repeats) {
  const Runs& runs = repeats.count() == 1 ? repeats.RunsOf(0) : repeats.full();
  if (repeats.count() == 0 || runs.size() == 0) return {};
  const Layout layout(runs, operand, element_bytes);
  Range range{~uint64_t{0}, 0};
  for (const Layout::Segment& s : layout) {
    range.begin = std::min<uint64_t>(range.begin, s.offset);
    range.end = std::max<uint64_t>(range.end, uint64_t{s.offset} + s.count * element_bytes);
  }
  range.begin += operand.address;
  range.end += RepeatAddress(operand, repeats.count() - 1);
  return range;
}

bool MayAccumulate(const Instruction& i, const Operand& src) {
  const bool op = i.op == Op::kAdd || i.op == Op::kSub || i.op == Op::kMul || i.op == Op::kMax || i.op == Op::kMin;
  const bool type = i.dst.type == DType::kF16 || i.dst.type == DType::kF32 || i.dst.type == DType::kS32;
  return op && type && &src == &i.src1 && (i.dst.repeat_stride == 0 || src.repeat_stride == 0);
}

// Byte by byte, for operands that do meet: which repeat wrote it, and which byte of which element it is.
class Tracker {
 public:
  explicit Tracker(const Range& range) : range_(range), writer_(range.end - range.begin), reader_(writer_.size()) {}

  // The address of a byte that is read after an earlier repeat wrote it; 0 when there is none.
  uint64_t Read(const Layout& layout, uint64_t address, uint32_t element_bytes) {
    uint64_t bad = 0;
    ForBytes(layout, address, element_bytes, [&](uint64_t at, uint32_t byte) {
      if (writer_[at] && bad == 0) bad = range_.begin + at;
      reader_[at] = byte + 1;
    });
    return bad;
  }
  // The address of a byte that is read as another byte than it is written as; of any that is read, unless `same_size`.
  uint64_t Write(const Layout& layout, uint64_t address, uint32_t element_bytes, bool same_size) {
    uint64_t bad = 0;
    ForBytes(layout, address, element_bytes, [&](uint64_t at, uint32_t byte) {
      if (reader_[at] != 0 && (!same_size || reader_[at] != byte + 1) && bad == 0) bad = range_.begin + at;
      writer_[at] = true;
    });
    return bad;
  }
  void NextRepeat() { std::fill(reader_.begin(), reader_.end(), 0); }

 private:
  template <class F>
  void ForBytes(const Layout& layout, uint64_t address, uint32_t element_bytes, F f) {
    for (const Layout::Segment& s : layout) {
      for (uint32_t b = 0; b < s.count * element_bytes; ++b) {
        f(address + s.offset + b - range_.begin, s.first * element_bytes + b);
      }
    }
  }

  Range range_;
  std::vector<bool> writer_;
  std::vector<uint32_t> reader_;
};

constexpr uint64_t kMaxTracked = uint64_t{1} << 20;  // more than any UB

// From the first byte that is wrong to the end of what both have.
void ReportOverlap(Execution& execution, uint64_t begin, uint64_t end, const char* what) {
  execution.Report(Rule::kOverlap, what, execution.instruction().dst.space, begin, end > begin ? end - begin : 1);
}

void CheckRepeats(Execution& execution, const Operand& src, uint32_t dst_bytes, uint32_t src_bytes,
                  const Repeats& repeats, const Range& range, uint64_t end) {
  const Operand& dst = execution.instruction().dst;
  Tracker tracker(range);
  // Elements of two sizes never overlap entirely; Cast.md warns of overlap where they widen only, so narrowing in place
  // counts as allowed.
  const bool narrows_in_place = dst_bytes < src_bytes && dst.address == src.address;
  for (uint32_t r = 0; r < repeats.count(); ++r) {
    const Runs runs = repeats.RunsOf(r);
    const Layout in(runs, src, src_bytes);
    const Layout out(runs, dst, dst_bytes);
    if (const uint64_t bad = tracker.Read(in, RepeatAddress(src, r), src_bytes); bad != 0) {
      return ReportOverlap(execution, bad, end, "a repeat reads what an earlier repeat of the instruction wrote");
    }
    const uint64_t bad = tracker.Write(out, RepeatAddress(dst, r), dst_bytes, dst_bytes == src_bytes);
    if (bad != 0 && !narrows_in_place) {
      return ReportOverlap(execution, bad, end, "source and destination of a repeat overlap without being the same");
    }
    tracker.NextRepeat();
  }
}

}  // namespace

void CheckOverlap(Execution& execution, const Operand& src, uint32_t dst_bytes, uint32_t src_bytes,
                  const Repeats& repeats) {
  const Instruction& i = execution.instruction();
  if (&src != &i.dst && src.space != i.dst.space) return;
  const Range in = Footprint(src, src_bytes, repeats);
  const Range out = Footprint(i.dst, dst_bytes, repeats);
  if (!in.Meets(out) || MayAccumulate(i, src)) return;
  const bool same = src.address == i.dst.address && src_bytes == dst_bytes && src.block_stride == i.dst.block_stride &&
                    (repeats.count() == 1 || src.repeat_stride == i.dst.repeat_stride);
  // In place, each repeat on elements of its own.
  const uint64_t reach = (uint64_t{7} * src.block_stride + 1);
  if (same && src.block_stride > 0 && (repeats.count() == 1 || src.repeat_stride >= reach)) return;
  const Range range{std::min(in.begin, out.begin), std::max(in.end, out.end)};
  if (range.end - range.begin > kMaxTracked) return;
  CheckRepeats(execution, src, dst_bytes, src_bytes, repeats, range, std::min(in.end, out.end));
}

}  // namespace ascsim
