// The result of a call: success, or one message that names the argument at fault.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#pragma GCC visibility push(default)
namespace xmsda {

enum class StatusCode {
  kOk = 0,
  kInvalidArgument,  // an argument's value, shape or type; nothing was written
  kUnsupported,      // valid, but not by this backend or on this machine
  kDevice,           // a device, or the simulator of one, failed: its own message; outputs are undefined
};

// The message reads "<argument>: expected <what>, got <what came>". Nothing is written to any output
// by a call that returns a Status other than kOk.
class [[nodiscard]] Status {
 public:
  Status() = default;
  static Status InvalidArgument(std::string message) {
    return Status(StatusCode::kInvalidArgument, std::move(message));
  }
  static Status Unsupported(std::string message) { return Status(StatusCode::kUnsupported, std::move(message)); }
  static Status Device(std::string message) { return Status(StatusCode::kDevice, std::move(message)); }

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

}  // namespace xmsda
#pragma GCC visibility pop
