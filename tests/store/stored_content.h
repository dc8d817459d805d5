// What a store holds, as plain values: the sink of recover() in these tests. It checks what every
// sink has to check: order of the calls, continuity, counts and digests.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/registry_store.h"

namespace holdfast {

// A generation that a full sync builds.
struct StoredBuilding {
  BuildingPart part;
  std::map<uint32_t, std::vector<ChunkHash>> batches;  // by number
  std::vector<std::pair<ChunkHash, bool>> operations;  // of its journal; true: an evict

  uint64_t lastSeq() const { return part.baseSeq + operations.size(); }
  friend bool operator==(const StoredBuilding&, const StoredBuilding&) = default;
};

struct StoredLocation {
  std::string name;
  uint32_t generation = 0;
  uint32_t stream = 0;
  uint64_t incarnation = 0;
  bool hidden = false;
  bool incomplete = false;
  uint64_t lastSeq = 0;
  std::set<ChunkHash> keys;
  std::optional<StoredBuilding> building;
  std::map<ChunkHash, PinRecord> pins;

  friend bool operator==(const StoredLocation&, const StoredLocation&) = default;
};

struct StoredWorker {
  uint64_t run = 0;
  uint64_t attempt = 0;
  WorkerState state = WorkerState::kActive;
  Labels labels;
  std::map<uint16_t, StoredLocation> locations;

  friend bool operator==(const StoredWorker&, const StoredWorker&) = default;
};

// Without how it is stored: folds and owner ids do not show.
struct StoredContent {
  std::map<std::string, uint32_t> instances;  // and their world size
  std::map<std::pair<std::string, uint32_t>, StoredWorker> workers;
  std::map<std::string, EventRecord> events;  // by id

  friend bool operator==(const StoredContent&, const StoredContent&) = default;
};

std::ostream& operator<<(std::ostream& out, const StoredContent& content);

KeyDigest digestOf(const std::set<ChunkHash>& keys);
void applyTo(std::set<ChunkHash>& keys, const Operations& operations);
void append(std::vector<std::pair<ChunkHash, bool>>& all, const Operations& operations);

struct DamagedOwner {
  OwnerId owner = kNoOwner;
  std::string instance;
  bool isWorker = false;
  uint32_t worker = 0;
  std::string reason;
};

class ContentSink : public RecoverySink {
 public:
  void begin(const RecoverySummary& summary) override;
  void event(EventRecord record) override;
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
  void finish(OwnerId owner) override;
  void damaged(OwnerId owner, const std::string& instance, bool isWorker, uint32_t worker,
               const std::string& reason) override;

  // Of the owners that are not damaged.
  StoredContent content() const;

  RecoverySummary summary;
  std::map<std::string, EventRecord> events;  // by id
  std::map<OwnerId, InstanceRecord> instances;
  std::map<OwnerId, std::pair<WorkerRecord, std::map<uint16_t, LocationRecord>>> workers;
  std::map<OwnerId, std::map<uint16_t, StoredLocation>> contents;
  std::set<OwnerId> finished;
  std::vector<DamagedOwner> damages;
  // Gaps, wrong counts and digests. A store that is only killed never shows any.
  std::vector<std::string> faults;

 private:
  struct Reading {
    bool journalBegun = false;
    bool buildingBegun = false;
    bool buildingJournalBegun = false;
    bool baseChecked = false;
    uint32_t stream = 0;
    std::optional<ChunkHash> lastKey;
  };
  void fault(OwnerId owner, uint16_t location, const std::string& what);
  void checkBase(OwnerId owner, uint16_t location);
  // The building part that something came of; null and a failed test if there is none.
  StoredBuilding* building(OwnerId owner, uint16_t location);

  bool begun_ = false;
  bool contentsBegun_ = false;
  std::map<std::pair<OwnerId, uint16_t>, Reading> readings_;
};

}  // namespace holdfast
