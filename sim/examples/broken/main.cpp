// Runs the kernels that each break one rule: `broken` lists the rules, `broken RULE` runs the kernel of one.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <string>

#include "ascsim/ascsim.h"
#include "broken.h"

namespace {

constexpr size_t kBytes = 65536;

// 2 when the kernel broke a rule, as programs with acl end.
int RunOne(const BrokenKernel& kernel) {
  ascsim::Options options = ascsim::OptionsFromEnvironment();
  // Off or a warning by default; what the environment says comes later and counts.
  options.rules = "cast-overflow=error,undefined-output=error,mode-left-on=error" +
                  (options.rules.empty() ? "" : "," + options.rules);
  ascsim::Configure(options);
  auto* x = static_cast<float*>(ascsim::Allocate(kBytes));
  auto* y = static_cast<uint8_t*>(ascsim::Allocate(kBytes));
  for (size_t i = 0; i < kBytes / sizeof(float); ++i) x[i] = static_cast<float>(i % 10);
  const ascsim::Result result =
      ascsim::Run(kernel.rule, kernel.block_dim, [&] { kernel.run(reinterpret_cast<uint8_t*>(x), y); });
  ascsim::Free(x);
  ascsim::Free(y);
  return result.ok ? 0 : 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    for (const BrokenKernel& kernel : BrokenKernels()) std::printf("%s\n", kernel.rule);
    return 0;
  }
  try {
    for (const BrokenKernel& kernel : BrokenKernels()) {
      if (std::string(argv[1]) == kernel.rule) return RunOne(kernel);
    }
  } catch (const ascsim::Error& error) {
    std::fprintf(stderr, "broken: error: %s\n", error.what());
    return 2;
  }
  std::fprintf(stderr, "broken: error: expected a rule (broken without arguments lists them), got \"%s\"\n", argv[1]);
  return 2;
}
