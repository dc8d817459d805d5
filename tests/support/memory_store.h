// registry_store.h in memory. Nothing completes by itself: a test releases queued writes one by
// one, delivers them with poll(), and can crash the process (the queue is lost) or the power (a
// tail of what was not synced is lost too).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/placed_store.h"

namespace holdfast::test {

class MemoryStore : public PlacedStore {
 public:
  // What is on the disk, a plain value.
  struct Journal {
    std::vector<ChunkHash> keys;
    std::vector<bool> evicts;
    uint64_t countAfter = 0;
    KeyDigest digestAfter;
    bool counted = true;
    std::optional<SourcePosition> position;
  };
  struct LocationData {
    std::optional<LocationRecord> record;
    // (generation, fold) -> sorted keys; (generation, number) -> keys of a batch of a full sync;
    // (generation, stream, firstSeq) -> report
    std::map<std::pair<uint32_t, uint32_t>, std::vector<ChunkHash>> segments;
    std::map<std::pair<uint32_t, uint32_t>, std::vector<ChunkHash>> batches;
    std::map<std::tuple<uint32_t, uint32_t, uint64_t>, Journal> journal;
    std::map<ChunkHash, PinRecord> pins;
  };
  struct Family {
    uint64_t epoch = 0;  // rises with every release
    std::optional<InstanceRecord> instance;
    std::optional<WorkerRecord> worker;
    std::map<uint16_t, LocationData> locations;
  };
  struct Disk : std::map<OwnerId, Family> {
    std::map<std::string, EventRecord> events;  // of cache operations, by id
    std::optional<LogPlace> place;
  };

  MemoryStore() = default;
  explicit MemoryStore(Disk disk);

  // --- What a test does ---

  // Commits the oldest n queued writes (fewer if there are fewer).
  void complete(size_t n = SIZE_MAX);
  size_t queued() const { return queue_.size(); }
  Ticket committed() const { return committed_; }
  void setHealth(const StoreHealth& health);
  void setFull(bool full) { full_ = full; }
  // What a new store finds after the process was killed.
  Disk afterCrash() const { return disk_; }
  // What a new store finds after a power loss that kept the first `kept` writes not yet synced.
  // `committed` is set to the last ticket that survived.
  Disk afterPowerLoss(size_t kept, Ticket& committed) const;
  size_t unsynced() const { return unsynced_.size(); }
  void sync();
  // Damages or inspects.
  Disk& disk() { return disk_; }

  // --- RegistryStore ---

  OwnerId claim() override;
  bool hasRoom(size_t) const override { return !full_; }
  Ticket append(const ReportRecord& report) override;
  Ticket append(const BatchRecord& batch) override;
  Ticket write(StoreBatch batch) override;
  void fold(const FoldRequest& request) override;
  StoreHealth health() const override { return health_; }
  void poll(StoreListener& listener) override;
  void recover(RecoverySink& sink) override;

  // --- PlacedStore ---

  void reach(const LogPlace& place) override { place_ = place; }
  std::optional<LogPlace> place() const override { return disk_.place; }

 private:
  struct Write {
    Ticket ticket = 0;  // 0: a fold
    bool synced = false;
    std::function<void(Disk&)> apply;
  };

  Ticket enqueue(bool synced, std::function<void(Disk&)> apply);

  Disk disk_;    // everything committed
  Disk synced_;  // everything that a power loss keeps
  Ticket syncedTicket_ = 0;
  std::deque<Write> unsynced_;
  std::deque<Write> queue_;
  Ticket next_ = 1;
  Ticket committed_ = 0;
  Ticket delivered_ = 0;
  std::vector<FoldResult> folded_;
  std::vector<OwnerId> freeOwners_;
  OwnerId nextOwner_ = 0;
  StoreHealth health_;
  bool healthChanged_ = false;
  bool full_ = false;
  std::optional<LogPlace> place_;  // of what is queued
};

}  // namespace holdfast::test
