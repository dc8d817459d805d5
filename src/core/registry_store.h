// The store that the controllers write through; a seam with two implementations (RocksDB, and one
// in memory for tests whose completions a test releases one by one).
//
// All calls come from the one thread that owns the registry, and none of them waits for a disk:
// writes are queued in order, committed in order, and completions are delivered by poll(). The
// store never drops, reorders or fails a queued write: while it cannot write (full disk, I/O
// error) the queue stands still, health() says why, and the writes go on where they stopped once
// it can. So what is queued is either committed or lost together with everything after it by the
// end of the process: the journal never has a hole.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/event_record.h"
#include "core/records.h"
#include "core/ticket.h"
#include "core/types.h"

namespace holdfast {

// A column family's owner (an instance or a worker), dense, given by claim() or at recovery.
using OwnerId = uint32_t;
inline constexpr OwnerId kNoOwner = 0xFFFFFFFFu;

// One journal record: operations of one location that were applied to the index. Does not own.
struct ReportRecord {
  OwnerId owner = kNoOwner;
  uint16_t location = 0;
  uint32_t generation = 0;
  uint32_t stream = 0;
  uint64_t firstSeq = 0;  // of operations.keys[0]; always the last recorded seq + 1
  Operations operations;  // not empty
  uint64_t countAfter = 0;
  KeyDigest digestAfter;
  // False while the generation is built: what the operations lead to is not known before all
  // batches are there, so countAfter and digestAfter are not.
  bool counted = true;
  std::optional<SourcePosition> position = {};  // of the worker, with it
};

// One batch of the full sync that builds a generation. Does not own.
struct BatchRecord {
  OwnerId owner = kNoOwner;
  uint16_t location = 0;
  uint32_t generation = 0;
  uint32_t number = 0;              // from 0; each number is written once
  std::span<const ChunkHash> keys;  // 1 to kKeysPerSyncBatchMax
};

// The steps of a StoreBatch. A Put* of an owner not yet bound binds it to a free family.
struct PutInstance {
  OwnerId owner;
  InstanceRecord record;
};
struct PutWorker {
  OwnerId owner;
  WorkerRecord record;
};
struct PutLocation {
  OwnerId owner;
  LocationRecord record;
};
// Segments, batches and journals of one generation.
struct DropGeneration {
  OwnerId owner;
  uint16_t location;
  uint32_t generation;
};
// The location's record and everything of it; its id is free again.
struct DropLocation {
  OwnerId owner;
  uint16_t location;
};
// Segments of one fold; of fold 0: the generation's batches.
struct DropFold {
  OwnerId owner;
  uint16_t location;
  uint32_t generation;
  uint32_t fold;
};
// Journal records of streams below `stream`, and of `stream` with firstSeq <= throughSeq.
struct DropJournal {
  OwnerId owner;
  uint16_t location;
  uint32_t generation;
  uint32_t stream;
  uint64_t throughSeq;
};
// These chunks are pinned; a chunk's older pin is replaced.
struct PutPins {
  OwnerId owner;
  uint16_t location;
  PinRecord record;
  std::vector<ChunkHash> chunks;
};
struct DropPins {
  OwnerId owner;
  uint16_t location;
  std::vector<ChunkHash> chunks;
};
// All of the location.
struct DropAllPins {
  OwnerId owner;
  uint16_t location;
};
// Everything of the owner; its family goes back to the pool. The id may be claimed again.
struct Release {
  OwnerId owner;
};

// Events belong to no owner; one is named by its id.
struct PutEvent {
  EventRecord record;
};
struct DropEvent {
  std::string id;
};

using StoreStep =
    std::variant<PutInstance, PutWorker, PutLocation, DropGeneration, DropLocation, DropFold,
                 DropJournal, PutPins, DropPins, DropAllPins, Release, PutEvent, DropEvent>;

// Applied in order, atomically.
struct StoreBatch {
  std::vector<StoreStep> steps;
  bool synced = false;  // completes only when on stable storage (unless the WAL is never synced)
};

// Merge segments and journal of a location's live part into segments of `newFold`.
struct FoldRequest {
  uint64_t id = 0;  // chosen by the caller, echoed
  OwnerId owner = kNoOwner;
  uint16_t location = 0;
  LivePart live;         // what the fold begins with
  uint32_t newFold = 0;  // live.fold + 1
};

// The segments are written and committed, but not live: the caller decides. `base*` describe them.
struct FoldResult {
  uint64_t id = 0;
  bool ok = false;  // false: nothing was left behind; `error` says why
  std::string error;
  uint64_t baseSeq = 0;  // last seq of live.stream that is in them
  uint64_t baseCount = 0;
  KeyDigest baseDigest;
};

struct StoreHealth {
  bool writable = true;
  std::string reason;  // when not writable: what failed, where, and what to do
};

class StoreListener {
 public:
  virtual ~StoreListener() = default;
  virtual void onCommitted(Ticket upTo) = 0;
  virtual void onFolded(const FoldResult& result) = 0;
  virtual void onHealth(const StoreHealth& health) = 0;
};

// One journal record read back. Does not own; valid for the call.
struct JournalEntry {
  uint32_t stream = 0;
  uint64_t firstSeq = 0;
  Operations operations;
  uint64_t countAfter = 0;
  KeyDigest digestAfter;
  bool counted = true;  // false: countAfter and digestAfter are not known, see ReportRecord
  std::optional<SourcePosition> position = {};
};

struct RecoverySummary {
  uint64_t instances = 0;
  uint64_t workers = 0;
  uint64_t chunksEstimate = 0;  // memberships of all live parts
  // Of distinct chunks, for pre-sizing: ranks of an instance hold the same ones, so the sum of
  // each instance's largest worker.
  uint64_t distinctEstimate = 0;
};

// Receives what a store holds, on the thread that called recover(). Order: begin; all events, in no
// order; all instances; all workers with their locations; then the contents, worker by worker
// (different workers may interleave): of each location the segments of its live part (in key order;
// batches as they came), then its journal by (stream, seq), then the batches of its building part
// by number, then that one's journal, then its pins; behind() where it applies; finish() once for
// each worker. The sink checks continuity, counts and digests, and that what is pinned is held.
class RecoverySink {
 public:
  virtual ~RecoverySink() = default;
  virtual void begin(const RecoverySummary& summary) = 0;
  virtual void event(EventRecord record) = 0;
  virtual void instance(OwnerId owner, const InstanceRecord& record) = 0;
  virtual void worker(OwnerId owner, const WorkerRecord& record,
                      const std::vector<LocationRecord>& locations) = 0;
  virtual void segment(OwnerId owner, uint16_t location, std::span<const ChunkHash> keys) = 0;
  virtual void journal(OwnerId owner, uint16_t location, const JournalEntry& entry) = 0;
  // Of the location's building part.
  virtual void batch(OwnerId owner, uint16_t location, uint32_t number,
                     std::span<const ChunkHash> keys) = 0;
  virtual void buildingJournal(OwnerId owner, uint16_t location, const JournalEntry& entry) = 0;
  // Chunks that were pinned alike.
  virtual void pins(OwnerId owner, uint16_t location, const PinRecord& record,
                    std::span<const ChunkHash> chunks) = 0;
  // Before finish(): the store has lost writes, and this location is whole as it was at an earlier
  // point. Operations up to `confirmedSeq` had been confirmed; 0: it is not known how many.
  virtual void behind(OwnerId /*owner*/, uint16_t /*location*/, uint64_t /*confirmedSeq*/) {}
  virtual void finish(OwnerId owner) = 0;
  // The family of this worker or instance cannot be read. Comes instead of finish(), possibly
  // after some of its contents, possibly without worker() having been called. For a worker,
  // (instance, worker id) come from the owner record.
  virtual void damaged(OwnerId owner, const std::string& instance, bool isWorker, uint32_t worker,
                       const std::string& reason) = 0;
};

class RegistryStore {
 public:
  virtual ~RegistryStore() = default;

  // A fresh owner id; costs nothing until something is written for it.
  virtual OwnerId claim() = 0;

  // Room for a write of this many bytes in the queue (64 MiB by default)? Reports and batches of
  // full syncs must ask first; a StoreBatch is always taken.
  virtual bool hasRoom(size_t bytes) const = 0;

  virtual Ticket append(const ReportRecord& report) = 0;
  virtual Ticket append(const BatchRecord& batch) = 0;
  virtual Ticket write(StoreBatch batch) = 0;

  // Begins a fold in the background; answered by onFolded. If the owner is released meanwhile,
  // the fold fails and writes nothing into the family's next life.
  virtual void fold(const FoldRequest& request) = 0;

  virtual StoreHealth health() const = 0;

  // Delivers what completed since the last call, on the calling thread, in order.
  virtual void poll(StoreListener& listener) = 0;

  // Reads back everything, once, before the first write.
  virtual void recover(RecoverySink& sink) = 0;
};

}  // namespace holdfast
