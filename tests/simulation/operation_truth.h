// What the processes of a fleet really did of cache operations, kept apart from the code under
// test, and that the controller says nothing else of them, whatever happens to it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "core/operations/event_log.h"

namespace holdfast::test {

class OperationTruth {
 public:
  // --- The workers: what the process of this run did with the operation of this number ---
  void began(uint64_t run, uint64_t number);
  void ended(uint64_t run, uint64_t number, const OperationOutcome& outcome);

  // --- The controller ---
  void settled(const EventRecord& event);
  // What was recorded is there, or has ended; what has ended stays as it is; each rank is where its
  // process is.
  void check(const EventLog& log);

 private:
  void checkRank(const EventRecord& event, const RankRecord& rank) const;

  std::map<std::pair<uint64_t, uint64_t>, std::optional<OperationOutcome>> deeds_;  // run, number
  std::map<uint64_t, EventRecord> settled_;                                         // by number
  std::map<std::string, uint64_t> recorded_;                                        // id -> number
};

}  // namespace holdfast::test
