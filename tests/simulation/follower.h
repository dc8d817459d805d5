// A registry that follows another one by the writes of its store, each encoded as the log of a
// group carries it. Its own store, its folds and its restarts are its own.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/registry/registry.h"
#include "core/replica/owner_name.h"
#include "replication/frame_body.h"
#include "tests/core/random_sequences.h"
#include "tests/simulation/registry_world.h"
#include "tests/support/memory_store.h"
#include "tests/support/recorded_notices.h"

namespace holdfast::test {

class Follower {
 public:
  explicit Follower(Random& random);
  ~Follower();

  // The leader's next store, on what the one before it had committed. Whatever that has committed
  // and this follower was not told of yet comes first, and what was queued behind it never.
  std::unique_ptr<MemoryStore> makeStore(MemoryStore::Disk disk);
  // Everything that the leader's store has committed is applied.
  void catchUp();
  // When it has caught up: it equals what is recovered from its own store, and from its leader's.
  void check();

  struct Seen {
    uint64_t writes = 0;
    uint64_t folds = 0;
    uint64_t pins = 0;    // there, at some comparison
    uint64_t events = 0;  // the same
  };
  const Seen& seen() const { return seen_; }

 private:
  class LeaderStore;

  void start(MemoryStore::Disk disk);
  void apply(const std::vector<uint8_t>& body);
  void settle();
  void compareWithRecovered(MemoryStore::Disk disk, bool ownStore);
  void work();
  static void compare(const Registry& ours, const Registry& theirs, bool sameStore);
  static void compare(const Location& ours, const Location& theirs, bool sameStore);
  static void compareLookups(Registry& ours, Registry& theirs);

  Random& random_;
  FakeClock clock_;
  IgnoredNotices notices_;
  RegistryOptions options_;
  LeaderStore* leader_ = nullptr;  // the world's; alive until the next makeStore()
  std::unique_ptr<MemoryStore> store_;
  std::unique_ptr<Registry> registry_;
  Seen seen_;
};

}  // namespace holdfast::test
