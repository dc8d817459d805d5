// The part of the command line for cache operations, their events and their pins.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>

#include "exit_code.h"
#include "number_arguments.h"
#include "operation_commands.h"

namespace holdfast::ctl {

class OperationLine {
 public:
  using Command = std::function<ExitCode(Controller&, const Output&)>;

  explicit OperationLine(CLI::App& app);
  // What the command line asks for; nothing if it is no command of these. After the parse; throws
  // CLI::ParseError.
  std::optional<Command> command();

 private:
  // One kind of operation with its arguments.
  struct Kind {
    CLI::App* app = nullptr;
    Operation operation;
    NumberArguments numbers;
    bool noWait = false;
    bool takesNumbers = false;
  };
  Kind& add(CLI::App& app, OperationKind kind, const std::string& description);
  static void addCommon(Kind& kind);
  static void addNumbers(Kind& kind);

  std::list<Kind> kinds_;  // options keep pointers into it
  CLI::App* health_;
  CLI::App* checkFinish_;
  CLI::App* events_;
  CLI::App* forget_;
  CLI::App* drain_;
  std::string instance_;
  std::string eventId_;
  uint32_t worker_ = 0;
  bool unfinishedOnly_ = false;
  uint32_t max_ = 100;
  bool undo_ = false;
};

}  // namespace holdfast::ctl
