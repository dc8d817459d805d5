// Every event that is known, by id, by number and in the order they came.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/event_record.h"
#include "core/registry_store.h"

namespace holdfast {

struct Event {
  EventRecord record;
  uint64_t serial = 0;            // in the order they came; never reused
  uint64_t modelSalt = 0;         // of the model that its chunks are of, see RegistryTree::salt
  std::vector<ChunkHash> chunks;  // until they are sent; of a pin record.toPin has them
  PromptTokens tokens;            // until they are sent; null where no rank takes them
  uint64_t deadlineMs = 0;        // steady clock
  size_t openRanks = 0;           // not final
  Ticket ticket = 0;              // of the newest write
  bool recorded = false;          // some write is committed: workers may hear of it
  bool stale = false;             // changed since the newest write
  bool finished = false;          // all its ranks are final
  bool remembered = false;        // erased in the order in which those finish
  bool settled = false;           // final, and that is committed: whoever waits may be answered
};

class EventLog {
 public:
  Event& add(EventRecord record);
  // One that finished and is remembered only as the oldest of them.
  void erase(const Event& event);
  // All its ranks are final. `remembered`: it is erased in the order of these.
  void finish(Event& event, bool remembered);

  // nullptr if there is none.
  Event* byId(std::string_view id) const;
  Event* bySerial(uint64_t serial) const;
  Event* unfinishedByNumber(uint64_t number) const;
  // Of those that are remembered the one that finished first; nullptr if none has.
  Event* oldestFinished() const;

  const std::map<uint64_t, std::unique_ptr<Event>>& bySerial() const { return events_; }
  const std::unordered_map<uint64_t, Event*>& unfinished() const { return unfinished_; }
  size_t finished() const { return finished_.size(); }

 private:
  std::map<uint64_t, std::unique_ptr<Event>> events_;  // by serial
  std::unordered_map<std::string_view, Event*> byId_;  // views of the records' ids
  std::unordered_map<uint64_t, Event*> unfinished_;    // by number
  std::deque<Event*> finished_;                        // in the order they finished
  uint64_t nextSerial_ = 1;
};

}  // namespace holdfast
