@0xb1f4c8a0d2e95a07;
# Records of the log that the controllers of a group share. Which of them count is said in
# src/replication/log_rule.h.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("holdfast::schema");

struct LogPoint {
  epoch @0 :UInt64;  # of a leader: how many take-overs were valid up to its own
  index @1 :UInt64;  # of a frame: how many frames were valid up to it, of all epochs
}

struct LogRecord {
  # One message of the log.
  union {
    takeOver @0 :TakeOver;
    beat @1 :Beat;
    retire @2 :Retire;
    frame @3 :Frame;
  }
}

struct TakeOver {
  # A node wants to lead from here on.
  base @0 :LogPoint;       # where it saw the log when it asked
  node @1 :Text;           # its name; "node" of the options
  nonce @2 :UInt64;        # random: it knows its own record by it
  address @3 :Text;        # where workers and routers find it
  wallMs @4 :UInt64;       # ms since 1970-01-01 UTC, for people
  formatMin @5 :UInt32;    # storage formats that it reads and writes
  formatMax @6 :UInt32;
  digest @7 :Text;         # of its registry at the base: everyone's is that; empty: not said
}

struct Beat {
  # The leader is there and has nothing to write.
  epoch @0 :UInt64;
  wallMs @1 :UInt64;
}

struct Retire {
  # The leader stops: whoever can take over need not wait until it has been silent.
  epoch @0 :UInt64;
  wallMs @1 :UInt64;
}

struct Frame {
  # A batch of writes, or a part of one that is larger than a record may be. Its parts are frames
  # with indexes in a row, and count together or not at all.
  at @0 :LogPoint;
  wallMs @1 :UInt64;       # when it was made
  part @2 :UInt32;         # from 0
  parts @3 :UInt32;        # 1 and more
  body @4 :Data;           # of parts == 1: a FrameBody, a message of one segment without a segment
                           # table; otherwise a piece of one: all of them in a row make it
}

struct FrameBody {
  # What is written to every store of the group, in order and in one go.
  owners @0 :List(Owner);  # that the writes are about, named by their place here
  writes @1 :List(Write);

  struct Owner {
    # Stores number their owners each in its own way.
    instance @0 :Text;
    union {
      isInstance @1 :Void;
      worker @2 :UInt32;
    }
  }

  struct Write {
    union {
      report @0 :Report;
      syncBatch @1 :SyncBatch;
      batch @2 :Batch;
    }
  }

  struct Report {
    owner @0 :UInt32;
    location @1 :UInt16;
    generation @2 :UInt32;
    stream @3 :UInt32;
    firstSeq @4 :UInt64;
    record @5 :Data;       # a JournalRecord as stores have it, with count and digest after it
  }

  struct SyncBatch {
    owner @0 :UInt32;
    location @1 :UInt16;
    generation @2 :UInt32;
    number @3 :UInt32;
    record @4 :Data;       # a BatchRecord as stores have it
  }

  struct Batch {
    synced @0 :Bool;       # is to be on stable storage before it counts as committed
    steps @1 :List(Step);
  }

  struct Step {
    # One of core/registry_store.h. Records are as stores have them.
    owner @0 :UInt32;      # of events: 0
    location @1 :UInt16;
    union {
      putInstance @2 :Data;
      putWorker @3 :Data;
      putLocation @4 :Data;
      dropGeneration @5 :UInt32;
      dropLocation @6 :Void;
      dropFold :group {
        generation @7 :UInt32;
        fold @8 :UInt32;
      }
      dropJournal :group {
        generation @9 :UInt32;
        stream @10 :UInt32;
        throughSeq @11 :UInt64;
      }
      putPins :group {
        record @12 :Data;
        chunks @13 :List(UInt64);
      }
      dropPins @14 :List(UInt64);
      dropAllPins @15 :Void;
      release @16 :Void;
      putEvent @17 :Data;
      dropEvent @18 :Text;
    }
  }
}
