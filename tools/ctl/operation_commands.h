// Cache operations: asks for one, waits for its end, tells what each rank answered.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "commands.h"
#include "core/event_record.h"

namespace holdfast::ctl {

struct Operation {
  OperationKind kind = OperationKind::kClear;
  std::string eventId;
  std::string instance;
  std::string location;
  std::string method;
  std::string newInstance;
  std::string newLocation;
  bool copy = false;
  uint64_t ttlSeconds = 0;  // of a pin; 0: it ends with the chunks
  bool wait = true;         // until it has ended
  // At most one is set; none: all chunks.
  std::optional<std::vector<uint32_t>> tokens;
  std::optional<std::vector<uint64_t>> hashes;
};

enum class Ending { kDone, kFailed, kUnfinished };

Ending runOperation(Controller& controller, const Output& output, const Operation& operation);
Ending showHealth(Controller& controller, const Output& output, const std::string& instance);
Ending checkFinish(Controller& controller, const Output& output, const std::string& eventId);

void showEvents(Controller& controller, const Output& output, const std::string& instance,
                bool unfinishedOnly, uint32_t max);

void forgetWorker(Controller& controller, const Output& output, const std::string& instance,
                  uint32_t worker);
void drainInstance(Controller& controller, const Output& output, const std::string& instance,
                   bool undo);

}  // namespace holdfast::ctl
