// TPipe, TQue, TQueBind and TBuf: who owns which bytes of UB and L1, and the flags that order their use.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <exception>
#include <type_traits>

#include "ascendc/param_field.h"
#include "ascendc/sync.h"
#include "ascendc/tensor.h"
#include "ascendc/types.h"
#include "ascsim/runtime.h"

namespace AscendC {
class TPipe;
}

namespace ascsim_detail {

constexpr int kNumEventIds = 8;       // per ordered pair of queues
constexpr int kMaxQueueBuffers = 64;  // of a kernel, by the documentation of InitBuffer
constexpr int kNumHardEvents = static_cast<int>(AscendC::HardEvent::MAX);

// The event from `source` to `destination`; MAX when there is none.
constexpr AscendC::HardEvent EventOf(ascsim::Pipe source, ascsim::Pipe destination) {
  for (int e = 0; e < kNumHardEvents; ++e) {
    const EventPipes pipes = PipesOf(static_cast<AscendC::HardEvent>(e));
    if (pipes.source == source && pipes.destination == destination) return static_cast<AscendC::HardEvent>(e);
  }
  return AscendC::HardEvent::MAX;
}

// The queue that writes a buffer on the path src -> dst, and the one that reads it.
constexpr ascsim::Pipe WriterOf(AscendC::TPosition src) {
  return src == AscendC::TPosition::VECOUT || src == AscendC::TPosition::VECCALC ? ascsim::Pipe::kV
                                                                                 : ascsim::Pipe::kMTE2;
}
constexpr ascsim::Pipe ReaderOf(AscendC::TPosition src, AscendC::TPosition dst) {
  if (dst == AscendC::TPosition::VECIN || dst == AscendC::TPosition::VECCALC) return ascsim::Pipe::kV;
  if (IsL1Position(dst) && src == AscendC::TPosition::GM) return ascsim::Pipe::kMTE1;
  return ascsim::Pipe::kMTE3;  // UB or L1 to GM, UB to L1
}

// Paths whose both ends are simulated.
constexpr bool IsSimulatedPath(AscendC::TPosition src, AscendC::TPosition dst) {
  using P = AscendC::TPosition;
  if (src == P::GM) return IsUbPosition(dst) || IsL1Position(dst);
  return (IsUbPosition(src) || IsL1Position(src)) && (dst == P::GM || IsUbPosition(dst) || IsL1Position(dst));
}

// One buffer of a queue. Handed around in the order free -> taken -> queued -> taken -> free.
struct QueueBuffer {
  enum class State : uint8_t { kFree, kTaken, kQueued };
  uint64_t address = 0;
  uint64_t bytes = 0;
  State state = State::kFree;
  ascsim::Space space = ascsim::Space::kUB;
  // Flags under way: EnQue sets `full`, DeQue waits for it; FreeTensor sets `empty`, AllocTensor waits for it.
  AscendC::HardEvent full = AscendC::HardEvent::MAX;
  AscendC::HardEvent empty = AscendC::HardEvent::MAX;
  int8_t full_id = 0;
  int8_t empty_id = 0;
  AscendC::TTagType tag = 0;
  ascsim::Loc loc;  // of the last change
};

inline void ReportQueue(ascsim::Loc loc, const char* format, const char* name, unsigned long long a = 0,
                        unsigned long long b = 0) {
  char text[256];
  std::snprintf(text, sizeof(text), format, name, a, b);
  ascsim::ReportBreach("queue-protocol", loc, text);
}

template <class T>
void TakeBuffer(T& queue, AscendC::TPipe* pipe, int first, int count, uint32_t generation) {
  queue.Attach(pipe, first, count, generation);
}

}  // namespace ascsim_detail

namespace AscendC {

template <TPosition pos>
class TBuf;

// One at a time: it owns UB, L1 and the event ids of its core.
class TPipe {
 public:
  explicit TPipe(ascsim::Loc loc = ascsim::Loc::Of("the end of TPipe")) : loc_(loc) { Enter(loc); }
  TPipe(const TPipe&) = delete;
  TPipe& operator=(const TPipe&) = delete;
  ~TPipe() noexcept(false) {
    if (alive_ && std::uncaught_exceptions() == exceptions_) {
      Destroy(loc_);
    } else if (alive_) {
      Leave();
    }
  }

  void Init(ascsim::Loc loc = ascsim::Loc::Here()) {
    if (!alive_) Enter(loc);
  }

  // `count` buffers of `len` bytes, rounded up to 32, for a TQue or TQueBind.
  template <class T>
  bool InitBuffer(T& que, ascsim_detail::ParamArg<uint8_t> count, uint32_t len, ascsim::Loc loc = ascsim::Loc::Here()) {
    ascsim_detail::CheckField("InitBuffer: num", count, loc);
    const uint8_t num = count;
    const uint64_t bytes = RoundUp(len);
    const uint64_t address = Take(T::kSpace, bytes * num, "InitBuffer", loc);
    if (num == 0 || len == 0) {
      ascsim::ReportBreach("parameter-range", loc, "InitBuffer: expected num and len above 0");
    }
    if (num_buffers_ + num > ascsim_detail::kMaxQueueBuffers) {
      char text[128];
      std::snprintf(text, sizeof(text), "InitBuffer: %d queue buffers in all, a kernel has at most %d",
                    num_buffers_ + num, ascsim_detail::kMaxQueueBuffers);
      ascsim::FailKernel(loc, text);
    }
    for (int i = 0; i < num; ++i) {
      ascsim_detail::QueueBuffer& buffer = buffers_[num_buffers_ + i];
      buffer = {};
      buffer.address = address + static_cast<uint64_t>(i) * bytes;
      buffer.bytes = bytes;
      buffer.space = T::kSpace;
      buffer.loc = loc;
    }
    ascsim_detail::TakeBuffer(que, this, num_buffers_, num, generation_);
    num_buffers_ += num;
    return true;
  }
  template <TPosition pos>
  bool InitBuffer(TBuf<pos>& buf, uint32_t len, ascsim::Loc loc = ascsim::Loc::Here()) {
    const uint64_t bytes = RoundUp(len);
    buf.Attach(this, Take(TBuf<pos>::kSpace, bytes, "InitBuffer", loc), bytes, generation_);
    return true;
  }

  template <class Pool, class... Args>
  bool InitBufPool(Pool&, const Args&...) {
    static_assert(ascsim_detail::AlwaysFalse<Pool>::value, "ascsim: TPipe::InitBufPool (TBufPool) is not simulated");
    return false;
  }

  // Takes an id of the pair of queues until ReleaseEventID.
  template <HardEvent evt>
  TEventID AllocEventID(ascsim::Loc loc = ascsim::Loc::Here()) {
    return AllocEventID(evt, loc);
  }
  template <HardEvent evt>
  void ReleaseEventID(TEventID id, ascsim::Loc loc = ascsim::Loc::Here()) {
    ReleaseEventID(evt, id, loc);
  }
  // An id that nobody has taken; it stays free, so that a second call gives the same.
  template <HardEvent evt>
  TEventID FetchEventID(ascsim::Loc loc = ascsim::Loc::Here()) {
    return FetchEventID(evt, loc);
  }
  TEventID FetchEventID(HardEvent evt, ascsim::Loc loc = ascsim::Loc::Here()) {
    const uint8_t used = used_ids_[static_cast<int>(evt)];
    for (int id = 0; id < ascsim_detail::kNumEventIds; ++id) {
      if ((used >> id & 1) == 0) return static_cast<TEventID>(id);
    }
    ascsim::FailKernel(
        loc,
        "no event id left: A2 has 8 for each ordered pair of queues, all are taken by AllocEventID and by "
        "buffers of queues; release some, or use fewer queue buffers");
  }

  // Back to the state after construction: memory and ids are free. What its queues have under way is waited for, and
  // when it has given buffers to a queue, all queues of the core (PIPE_ALL); for TBufs alone nothing is. Tensors from
  // before must not be used any more: the memory is given out again.
  void Reset(ascsim::Loc loc = ascsim::Loc::Of("TPipe::Reset")) {
    Drain(loc);
    ascsim::MarkFreed(ascsim::Space::kUB, 0, ub_used_, /*freed=*/true, loc);
    ascsim::MarkFreed(ascsim::Space::kL1, 0, l1_used_, /*freed=*/true, loc);
    num_buffers_ = 0;
    ub_used_ = 0;
    l1_used_ = 0;
    for (uint8_t& used : used_ids_) used = 0;
    ++generation_;
  }
  void Destroy(ascsim::Loc loc = ascsim::Loc::Of("TPipe::Destroy")) {
    if (!alive_) return;
    Reset(loc);
    Leave();
  }

  // Host address of the memory behind a position, as LocalTensor::GetPhyAddr counts.
  uint8_t* GetBaseAddr(int8_t pos) {
    return ascsim::SpaceBase(ascsim_detail::SpaceOf(static_cast<TPosition>(pos)) == ascsim::Space::kL1
                                 ? ascsim::Space::kL1
                                 : ascsim::Space::kUB);
  }

  // For TQueBind and TBuf.
  TEventID AllocEventID(HardEvent evt, ascsim::Loc loc) {
    const TEventID id = FetchEventID(evt, loc);
    used_ids_[static_cast<int>(evt)] = static_cast<uint8_t>(used_ids_[static_cast<int>(evt)] | 1u << id);
    return id;
  }
  void ReleaseEventID(HardEvent evt, TEventID id, ascsim::Loc loc) {
    uint8_t& used = used_ids_[static_cast<int>(evt)];
    if (id < 0 || id >= ascsim_detail::kNumEventIds || (used >> id & 1) == 0) {
      char text[96];
      std::snprintf(text, sizeof(text), "ReleaseEventID(%d): the id is not taken", static_cast<int>(id));
      ascsim::ReportBreach("flag-id", loc, text);
      return;
    }
    used = static_cast<uint8_t>(used & ~(1u << id));
  }
  ascsim_detail::QueueBuffer& buffer(int i) { return buffers_[i]; }
  // Bytes of UB that InitBuffer has given out, from the start on.
  uint64_t ub_used() const { return ub_used_; }
  // Whether what InitBuffer gave in `generation` is still valid.
  bool Owns(uint32_t generation) const { return alive_ && generation == generation_; }
  // Sets the flag that says a buffer is full, or empty again, and remembers to wait for it.
  void Raise(HardEvent evt, HardEvent* under_way, int8_t* id, ascsim::Loc loc) {
    Await(under_way, *id, loc);  // only after a breach of the protocol is one still under way
    *id = AllocEventID(evt, loc);
    *under_way = evt;
    const ascsim_detail::EventPipes pipes = ascsim_detail::PipesOf(evt);
    ascsim_detail::IssueSetFlag(pipes.source, pipes.destination, *id, loc);
  }
  void Await(HardEvent* under_way, int8_t id, ascsim::Loc loc) {
    if (*under_way == HardEvent::MAX) return;
    const HardEvent evt = *under_way;
    *under_way = HardEvent::MAX;
    const ascsim_detail::EventPipes pipes = ascsim_detail::PipesOf(evt);
    ascsim_detail::IssueWaitFlag(pipes.source, pipes.destination, id, loc);
    ReleaseEventID(evt, id, loc);
  }

 private:
  static uint64_t RoundUp(uint64_t bytes) { return (bytes + 31) / 32 * 32; }

  void Enter(ascsim::Loc loc) {
    void*& current = ascsim::CurrentPipe();
    if (current != nullptr) {
      ascsim::ReportBreach("queue-protocol", loc,
                           "a second TPipe while another is alive: both give out the same memory and event ids; call "
                           "Destroy() of the first before");
    }
    outer_ = static_cast<TPipe*>(current);
    current = this;
    alive_ = true;
    exceptions_ = std::uncaught_exceptions();
    ++generation_;
  }
  void Leave() {
    alive_ = false;
    void*& current = ascsim::CurrentPipe();
    if (current == this) current = outer_;
    outer_ = nullptr;
  }

  // `bytes` of UB or L1, or the end of the kernel.
  uint64_t Take(ascsim::Space space, uint64_t bytes, const char* what, ascsim::Loc loc) {
    const bool l1 = space == ascsim::Space::kL1;
    uint64_t& used = l1 ? l1_used_ : ub_used_;
    const uint64_t size = l1 ? ascsim::L1Bytes() : ascsim::UbBytes();
    if (!alive_) ascsim::FailKernel(loc, "InitBuffer of a TPipe after Destroy()");
    if (used + bytes > size) {
      char text[160];
      std::snprintf(text, sizeof(text), "%s: %s exhausted: asked for %llu bytes, %llu in use, %llu there are", what,
                    l1 ? "L1" : "UB", static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(used),
                    static_cast<unsigned long long>(size));
      ascsim::FailKernel(loc, text);
    }
    const uint64_t address = used;
    used += bytes;
    if (!l1) ascsim::UbTaken() = used;
    ascsim::MarkFreed(space, address, bytes, /*freed=*/false, loc);
    return address;
  }

  void Drain(ascsim::Loc loc) {
    for (int i = 0; i < num_buffers_; ++i) {
      ascsim_detail::QueueBuffer& b = buffers_[i];
      if (b.state == ascsim_detail::QueueBuffer::State::kQueued) {
        ascsim_detail::ReportQueue(b.loc, "%s: the tensor is never taken out of the queue (DeQue)", "EnQue");
      }
      Await(&b.full, b.full_id, loc);
      Await(&b.empty, b.empty_id, loc);
    }
    if (num_buffers_ > 0) ascsim_detail::IssueBarrier(PIPE_ALL, loc);
  }

  ascsim_detail::QueueBuffer buffers_[ascsim_detail::kMaxQueueBuffers];
  int num_buffers_ = 0;
  uint64_t ub_used_ = 0, l1_used_ = 0;
  uint8_t used_ids_[ascsim_detail::kNumHardEvents] = {};  // bit i: id i is taken
  uint32_t generation_ = 0;
  int exceptions_ = 0;
  bool alive_ = false;
  TPipe* outer_ = nullptr;
  ascsim::Loc loc_;
};

inline TPipe* GetTPipePtr(ascsim::Loc loc = ascsim::Loc::Here()) {
  void* pipe = ascsim::CurrentPipe();
  if (pipe == nullptr) ascsim::FailKernel(loc, "GetTPipePtr: the kernel has no TPipe");
  return static_cast<TPipe*>(pipe);
}

// Buffers that go from `src` to `dst`. EnQue sets and DeQue waits for the flag from the queue that fills a buffer to
// the one that uses it (GM -> VECIN: MTE2_V, VECOUT -> GM: V_MTE3, VECIN -> VECOUT: MTE2_MTE3); FreeTensor sets and
// AllocTensor waits for the reverse. `depth` tensors can be in the queue; 0 means 1, used in place.
template <TPosition src, TPosition dst, int32_t depth, auto mask = 0>
class TQueBind {
  static_assert(ascsim_detail::IsSimulatedPath(src, dst),
                "ascsim: queues through A2, B2, C2, CO1 and CO2 are not simulated (no matrix unit)");

 public:
  static constexpr TPosition kPosition = src == TPosition::GM ? dst : src;
  static constexpr ascsim::Space kSpace = ascsim_detail::SpaceOf(kPosition);

  template <typename T>
  LocalTensor<T> AllocTensor(ascsim::Loc loc = ascsim::Loc::Here()) {
    Buffer& b = NextFree(loc);
    pipe_->Await(&b.empty, b.empty_id, loc);
    ascsim::MarkFreed(kSpace, b.address, b.bytes, /*freed=*/false, loc);
    b.state = State::kTaken;
    b.tag = 0;
    b.loc = loc;
    return TensorOf<T>(b);
  }
  template <typename T>
  void AllocTensor(LocalTensor<T>& tensor, ascsim::Loc loc = ascsim::Loc::Here()) {
    tensor = AllocTensor<T>(loc);
  }

  template <typename T>
  bool EnQue(const LocalTensor<T>& tensor, ascsim::Loc loc = ascsim::Loc::Here()) {
    return Put<src, dst>(tensor, loc);
  }
  template <TPosition srcUserPos, TPosition dstUserPos, typename T>
  bool EnQue(const LocalTensor<T>& tensor, ascsim::Loc loc = ascsim::Loc::Here()) {
    return Put<srcUserPos, dstUserPos>(tensor, loc);
  }

  template <typename T>
  LocalTensor<T> DeQue(ascsim::Loc loc = ascsim::Loc::Here()) {
    CheckInit("DeQue", loc);
    if (queued_ == 0) {
      ascsim_detail::ReportQueue(loc, "%s of an empty queue: no EnQue before it", "DeQue");
      ascsim::FailKernel(loc, "DeQue of an empty queue: there is no tensor to go on with");
    }
    Buffer& b = pipe_->buffer(first_ + order_[head_]);
    head_ = (head_ + 1) % kCapacity;
    --queued_;
    pipe_->Await(&b.full, b.full_id, loc);
    b.state = State::kTaken;
    b.loc = loc;
    return TensorOf<T>(b);
  }
  template <typename T>
  void DeQue(LocalTensor<T>& tensor, ascsim::Loc loc = ascsim::Loc::Here()) {
    tensor = DeQue<T>(loc);
  }
  template <TPosition srcUserPos, TPosition dstUserPos, typename T>
  LocalTensor<T> DeQue(ascsim::Loc loc = ascsim::Loc::Here()) {
    return DeQue<T>(loc);
  }

  template <typename T>
  void FreeTensor(LocalTensor<T>& tensor, ascsim::Loc loc = ascsim::Loc::Here()) {
    CheckInit("FreeTensor", loc);
    Buffer* b = Find(tensor.Address());
    if (b == nullptr) {
      ascsim_detail::ReportQueue(loc, "%s: the tensor is not of this queue", "FreeTensor");
      return;
    }
    if (b->state == State::kFree) {
      ascsim_detail::ReportQueue(loc, "%s of a tensor that is free already (since line %llu)", "FreeTensor",
                                 b->loc.line);
      return;
    }
    if (b->state == State::kQueued) {
      ascsim_detail::ReportQueue(loc, "%s of a tensor that is still in the queue (EnQue at line %llu)", "FreeTensor",
                                 b->loc.line);
      return;
    }
    pipe_->Raise(kEmpty, &b->empty, &b->empty_id, loc);
    ascsim::MarkFreed(kSpace, b->address, b->bytes, /*freed=*/true, loc);
    b->state = State::kFree;
    b->loc = loc;
  }

  // Waits for the flags of the queue and gives their ids back, so that other queues can have them.
  void FreeAllEvent(ascsim::Loc loc = ascsim::Loc::Here()) {
    CheckInit("FreeAllEvent", loc);
    for (int i = 0; i < count_; ++i) {
      Buffer& b = pipe_->buffer(first_ + i);
      pipe_->Await(&b.full, b.full_id, loc);
      pipe_->Await(&b.empty, b.empty_id, loc);
    }
  }

  bool VacantInQue() const { return queued_ < kCapacity; }
  bool HasTensorInQue() const { return queued_ > 0; }
  int32_t GetTensorCountInQue() const { return queued_; }
  bool HasIdleBuffer() const {
    for (int i = 0; i < count_; ++i) {
      if (pipe_->buffer(first_ + i).state == State::kFree) return true;
    }
    return false;
  }

  // For TPipe.
  void Attach(TPipe* pipe, int first, int count, uint32_t generation) {
    pipe_ = pipe;
    first_ = first;
    count_ = count;
    generation_ = generation;
    next_ = head_ = queued_ = 0;
  }

 private:
  using Buffer = ascsim_detail::QueueBuffer;
  using State = Buffer::State;
  static constexpr int kCapacity = depth > 0 ? depth : 1;
  static constexpr HardEvent kEmpty =
      ascsim_detail::EventOf(ascsim_detail::ReaderOf(src, dst), ascsim_detail::WriterOf(src));

  template <typename T>
  LocalTensor<T> TensorOf(const Buffer& b) const {
    LocalTensor<T> tensor(kPosition, b.address, b.bytes, b.address + b.bytes);
    tensor.SetUserTag(b.tag);
    return tensor;
  }

  void CheckInit(const char* what, ascsim::Loc loc) const {
    if (pipe_ != nullptr && pipe_->Owns(generation_)) return;
    char text[128];
    std::snprintf(text, sizeof(text), "%s of a queue that has no buffers: InitBuffer of the TPipe is missing%s", what,
                  pipe_ == nullptr ? "" : " after its Reset() or Destroy()");
    ascsim::FailKernel(loc, text);
  }

  // Round robin, so that two buffers alternate.
  Buffer& NextFree(ascsim::Loc loc) {
    CheckInit("AllocTensor", loc);
    int found = next_;
    for (int i = 0; i < count_; ++i) {
      const int candidate = (next_ + i) % count_;
      if (pipe_->buffer(first_ + candidate).state == State::kFree) {
        next_ = (candidate + 1) % count_;
        return pipe_->buffer(first_ + candidate);
      }
    }
    ascsim_detail::ReportQueue(
        loc, "%s: all buffers of the queue (%llu) are taken; FreeTensor is missing, the oldest is from line %llu",
        "AllocTensor", static_cast<unsigned long long>(count_), pipe_->buffer(first_ + found).loc.line);
    next_ = (found + 1) % count_;
    return pipe_->buffer(first_ + found);
  }

  Buffer* Find(uint64_t address) const {
    for (int i = 0; i < count_; ++i) {
      Buffer& b = pipe_->buffer(first_ + i);
      if (address >= b.address && address < b.address + b.bytes) return &b;
    }
    return nullptr;
  }

  template <TPosition from, TPosition to, typename T>
  bool Put(const LocalTensor<T>& tensor, ascsim::Loc loc) {
    constexpr HardEvent kFull =
        ascsim_detail::EventOf(ascsim_detail::WriterOf(from), ascsim_detail::ReaderOf(from, to));
    CheckInit("EnQue", loc);
    Buffer* b = Find(tensor.Address());
    if (b == nullptr) {
      ascsim_detail::ReportQueue(loc, "%s: the tensor is not of this queue", "EnQue");
      return false;
    }
    if (b->state == State::kQueued) {
      ascsim_detail::ReportQueue(loc, "%s of a tensor that is in the queue already (since line %llu)", "EnQue",
                                 b->loc.line);
      return false;
    }
    if (queued_ == kCapacity) {
      ascsim_detail::ReportQueue(loc, "%s: the queue is full, its depth is %llu", "EnQue",
                                 static_cast<unsigned long long>(depth));
      return false;
    }
    if (b->state == State::kFree) {
      ascsim_detail::ReportQueue(loc, "%s of a tensor that was given back (line %llu)", "EnQue", b->loc.line);
    }
    pipe_->Raise(kFull, &b->full, &b->full_id, loc);
    b->state = State::kQueued;
    b->tag = tensor.GetUserTag();
    b->loc = loc;
    order_[(head_ + queued_) % kCapacity] = Index(*b);
    ++queued_;
    return true;
  }
  int Index(const Buffer& b) const {
    for (int i = 0; i < count_; ++i) {
      if (&pipe_->buffer(first_ + i) == &b) return i;
    }
    return 0;
  }

  TPipe* pipe_ = nullptr;
  int first_ = 0, count_ = 0;  // buffers of the pipe
  uint32_t generation_ = 0;
  int next_ = 0;               // buffer to look at first
  int head_ = 0, queued_ = 0;  // ring of buffers in the queue
  int order_[static_cast<size_t>(kCapacity)] = {};
};

struct TQueConfig {
  bool nd2nz = false;
  bool nz2nd = false;
  bool scmBlockGroup = false;
  uint32_t bufferLen = 0;
  uint32_t bufferNumber = 0;
  uint32_t consumerSize = 0;
  TPosition consumer[8] = {};
  bool enableStaticEvtId = false;
  bool enableLoopQueue = false;
};

namespace queue_detail {
constexpr TPosition SourceOf(TPosition pos) {
  return pos == TPosition::VECOUT || pos == TPosition::VECCALC ? pos : TPosition::GM;
}
constexpr TPosition DestinationOf(TPosition pos) { return pos == TPosition::VECOUT ? TPosition::GM : pos; }
}  // namespace queue_detail

template <TPosition pos, int32_t depth, auto mask = 0>
class TQue : public TQueBind<queue_detail::SourceOf(pos), queue_detail::DestinationOf(pos), depth, mask> {
  static_assert(ascsim_detail::IsUbPosition(pos) || ascsim_detail::IsL1Position(pos),
                "ascsim: queues in A2, B2, C2, CO1 and CO2 are not simulated (no matrix unit)");
};

// A buffer without a queue: nothing is ordered for its user.
template <TPosition pos = TPosition::LCM>
class TBuf {
  static_assert(ascsim_detail::IsUbPosition(pos) || ascsim_detail::IsL1Position(pos),
                "ascsim: TBuf in A2, B2, C2, CO1 and CO2 is not simulated (no matrix unit)");

 public:
  static constexpr ascsim::Space kSpace = ascsim_detail::SpaceOf(pos);

  template <typename T>
  LocalTensor<T> Get(ascsim::Loc loc = ascsim::Loc::Here()) {
    CheckInit(loc);
    return LocalTensor<T>(pos, address_, bytes_, address_ + bytes_);
  }
  template <typename T>
  LocalTensor<T> Get(uint32_t len, ascsim::Loc loc = ascsim::Loc::Here()) {
    return Part<T>("TBuf::Get", len, 0, loc);
  }
  // `size` elements from `bufOffset` bytes on.
  template <typename T>
  LocalTensor<T> GetWithOffset(uint32_t size, uint32_t bufOffset, ascsim::Loc loc = ascsim::Loc::Here()) {
    if (bufOffset % ascsim::kBlockBytes != 0) {
      ascsim::ReportBreach("misaligned", loc, "GetWithOffset: bufOffset is not a multiple of 32 bytes");
    }
    return Part<T>("TBuf::GetWithOffset", size, bufOffset, loc);
  }
  uint32_t GetBufLen() const { return static_cast<uint32_t>(bytes_); }

  // For TPipe.
  void Attach(TPipe* pipe, uint64_t address, uint64_t bytes, uint32_t generation) {
    pipe_ = pipe;
    address_ = address;
    bytes_ = bytes;
    generation_ = generation;
  }

 private:
  void CheckInit(ascsim::Loc loc) const {
    if (pipe_ != nullptr && pipe_->Owns(generation_)) return;
    ascsim::FailKernel(loc, "TBuf that has no memory: InitBuffer of the TPipe is missing, or came before its Reset()");
  }
  template <typename T>
  LocalTensor<T> Part(const char* what, uint64_t elements, uint64_t offset, ascsim::Loc loc) {
    CheckInit(loc);
    const uint64_t bytes = elements * sizeof(T);
    if (offset + bytes > bytes_) {
      char text[128];
      std::snprintf(text, sizeof(text), "%s: %llu bytes at %llu of a buffer of %llu", what,
                    static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(offset),
                    static_cast<unsigned long long>(bytes_));
      ascsim::ReportBreach("out-of-bounds", loc, text);
    }
    return LocalTensor<T>(pos, address_ + offset, bytes, address_ + offset + bytes);
  }

  TPipe* pipe_ = nullptr;
  uint64_t address_ = 0, bytes_ = 0;
  uint32_t generation_ = 0;
};

}  // namespace AscendC
