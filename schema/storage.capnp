@0xb1f4c8a0d2e95a02;
# Persisted records. Keys and families are described in src/store/README.md.

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
  lastSeq @7 :UInt64;        # as the start stated it
}

struct SegmentRecord {
  hashes @0 :List(UInt64);  # sorted, distinct, at most 65,536
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
}
