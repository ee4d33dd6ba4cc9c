// Fields of the parameter structures: as wide as the instruction's, and aware of what did not fit.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <limits>
#include <type_traits>

#include "ascsim/runtime.h"

namespace ascsim_detail {

// Reads as a T, which is what the device sees of it. Plain integers would lose the upper bits where the kernel assigns
// them, and nothing could be reported: p.dstRepStride = 300 is a stride of 44. Its default constructor is trivial, so
// that two names of a field can share a union.
template <typename T>
class ParamField {
 public:
  ParamField() = default;
  template <typename U, typename = std::enable_if_t<std::is_convertible_v<const U&, T>>>
  constexpr ParamField(const U& value) : value_(Whole(value)) {}   // NOLINT(google-explicit-constructor)
  constexpr operator T() const { return static_cast<T>(value_); }  // NOLINT(google-explicit-constructor)

  template <typename U>
  constexpr ParamField& operator+=(const U& other) {
    return *this = static_cast<T>(*this) + other;
  }
  template <typename U>
  constexpr ParamField& operator-=(const U& other) {
    return *this = static_cast<T>(*this) - other;
  }
  template <typename U>
  constexpr ParamField& operator*=(const U& other) {
    return *this = static_cast<T>(*this) * other;
  }
  template <typename U>
  constexpr ParamField& operator/=(const U& other) {
    return *this = static_cast<T>(*this) / other;
  }
  constexpr ParamField& operator++() { return *this += 1; }
  constexpr ParamField& operator--() { return *this -= 1; }
  constexpr T operator++(int) {
    const T before = *this;
    ++*this;
    return before;
  }
  constexpr T operator--(int) {
    const T before = *this;
    --*this;
    return before;
  }

  constexpr int64_t assigned() const { return value_; }
  constexpr bool fits() const { return value_ == static_cast<int64_t>(static_cast<T>(value_)); }

 private:
  template <typename U>
  static constexpr int64_t Whole(const U& value) {
    if constexpr (std::is_arithmetic_v<U> || std::is_enum_v<U>) {
      return static_cast<int64_t>(value);
    } else {
      return static_cast<int64_t>(static_cast<T>(value));
    }
  }
  template <typename U>
  static constexpr int64_t Whole(const ParamField<U>& value) {
    return value.assigned();
  }

  int64_t value_;
};

template <typename T>
void CheckField(const char* name, const ParamField<T>& field, ascsim::Loc loc) {
  if (field.fits()) return;
  char text[120];
  std::snprintf(text, sizeof(text), "%s: expected 0 to %llu, got %lld", name,
                static_cast<unsigned long long>(std::numeric_limits<T>::max()),
                static_cast<long long>(field.assigned()));
  ascsim::ReportBreach("parameter-range", loc, text);
}

}  // namespace ascsim_detail
