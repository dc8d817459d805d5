@0xb1f4c8a0d2e95a05;
# Entries of capture logs: every input of core and of the executor, in order, with what they asked of
# the outside while they took it. src/capture/README.md says how entries lie in files.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("holdfast::schema");
using Types = import "types.capnp";
using Messages = import "messages.capnp";

struct CaptureEntry {
  # Times as core saw them during the input. The other answers of the outside:
  steadyMs @0 :UInt64;             # of a steady clock with an arbitrary origin
  wallMs @1 :UInt64;               # since 1970-01-01 UTC
  storeMs @39 :UInt64;             # store time, see core/clock.h; 0, of older logs: wallMs
  lastTicket @2 :UInt64;           # of the writes queued to the store so far; a replay must agree
  noRoom @3 :Bool;                 # the store had no room when it was asked
  drawn @4 :List(UInt64);          # random numbers

  session @5 :UInt64;              # of a worker's message; of `register` the one it began, 0: refused
  onLaterConnection @40 :Bool;     # of `register`: over a connection that was opened after the
                                   # worker's newest registration was taken

  takesTokens @49 :Bool;           # of `register`: orders to the worker name chunks by tokens
  pinSecondsMax @50 :UInt32;       # of `register`: how long its pins last at most; 0: as asked for
  source @54 :Types.EngineSource;  # of `register`: absent: it is no engine whose stream is read
  resumes @55 :Bool;               # of `register`: what is held goes on as it is
  sourceSeq @56 :UInt64;           # of `report` and `clear`: position in such a stream, plus 1; 0: none
  sourceDigest @57 :UInt64;

  union {
    file @6 :CaptureFile;          # the first entry of each file, and only there
    start @7 :CaptureStart;        # the first one behind it in the first file
    end @8 :CaptureEnd;            # the last one of a log that was ended

    # Messages of workers.
    register @9 :Messages.RegisterMsg;
    heartbeat @10 :Messages.HeartbeatMsg;
    report @11 :Messages.BatchedKVOperationMsg;
    fullSyncStart @12 :Messages.FullSyncStartMsg;
    fullSyncBatch @13 :Messages.FullSyncBatchMsg;
    fullSyncEnd @14 :Messages.FullSyncEndMsg;
    fullSyncStatus @15 :Messages.FullSyncStatusMsg;
    replayRefused :group {
      location @16 :Text;
      incarnation @17 :UInt64;
    }
    p2pLookup @18 :Messages.BatchedP2PLookupMsg;
    deregister @19 :Void;
    answered :group {              # to an operation, by its number
      number @20 :UInt64;
      outcome @21 :Messages.WorkerOutcomeMsg;
    }
    connectionClosed @22 :Void;

    # Of routers and operators.
    lookup :group {
      model @23 :Text;
      hashes @24 :List(UInt64);
      tokens @25 :List(UInt32);    # the prompt; absent where hashes were asked for, or left out
      withPins @37 :Bool;
      spread @41 :UInt64;          # how instances that match equally are ordered
      missReason @42 :UInt8;       # what its end was counted as (MissReason of core/lookups.h); 0,
                                   # of older logs: it is not said
    }
    operation @26 :CaptureOperation;
    forceSync @27 :Messages.ForceSyncMsg;
    forget @28 :Messages.ForgetMsg;
    drain @29 :Messages.DrainMsg;

    # Of the event loop and the store.
    tick @30 :Void;
    work @31 :Void;                # one piece of background work
    committed @32 :UInt64;         # everything up to this ticket
    folded @33 :CaptureFold;
    health :group {
      writable @34 :Bool;
      reason @35 :Text;
    }
    storePolled @36 :Void;         # the executor hears of what was committed

    sessionFailed @38 :Text;       # a worker broke the protocol, and how

    operationsLost :group {        # of a worker that cannot send them again
      location @43 :Text;
      incarnation @44 :UInt64;
      nextSeq @45 :UInt64;
      newIncarnation @46 :UInt64;
      hide @47 :Bool;
      fullSync @48 :Bool;
    }

    clear :group {                 # of a location, as one operation
      location @51 :Text;
      incarnation @52 :UInt64;
      seq @53 :UInt64;
    }
  }
}

struct CaptureFile {
  capture @0 :Data;                # 16 random bytes, the same in all files of a log
  number @1 :UInt32;               # from 1, without a gap
  firstEntry @2 :UInt64;           # entries before this file, those of kind `file` aside
  program @3 :Text;                # that wrote it, with its version
}

struct CaptureStart {
  # What a replay needs to be the same core: the options, and where the state came from.
  redacted @0 :Bool;               # prompt tokens are left out
  clusterId @1 :Text;              # of the store
  checkpoint @2 :Text;             # a folder beside the files: the store as of now; empty: a new one
  firstTicket @3 :UInt64;          # that the next write gets
  registryDigest @4 :Text;         # of the state that the log begins with; 32 hex digits

  defaultModel @5 :Text;
  workersMax @6 :UInt64;
  heartbeatTimeoutMs @7 :UInt64;
  lostGraceMs @8 :UInt64;
  foldFloorOperations @9 :UInt64;
  replayAgainMs @10 :UInt64;
  replayTimeoutMs @11 :UInt64;
  completionThreshold @12 :Float64;
  fullSyncs @13 :UInt32;
  fullSyncStartTimeoutMs @14 :UInt64;
  fullSyncInactivityMs @15 :UInt64;
  fullSyncFailuresBeforeBackoff @16 :UInt32;
  fullSyncBackoffMs @17 :UInt64;
  fullSyncBackoffMaxMs @18 :UInt64;
  operationTimeoutsMs @19 :List(UInt64);  # by OperationKind
  eventRetentionMs @20 :UInt64;
  eventsKeptMax @21 :UInt64;
  counters @22 :List(Messages.StatusRetMsg.Counter);  # as of now
}

struct CaptureEnd {
  reason @0 :Reason;
  text @1 :Text;                   # for people
  # As of the end; only where nothing is missing before it.
  registryDigest @2 :Text;
  contentDigest @3 :Text;
  counters @4 :List(Messages.StatusRetMsg.Counter);

  enum Reason {
    processEnded @0;
    switchedOff @1;                # by an operator
    gaveUp @2;                     # the log could not be written (text says why): inputs that came
                                   # after the last entry before this one are not in it
  }
}

struct CaptureOperation {
  # A cache operation as it was asked for.
  eventId @0 :Text;
  kind @1 :Types.OperationKind;
  instance @2 :Text;
  location @3 :Text;
  allChunks @4 :Bool;
  chunks @5 :List(UInt64);
  method @6 :Text;
  toInstance @7 :Text;
  toLocation @8 :Text;
  copy @9 :Bool;
  ttlSeconds @10 :UInt64;          # of a pin
  model @11 :Text;                 # that the chunks are of; empty: the ranks'
  tokens @12 :UInt32;              # of the prompt that the chunks were hashed of, which is left out;
                                   # 0: they were given as hashes
}

struct CaptureFold {
  id @0 :UInt64;
  ok @1 :Bool;
  error @2 :Text;
  baseSeq @3 :UInt64;
  baseCount @4 :UInt64;
  baseDigest @5 :Types.KeyDigest;
}
