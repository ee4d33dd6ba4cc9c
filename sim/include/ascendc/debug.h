// Output and assertions of kernels: printf, DumpTensor, assert, GetSystemCycle.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <type_traits>

#include "ascendc/param_field.h"
#include "ascendc/tensor.h"
#include "ascendc/types.h"
#include "ascsim/runtime.h"

namespace ascsim_detail {

// An argument of printf by what it is, so that %d takes every integer and %f every floating type, as on the device.
struct PrintArgument {
  enum class Kind : uint8_t { kSigned, kUnsigned, kReal, kText, kPointer };
  Kind kind = Kind::kSigned;
  int64_t integer = 0;
  double real = 0;
  const void* pointer = nullptr;
};

template <class T>
PrintArgument ToPrintArgument(const T& value) {
  PrintArgument a;
  if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16_t>) {
    a.kind = PrintArgument::Kind::kReal;
    a.real = static_cast<double>(static_cast<float>(value));
  } else if constexpr (std::is_floating_point_v<T>) {
    a.kind = PrintArgument::Kind::kReal;
    a.real = static_cast<double>(value);
  } else if constexpr (std::is_enum_v<T>) {
    a.integer = static_cast<int64_t>(value);
  } else if constexpr (std::is_integral_v<T>) {
    a.kind = std::is_signed_v<T> ? PrintArgument::Kind::kSigned : PrintArgument::Kind::kUnsigned;
    a.integer = static_cast<int64_t>(value);
  } else if constexpr (std::is_array_v<T> || std::is_pointer_v<T>) {
    using C = std::remove_cv_t<std::remove_pointer_t<std::decay_t<T>>>;
    a.kind = std::is_same_v<C, char> ? PrintArgument::Kind::kText : PrintArgument::Kind::kPointer;
    a.pointer = static_cast<const void*>(value);
  } else {
    static_assert(AlwaysFalse<T>::value, "printf of a kernel: expected numbers, strings and pointers");
  }
  return a;
}
template <class T>
PrintArgument ToPrintArgument(const ElementRef<T>& element) {
  return ToPrintArgument(static_cast<T>(element));
}
template <class T>
PrintArgument ToPrintArgument(const ParamField<T>& field) {
  return ToPrintArgument(static_cast<T>(field));
}

inline std::string FormatOne(const std::string& flags, char conversion, const PrintArgument& a) {
  using Kind = PrintArgument::Kind;
  char text[512];
  std::string spec = "%" + flags;
  // What no int64_t can hold, NaN included, prints as the least one.
  const bool fits = a.real >= -9.2e18 && a.real <= 9.2e18;
  const int64_t integer = a.kind != Kind::kReal ? a.integer : fits ? static_cast<int64_t>(a.real) : INT64_MIN;
  const double real = a.kind == Kind::kReal       ? a.real
                      : a.kind == Kind::kUnsigned ? static_cast<double>(static_cast<uint64_t>(a.integer))
                                                  : static_cast<double>(a.integer);
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#endif
  switch (conversion) {
    case 'd':
    case 'i':
      std::snprintf(text, sizeof(text), (spec + "lld").c_str(), static_cast<long long>(integer));
      break;
    case 'u':
    case 'x':
    case 'X':
    case 'o':
      std::snprintf(text, sizeof(text), (spec + "ll" + conversion).c_str(), static_cast<unsigned long long>(integer));
      break;
    case 'c':
      std::snprintf(text, sizeof(text), (spec + "c").c_str(), static_cast<int>(integer));
      break;
    case 's':
      if (a.kind != Kind::kText || a.pointer == nullptr) return "(no string)";
      if (flags.empty()) return static_cast<const char*>(a.pointer);
      std::snprintf(text, sizeof(text), (spec + "s").c_str(), static_cast<const char*>(a.pointer));
      break;
    case 'p':
      std::snprintf(text, sizeof(text), "%p",
                    a.pointer != nullptr ? a.pointer : reinterpret_cast<const void*>(a.integer));
      break;
    default:
      std::snprintf(text, sizeof(text), (spec + conversion).c_str(), real);
      break;
  }
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
  return text;
}

inline std::string Format(const char* format, const PrintArgument* arguments, size_t count) {
  std::string out;
  size_t next = 0;
  for (const char* p = format; *p != '\0'; ++p) {
    if (*p != '%') {
      out += *p;
      continue;
    }
    if (*++p == '%') {
      out += '%';
      continue;
    }
    std::string flags;
    while (*p != '\0' && std::string("-+ #0123456789.").find(*p) != std::string::npos) flags += *p++;
    while (*p == 'l' || *p == 'h' || *p == 'z' || *p == 'j' || *p == 't') ++p;  // the argument knows its size
    if (*p == '\0') break;
    if (std::string("diuxXocspfFeEgGaA").find(*p) == std::string::npos) {
      out += "%" + flags + *p;
    } else {
      out += next < count ? FormatOne(flags, *p, arguments[next]) : "(no argument)";
      ++next;
    }
  }
  return out;
}

template <class... Args>
std::string FormatAll(const char* format, const Args&... args) {
  const PrintArgument arguments[sizeof...(Args) + 1] = {ToPrintArgument(args)...};
  return Format(format, arguments, sizeof...(Args));
}

// `using namespace AscendC` brings host code here, too.
inline void PrintText(const std::string& text) {
  if (ascsim::InKernel()) {
    ascsim::Print(text.c_str());
  } else {
    std::fputs(text.c_str(), stdout);
  }
}

[[noreturn]] inline void FailAssertion(const char* expression, ascsim::Loc loc, const std::string& text = "") {
  std::string message = std::string("assertion `") + expression + "' failed";
  if (!text.empty()) message += ": " + text;
  if (!ascsim::InKernel()) {
    // A header of the host program that was included after this one.
    std::fprintf(stderr, "%s:%u: %s\n", loc.file, loc.line, message.c_str());
    std::abort();
  }
  ascsim::FailKernel(loc, message.c_str());
}
template <class... Args>
[[noreturn]] void FailAssertion(const char* expression, ascsim::Loc loc, const char* format, const Args&... args) {
  FailAssertion(expression, loc, FormatAll(format, args...));
}

template <class T>
const char* ElementName() {
  if constexpr (std::is_same_v<T, bool>) return "bool";
  switch (ScalarTypeOf<T>()) {
    case ascsim::DType::kF32:
      return "float32";
    case ascsim::DType::kF16:
      return "float16";
    case ascsim::DType::kBF16:
      return "bfloat16";
    case ascsim::DType::kS64:
      return "int64";
    case ascsim::DType::kU64:
      return "uint64";
    case ascsim::DType::kS32:
      return "int32";
    case ascsim::DType::kU32:
      return "uint32";
    case ascsim::DType::kS16:
      return "int16";
    case ascsim::DType::kU16:
      return "uint16";
    case ascsim::DType::kS8:
      return "int8";
    case ascsim::DType::kU8:
      return "uint8";
  }
  return "";
}

// Elements of a tensor as text; "-" for those beyond `count`, which a shape may ask for.
template <class T>
class Dump {
 public:
  Dump(ascsim::Space space, uint64_t address, uint64_t count) : space_(space), address_(address), count_(count) {}

  std::string Element(uint64_t i) const {
    if (i >= count_) return "-";
    uint64_t bits = 0;
    ascsim::Peek(space_, address_ + i * sizeof(T), sizeof(T), &bits);
    const T value = FromBits<T>(bits);
    if constexpr (std::is_floating_point_v<T> || std::is_same_v<T, half> || std::is_same_v<T, bfloat16_t>) {
      return FormatAll("%f", value);
    } else {
      return FormatAll(std::is_signed_v<T> ? "%d" : "%u", value);
    }
  }
  std::string Row(uint64_t begin, uint64_t count) const {
    std::string out = "[";
    for (uint64_t i = 0; i < count; ++i) out += (i == 0 ? "" : ", ") + Element(begin + i);
    return out + "]";
  }
  std::string Shaped(const uint32_t* shape, int dims, uint64_t* next) const {
    if (dims == 1) {
      *next += shape[0];
      return Row(*next - shape[0], shape[0]);
    }
    std::string out = "[";
    for (uint32_t i = 0; i < shape[0]; ++i) out += (i == 0 ? "" : ",\n") + Shaped(shape + 1, dims - 1, next);
    return out + "]";
  }

 private:
  ascsim::Space space_;
  uint64_t address_, count_;
};

template <class T>
void DumpMemory(ascsim::Space space, uint64_t address, uint32_t desc, uint32_t count, const AscendC::ShapeInfo* shape) {
  const char* place = space == ascsim::Space::kUB ? "UB" : space == ascsim::Space::kL1 ? "L1" : "GM";
  const Dump<T> dump(space, address, count);
  uint64_t next = 0;
  const std::string body =
      shape != nullptr && shape->shapeDim > 0 ? dump.Shaped(shape->shape, shape->shapeDim, &next) : dump.Row(0, count);
  ascsim::Print((FormatAll("DumpTensor: desc=%u, addr=%x, data_type=%s, position=%s, dump_size=%u\n", desc, address,
                           ElementName<T>(), place, count) +
                 body + "\n")
                    .c_str());
}

}  // namespace ascsim_detail

namespace AscendC {

template <class... Args>
void PRINTF(const char* fmt, Args&&... args) {
  ascsim_detail::PrintText(ascsim_detail::FormatAll(fmt, args...));
}
template <class... Args>
void printf(const char* fmt, Args&&... args) {
  ascsim_detail::PrintText(ascsim_detail::FormatAll(fmt, args...));
}

template <typename T>
void DumpTensor(const LocalTensor<T>& tensor, uint32_t desc, uint32_t dumpSize) {
  ascsim_detail::DumpMemory<T>(tensor.Space(), tensor.Address(), desc, dumpSize, nullptr);
}
template <typename T>
void DumpTensor(const GlobalTensor<T>& tensor, uint32_t desc, uint32_t dumpSize) {
  ascsim_detail::DumpMemory<T>(ascsim::Space::kGM, tensor.Address(), desc, dumpSize, nullptr);
}
template <typename T>
void DumpTensor(const LocalTensor<T>& tensor, uint32_t desc, uint32_t dumpSize, const ShapeInfo& shapeInfo) {
  ascsim_detail::DumpMemory<T>(tensor.Space(), tensor.Address(), desc, dumpSize, &shapeInfo);
}
template <typename T>
void DumpTensor(const GlobalTensor<T>& tensor, uint32_t desc, uint32_t dumpSize, const ShapeInfo& shapeInfo) {
  ascsim_detail::DumpMemory<T>(ascsim::Space::kGM, tensor.Address(), desc, dumpSize, &shapeInfo);
}

// Ticks of the 50 MHz system counter: 20 ns each.
inline int64_t GetSystemCycle() {
  return static_cast<int64_t>(static_cast<double>(ascsim::CurrentCycle()) * 50.0 / ascsim::ClockMhz());
}

// Marks for the vendor's profilers: the timeline of the simulator (ASCSIM_TRACE) has every instruction anyway.
inline void MetricsProfStart() {}
inline void MetricsProfStop() {}

}  // namespace AscendC

#define TRACE_START(apid) static_cast<void>(apid)
#define TRACE_STOP(apid) static_cast<void>(apid)

// A failed assertion ends the launch with an error, so that reports are still written. Standard assert is replaced:
// kernels must not include <cassert> after this, by the documentation of assert.
#ifdef assert
#undef assert
#endif
#define ascendc_assert(expr, ...) \
  (static_cast<bool>(expr)        \
       ? static_cast<void>(0)     \
       : ascsim_detail::FailAssertion(#expr, ascsim::Loc::Here(__FILE__, __LINE__), ##__VA_ARGS__))
#define assert(...) ascendc_assert(__VA_ARGS__)
#define ASSERT(...) ascendc_assert(__VA_ARGS__)
#define ASCENDC_ASSERT(cond, ...) ascendc_assert(cond)
