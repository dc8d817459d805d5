// What the registry persists of an instance, a worker and a location. The store encodes these with
// schema/storage.capnp; core knows only these plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/engine_source.h"
#include "core/labels.h"
#include "core/source_position.h"
#include "core/states.h"
#include "core/types.h"

namespace holdfast {

struct InstanceRecord {
  std::string instance;
  uint32_t worldSize = 0;      // ranks that make it whole, as its workers registered; 0: unknown
  uint64_t createdWallMs = 0;  // when the first worker registered
  bool drained = false;        // look-ups do not name it
};

// (instance, worker id) is unique in a registry.
struct WorkerRecord {
  std::string instance;
  uint32_t worker = 0;
  std::string ip;
  uint32_t port = 0;
  std::string peerUrl;  // where other workers connect for the transfer; empty: none
  std::string model;    // chunks never cross models; empty: the configured default
  uint32_t worldSize = 0;
  uint64_t run = 0;                          // random id of the worker's process
  uint64_t attempt = 0;                      // counts the registrations of one run, from 1
  WorkerState state = WorkerState::kActive;  // kRecovered is never persisted
  uint64_t registeredWallMs = 0;
  uint64_t lastSeenWallMs = 0;  // as of the last write of this record
  uint64_t lostStoreMs =
      0;  // of a LOST one: store time when it was; 0: lastSeenWallMs stands for it
  Labels labels = {};
  // Of an engine whose event stream is read: how, and up to where. What journals say goes before,
  // where it is further on.
  std::optional<EngineSource> source = {};
  std::optional<SourcePosition> position = {};

  // Since when a LOST one is, in store time.
  uint64_t lostMs() const { return lostStoreMs != 0 ? lostStoreMs : lastSeenWallMs; }
};

// The content that look-ups see. (stream, baseSeq) is the point whose content is known whole:
// the segments of `fold` and the journals of streams below `stream`; its size and digest are
// baseCount and baseDigest. The journal of `stream` continues at baseSeq + 1. The segments of
// fold 0 are the batches of the full sync that built the generation, if one did.
struct LivePart {
  uint32_t generation = 0;   // never reused within a location
  uint32_t fold = 0;         // which segments; 0: not folded yet
  uint32_t stream = 0;       // rises when another incarnation is adopted into the generation
  uint64_t incarnation = 0;  // whose numbering the seqs are in; 0: legacy client
  uint64_t baseSeq = 0;
  uint64_t baseCount = 0;
  KeyDigest baseDigest;
  bool hidden = false;  // content of an incarnation that is gone: kept for digests, not looked up
  // Reports that led here are lost for good (OperationsLost): DIVERGED until a full sync.
  bool incomplete = false;

  friend bool operator==(const LivePart&, const LivePart&) = default;
};

// A generation that a full sync builds beside the live one: batches, and the journal of what the
// worker reported since the sync's cut (stream 0). Nothing of it is looked up before the switch.
struct BuildingPart {
  uint32_t generation = 0;
  uint64_t incarnation = 0;
  uint64_t syncId = 0;      // with the incarnation, names the sync
  uint64_t baseSeq = 0;     // last operation that the batches include
  uint32_t batchCount = 0;  // batches that make it whole
  uint64_t totalKeys = 0;   // keys of all batches, distinct
  KeyDigest digest;         // of those

  friend bool operator==(const BuildingPart&, const BuildingPart&) = default;
};

struct LocationRecord {
  uint16_t id = 0;  // dense within the worker; the smallest free one is taken
  std::string name;
  uint32_t nextGeneration = 1;
  LivePart live;
  std::optional<BuildingPart> building;
};

// That a chunk of a location is pinned.
struct PinRecord {
  std::string eventId;          // of the operation that pinned it last
  uint64_t pinnedWallMs = 0;    // when that was asked for
  uint64_t expiresWallMs = 0;   // as it was expected then; 0: pinned for as long as it is held
  uint64_t expiresStoreMs = 0;  // when it ends, in store time; 0: expiresWallMs stands for it

  // In store time; 0: it does not end by itself.
  uint64_t endMs() const { return expiresStoreMs != 0 ? expiresStoreMs : expiresWallMs; }
  bool expired(uint64_t nowStoreMs) const { return endMs() != 0 && nowStoreMs >= endMs(); }
  friend bool operator==(const PinRecord&, const PinRecord&) = default;
};

}  // namespace holdfast
