// The one table of variants of the Ascend kernels: backends, driver and bindings iterate over it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "ascend/host/tiling.h"
#include "xmsda/problem.h"
#include "xmsda/status.h"

namespace xmsda::ascend {

// Dense arrays on the device: value[B,S,M,D] of value_dtype, locations[B,Q,M,K,2] and weights[B,Q,M,K] of f32.
struct DeviceInputs {
  const void* value = nullptr;
  const void* locations = nullptr;
  const void* weights = nullptr;
};

// Dense arrays on the device, as the inputs of the same names.
struct DeviceGradients {
  void* value = nullptr;
  void* locations = nullptr;
  void* weights = nullptr;
};

// What launches need. Kernels are put on the stream, nothing waits for them; an error of theirs comes from the
// stream's next synchronisation.
struct Launch {
  const Problem& problem;
  Chip chip;
  DeviceInputs inputs;
  void* workspace = nullptr;  // at least of the variant's *_workspace bytes; its content does not matter
  void* stream = nullptr;     // aclrtStream; null: the default one
};

// A way to compute problems on the chip. Functions are called for problems that `supports` takes, with work to do.
struct Variant {
  const char* name;
  const char* description;
  const char* limits;  // in words, for lists
  // f16 value: the weight of a corner (attention weight times bilinear weight) is rounded to f16 in the forward pass
  // before it meets value; products are exact then, sums float32.
  bool f16_weights;
  Status (*supports)(const Problem&, const Chip&);
  int64_t (*forward_workspace)(const Problem&, const Chip&);
  Status (*forward)(const Launch&, void* output);
  // Null in a variant that has a forward pass only.
  int64_t (*backward_workspace)(const Problem&, const Chip&);
  Status (*backward)(const Launch&, const void* grad_output, const DeviceGradients&);
  // Cycles of a pass by the model of cost.h; null in variants that `auto` never takes.
  double (*estimate)(const Problem&, const Chip&, bool backward);
  // Gathers 32 bits at multiples of 2 bytes, which is not documented: rule misaligned-gather32 of the simulator is off
  // for it, all others are not.
  bool half_aligned_gathers = false;
};

// "auto", which hands each problem to the variant that ChooseVariant names, comes first.
const std::vector<const Variant*>& Variants();
const Variant* FindVariant(std::string_view name);  // null when there is none of that name
// What only comparisons of times run: no backends, since the judges of the tests have no terms for their arithmetic.
const std::vector<const Variant*>& Comparisons();
// "expected one of ..., got ..." for a name that FindVariant does not know; with the names of Comparisons() where they
// are taken, too.
Status UnknownVariant(std::string_view name, bool comparisons);

// Some sample with some channel: problems without are done by writing zeros, by no variant.
bool HasWork(const Problem& problem);

// What "auto" takes for a pass: the variant with the least estimate; null when none takes the problem.
const Variant* ChooseVariant(const Problem& problem, const Chip& chip, bool backward);

// Ok, or kUnsupported with the limit at fault and the variant that would do, if any. Problems without work are fine.
Status Supports(const Variant& variant, const Problem& problem, const Chip& chip);

// The passes of any variant, problems without work included; output and gradients as in msda.h. Supports comes first.
int64_t ForwardWorkspace(const Variant& variant, const Problem& problem, const Chip& chip);
int64_t BackwardWorkspace(const Variant& variant, const Problem& problem, const Chip& chip);
Status Forward(const Variant& variant, const Launch& launch, void* output);
Status Backward(const Variant& variant, const Launch& launch, const void* grad_output,
                const DeviceGradients& gradients);

// The variants themselves. A new one is a file, a line here and an entry of the table in variants.cc.
extern const Variant kResident, kDma1;       // rows.cc
extern const Variant kDma2;                  // rows_raw.cc
extern const Variant kHybrid;                // hybrid.cc
extern const Variant kXmsda, kXmsdaAligned;  // planes.cc
extern const Variant kLibrary, kLibraryDb;   // library.cc
extern const Variant kGridSample;            // grid_sample.cc

}  // namespace xmsda::ascend
