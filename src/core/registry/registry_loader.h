// Builds the tree and the index from what a store holds, and checks what the store cannot:
// continuity of journals, counts and digests. A worker whose records do not hold together is
// quarantined: kept and reported, without content, until it registers again.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/index/chunk_index.h"
#include "core/notice_sink.h"
#include "core/registry/pins.h"
#include "core/registry/registry_tree.h"
#include "core/registry_store.h"

namespace holdfast {

struct RecoveryReport {
  uint64_t instances = 0;
  uint64_t workers = 0;
  uint64_t quarantined = 0;
  uint64_t behind = 0;  // workers of which the store has lost something that was confirmed
  uint64_t chunks = 0;  // memberships
};

class RegistryLoader : public RecoverySink {
 public:
  // `nowMs` is the steady clock's time of the start.
  RegistryLoader(RegistryTree& tree, ChunkIndex& index, Pins& pins, NoticeSink& notices,
                 uint64_t nowMs);

  void begin(const RecoverySummary& summary) override;
  void event(EventRecord record) override { recoveredEvents_.push_back(std::move(record)); }
  void instance(OwnerId owner, const InstanceRecord& record) override;
  void worker(OwnerId owner, const WorkerRecord& record,
              const std::vector<LocationRecord>& locations) override;
  void segment(OwnerId owner, uint16_t location, std::span<const ChunkHash> keys) override;
  void journal(OwnerId owner, uint16_t location, const JournalEntry& entry) override;
  void batch(OwnerId owner, uint16_t location, uint32_t number,
             std::span<const ChunkHash> keys) override;
  void buildingJournal(OwnerId owner, uint16_t location, const JournalEntry& entry) override;
  void pins(OwnerId owner, uint16_t location, const PinRecord& record,
            std::span<const ChunkHash> chunks) override;
  void behind(OwnerId owner, uint16_t location, uint64_t confirmedSeq) override;
  void finish(OwnerId owner) override;
  void damaged(OwnerId owner, const std::string& instance, bool isWorker, uint32_t worker,
               const std::string& reason) override;

  // After the store's recover() returned. What must be written to make the store whole again:
  // instances whose records were lost, full syncs that cannot go on, pins of what is not held.
  RecoveryReport complete(RegistryStore& store);
  // The cache operations that the store remembers; once.
  std::vector<EventRecord> takeEvents() { return std::move(recoveredEvents_); }

 private:
  struct Loading {
    Location* location = nullptr;
    uint32_t stream = 0;       // of the newest journal record
    uint64_t nextSeq = 0;      // within it
    bool inStream = false;     // a record of `stream` came
    bool baseSeen = false;     // count and digest were compared at the base
    bool tooMuchHeld = false;  // more reports of a full sync than can be held
    bool behind = false;       // what was confirmed is not there
  };
  struct Family {
    Worker* worker = nullptr;
    std::string damage;
    std::vector<Loading> locations;
    StoreBatch pinsDropped;
  };

  Loading* find(OwnerId owner, uint16_t location);
  bool checkBase(Loading& loading, Family& family);
  void apply(Loading& loading, const Operations& operations);
  bool takePending(Location& location, const JournalEntry& entry);
  void quarantine(Worker& worker, const std::string& reason);

  RegistryTree& tree_;
  ChunkIndex& index_;
  Pins& pins_;
  NoticeSink& notices_;
  const uint64_t nowMs_;
  std::unordered_map<OwnerId, Family> families_;
  std::vector<OwnerId> damagedInstances_;
  std::vector<Location*> abandoned_;
  StoreBatch pinsDropped_;
  std::vector<EventRecord> recoveredEvents_;
  RecoveryReport report_;
};

}  // namespace holdfast
