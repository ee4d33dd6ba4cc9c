// Shadow of GM: pages on demand, lines of ranges.
// SPDX-License-Identifier: Apache-2.0
#include "check/global_shadow.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace ascsim {
namespace {

constexpr size_t kFirstTable = 256;

// Cores are consecutive and have about four rows in a line.
uint32_t HashActor(uint32_t tag) { return ((tag & kActorBits) >> kCoreShift) * 4 + (tag >> kKindShift & 3); }

template <typename Piece, typename Span>
bool Meets(const Piece& piece, const Span& span) {
  return piece.begin < span.end && span.begin < piece.end;
}

// Adds to `to` a piece of the same stamp that touches it; the piece is empty then.
template <typename Piece>
bool Join(Piece& piece, Piece* to) {
  if (piece.end < to->begin || piece.begin > to->end) return false;
  to->begin = std::min(to->begin, piece.begin);
  to->end = std::max(to->end, piece.end);
  piece.begin = piece.end = 0;
  return true;
}

// Leaves what is left of the span, gives what is right of it; the two overlap.
template <typename Piece, typename Span>
Piece TakeOut(Piece* piece, const Span& span) {
  Piece right = *piece;
  right.begin = std::max(right.begin, span.end);
  if (right.begin >= right.end) right.begin = right.end = 0;
  if (piece->begin < span.begin) {
    piece->end = std::min(piece->end, span.begin);
  } else {
    *piece = right;
    right.begin = right.end = 0;
  }
  return right;
}

size_t Hash(uint64_t number) { return static_cast<size_t>(number * 0x9E3779B97F4A7C15ull >> 24); }

}  // namespace

GlobalShadow::GlobalShadow(Findings& findings, CacheShadow& cache)
    : findings_(findings), cache_(cache), table_(kFirstTable) {}

GlobalShadow::~GlobalShadow() {
  for (Slot& slot : table_) {
    if (slot.page == nullptr) continue;
    for (Line& line : slot.page->lines) {
      ::operator delete(line.table);
      ::operator delete(line.writes);
    }
  }
}

uint64_t GlobalShadow::memory_bytes() const {
  uint64_t bytes = table_.size() * sizeof(Slot) + num_pages_ * sizeof(Page);
  for (const Slot& slot : table_) {
    if (slot.page == nullptr) continue;
    for (const Line& line : slot.page->lines) {  // 16: what the allocator adds
      if (line.table != nullptr) bytes += sizeof(Table) + line.capacity() * sizeof(Piece) + 16;
      if (line.writes != nullptr) bytes += sizeof(Writes) + line.writes->capacity * sizeof(Piece) + 16;
    }
  }
  return bytes;
}

void GlobalShadow::Grow() {
  std::vector<Slot> old(table_.size() * 2);
  old.swap(table_);
  for (Slot& slot : old) {
    if (slot.page == nullptr) continue;
    size_t i = Hash(slot.number) & (table_.size() - 1);
    while (table_[i].page != nullptr) i = (i + 1) & (table_.size() - 1);
    table_[i] = std::move(slot);
  }
}

GlobalShadow::Page& GlobalShadow::PageOf(uint64_t address) {
  const uint64_t number = address / kPageBytes + 1;
  if (number == last_number_) return *last_page_;
  size_t i = Hash(number) & (table_.size() - 1);
  while (table_[i].page != nullptr && table_[i].number != number) i = (i + 1) & (table_.size() - 1);
  if (table_[i].page == nullptr) {
    if (num_pages_ * 2 >= table_.size()) {
      Grow();
      return PageOf(address);
    }
    table_[i] = {number, std::make_unique<Page>()};
    ++num_pages_;
  }
  last_number_ = number;
  last_page_ = table_[i].page.get();
  return *last_page_;
}

const GlobalShadow::Line* GlobalShadow::FindLine(uint64_t address) const {
  const uint64_t number = address / kPageBytes + 1;
  size_t i = Hash(number) & (table_.size() - 1);
  while (table_[i].page != nullptr && table_[i].number != number) i = (i + 1) & (table_.size() - 1);
  const Page* page = table_[i].page.get();
  return page == nullptr ? nullptr : &page->lines[address % kPageBytes / kLineBytes];
}

void GlobalShadow::Expect(const Current& now, const uint64_t* addresses, uint32_t count) const {
  constexpr uint32_t kMost = 8;
  const Line* lines[kMost];
  count = std::min(count, kMost);
  for (uint32_t i = 0; i < count; ++i) {
    lines[i] = FindLine(addresses[i]);
    __builtin_prefetch(lines[i]);
  }
  for (uint32_t i = 0; i < count; ++i) {
    if (lines[i] == nullptr || lines[i]->table == nullptr) continue;
    const uint32_t slot = HashActor(static_cast<uint32_t>(now.stamp)) & (lines[i]->capacity() - 1);
    __builtin_prefetch(lines[i]->table->slots() + slot);
  }
}

void GlobalShadow::AddWrite(Line& line, const Piece& piece) {
  Writes* old = line.writes;
  if (old == nullptr || old->count == old->capacity) {
    const uint32_t capacity = old == nullptr ? 4 : old->capacity * 2;
    auto* grown = static_cast<Writes*>(::operator new(sizeof(Writes) + capacity * sizeof(Piece)));
    *grown = {capacity, old == nullptr ? 0 : old->count};
    if (old != nullptr) std::memcpy(grown->pieces(), old->pieces(), old->count * sizeof(Piece));
    ::operator delete(old);
    line.writes = grown;
  }
  line.writes->pieces()[line.writes->count++] = piece;
}

void GlobalShadow::Rehash(Line& line, uint32_t capacity) {
  Table* old = line.table;
  const uint32_t old_capacity = old == nullptr ? 0 : line.capacity();
  const size_t bytes = sizeof(Table) + capacity * sizeof(Piece);
  line.table = static_cast<Table*>(::operator new(bytes));
  std::memset(static_cast<void*>(line.table), 0, bytes);
  line.capacity() = capacity;
  line.live[0] = line.live[1] = 0;
  for (uint32_t i = 0; i < old_capacity; ++i) {
    if (old->slots()[i].live()) AddToTable(line, old->slots()[i]);
  }
  ::operator delete(old);
}

void GlobalShadow::AddToTable(Line& line, const Piece& piece) {
  // Small tables may be full: a look through four or eight of them is cheap, and most lines have no more.
  const uint32_t capacity = line.table == nullptr ? 0 : line.capacity();
  const uint32_t room = capacity <= 8 ? capacity : capacity / 4 * 3;
  if (line.table == nullptr || line.table->used >= room) {
    const uint32_t live = uint32_t{line.live[0]} + line.live[1];
    Rehash(line, capacity == 0 ? 4 : live * 2 > room ? capacity * 2 : capacity);
  }
  Piece* slots = line.table->slots();
  uint32_t i = HashActor(piece.tag) & (line.capacity() - 1);
  while (slots[i].live()) i = (i + 1) & (line.capacity() - 1);
  if (slots[i].sequence == 0) ++line.table->used;
  slots[i] = piece;
  ++line.live[IsUpdate(KindOf(piece.tag))];
}

void GlobalShadow::Check(const Current& now, const Span& span, const Piece& piece) {
  const Stamp stamp = piece.stamp();
  const bool scalar = now.pipe == Pipe::kS || PipeOf(stamp) == Pipe::kS;
  if (!Conflict(span.kind, KindOf(stamp)) || now.Mine(stamp) || (!scalar && now.OrderedInGm(stamp))) return;
  const uint16_t from = std::max(span.begin, piece.begin), to = std::min(span.end, piece.end);
  const uint64_t address = span.line_address + from, size = static_cast<uint64_t>(to - from);
  const bool ordered = now.OrderedInGm(stamp);
  if (!ordered) findings_.Race(now, span.kind, stamp, Space::kGM, address, size);
  // What the compiler inserts is an order, but cleans no cache.
  if ((ordered || now.Inserts(stamp)) && KindOf(stamp) != AccessKind::kRead && cache_.wanted()) {
    cache_.MeetWrite(now, span.kind, stamp, address, size);
  }
}

void GlobalShadow::MeetCacheLine(const Current& now, Line& line, const Span& span) {
  constexpr auto kBytes = static_cast<uint16_t>(CacheShadow::kLineBytes);
  Span whole = span;
  whole.begin = static_cast<uint16_t>(span.begin / kBytes * kBytes);
  whole.end = static_cast<uint16_t>((span.end + kBytes - 1) / kBytes * kBytes);
  const auto meet = [&](const Piece& piece) {
    if (!piece.live() || !Meets(piece, whole) || KindOf(piece.stamp()) == AccessKind::kRead) return;
    const Stamp stamp = piece.stamp();
    for (uint16_t at = whole.begin; at < whole.end; at = static_cast<uint16_t>(at + kBytes)) {
      const auto begin = std::max(at, span.begin), end = std::min(static_cast<uint16_t>(at + kBytes), span.end);
      const auto other = std::max(at, piece.begin), other_end = std::min(static_cast<uint16_t>(at + kBytes), piece.end);
      if (other >= other_end || now.Mine(stamp)) continue;
      cache_.MeetInLine(now, stamp, span.line_address + other, static_cast<uint64_t>(other_end - other),
                        span.line_address + begin, static_cast<uint64_t>(end - begin));
    }
  };
  if (line.table == nullptr && line.writes == nullptr) return meet(line.only);
  for (uint32_t i = 0; line.writes != nullptr && i < line.writes->count; ++i) meet(line.writes->pieces()[i]);
  for (uint32_t i = 0; line.table != nullptr && i < line.capacity(); ++i) meet(line.table->slots()[i]);
}

// `mine` grows by what the instruction has written beside it before.
void GlobalShadow::MeetWrites(const Current& now, Line& line, const Span& span, Piece* mine) {
  if (line.writes == nullptr) return;
  for (uint32_t i = 0; i < line.writes->count;) {
    Piece& piece = line.writes->pieces()[i];
    if (span.kind == AccessKind::kWrite && piece.stamp() == mine->stamp()) {
      if (!Join(piece, mine)) {
        ++i;
        continue;
      }
    } else {
      if (!Meets(piece, span)) {
        ++i;
        continue;
      }
      Check(now, span, piece);
      if (span.kind != AccessKind::kWrite || !now.SurpassesInGm(piece.stamp())) {
        ++i;
        continue;
      }
      const Piece right = TakeOut(&piece, span);
      if (right.live()) AddWrite(line, right);
    }
    Piece* pieces = line.writes->pieces();
    if (pieces[i].live()) {
      ++i;
    } else {
      pieces[i] = pieces[--line.writes->count];
    }
  }
}

// Reads and updates of all queues, met by what conflicts with some of them.
void GlobalShadow::MeetTable(const Current& now, Line& line, const Span& span) {
  const uint32_t reads = line.live[0], updates = line.live[1];
  if ((span.kind == AccessKind::kRead || reads == 0) && (updates == 0 || !MeetsUpdates(span.kind))) return;
  std::vector<Piece> rest;  // a split piece may move the table
  for (uint32_t i = 0; i < line.capacity(); ++i) {
    Piece& piece = line.table->slots()[i];
    if (!piece.live() || !Meets(piece, span)) continue;
    Check(now, span, piece);
    if (span.kind != AccessKind::kWrite || !now.SurpassesInGm(piece.stamp())) continue;
    const Piece right = TakeOut(&piece, span);
    if (right.live()) rest.push_back(right);
    if (!piece.live()) --line.live[IsUpdate(KindOf(piece.tag))];
  }
  for (const Piece& piece : rest) AddToTable(line, piece);
}

// A read or an update takes the place of what its queue has read, or updated, before.
void GlobalShadow::ReplaceOwn(Line& line, const Span& span, Piece mine) {
  if (line.table == nullptr) return AddToTable(line, mine);
  Piece rest;  // pieces of a queue do not overlap: one at most reaches beyond the span on the right
  Piece* free = nullptr;
  Piece* slots = line.table->slots();
  const size_t kind = IsUpdate(span.kind);
  uint32_t i = HashActor(mine.tag) & (line.capacity() - 1);
  for (uint32_t n = 0; n < line.capacity(); ++n, i = (i + 1) & (line.capacity() - 1)) {
    Piece& piece = slots[i];
    if (piece.sequence == 0) break;
    if (piece.live() && ((piece.tag ^ mine.tag) & kActorBits) == 0) {
      if (piece.stamp() == mine.stamp()) {
        if (Join(piece, &mine)) --line.live[kind];
      } else if (Meets(piece, span)) {
        const Piece right = TakeOut(&piece, span);
        if (right.live()) rest = right;
        if (!piece.live()) --line.live[kind];
      }
    }
    if (!piece.live() && free == nullptr) free = &piece;
  }
  if (free != nullptr) {
    *free = mine;
    ++line.live[kind];
  } else {
    AddToTable(line, mine);
  }
  if (rest.live()) AddToTable(line, rest);
}

void GlobalShadow::AccessLine(const Current& now, Line& line, const Span& span) {
  const Stamp stamp = now.As(span.kind);
  Piece mine{static_cast<uint32_t>(stamp), SequenceOf(stamp), span.begin, span.end};
  const bool write = span.kind == AccessKind::kWrite;
  if (line.table == nullptr && line.writes == nullptr) {
    Piece& only = line.only;
    if (!only.live()) {
      only = mine;
      return;
    }
    if (only.stamp() == stamp && Join(only, &mine)) {
      only = mine;
      return;
    }
    const bool goes = write ? now.SurpassesInGm(only.stamp()) : ((only.tag ^ mine.tag) & kActorBits) == 0;
    if (goes && span.begin <= only.begin && only.end <= span.end) {
      Check(now, span, only);
      only = mine;
      return;
    }
    const Piece first = std::exchange(only, Piece{});
    KindOf(first.tag) == AccessKind::kWrite ? AddWrite(line, first) : AddToTable(line, first);
  }
  MeetWrites(now, line, span, &mine);
  MeetTable(now, line, span);
  if (write) {
    AddWrite(line, mine);
  } else {
    ReplaceOwn(line, span, mine);
  }
}

void GlobalShadow::Access(const Current& now, uint64_t address, uint64_t size, AccessKind kind) {
  if (IsUpdate(kind)) update_kinds_ |= 1u << static_cast<unsigned>(kind);
  const uint64_t begin = address, end = address + size;
  const bool scalar = now.pipe == Pipe::kS && cache_.wanted();
  if (kind != AccessKind::kRead && cache_.wanted()) cache_.MeetDirty(now, address, size);
  while (address < end) {
    const uint64_t line_address = address / kLineBytes * kLineBytes;
    const uint64_t line_end = std::min(end, line_address + kLineBytes);
    Line& line = PageOf(address).lines[address % kPageBytes / kLineBytes];
    const Span span = {line_address, static_cast<uint16_t>(address - line_address),
                       static_cast<uint16_t>(line_end - line_address), kind};
    if (scalar && kind != AccessKind::kRead) MeetCacheLine(now, line, span);
    AccessLine(now, line, span);
    address = line_end;
  }
  if (scalar) cache_.Touch(now, begin, kind != AccessKind::kRead, size);
}

}  // namespace ascsim
