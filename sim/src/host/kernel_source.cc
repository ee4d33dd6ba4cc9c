// A tokeniser for C++ sources, just deep enough to see declarations of kernels.
// SPDX-License-Identifier: Apache-2.0
#include "host/kernel_source.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace ascsim {
namespace {

struct Token {
  std::string_view text;
  size_t begin = 0;  // offset in the source
  int line = 0;
};

bool IsWordStart(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Comments and preprocessor lines are left out; a literal is one token.
class Tokeniser {
 public:
  explicit Tokeniser(std::string_view source) : source_(source) {}

  std::vector<Token> Run() {
    while (at_ < source_.size()) Step();
    return std::move(tokens_);
  }

 private:
  bool Starts(std::string_view text) const { return source_.substr(at_, text.size()) == text; }

  void Skip(size_t end) {
    end = std::min(end, source_.size());
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
    at_ = end;
  }

  void Add(size_t end) {
    end = std::min(end, source_.size());
    tokens_.push_back({source_.substr(at_, end - at_), at_, line_});
    Skip(end);
  }

  size_t After(std::string_view text, size_t from) const {
    const size_t found = source_.find(text, from);
    return found == std::string_view::npos ? source_.size() : found + text.size();
  }

  // To the end of the line, beyond escaped line ends and comments that span lines.
  void SkipDirective() {
    size_t end = at_;
    while (end < source_.size() && source_[end] != '\n') {
      if (source_[end] == '\\' && end + 1 < source_.size()) {
        end += source_[end + 1] == '\r' ? 3U : 2U;
      } else if (source_.substr(end, 2) == "//") {
        end = source_.find('\n', end);
      } else if (source_.substr(end, 2) == "/*") {
        end = After("*/", end + 2);
      } else {
        ++end;
      }
    }
    Skip(end);
  }

  size_t LiteralEnd(char quote) const {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote && source_[end] != '\n') end += source_[end] == '\\' ? 2U : 1U;
    return end + 1;
  }

  void Step() {
    const char c = source_[at_];
    if (c == '\n') {
      line_start_ = true;
      Skip(at_ + 1);
      return;
    }
    if (std::isspace(static_cast<unsigned char>(c)) != 0 || c == '\\') return Skip(at_ + 1);
    if (Starts("//")) return Skip(source_.find('\n', at_));
    if (Starts("/*")) return Skip(After("*/", at_ + 2));
    if (c == '#' && line_start_) return SkipDirective();
    line_start_ = false;
    if (Starts("R\"")) {
      const size_t open = source_.find('(', at_);
      if (open == std::string_view::npos) return Add(source_.size());
      return Add(After(")" + std::string(source_.substr(at_ + 2, open - at_ - 2)) + "\"", open));
    }
    if (c == '"' || c == '\'') return Add(LiteralEnd(c));
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
      size_t end = at_;  // with digit separators, exponents and suffixes
      while (end < source_.size() && (IsWord(source_[end]) || source_[end] == '.' || source_[end] == '\'')) ++end;
      return Add(end);
    }
    if (IsWordStart(c)) {
      size_t end = at_;
      while (end < source_.size() && IsWord(source_[end])) ++end;
      return Add(end);
    }
    if (Starts("<<<")) return Add(at_ + 3);
    if (Starts("::") || Starts("->")) return Add(at_ + 2);
    Add(at_ + 1);
  }

  std::string_view source_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_start_ = true;
  std::vector<Token> tokens_;
};

using Tokens = std::vector<Token>;

bool IsName(const Token& token) { return IsWordStart(token.text[0]); }

// The token behind the bracket that closes the one at `open`.
size_t Behind(const Tokens& tokens, size_t open) {
  int depth = 0;
  for (size_t i = open; i < tokens.size(); ++i) {
    const std::string_view text = tokens[i].text;
    if (text == "(" || text == "[" || text == "{") ++depth;
    if ((text == ")" || text == "]" || text == "}") && --depth == 0) return i + 1;
  }
  return tokens.size();
}

constexpr std::array kScalarWords = {"bool",     "char",    "short",    "int",     "long",     "unsigned",
                                     "signed",   "float",   "double",   "int8_t",  "uint8_t",  "int16_t",
                                     "uint16_t", "int32_t", "uint32_t", "int64_t", "uint64_t", "size_t"};
constexpr std::array kQualifiers = {"const", "volatile", "__restrict__", "__restrict", "restrict"};

template <size_t kCount>
bool Contains(const std::array<const char*, kCount>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

KernelParameter ParseParameter(const Tokens& tokens, size_t begin, size_t end) {
  KernelParameter parameter;
  std::vector<std::string_view> words;
  bool pointer = false;
  for (size_t i = begin; i < end; ++i) {
    const std::string_view text = tokens[i].text;
    if (text == "=") break;  // a default argument
    if (text == "*" || text == "GM_ADDR" || text == "__gm__") pointer = true;
    if (!Contains(kQualifiers, text)) words.push_back(text);
  }
  if (words.size() > 1 && IsWordStart(words.back()[0]) && !Contains(kScalarWords, words.back())) {
    parameter.name = words.back();
    words.pop_back();
  }
  const bool scalar = std::all_of(words.begin(), words.end(), [](std::string_view word) {
    return Contains(kScalarWords, word) || word == "std" || word == "::";
  });
  if (pointer) {
    parameter.kind = KernelParameter::Kind::kPointer;
  } else if (scalar) {
    parameter.kind = KernelParameter::Kind::kScalar;
    for (const std::string_view word : words) {
      if (!parameter.type.empty() && word != "::" && parameter.type.back() != ':') parameter.type += ' ';
      parameter.type += word;
    }
  }
  return parameter;
}

std::vector<KernelParameter> ParseParameters(const Tokens& tokens, size_t open, size_t close) {
  std::vector<KernelParameter> parameters;
  size_t begin = open + 1;
  int depth = 0;
  for (size_t i = begin; i <= close; ++i) {
    const std::string_view text = tokens[i].text;
    const bool end = i == close || (text == "," && depth == 0);
    if (text == "(" || text == "<" || text == "{" || text == "[") ++depth;
    if (text == ")" || text == ">" || text == "}" || text == "]") --depth;
    if (!end) continue;
    const bool none = i == begin || (i == begin + 1 && tokens[begin].text == "void");
    if (!none) parameters.push_back(ParseParameter(tokens, begin, i));
    begin = i + 1;
  }
  return parameters;
}

bool SameParameters(const Kernel& a, const Kernel& b) {
  return std::equal(a.parameters.begin(), a.parameters.end(), b.parameters.begin(), b.parameters.end(),
                    [](const auto& x, const auto& y) { return x.kind == y.kind && x.type == y.type; });
}

void AddKernel(Kernel kernel, std::vector<Kernel>* kernels) {
  for (const Kernel& other : *kernels) {
    if (other.name != kernel.name) continue;
    // Two branches of an #if.
    if (SameParameters(other, kernel)) return;
    throw std::runtime_error(std::to_string(kernel.line) + ": kernel " + kernel.name +
                             " differs in its parameters from line " + std::to_string(other.line) +
                             "; expected one of them in a file of its own");
  }
  kernels->push_back(std::move(kernel));
}

// A declaration from `begin` on; where to go on. Kernels that are defined in it are added.
size_t ParseDeclaration(const Tokens& tokens, size_t begin, std::vector<Kernel>* kernels) {
  bool global = false, hidden = false, is_void = false;
  for (size_t i = begin; i < tokens.size(); ++i) {
    const std::string_view text = tokens[i].text;
    if (text == ";") return i + 1;
    if (text == "}") return i + 1;
    if (text == "{") return Behind(tokens, i);
    if (text == "template" || text == "static") hidden = true;
    if (text == "__global__") global = true;
    if (text == "void") is_void = true;
    if (text != "(") continue;
    const size_t behind = Behind(tokens, i);
    // __attribute__((...)) and __mix__(1, 2) stand before `void`.
    if (!global || !is_void || !IsName(tokens[i - 1])) {
      i = behind - 1;
      continue;
    }
    const bool defined = behind < tokens.size() && tokens[behind].text == "{";
    if (defined && !hidden) {
      Kernel kernel;
      kernel.name = tokens[i - 1].text;
      kernel.line = tokens[i - 1].line;
      kernel.parameters = ParseParameters(tokens, i, behind - 1);
      AddKernel(std::move(kernel), kernels);
    }
    i = behind - 1;
  }
  return tokens.size();
}

// Where the expression that names a kernel before <<< begins: a, ns::a, a<int, 3>.
size_t NameBegin(const Tokens& tokens, size_t call) {
  size_t i = call;
  if (i > 0 && tokens[i - 1].text == ">") {
    int depth = 0;
    while (i > 0) {
      --i;
      if (tokens[i].text == ">") ++depth;
      if (tokens[i].text == "<" && --depth == 0) break;
    }
  }
  while (i > 0 && (IsName(tokens[i - 1]) || tokens[i - 1].text == "::")) {
    // Two names in a row are a statement's keyword and the kernel.
    if (i < call && IsName(tokens[i]) && IsName(tokens[i - 1])) break;
    --i;
  }
  return i;
}

// The first of the three > that end what begins with the <<< at `call`; the number of tokens when there are none.
size_t ConfigurationEnd(const Tokens& tokens, size_t call) {
  for (size_t i = call + 1; i + 2 < tokens.size() && tokens[i].text != ";"; ++i) {
    const bool three = tokens[i].text == ">" && tokens[i + 1].text == ">" && tokens[i + 2].text == ">";
    if (three && tokens[i + 2].begin == tokens[i].begin + 2) return i;
  }
  return tokens.size();
}

std::string Escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

// Not the kernel's own name of it, which may be a macro of the host program or one of ours.
std::string ArgumentName(size_t i) { return std::string("argument").append(std::to_string(i + 1)); }

bool HasOther(const Kernel& kernel) {
  return std::any_of(kernel.parameters.begin(), kernel.parameters.end(),
                     [](const auto& p) { return p.kind == KernelParameter::Kind::kOther; });
}

// "uint32_t ascsim_launch_NAME(uint32_t blockDim, void* stream, ...)", what the kernel's file defines.
std::string Prototype(const Kernel& kernel, const std::string& prefix) {
  std::string text = "uint32_t " + prefix + kernel.name + "(uint32_t blockDim, void* stream";
  for (size_t i = 0; i < kernel.parameters.size(); ++i) {
    const KernelParameter& parameter = kernel.parameters[i];
    const std::string name = ArgumentName(i);
    if (parameter.kind == KernelParameter::Kind::kPointer) text += ", const void* " + name;
    if (parameter.kind == KernelParameter::Kind::kScalar) text += ", " + parameter.type + " " + name;
    if (parameter.kind == KernelParameter::Kind::kOther) text += ", const void* " + name + ", size_t " + name + "_size";
  }
  return text + ")";
}

// The function that the host program calls: parameters of types that it need not know are templates.
std::string TemplateWrapper(const Kernel& kernel) {
  std::string types, parameters, arguments;
  for (size_t i = 0; i < kernel.parameters.size(); ++i) {
    const KernelParameter& parameter = kernel.parameters[i];
    const std::string name = ArgumentName(i);
    if (parameter.kind == KernelParameter::Kind::kPointer) parameters += ", const void* " + name;
    if (parameter.kind == KernelParameter::Kind::kScalar) parameters += ", " + parameter.type + " " + name;
    if (parameter.kind == KernelParameter::Kind::kOther) {
      const std::string type = std::string("T").append(std::to_string(i + 1));
      types += (types.empty() ? "typename " : ", typename ") + type;
      parameters += ", const " + type + "& " + name;
      arguments += ", &" + name + ", sizeof(" + type + ")";
    } else {
      arguments += ", " + name;
    }
  }
  return "template <" + types + ">\ninline uint32_t aclrtlaunch_" + kernel.name + "(uint32_t blockDim, void* stream" +
         parameters + ") {\n  return ascsim_launch_" + kernel.name + "(blockDim, stream" + arguments + ");\n}\n";
}

}  // namespace

std::vector<Kernel> FindKernels(const std::string& source) {
  const Tokens tokens = Tokeniser(source).Run();
  std::vector<Kernel> kernels;
  size_t i = 0;
  while (i < tokens.size()) {
    // The inside of an extern "C" block is global scope; its closing brace is skipped as an empty declaration.
    const bool block = i + 2 < tokens.size() && tokens[i].text == "extern" && tokens[i + 1].text == "\"C\"" &&
                       tokens[i + 2].text == "{";
    i = block ? i + 3 : ParseDeclaration(tokens, i, &kernels);
  }
  return kernels;
}

std::string RewriteCalls(const std::string& source, int* count) {
  const Tokens tokens = Tokeniser(source).Run();
  std::string result;
  size_t copied = 0;
  *count = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].text != "<<<") continue;
    const size_t end = ConfigurationEnd(tokens, i);
    if (end == tokens.size() || i == 0) continue;
    const size_t name_begin = tokens[NameBegin(tokens, i)].begin;
    std::string name = source.substr(name_begin, tokens[i].begin - name_begin);
    while (!name.empty() && std::isspace(static_cast<unsigned char>(name.back())) != 0) name.pop_back();
    const size_t arguments = tokens[i].begin + 3;
    result += source.substr(copied, name_begin - copied) + "::ascsim::DirectCall(" + name + ", \"" + Escape(name) +
              "\", " + source.substr(arguments, tokens[end].begin - arguments) + ")";
    copied = tokens[end].begin + 3;
    ++*count;
    i = end + 2;
  }
  return result + source.substr(copied);
}

std::string LaunchHeader(const Kernel& kernel) {
  std::string text = "// Launches the kernel " + kernel.name + " on the simulated device. Generated.\n#pragma once\n" +
                     "#include <cstddef>\n#include <cstdint>\n\n#ifndef ACLRT_LAUNCH_KERNEL\n" +
                     "#define ACLRT_LAUNCH_KERNEL(kernel) aclrtlaunch_##kernel\n#endif\n\n";
  if (!HasOther(kernel)) return text + "extern \"C\" " + Prototype(kernel, "aclrtlaunch_") + ";\n";
  return text + "extern \"C\" " + Prototype(kernel, "ascsim_launch_") + ";\n\n" + TemplateWrapper(kernel);
}

std::string LaunchDefinition(const Kernel& kernel) {
  std::string arguments;
  for (size_t i = 0; i < kernel.parameters.size(); ++i) {
    const std::string name = ArgumentName(i);
    if (i > 0) arguments += ", ";
    switch (kernel.parameters[i].kind) {
      case KernelParameter::Kind::kPointer:
        arguments += "::ascsim::PointerArgument(" + name + ")";
        break;
      case KernelParameter::Kind::kScalar:
        arguments += name;
        break;
      case KernelParameter::Kind::kOther:
        arguments += "::ascsim::ValueArgument(" + name + ", " + name + "_size, \"" + kernel.name + "\", \"" +
                     std::to_string(i + 1) + " (" + kernel.parameters[i].name + ")\")";
        break;
    }
  }
  const std::string prefix = HasOther(kernel) ? "ascsim_launch_" : "aclrtlaunch_";
  return "extern \"C\" " + Prototype(kernel, prefix) + ";\nextern \"C\" " + Prototype(kernel, prefix) +
         " {\n  return ::ascsim::LaunchOnStream(\"" + kernel.name + "\", blockDim, stream, [=] { " + kernel.name + "(" +
         arguments + "); });\n}\n";
}

}  // namespace ascsim
