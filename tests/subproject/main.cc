// The least program that uses the library.
// SPDX-License-Identifier: Apache-2.0
#include "xmsda/msda.h"

int main() { return xmsda::Validate(xmsda::Problem{}).ok() ? 0 : 1; }
