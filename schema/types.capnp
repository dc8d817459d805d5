@0xb1f4c8a0d2e95a01;
# Values that wire, store and capture log share.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("holdfast::schema");

struct KeyDigest {
  # Order-independent digest of a set of distinct keys: two sums modulo 2^64. See README.md.
  a @0 :UInt64;
  b @1 :UInt64;
}

struct Label {
  # What a worker says of itself in its own words, as ("zone", "eu-1a"): whoever looks up gets it back.
  key @0 :Text;    # 1 to 63 ASCII letters, digits, '-', '_', '.' and '/'; once in a list
  value @1 :Text;  # UTF-8 without control characters, at most 256 bytes; may be empty
}

struct EngineSource {
  # An engine whose event stream is read. Its worker's record names instance, rank, model and labels.
  endpoint @0 :Text;        # where it publishes
  bind @1 :Bool;            # the engine connects there: it is listened to
  replayEndpoint @2 :Text;  # empty: nowhere
  topic @3 :Text;           # what topics begin with; empty: anything
  blockSize @4 :UInt32;     # tokens; 0: as its events say
  routingGroup @5 :Text;    # of whoever registered it, kept and given back; likewise:
  additionalSalt @6 :Text;
  http @7 :Text;            # the engine's own address; empty: not known
  configured @8 :Bool;      # by the configuration file, not at run time
}

enum WorkerState {
  active @0;     # registered and heard of within the heartbeat time-out
  lost @1;       # connection gone or silent: out of look-ups, state kept
  recovered @2;  # was active when the controller stopped; in look-ups, flagged unconfirmed
}

enum HashAlgorithm {
  # How LMCache and its like chain the hashes of chunks. The first two are of LMCache up to 0.3.15.
  builtinNone @0;      # CPython's hash of (previous hash, tokens, None)
  sha256Cbor64bit @1;  # low 64 bits of SHA-256 over the canonical CBOR of [previous, tokens, null]
  builtin @2;          # CPython's hash of (previous hash, tokens, ()); from LMCache 0.4.1 on
  sha256Cbor @3;       # first 8 bytes, big-endian, of SHA-256 over [previous, tokens, []]
}

struct HashSettings {
  # How token lists become chunk hashes. Set by the controller's options; a worker that states
  # others is refused.
  chunkSize @0 :UInt32 = 256;     # tokens, 1 to 1,048,576
  algorithm @1 :HashAlgorithm;
  noneHash @2 :UInt64;            # hash before the first chunk; builtin: two's complement
  saveUnfullChunk @3 :Bool;       # whether the last, shorter chunk counts
  sample @4 :UInt64;              # hash of the first chunk of the tokens 0, 1, ... chunkSize - 1: it
                                  # shows what no setting names, as versions of Python and of engines
  hasSample @5 :Bool;             # false: sample is not stated, and not compared
}

enum SyncState {
  inSync @0;    # incarnation, seq, count and digest were compared equal
  caughtUp @1;  # nothing known to be missing, not compared since
  diverged @2;  # needs a repair; see the reason
  replaying @3; # the worker was asked to send again what is missing
  syncing @4;   # a full sync is under way
}

enum Reason {
  # Why a decision of the resume policy was taken.
  none @0;
  equal @1;             # all four compared equal
  contentDiffers @2;    # same seq, other count or digest
  behind @3;            # the worker can replay what is missing; before it registers: the store has
                        # lost what was confirmed
  gapTooOld @4;         # the worker can no longer replay what is missing
  workerRolledBack @5;  # the controller knows later operations of this incarnation
  unknownEmpty @6;      # new to the controller, and empty
  unknownReplay @7;     # new to the controller, whole history can be replayed
  unknown @8;           # new to the controller, history not available
  adopted @9;           # another incarnation with the same content
  restartedEmpty @10;   # another process, and empty
  restarted @11;        # another process with content of its own
  liveGap @12;          # a report started later than expected
  quarantined @13;      # its stored records are damaged
  refused @14;          # reports were refused while the store could not take them
  notStated @15;        # the worker no longer states the location
  heldOverflow @16;     # more operations behind a gap than can be held
  replayTimedOut @17;   # what was missing was asked for and did not come
  forced @18;           # an operator asked for a full sync
  legacy @19;           # a client without incarnations registered, or numbered operations anew
  syncContinues @20;    # the full sync that the worker named goes on
  renumbered @21;       # another incarnation of the same process (its queue overflowed)
  modelChanged @22;     # the worker has another model now: what it held is forgotten
  runRepeated @23;      # another process has the run id of the former one: nothing of it is trusted
  reportsLost @24;      # of a worker that cannot send them again
  cleared @25;          # another incarnation of the same process, and empty
}

enum OperationKind {
  # What workers are asked to do with their caches; of the interface document.
  clear @0;
  pin @1;
  compress @2;
  decompress @3;
  move @4;
  health @5;  # leaves no event
}

enum RankStatus {
  # How far one rank is with an operation. The last five are final.
  pending @0;   # not sent yet
  running @1;   # sent, or the worker says that it runs
  unknown @2;   # was sent, and the session or the controller ended: the worker will say
  done @3;
  failed @4;    # the worker answered with an error
  timedOut @5;  # no answer in time: it may still come about
  lost @6;      # the worker that it was sent to is gone and did not say
  neverRun @7;  # the worker has not begun it and never will
}

enum EventStatus {
  running @0;
  unknown @1;  # some rank is
  done @2;     # every rank did it, with the same number of tokens
  failed @3;   # the rest
}
