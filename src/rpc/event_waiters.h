// Answers that wait for the end of a cache operation.
#pragma once

#include <kj/async.h>

#include <map>
#include <string>
#include <vector>

#include "core/cache_operations.h"

namespace holdfast {

class EventWaiters {
 public:
  static constexpr size_t kWaitingMax = 65'536;

  // The event, when it has settled. Fails where too many wait already.
  kj::Promise<EventRecord> settlementOf(const std::string& id);
  void settled(const EventRecord& event);

 private:
  std::map<std::string, std::vector<kj::Own<kj::PromiseFulfiller<EventRecord>>>> waiting_;  // by id
  size_t count_ = 0;
};

}  // namespace holdfast
