// replication/log.h in memory: what a shared engine may do to the nodes that append to it, drawn by
// a test's random numbers. Nothing happens by itself.
#pragma once

#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "replication/log.h"

namespace holdfast::test {

// The engine: what it has taken, in order.
struct MemoryLogRecords {
  std::vector<std::string> records;  // records[n] stands under sequence first + n
  replication::LogSequence first = 1;
  std::string identity = "memory";

  replication::LogSequence last() const { return first + records.size() - 1; }
  const std::string& at(replication::LogSequence sequence) const {
    return records.at(sequence - first);
  }
};

// Of a hundred.
struct MemoryLogFaults {
  uint32_t lost = 0;       // appends that never arrive
  uint32_t repeated = 0;   // that arrive, and again later
  uint32_t overtaken = 0;  // steps in which not the oldest arrives
  uint32_t unheard = 0;    // acknowledgements, and answers to fetch(), that are lost
  uint32_t unknown = 0;    // lost appends of which the node is told
};

// One node's connection to it.
class MemoryLog final : public replication::Log {
 public:
  // Keeps its arguments, which outlive it.
  MemoryLog(MemoryLogRecords& engine, std::mt19937_64& random) : engine_(engine), random_(random) {}

  // --- What a test does ---

  void setFaults(const MemoryLogFaults& faults) { faults_ = faults; }
  // One thing that is under way between node and engine comes to pass. False: nothing is.
  bool step();
  bool idle() const { return appends_.empty() && fetches_.empty() && answers_.empty(); }
  // Nobody polls any more: the node was killed. What it had appended may still arrive.
  void abandon() { abandoned_ = true; }
  // Of follow(): so many records a poll at most.
  void setRecordsPerPoll(size_t records) { recordsPerPoll_ = records; }

  // --- Log ---

  replication::AppendId append(std::string_view bytes) override;
  void fetch(replication::LogSequence sequence) override;
  void follow(replication::LogSequence from) override { following_ = from; }
  replication::LogState state() const override;
  void poll(replication::LogListener& listener) override;

 private:
  struct Append {
    replication::AppendId id = 0;
    std::string bytes;
  };
  struct Appended {
    replication::AppendId id = 0;
    replication::LogSequence sequence = 0;  // 0: not known
  };
  struct Fetched {
    replication::LogSequence sequence = 0;
  };

  bool chance(uint32_t percent) { return random_() % 100 < percent; }
  void arrive();
  void answer(std::variant<Appended, Fetched> answer);

  MemoryLogRecords& engine_;
  std::mt19937_64& random_;
  MemoryLogFaults faults_;
  replication::AppendId nextId_ = 1;
  std::deque<Append> appends_;
  std::deque<replication::LogSequence> fetches_;
  std::deque<std::variant<Appended, Fetched>> answers_;
  replication::LogSequence following_ = 0;
  size_t recordsPerPoll_ = SIZE_MAX;
  bool abandoned_ = false;
};

}  // namespace holdfast::test
