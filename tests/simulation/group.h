// A group of controllers on one log that loses, repeats and reorders what is appended. Whoever
// leads it writes through store(); crash() kills it, or lets another one depose it, and another one
// leads, on what its own store has. The others follow, each with its own folds and restarts.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/registry/registry.h"
#include "replication/logged_store.h"
#include "replication/member.h"
#include "tests/core/random_sequences.h"
#include "tests/simulation/registry_world.h"
#include "tests/support/memory_log.h"
#include "tests/support/memory_store.h"
#include "tests/support/recorded_notices.h"

namespace holdfast::test {

// Reads the log by the rule, and counts what is valid there.
class ValidWrites {
 public:
  explicit ValidWrites(const MemoryLogRecords& log) : log_(log) {}
  // Of an epoch, up to now.
  uint64_t of(uint64_t epoch);

 private:
  const MemoryLogRecords& log_;
  size_t read_ = 0;
  replication::LogRule rule_;
  replication::RecordDecoder decoder_;
  replication::BatchAssembler assembler_;
  std::map<uint64_t, uint64_t> writes_;  // by epoch
};

class Group final : public StoreUnderTest {
 public:
  explicit Group(Random& random);
  ~Group() override;

  RegistryStore& store() override;
  void release(Random& random) override;
  void releaseAll(Ticket upTo) override;
  bool setWritable(bool writable) override;
  Ticket crash(Random& random, Ticket written) override;

  // Everybody has everything; all hold the same.
  void settle();

  struct Seen {
    uint64_t killed = 0;
    uint64_t deposed = 0;
    uint64_t lost = 0;       // writes of leaders that never came to count
    uint64_t resumed = 0;    // starts within a batch
    uint64_t takenOver = 0;  // by another one
  };
  const Seen& seen() const { return seen_; }

 private:
  class Door;
  struct Node;

  void start(Node& node, MemoryStore::Disk disk);
  void restart(Node& node);
  void pump(Node& node);
  void pumpFollowers();
  void elect();
  Ticket survived(const Door& door, Ticket committed);
  void sleepOn(Node& former);
  void compareAll();

  Random& random_;
  FakeClock clock_;
  IgnoredNotices notices_;
  RegistryOptions options_;
  MemoryLogRecords engine_;
  MemoryLogFaults faults_;
  ValidWrites valid_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<MemoryLog>> dead_;
  Node* leader_ = nullptr;
  std::unique_ptr<Door> door_;
  Seen seen_;
};

}  // namespace holdfast::test
