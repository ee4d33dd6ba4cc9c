// Finds the kernels of an Ascend C source file and the calls kernel<<<...>>>(...), without compiling it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace ascsim {

struct KernelParameter {
  enum class Kind { kPointer, kScalar, kOther };  // kOther: passed as bytes, its type is the kernel's own business
  Kind kind = Kind::kOther;
  std::string type;  // as spelled, without qualifiers; of kScalar only
  std::string name;  // empty when it has none
};

struct Kernel {
  std::string name;
  std::vector<KernelParameter> parameters;
  int line = 0;
};

// Kernels that a host program can launch by name: `__global__ __aicore__ void NAME(...) {` in either order, with other
// attributes, comments and line breaks, at global scope or in an extern "C" block; neither templates nor what stands in
// a namespace or a macro. Throws std::runtime_error("line: ...") for two kernels of one name with different parameters.
std::vector<Kernel> FindKernels(const std::string& source);

// Replaces kernel<<<a, b, c>>>( by ::ascsim::DirectCall(kernel, "kernel", a, b, c)(, on the same lines. What is in
// comments and literals stays. Sets *count to the number of calls.
std::string RewriteCalls(const std::string& source, int* count);

// The header aclrtlaunch_NAME.h and the definition behind it, to be compiled after the kernel's source.
std::string LaunchHeader(const Kernel& kernel);
std::string LaunchDefinition(const Kernel& kernel);

}  // namespace ascsim
