// Fields of the parameter structures: as wide as the instruction's, and aware of what did not fit.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <limits>
#include <type_traits>

#include "ascsim/runtime.h"

namespace ascsim_detail {

template <typename T>
class ParamField;

// What a kernel gives for a field, before it is cut to the width of the field. For parameters of functions: it is made
// of any number without being asked.
template <typename T>
class ParamArg {
 public:
  template <typename U, typename = std::enable_if_t<std::is_convertible_v<const U&, T>>>
  constexpr ParamArg(const U& value) : value_(Whole(value)) {}     // NOLINT(google-explicit-constructor)
  constexpr operator T() const { return static_cast<T>(value_); }  // NOLINT(google-explicit-constructor)

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
  static constexpr int64_t Whole(const ParamArg<U>& value) {
    return value.assigned();
  }
  template <typename U>
  static constexpr int64_t Whole(const ParamField<U>& value) {
    return value.assigned();
  }

  int64_t value_;
};

// Reads as a T, which is what the device sees of it. Plain integers would lose the upper bits where the kernel assigns
// them, and nothing could be reported: p.dstRepStride = 300 is a stride of 44. Its default constructor is trivial, so
// that two names of a field can share a union.
// Numbers are assigned to it and it becomes one, but no number becomes a field by itself: with both ways open, neither
// `cond ? p.blockLen : 0` nor a call that takes either would compile. What cannot be had is a uint16_t& or uint16_t* to
// a field, and a template of the kernel's own that deduces one T from a field and a number.
template <typename T>
class ParamField {
 public:
  ParamField() = default;
  template <typename U, typename = std::enable_if_t<std::is_convertible_v<const U&, T>>>
  constexpr explicit ParamField(const U& value) : value_(ParamArg<T>(value).assigned()) {}
  constexpr ParamField(const ParamArg<T>& value)  // NOLINT(google-explicit-constructor)
      : value_(value.assigned()) {}
  constexpr operator T() const { return static_cast<T>(value_); }  // NOLINT(google-explicit-constructor)

  template <typename U, typename = std::enable_if_t<std::is_convertible_v<const U&, T>>>
  constexpr ParamField& operator=(const U& value) {
    value_ = ParamArg<T>(value).assigned();
    return *this;
  }
  constexpr ParamField& operator=(T value) {  // for `p.blockLen = {n}`
    value_ = static_cast<int64_t>(value);
    return *this;
  }

#define ASCSIM_FIELD_ASSIGN_(op)                     \
  template <typename U>                              \
  constexpr ParamField& operator op##=(const U& u) { \
    return *this = static_cast<T>(*this) op u;       \
  }
  ASCSIM_FIELD_ASSIGN_(+)
  ASCSIM_FIELD_ASSIGN_(-)
  ASCSIM_FIELD_ASSIGN_(*)
  ASCSIM_FIELD_ASSIGN_(/)
  ASCSIM_FIELD_ASSIGN_(%)
  ASCSIM_FIELD_ASSIGN_(&)
  ASCSIM_FIELD_ASSIGN_(|)
  ASCSIM_FIELD_ASSIGN_(^)
  ASCSIM_FIELD_ASSIGN_(<<)
  ASCSIM_FIELD_ASSIGN_(>>)
#undef ASCSIM_FIELD_ASSIGN_
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
  constexpr bool fits() const { return ParamArg<T>(*this).fits(); }

 private:
  int64_t value_;
};

// `field` is a ParamField or a ParamArg.
template <template <typename> class Field, typename T>
void CheckField(const char* name, const Field<T>& field, ascsim::Loc loc) {
  if (field.fits()) return;
  char text[120];
  std::snprintf(text, sizeof(text), "%s: expected 0 to %llu, got %lld", name,
                static_cast<unsigned long long>(std::numeric_limits<T>::max()),
                static_cast<long long>(field.assigned()));
  ascsim::ReportBreach("parameter-range", loc, text);
}

}  // namespace ascsim_detail

// std::min(p.blockLen, n) with n a uint16_t is what a kernel may write, and std::min deduces no common type. The
// standard keeps this namespace for itself; these overloads are chosen for a field alone, so nothing else changes.
namespace std {  // NOLINT(cert-dcl58-cpp)
#define ASCSIM_FIELD_MINMAX_(name, less)                                    \
  template <typename T>                                                     \
  constexpr T name(const ascsim_detail::ParamField<T>& field, const T& n) { \
    return less ? n : static_cast<T>(field);                                \
  }                                                                         \
  template <typename T>                                                     \
  constexpr T name(const T& n, const ascsim_detail::ParamField<T>& field) { \
    return less ? n : static_cast<T>(field);                                \
  }
ASCSIM_FIELD_MINMAX_(min, n < static_cast<T>(field))
ASCSIM_FIELD_MINMAX_(max, static_cast<T>(field) < n)
#undef ASCSIM_FIELD_MINMAX_
}  // namespace std
