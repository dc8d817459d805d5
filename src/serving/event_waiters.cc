#include "serving/event_waiters.h"

#include <utility>

#include "core/result.h"
#include "wire/errors.h"

namespace holdfast {

kj::Promise<std::shared_ptr<const EventRecord>> EventWaiters::settlementOf(const std::string& id) {
  if (count_ == kWaitingMax) {
    return wireError({ErrorCode::kUnavailable,
                      std::to_string(kWaitingMax) +
                          " calls wait for operations already; the operation goes on, ask "
                          "checkFinish for it"});
  }
  ++count_;
  auto paf = kj::newPromiseAndFulfiller<std::shared_ptr<const EventRecord>>();
  waiting_[id].push_back(kj::mv(paf.fulfiller));
  return kj::mv(paf.promise);
}

void EventWaiters::settled(const EventRecord& event) {
  auto found = waiting_.extract(event.id);
  if (found.empty()) return;
  count_ -= found.mapped().size();
  const auto copy = std::make_shared<const EventRecord>(event);
  for (auto& fulfiller : found.mapped()) fulfiller->fulfill(std::shared_ptr(copy));
}

}  // namespace holdfast
