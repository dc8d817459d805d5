@0xb1f4c8a0d2e95a02;
# Persisted records. Keys and families are described in src/format/keys.h.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("holdfast::schema");
using Types = import "types.capnp";

struct FormatRecord {
  # `default` family, key "format".
  version @0 :UInt32;        # number of the last migration applied
  clusterId @1 :Data;        # 16 random bytes, drawn when the store was created
  createdBy @2 :Text;        # version of the program that created it
  createdWallMs @3 :UInt64;  # ms since 1970-01-01 UTC
}

struct TimeRecord {
  # `default` family, key "time": what the clocks said at one moment, so that store time (see
  # core/clock.h) goes on from there. Written with other writes, every ten seconds at most.
  storeMs @0 :UInt64;
  wallMs @1 :UInt64;         # since 1970-01-01 UTC
  bootMs @2 :UInt64;         # since the machine was booted
  boot @3 :Text;             # names that boot
}

struct LogPlaceRecord {
  # `default` family, key "log": where a store of a group stands in the group's log (see
  # core/placed_store.h). Absent: it is no store of a group. Written with what it covers.
  identity @0 :Text;         # of the log
  epoch @1 :UInt64;
  index @2 :UInt64;
  sequence @3 :UInt64;
  writes @4 :UInt32;
}

struct OwnerRecord {
  # `default` family, one per family in use.
  instance @0 :Text;
  union {
    isInstance @1 :Void;
    worker @2 :UInt32;
    abandoned @3 :Void;  # damaged and forgotten: dropped at the next open
  }
}

struct InstanceRecord {
  instance @0 :Text;
  worldSize @1 :UInt32;      # ranks; 0: unknown
  createdWallMs @2 :UInt64;
  drained @3 :Bool;          # look-ups do not name it
}

struct WorkerRecord {
  instance @0 :Text;
  worker @1 :UInt32;
  ip @2 :Text;
  port @3 :UInt32;
  peerUrl @4 :Text;
  model @5 :Text;
  worldSize @6 :UInt32;
  run @7 :UInt64;
  attempt @8 :UInt64;
  state @9 :Types.WorkerState;  # never `recovered`
  registeredWallMs @10 :UInt64;
  lastSeenWallMs @11 :UInt64;
  lostStoreMs @12 :UInt64;      # of a LOST one, in store time; 0: lastSeenWallMs stands for it
  labels @13 :List(Types.Label);
  source @14 :Types.EngineSource;  # absent: it is no engine whose event stream is read
  sourceSeq @15 :UInt64;        # position in that stream, plus 1; 0: none
  sourceDigest @16 :UInt64;     # XXH3 of that message's payload
}

struct LivePart {
  generation @0 :UInt32;
  fold @1 :UInt32;
  stream @2 :UInt32;
  incarnation @3 :UInt64;
  baseSeq @4 :UInt64;
  baseCount @5 :UInt64;
  baseDigest @6 :Types.KeyDigest;
  hidden @7 :Bool;
  incomplete @8 :Bool;        # reports are lost for good: diverged until a full sync
}

struct LocationRecord {
  id @0 :UInt16;
  name @1 :Text;
  nextGeneration @2 :UInt32;
  live @3 :LivePart;
  building @4 :BuildingPart;  # absent: no full sync is under way
}

struct BuildingPart {
  # A generation that a full sync builds beside the live one.
  generation @0 :UInt32;
  incarnation @1 :UInt64;
  syncId @2 :UInt64;
  baseSeq @3 :UInt64;
  batchCount @4 :UInt32;
  totalKeys @5 :UInt64;
  digest @6 :Types.KeyDigest;
  unused7 @7 :UInt64;
}

struct SegmentRecord {
  # Sorted, distinct keys, at most 65,536. As the first one and, of each one after it, the
  # difference to the one before it, in `width` bytes (little-endian).
  hashes @0 :List(UInt64);  # of format 1, all of them: then width is 0
  first @1 :UInt64;
  width @2 :UInt8;          # 1 to 8, as few as the largest difference needs
  differences @3 :Data;
}

struct BatchRecord {
  # One batch of the full sync that built (or builds) a generation. Until that generation is folded
  # for the first time its batches are its segments.
  hashes @0 :List(UInt64);   # as they came, distinct, at most 65,536
}

struct JournalRecord {
  # One report, trimmed to start at the seq that was expected. firstSeq stands in the key.
  keys @0 :List(UInt64);
  evicts @1 :Data;             # bit i (least significant first): keys[i] is an evict; empty: none
  countAfter @2 :UInt64;       # distinct keys of the location after it
  digestAfter @3 :Types.KeyDigest;
  uncounted @4 :Bool;          # came while its generation was built: count and digest are not known
  sourceSeq @5 :UInt64;        # of the worker with it, as in WorkerRecord
  sourceDigest @6 :UInt64;
}

struct PinRecord {
  # One pinned chunk, by location and chunk.
  eventId @0 :Text;            # of the operation that pinned it last
  pinnedWallMs @1 :UInt64;     # when that was asked for
  expiresWallMs @2 :UInt64;    # 0: pinned for as long as it is held
  expiresStoreMs @3 :UInt64;   # in store time; 0: expiresWallMs stands for it
}

struct EventRecord {
  # A cache operation and how far it is. In a family of its own, by its id.
  id @0 :Text;
  number @1 :UInt64;           # names it towards workers (workerEventId)
  kind @2 :Types.OperationKind;
  instance @3 :Text;
  location @4 :Text;
  toInstance @5 :Text;         # of move
  toLocation @6 :Text;
  method @7 :Text;
  copy @8 :Bool;
  chunks @9 :UInt32;           # asked for; 0: all
  argumentsLow @10 :UInt64;    # digest of all arguments
  argumentsHigh @11 :UInt64;
  createdWallMs @12 :UInt64;
  finishedWallMs @13 :UInt64;  # 0: some rank is not final
  ranks @14 :List(Rank);       # ascending
  ttlSeconds @15 :UInt64;      # of pin; 0: for as long as the chunks are held
  toPin @16 :List(UInt64);     # of a pin that has not ended: its chunks
  createdStoreMs @17 :UInt64;  # in store time; 0: the wall clock's stands for it
  finishedStoreMs @18 :UInt64;

  struct Rank {
    worker @0 :UInt32;
    run @1 :UInt64;            # of the process that is asked
    status @2 :Types.RankStatus;  # pending also stands for running and unknown
    numTokens @3 :UInt64;
    errorCode @4 :Int32;
    error @5 :Text;
  }
}
