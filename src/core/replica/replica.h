// A follower's registry: the writes of another one's store, applied to tree and index and written
// to a store of its own. What it comes to is what a restart on that store would give.
//
// What concerns one store alone does not come from outside: folds, and the numbers and bases of
// segments. A follower folds when its own journals have grown enough, keeps its own fold of a
// location, and its own base where generation and stream stay the same.
//
// Everything is checked that the leader has said with it: sequence, count and digest after every
// report, batches and digest at every switch. What does not fit is an error, after which the
// replica is not what the leader has, and must be made anew from a copy.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/index/chunk_index.h"
#include "core/registry/folding.h"
#include "core/registry/pins.h"
#include "core/registry/registry_tree.h"
#include "core/registry_store.h"
#include "core/replica/owner_name.h"

namespace holdfast {

// Whether a batch concerns the store alone that it was written to, and no follower: those of folds,
// which alone drop one.
bool concernsOneStore(const StoreBatch& batch);

class Replica {
 public:
  // Keeps all references.
  Replica(RegistryTree& tree, ChunkIndex& index, Pins& pins, RegistryStore& store, Folding& folding)
      : tree_(tree), index_(index), pins_(pins), store_(store), folding_(folding) {}

  // What an owner in the writes that follow stands for: a place in `names`, which outlives them.
  void name(std::span<const OwnerName> names) { names_ = names; }

  // The next write of the leader's store. The error says what does not fit, and where.
  std::optional<Error> apply(const ReportRecord& report);
  std::optional<Error> apply(const BatchRecord& batch);
  std::optional<Error> apply(const StoreBatch& batch);

  // A piece of what full syncs have left to do. False when there is nothing left.
  bool work();
  // It is to lead: full syncs go on as a leader's.
  void lead();

  // Cache operations as the store has them: what it had when it was opened, and what came since.
  void recovered(std::vector<EventRecord> events);
  const std::map<std::string, EventRecord>& events() const { return events_; }
  std::vector<EventRecord> takeEvents();

  // Of what it holds: the registry's digest, and how many workers and operations there are. Equal
  // for all who have applied the same. At most 80 bytes.
  std::string digest() const;

 private:
  // What was released in this batch and not yet claimed again: the tree forgets an instance with
  // its last worker.
  struct Released {
    OwnerId owner = kNoOwner;
    InstanceRecord record;
  };
  using Misfit = std::optional<Error>;  // none: the write fits

  const OwnerName* nameOf(OwnerId owner) const;
  Worker* worker(OwnerId owner) const;
  Location* location(OwnerId owner, uint16_t id) const;
  Instance& instance(const std::string& name);
  // Carries it out in the tree, and adds what the own store is to do.
  Misfit step(const PutInstance& step);
  Misfit step(const PutWorker& step);
  Misfit step(const PutLocation& step);
  Misfit step(const DropGeneration& step);
  Misfit step(const DropLocation& step);
  Misfit step(const DropFold& step);
  Misfit step(const DropJournal& step);
  Misfit step(const PutPins& step);
  Misfit step(const DropPins& step);
  Misfit step(const DropAllPins& step);
  Misfit step(const Release& step);
  Misfit step(const PutEvent& step);
  Misfit step(const DropEvent& step);

  Misfit addLocation(Worker& worker, const LocationRecord& record);
  Misfit changeLive(Location& location, const LocationRecord& record);
  Misfit switchOver(Location& location, const LivePart& live);
  void changeBuilding(Location& location, const std::optional<BuildingPart>& part);
  void applyPending(Location& location, size_t operationsMax);
  bool hold(Location& location, const ReportRecord& report);
  Location* nextTurn();
  Misfit applyToBuilding(Location& location, const ReportRecord& report);
  static void refreshState(Location& location);

  RegistryTree& tree_;
  ChunkIndex& index_;
  Pins& pins_;
  RegistryStore& store_;
  Folding& folding_;
  std::span<const OwnerName> names_;
  std::map<std::string, EventRecord> events_;
  std::deque<LocationRef> turns_;  // whose full sync is whole, with something left of its journal

  // Of the batch under way.
  StoreBatch own_;
  std::map<std::string, Released> released_;
  // A location's serial -> its last seq from this batch on.
  std::vector<std::pair<uint64_t, uint64_t>> numbering_;
};

}  // namespace holdfast
