// The one table of variants of the Ascend kernels.
// SPDX-License-Identifier: Apache-2.0
#include "ascend/host/variants.h"

#include <string>

#include "acl/acl.h"
#include "ascend/host/launch.h"

namespace xmsda::ascend {
namespace {

Status Zero(void* array, int64_t bytes, void* stream) {
  if (bytes == 0) return {};
  const auto size = static_cast<size_t>(bytes);
  return Acl("aclrtMemsetAsync", aclrtMemsetAsync(array, size, 0, size, stream));
}

Status AutoSupports(const Problem& problem, const Chip& chip) {
  if (ChooseVariant(problem, chip, false) != nullptr) return {};
  return kResident.supports(problem, chip);
}

int64_t AutoForwardWorkspace(const Problem& problem, const Chip& chip) {
  return ChooseVariant(problem, chip, false)->forward_workspace(problem, chip);
}

Status AutoForward(const Launch& launch, void* output) {
  return ChooseVariant(launch.problem, launch.chip, false)->forward(launch, output);
}

int64_t AutoBackwardWorkspace(const Problem& problem, const Chip& chip) {
  return ChooseVariant(problem, chip, true)->backward_workspace(problem, chip);
}

Status AutoBackward(const Launch& launch, const void* grad_output, const DeviceGradients& gradients) {
  return ChooseVariant(launch.problem, launch.chip, true)->backward(launch, grad_output, gradients);
}

constexpr Variant kAuto = {"auto",
                           "the variant that suits the problem",
                           "as the variants",
                           false,
                           AutoSupports,
                           AutoForwardWorkspace,
                           AutoForward,
                           AutoBackwardWorkspace,
                           AutoBackward,
                           nullptr};

}  // namespace

bool HasWork(const Problem& p) {
  return p.batch > 0 && p.num_queries > 0 && p.num_heads > 0 && p.channels > 0 && p.SamplesPerQuery() > 0;
}

const std::vector<const Variant*>& Variants() {
  static const std::vector<const Variant*> variants = {&kAuto,  &kResident,     &kDma1,    &kDma2,     &kHybrid,
                                                       &kXmsda, &kXmsdaAligned, &kLibrary, &kLibraryDb};
  return variants;
}

const std::vector<const Variant*>& Comparisons() {
  static const std::vector<const Variant*> comparisons = {&kGridSample};
  return comparisons;
}

const Variant* FindVariant(std::string_view name) {
  for (const Variant* variant : Variants()) {
    if (name == variant->name) return variant;
  }
  return nullptr;
}

Status UnknownVariant(std::string_view name, bool comparisons) {
  std::vector<const Variant*> known = Variants();
  if (comparisons) known.insert(known.end(), Comparisons().begin(), Comparisons().end());
  std::string expected;
  for (const Variant* variant : known) expected += (expected.empty() ? "" : ", ") + std::string(variant->name);
  return Status::InvalidArgument("variant: expected one of " + expected + ", got \"" + std::string(name) + "\"");
}

const Variant* ChooseVariant(const Problem& problem, const Chip& chip, bool backward) {
  const Variant* best = nullptr;
  double least = 0;
  for (const Variant* variant : Variants()) {
    if (variant->estimate == nullptr || !variant->supports(problem, chip).ok()) continue;
    const double cycles = variant->estimate(problem, chip, backward);
    if (best == nullptr || cycles < least) best = variant, least = cycles;
  }
  return best;
}

Status Supports(const Variant& variant, const Problem& problem, const Chip& chip) {
  if (Status status = Validate(problem); !status.ok()) return status;
  if (!HasWork(problem)) return CheckTypes(problem);
  Status status = variant.supports(problem, chip);
  if (status.ok()) return status;
  for (const Variant* other : Variants()) {
    if (other != &kAuto && other->supports(problem, chip).ok()) {
      return Status::Unsupported(status.message() + "; the variant " + other->name + " takes it");
    }
  }
  return Status::Unsupported(status.message() + "; no other variant takes it");
}

int64_t ForwardWorkspace(const Variant& variant, const Problem& problem, const Chip& chip) {
  return HasWork(problem) ? variant.forward_workspace(problem, chip) : 0;
}

int64_t BackwardWorkspace(const Variant& variant, const Problem& problem, const Chip& chip) {
  return HasWork(problem) && variant.backward != nullptr ? variant.backward_workspace(problem, chip) : 0;
}

Status Forward(const Variant& variant, const Launch& launch, void* output) {
  const Problem& p = launch.problem;
  if (Status status = Supports(variant, p, launch.chip); !status.ok()) return status;
  if (HasWork(p)) return variant.forward(launch, output);
  const auto size = static_cast<int64_t>(DTypeSize(p.value_dtype));
  return Zero(output, p.batch * p.num_queries * p.num_heads * p.channels * size, launch.stream);
}

Status Backward(const Variant& variant, const Launch& launch, const void* grad_output,
                const DeviceGradients& gradients) {
  const Problem& p = launch.problem;
  if (Status status = Supports(variant, p, launch.chip); !status.ok()) return status;
  if (variant.backward == nullptr) {
    return Status::Unsupported(std::string("variant: expected one with a backward pass, got \"") + variant.name + "\"");
  }
  if (HasWork(p)) return variant.backward(launch, grad_output, gradients);
  const auto size = static_cast<int64_t>(DTypeSize(p.value_dtype));
  const int64_t samples = p.batch * p.num_queries * p.num_heads * p.SamplesPerQuery();
  Status status = Zero(gradients.value, p.batch * p.value_size * p.num_heads * p.channels * size, launch.stream);
  if (status.ok()) status = Zero(gradients.locations, samples * 8, launch.stream);
  return status.ok() ? Zero(gradients.weights, samples * 4, launch.stream) : status;
}

}  // namespace xmsda::ascend
