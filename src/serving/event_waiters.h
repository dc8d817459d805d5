// Answers that wait for the end of a cache operation.
#pragma once

#include <kj/async.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/event_record.h"

namespace holdfast {

class EventWaiters {
 public:
  static constexpr size_t kWaitingMax = 65'536;

  // The event, when it has settled. Fails where too many wait already.
  kj::Promise<std::shared_ptr<const EventRecord>> settlementOf(const std::string& id);
  void settled(const EventRecord& event);

 private:
  using Fulfiller = kj::PromiseFulfiller<std::shared_ptr<const EventRecord>>;
  std::map<std::string, std::vector<kj::Own<Fulfiller>>> waiting_;  // by id
  size_t count_ = 0;
};

}  // namespace holdfast
