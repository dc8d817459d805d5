#include "core/operations/event_log.h"

#include <utility>

#include "core/check.h"

namespace holdfast {

Event& EventLog::add(EventRecord record) {
  auto added = std::make_unique<Event>();
  added->record = std::move(record);
  added->serial = nextSerial_++;
  Event& event = *added;
  events_.emplace(event.serial, std::move(added));
  const bool isNew = byId_.emplace(event.record.id, &event).second;
  HOLDFAST_CHECK(isNew, "event %s is there already", event.record.id.c_str());
  unfinished_.emplace(event.record.number, &event);
  return event;
}

void EventLog::finish(Event& event, bool remembered) {
  unfinished_.erase(event.record.number);
  event.finished = true;
  event.remembered = remembered;
  if (remembered) finished_.push_back(&event);
}

void EventLog::erase(const Event& event) {
  unfinished_.erase(event.record.number);
  if (event.remembered) {
    HOLDFAST_CHECK(finished_.front() == &event, "event %s is not the oldest that finished",
                   event.record.id.c_str());
    finished_.pop_front();
  }
  byId_.erase(event.record.id);
  events_.erase(event.serial);
}

Event* EventLog::byId(std::string_view id) const {
  const auto found = byId_.find(id);
  return found == byId_.end() ? nullptr : found->second;
}

Event* EventLog::bySerial(uint64_t serial) const {
  const auto found = events_.find(serial);
  return found == events_.end() ? nullptr : found->second.get();
}

Event* EventLog::unfinishedByNumber(uint64_t number) const {
  const auto found = unfinished_.find(number);
  return found == unfinished_.end() ? nullptr : found->second;
}

Event* EventLog::oldestFinished() const {
  return finished_.empty() ? nullptr : finished_.front();
}

}  // namespace holdfast
