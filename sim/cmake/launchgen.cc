// ascsim-launchgen: makes what is compiled instead of a kernel's source, and the aclrtlaunch_NAME.h of its kernels.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "host/kernel_source.h"

namespace {

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw std::runtime_error(path + ": cannot be read");
  return text.str();
}

// Left alone when it has this content already: host programs are not compiled anew for nothing.
void Write(const std::string& path, const std::string& text) {
  if (std::ifstream old(path, std::ios::binary); old) {
    std::ostringstream content;
    content << old.rdbuf();
    if (content.str() == text) return;
  }
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw std::runtime_error(path + ": cannot be written");
}

void Generate(const std::string& source, const std::string& output, const std::string& headers) {
  const std::string text = Read(source);
  std::vector<ascsim::Kernel> kernels;
  try {
    kernels = ascsim::FindKernels(text);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(source + ":" + error.what());
  }
  int calls = 0;
  const std::string rewritten = ascsim::RewriteCalls(text, &calls);
  std::string result = "// Generated from " + source + "\n#include \"ascsim/launch.h\"\n";
  // An untouched source is included where it lies.
  result += calls == 0 ? "#include \"" + source + "\"\n" : "#line 1 \"" + source + "\"\n" + rewritten;
  if (!kernels.empty()) result += "\n#line 1 \"launchers of " + source + "\"\n";
  for (const ascsim::Kernel& kernel : kernels) {
    result += ascsim::LaunchDefinition(kernel);
    Write(headers + "/aclrtlaunch_" + kernel.name + ".h", ascsim::LaunchHeader(kernel));
  }
  Write(output, result);
  // The build compares times: a result that did not change must be newer than its source all the same.
  std::filesystem::last_write_time(output, std::filesystem::file_time_type::clock::now());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: ascsim-launchgen SOURCE OUTPUT HEADER_FOLDER\n");
    return 2;
  }
  try {
    Generate(argv[1], argv[2], argv[3]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ascsim-launchgen: error: %s\n", error.what());
    return 2;
  }
  return 0;
}
