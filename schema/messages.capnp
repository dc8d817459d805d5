@0xb1f4c8a0d2e95a03;
# One struct per message of the KVController interface, plus what sequence numbers and repair need.
# Field comments say unit, range and who sets the field. Ids are UTF-8 without control characters;
# instance ids 1 to 256 bytes, location names 1 to 128 bytes.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("holdfast::schema");
using Types = import "types.capnp";

# --- controllers of a group -----------------------------------------------------------------------

enum ReplicaRole {
  # What a controller is in its group (docs/replication.md).
  alone @0;          # it has no group; also what controllers are that know of none
  bootstrapping @1;  # has nothing yet, or not enough: it answers no look-up
  follower @2;       # keeps up with the log of the group, and answers look-ups
  candidate @3;      # wants to lead: until it does, as a follower
  leader @4;         # takes writes, and has the workers
  cutOff @5;         # leads as far as it knows, but the log has not heard it for long: another one
                     # may lead by now. Takes no writes and no workers, answers look-ups
}

struct ReplicaInfo {
  # Of a controller, as of the answer.
  role @0 :ReplicaRole;
  epoch @1 :UInt64;              # of the newest leader that it knows of
  index @2 :UInt64;              # last frame of the log that its registry has
  ageMs @3 :UInt64;              # since the newest valid record that came was made; of a leader, since
                                 # the log acknowledged one, 0 as long as that is not overdue; 0 for
                                 # who is alone; 2^64 - 1: none came yet
  lag @4 :UInt64;                # records of the log that it knows of and has not applied
  leader @5 :Text;               # where workers and routers find the leader, host:port; empty: unknown
  log @6 :Text;                  # identity of the log; empty: none, or not known yet
}

# --- worker to controller -------------------------------------------------------------------------

struct LocationStatement {
  # What a worker holds in one location; set by the worker. In a registration: now. In a heartbeat:
  # as of the last report it sent before this heartbeat on the same session. An incarnation that is
  # new to the controller, without a key, says in a heartbeat too that the location was cleared.
  location @0 :Text;
  incarnation @1 :UInt64;        # random; drawn whenever numbering restarts; 0: legacy client
  beganEmpty @2 :Bool;           # whether this incarnation began with an empty location
  lastSeq @3 :UInt64;            # last operation; 0: none yet
  count @4 :UInt64;              # distinct keys held
  digest @5 :Types.KeyDigest;    # of those keys
  replayableFrom @6 :UInt64;     # oldest seq that can be sent again; lastSeq + 1: none
  syncId @7 :UInt64;             # of the full sync of this location under way; 0: none
}

struct RegisterMsg {
  # Set by the worker.
  instanceId @0 :Text;
  workerId @1 :UInt32;           # rank, from 0; below worldSize
  ip @2 :Text;                   # at most 64 bytes
  port @3 :UInt32;               # 0 to 65,535
  peerInitUrl @4 :Text;          # where other workers connect; empty: none; at most 1,024 bytes
  model @5 :Text;                # chunks never cross models; empty: the controller's default
  worldSize @6 :UInt32;          # ranks of the instance, the same from all of them; 0: unknown
  run @7 :UInt64;                # random id of the worker's process, not 0; draw it from the
                                 # operating system, not from a generator that may be seeded
  attempt @8 :UInt64;            # counts the registrations of this run, from 1
  hashing @9 :Types.HashSettings;  # absent: the worker uses the controller's; else must be equal
  locations @10 :List(LocationStatement);  # at most 64, each name once
  labels @11 :List(Types.Label);  # at most 16, and 1,024 bytes of keys and values; kept until the
                                  # worker registers with others
}

enum DecisionKind {
  inSync @0;      # nothing to do: continue with nextSeq
  replay @1;      # send again from nextSeq on
  diverged @2;    # a full sync is needed and will be asked for; reports go on from nextSeq
  syncing @3;     # the full sync that the statement named goes on; reports go on from nextSeq
}

struct LocationDecision {
  # The controller's answer to one statement.
  location @0 :Text;
  kind @1 :DecisionKind;
  reason @2 :Types.Reason;
  nextSeq @3 :UInt64;            # first seq that the controller does not have
}

struct RegisterRetMsg {
  # Set by the controller; sent when the registration is committed.
  decisions @0 :List(LocationDecision);  # one per statement, same order
  hashing @1 :Types.HashSettings;
  heartbeatIntervalMs @2 :UInt32;  # how often the worker should send a heartbeat
  heartbeatTimeoutMs @3 :UInt32;   # silence after which the worker is LOST
  extraConfig @4 :List(KeyValue);  # free-form, of the interface document

  struct KeyValue {
    key @0 :Text;
    value @1 :Text;
  }
}

struct HeartbeatMsg {
  locations @0 :List(LocationStatement);
  load @1 :UInt32 = 4294967295;  # how busy the worker is, in thousandths: 0 idle, 1,000 saturated,
                                 # above it requests queue up; at most 1,000,000. The default says
                                 # nothing. Holds until the next heartbeat, or for the heartbeat
                                 # time-out
}

struct HeartbeatRetMsg {
  committed @0 :List(Committed);           # confirms reports: they need not be kept for a replay
  decisions @1 :List(LocationDecision);    # only of locations not in sync
  commands @2 :List(FullSyncCommand);      # for legacy clients: which locations to sync

  struct Committed {
    location @0 :Text;
    incarnation @1 :UInt64;
    seq @2 :UInt64;              # everything up to it is in the controller's log
  }
}

struct BatchedKVOperationMsg {
  # A report: consecutive operations of one location. Set by the worker.
  location @0 :Text;
  incarnation @1 :UInt64;
  firstSeq @2 :UInt64;           # of keys[0]; from 1
  keys @3 :List(UInt64);         # 1 to 65,536 chunk hashes in the order the operations happened
  evicts @4 :Data;               # bit i, least significant first: keys[i] was evicted; empty: none
}

struct FullSyncCommand {
  location @0 :Text;
  reason @1 :Text;               # for people
}

struct FullSyncStartMsg {
  # A full sync of one location is named by (incarnation, syncId). Set by the worker; the same start
  # may be sent again. The keys are those held at baseSeq, cut into batches; operations after it
  # keep being reported meanwhile.
  location @0 :Text;
  incarnation @1 :UInt64;
  syncId @2 :UInt64;             # random, not 0
  totalKeys @3 :UInt64;          # distinct keys of all batches
  batchCount @4 :UInt32;         # 0 where there are no keys; at most 1,048,576
  baseSeq @5 :UInt64;            # last operation that the keys include
  digest @6 :Types.KeyDigest;    # of the keys
  lastSeq @7 :UInt64;            # last operation numbered so far; not below baseSeq
}

struct FullSyncStartRetMsg {
  # Set by the controller; sent when the start is on stable storage.
  syncId @0 :UInt64;
  accepted @1 :Bool;
  errorMsg @2 :Text;             # why not
  missingBatches @3 :List(UInt32);  # where the sync goes on: batches that are not stored yet
}

struct FullSyncBatchMsg {
  # In any order, and again where in doubt: the first stored copy of a batch counts.
  location @0 :Text;
  incarnation @1 :UInt64;
  syncId @2 :UInt64;
  batchId @3 :UInt32;            # 0 to batchCount - 1
  keys @4 :List(UInt64);         # 1 to 65,536
}

struct FullSyncEndMsg {
  location @0 :Text;
  incarnation @1 :UInt64;
  syncId @2 :UInt64;
  actualTotalKeys @3 :UInt64;    # as in the start
}

struct FullSyncStatusMsg {
  location @0 :Text;
  incarnation @1 :UInt64;
  syncId @2 :UInt64;
}

struct FullSyncStatusRetMsg {
  # Set by the controller.
  syncId @0 :UInt64;
  isComplete @1 :Bool;           # what was sent is what look-ups see, and on stable storage
  globalProgress @2 :Float64;    # workers without a sync to do, of the ACTIVE ones; 0 to 1
  canExitFreeze @3 :Bool;        # for engines that froze their caches
  missingBatches @4 :List(UInt32);  # empty where all are stored
  isKnown @5 :Bool;              # false: no such sync (any more); start another when asked to
}

struct BatchedP2PLookupMsg {
  hashes @0 :List(UInt64);       # consecutive chunks of one prompt, 1 to 65,536
}

struct BatchedP2PLookupRetMsg {
  layoutInfo @0 :List(Peer);     # longest prefix first; empty: nobody else of this model, rank and
                                 # world size holds the first chunk

  struct Peer {
    instanceId @0 :Text;
    location @1 :Text;           # of most of those chunks
    numHitChunks @2 :UInt32;
    peerInitUrl @3 :Text;        # never empty
  }
}

# --- controller to worker: cache operations --------------------------------------------------------

struct WorkerOperationMsg {
  # Set by the controller.
  workerEventId @0 :UInt64;      # names the operation towards workers, also after restarts; not 0
  kind @1 :Types.OperationKind;
  location @2 :Text;             # empty for health
  allChunks @3 :Bool;            # else hashes, 1 to 65,536
  hashes @4 :List(UInt64);
  method @5 :Text;               # of compress and decompress
  destination @6 :Destination;   # of move
  copy @7 :Bool;                 # of move: the source keeps its chunks
  ttlSeconds @8 :UInt64;         # of pin: after so long it ends by itself; 0: it does not

  struct Destination {
    instanceId @0 :Text;
    workerId @1 :UInt32;         # the same rank there
    location @2 :Text;
    peerInitUrl @3 :Text;        # where to connect; empty where it is the worker itself
  }
}

struct WorkerOutcomeMsg {
  # Set by the worker.
  status @0 :Status;
  numTokens @1 :UInt64;          # done: tokens that the operation concerned
  errorCode @2 :Int32;           # of health: 0 is healthy
  error @3 :Text;                # failed: why, for people; at most 1,024 bytes are kept

  enum Status {
    neverRun @0;                 # not begun, and it will not be
    running @1;
    done @2;
    failed @3;
    forgotten @4;                # it was asked, and does not know what became of it
  }
}

# --- orchestrator to controller -------------------------------------------------------------------

struct LookupMsg {
  eventId @0 :Text;              # echoed; may be empty; at most 256 bytes
  model @1 :Text;                # empty: the controller's default
  union {
    tokens @2 :List(UInt32);     # a prompt, at most 4,194,304 tokens
    hashes @3 :List(UInt64);     # consecutive chunks from the first, at most 65,536
  }
  withPins @4 :Bool;             # say how much of each prefix is pinned
  maxInstances @5 :UInt32;       # answer with the best ones only; 0: with all
  withoutEndpoints @6 :Bool;     # for who knows where instances are: a shorter answer
  # Beside tokens, what the engines of the model hash with them; each at most 4,096 bytes. LMCache's
  # hashes, which the controller's own settings are about, have none of it.
  loraName @7 :Text;             # of the adapter that the prompt is for; empty: none
  loraPath @8 :Text;             # where the engines loaded it from; vLLM hashes it as well
  cacheSalt @9 :Text;            # empty: none
  maxAgeMs @10 :UInt64;          # 0: any. A controller whose ageMs (ReplicaInfo) is higher when the
                                 # look-up comes answers "unavailable: stale by N ms"
}

enum LookupMiss {
  # Why a look-up found nobody.
  none @0;          # somebody was found
  noChunk @1;       # it asks for no chunk: no hashes, or fewer tokens than a chunk
  unknownModel @2;  # no worker of this model is registered
  notHeld @3;       # nobody holds the first chunk
  hidden @4;        # whoever holds the first chunk is not named: LOST, drained, or diverged
  hashingDiffers @5;  # no worker of this model is registered: it hashes tokens in another way than
                      # this controller, and was refused
  cannotHash @6;    # its tokens: of an adapter whose hashes only its engine can compute
}

struct Endpoint {
  # Where an instance is reached, and what it says of itself: as its lowest rank registered that is
  # not LOST; where all are, its lowest rank.
  ip @0 :Text;
  port @1 :UInt32;
  peerInitUrl @2 :Text;
  labels @3 :List(Types.Label);  # in the order in which the worker states them
}

struct LookupRetMsg {
  eventId @0 :Text;
  layoutInfo @1 :List(Layout);   # every instance with at least the first chunk: the longest prefix
                                 # first, then the longest that all ranks hold, then who is
                                 # confirmed, then the least loaded (in steps of a tenth; who states
                                 # no load counts as saturated). Equal ones come in an order that
                                 # differs from look-up to look-up and is the same for the same
                                 # eventId, so that whoever takes the first does not always take
                                 # the same one
  miss @2 :LookupMiss;           # why layoutInfo is empty
  message @3 :Text;              # the same for people, with names and numbers; empty with none
  hidden @4 :Hidden;             # of a miss: holders of the first chunk that are not named
  leftOut @5 :UInt32;            # instances that are not listed: over maxInstances, or over what the
                                 # answers to many look-ups may have in all
  role @6 :ReplicaRole;          # of who answers; these four as in ReplicaInfo
  epoch @7 :UInt64;
  index @8 :UInt64;
  ageMs @9 :UInt64;

  struct Hidden {
    drained @0 :UInt32;
    lost @1 :UInt32;
    diverged @2 :UInt32;
  }

  struct Layout {
    instanceId @0 :Text;
    location @1 :Text;           # that holds most of the matched chunks
    matchedEnd @2 :UInt64;       # tokens of the longest prefix that one rank holds
    allRanksEnd @3 :UInt64;      # tokens that every rank of the world size holds; 0 while ranks
                                 # state different world sizes
    matchedChunks @4 :UInt32;
    allRanksChunks @5 :UInt32;
    unconfirmed @6 :Bool;        # recovered after a restart, the worker has not registered yet
    hits @7 :List(Hits);         # of the best rank, most first
    pinnedEnd @8 :UInt64;        # withPins: tokens of it that are pinned on the best rank, from the
    pinnedChunks @9 :UInt32;     # first on, and as chunks
    load @10 :UInt32 = 4294967295;  # highest that ranks state, see HeartbeatMsg; the default: none
                                    # states one
    endpoint @11 :Endpoint;      # absent: its worker states nothing of it, or withoutEndpoints
  }
  struct Hits {
    location @0 :Text;
    chunks @1 :UInt32;
  }
}

struct LookupsMsg {
  # Many look-ups in a call. At most 1,024, and together as many hashes, tokens and chunks as one
  # look-up may have.
  lookups @0 :List(LookupMsg);
}

struct LookupsRetMsg {
  answers @0 :List(LookupRetMsg);  # in the order of the look-ups. All together list at most 65,536
                                   # instances in 16 MiB; each has an equal share of both, and the
                                   # best instance in any case. leftOut says what is not listed
}

struct InstancesMsg {
  instanceId @0 :Text;           # empty: all
}

enum InstanceHidden {
  # Why look-ups do not name an instance.
  no @0;        # they do
  drained @1;   # by an operator
  lost @2;      # all its ranks are LOST
  diverged @3;  # nothing of what its ranks hold is looked up, until it is repaired
}

struct InstanceInfo {
  instanceId @0 :Text;
  model @1 :Text;                # of its lowest rank
  worldSize @2 :UInt32;          # that its ranks state; 0: none does, or they contradict each other
  drained @3 :Bool;
  hidden @4 :InstanceHidden;     # where it is drained and lost: drained
  endpoint @5 :Endpoint;
  load @6 :UInt32 = 4294967295;  # as in a look-up's answer
  createdMs @7 :UInt64;          # when its first worker registered; ms since 1970-01-01 UTC
  ranks @8 :List(Rank);          # by workerId
  contradiction @9 :Text;        # which ranks state which world size; empty: they agree
  missingRanks @10 :Text;        # of its world size that never registered: "1, 3 to 5"

  struct Rank {
    workerId @0 :UInt32;
    state @1 :Types.WorkerState;
    quarantined @2 :Bool;        # its stored records could not be read
    locations @3 :UInt32;
    locationsInSync @4 :UInt32;
    locationsHidden @5 :UInt32;  # kept, but not looked up: diverged
    memberships @6 :UInt64;      # (location, chunk) that it holds
    load @7 :UInt32 = 4294967295;
  }
}

struct InstancesRetMsg {
  instances @0 :List(InstanceInfo);  # by instanceId
}

struct QueryInstMsg {
  eventId @0 :Text;
  ip @1 :Text;
}

struct QueryInstRetMsg {
  eventId @0 :Text;
  instanceId @1 :Text;           # empty: no worker registered with this ip
}

struct QueryWorkerInfoMsg {
  eventId @0 :Text;
  instanceId @1 :Text;           # empty: of all instances
  workerIds @2 :List(UInt32);    # empty: all
}

struct LocationInfo {
  name @0 :Text;
  sync @1 :Types.SyncState;
  reason @2 :Types.Reason;       # of the last decision
  incarnation @3 :UInt64;
  lastSeq @4 :UInt64;
  committedSeq @5 :UInt64;
  count @6 :UInt64;              # distinct keys
  digest @7 :Types.KeyDigest;
  hidden @8 :Bool;               # kept, but not looked up
  journalOperations @9 :UInt64;  # since the last fold
  heldOperations @10 :UInt64;    # behind a gap
  fullSync @11 :FullSyncInfo;
  pins @12 :UInt64;              # chunks that are pinned
}

struct FullSyncInfo {
  phase @0 :Phase;
  queuePosition @1 :UInt32;      # queued: 0 is next
  batchCount @2 :UInt32;         # running
  batchesStored @3 :UInt32;
  totalKeys @4 :UInt64;
  keysStored @5 :UInt64;
  runningMs @6 :UInt64;          # since its start
  remainingMs @7 :UInt64;        # an estimate; 0: none yet
  failures @8 :UInt32;           # in a row

  enum Phase {
    none @0;
    queued @1;      # waits for a slot
    asked @2;       # the worker was told to start
    running @3;
    backingOff @4;  # failed some times in a row
  }
}

struct WorkerInfo {
  instanceId @0 :Text;
  workerId @1 :UInt32;
  ip @2 :Text;
  port @3 :UInt32;
  peerInitUrl @4 :Text;
  model @5 :Text;
  state @6 :Types.WorkerState;
  registrationTimeMs @7 :UInt64;    # ms since 1970-01-01 UTC
  lastHeartbeatTimeMs @8 :UInt64;   # of the last message of any kind
  run @9 :UInt64;
  attempt @10 :UInt64;
  quarantined @11 :Text;            # why its stored records could not be read; empty: they could
  locations @12 :List(LocationInfo);
  drained @13 :Bool;                # look-ups do not name its instance: an operator drained it
  worldSize @14 :UInt32;            # of its instance, as the worker states it; 0: unknown
  contradiction @15 :Text;          # which ranks of its instance state which world size, where they
                                    # contradict each other; empty: they do not
  labels @16 :List(Types.Label);
  load @17 :UInt32 = 4294967295;    # see HeartbeatMsg; the default: it states none
}

struct QueryWorkerInfoRetMsg {
  # Of a long list, as of the other queries with one, each entry is as of when it was its turn: the
  # controller goes on with everything else meanwhile.
  eventId @0 :Text;
  workerInfos @1 :List(WorkerInfo);
  role @2 :ReplicaRole;          # of who answers: workers' sessions are the leader's
}

# Cache operations. Each becomes an event, which is on stable storage before any worker hears of it.
# eventId: at most 256 bytes; empty: one is drawn. The same id with the same arguments is the same
# event, never done twice; with other arguments it is an error. noWait: answer as soon as the event
# is recorded; checkFinish tells how it goes.

struct ChunkSelection {
  union {
    all @0 :Void;                # everything in the location
    tokens @1 :List(UInt32);     # the chunks of a prompt, at most 4,194,304 tokens
    hashes @2 :List(UInt64);     # 1 to 65,536
  }
  model @3 :Text;                # of the prompt: refused where the ranks have another; empty: theirs
}

struct ClearMsg {
  eventId @0 :Text;
  instanceId @1 :Text;
  location @2 :Text;
  noWait @3 :Bool;
}

struct PinMsg {
  eventId @0 :Text;
  instanceId @1 :Text;
  location @2 :Text;
  chunks @3 :ChunkSelection;
  noWait @4 :Bool;
  ttlSeconds @5 :UInt64;         # from now; at most 315,360,000; 0: for as long as they are held
}

struct CompressMsg {
  # Of decompress, too.
  eventId @0 :Text;
  instanceId @1 :Text;
  location @2 :Text;
  method @3 :Text;               # as the engine knows it; 1 to 128 bytes
  chunks @4 :ChunkSelection;
  noWait @5 :Bool;
}

struct MoveMsg {
  eventId @0 :Text;
  oldPosition @1 :Position;
  newPosition @2 :Position;
  chunks @3 :ChunkSelection;
  copy @4 :Bool;                 # keep them at the old position, too
  noWait @5 :Bool;

  struct Position {
    instanceId @0 :Text;
    location @1 :Text;
  }
}

struct HealthMsg {
  eventId @0 :Text;
  instanceId @1 :Text;
}

struct CheckFinishMsg {
  eventId @0 :Text;
}

struct RankInfo {
  workerId @0 :UInt32;
  status @1 :Types.RankStatus;
  numTokens @2 :UInt64;
  errorCode @3 :Int32;           # of health: 0 healthy, else what the worker answered, or
                                 # -1001 it answered with an error, -1002 it does not know the call,
                                 # -1003 unreadable answer, -1004 no answer in time, -1005 LOST
  error @4 :Text;
}

struct EventInfo {
  eventId @0 :Text;
  kind @1 :Types.OperationKind;
  instanceId @2 :Text;
  location @3 :Text;
  newInstanceId @4 :Text;        # of move
  newLocation @5 :Text;
  method @6 :Text;
  copy @7 :Bool;
  chunks @8 :UInt32;             # asked for; 0: all
  status @9 :Types.EventStatus;
  numTokens @10 :UInt64;         # done: as every rank answered
  error @11 :Text;               # failed: who answered what
  createdMs @12 :UInt64;         # ms since 1970-01-01 UTC
  finishedMs @13 :UInt64;        # 0: not yet
  ranks @14 :List(RankInfo);     # by workerId
  ttlSeconds @15 :UInt64;        # of pin
}

struct EventsMsg {
  instanceId @0 :Text;           # empty: of all
  unfinishedOnly @1 :Bool;
  max @2 :UInt32;                # newest first; 0: 100; at most 10,000
}

struct EventsRetMsg {
  events @0 :List(EventInfo);    # newest first, without their ranks
  total @1 :UInt64;              # that match
}

struct PinsMsg {
  # What is pinned: one entry for each pin operation, worker and location that some chunk is pinned
  # by. A chunk that was pinned again counts for the newest pin.
  instanceId @0 :Text;           # empty: of all
  workerIds @1 :List(UInt32);    # empty: all
  location @2 :Text;             # empty: all
  withChunks @3 :Bool;
  skip @4 :UInt64;               # so many entries
  max @5 :UInt32;                # 0: 1,000; at most 10,000; fewer come where they have many chunks
}

struct PinsRetMsg {
  entries @0 :List(Entry);       # by instance, worker, location and time
  total @1 :UInt64;              # entries that match

  struct Entry {
    instanceId @0 :Text;
    workerId @1 :UInt32;
    location @2 :Text;
    eventId @3 :Text;
    pinnedMs @4 :UInt64;         # ms since 1970-01-01 UTC; when the pin was asked for
    expiresMs @5 :UInt64;        # 0: for as long as the chunks are held
    chunks @6 :UInt64;           # that are pinned by it now
    hashes @7 :List(UInt64);     # withChunks: ascending
  }
}

# --- operator -------------------------------------------------------------------------------------

struct StatusMsg {
  resetLookupWindow @0 :Bool;    # after this answer, lookupWindow begins anew
}

struct Latency {
  # Of look-ups inside the daemon: from the request's arrival at the socket (or before it, where that
  # is not known exactly) to when the answer is given to the socket. Microseconds.
  count @0 :UInt64;
  p50Us @1 :UInt64;
  p99Us @2 :UInt64;
  p999Us @3 :UInt64;
  maxUs @4 :UInt64;
}

struct StatusRetMsg {
  version @0 :Text;
  clusterId @1 :Text;            # hex
  uptimeMs @2 :UInt64;
  instances @3 :UInt64;
  workersActive @4 :UInt64;
  workersLost @5 :UInt64;
  workersRecovered @6 :UInt64;
  workersQuarantined @7 :UInt64;
  locations @8 :UInt64;
  locationsInSync @9 :UInt64;
  locationsCaughtUp @10 :UInt64;
  locationsDiverged @11 :UInt64;
  chunks @12 :UInt64;            # distinct
  memberships @13 :UInt64;       # (holder, chunk) pairs
  indexBytes @14 :UInt64;
  residentBytes @15 :UInt64;
  diskBytes @16 :UInt64;
  storeWritable @17 :Bool;
  storeReason @18 :Text;         # when not writable: what failed and what to do
  storeQueueBytes @19 :UInt64;
  contentDigest @20 :Text;       # 32 hex digits
  registryDigest @21 :Text;      # 32 hex digits
  committed @22 :Bool;           # whether everything applied is also committed
  counters @23 :List(Counter);
  lookups @24 :Latency;          # since the start
  recoveryMs @25 :UInt64;        # how long the start took
  recoveredInstances @26 :UInt64;
  recoveredWorkers @27 :UInt64;
  recoveredChunks @28 :UInt64;   # memberships found at start
  connections @29 :UInt64;
  lookupWindow @30 :Latency;     # since the last resetLookupWindow, or the start
  locationsReplaying @31 :UInt64;
  locationsSyncing @32 :UInt64;
  fullSyncsRunning @33 :UInt32;  # asked for or running: these have a slot
  fullSyncsQueued @34 :UInt32;
  globalProgress @35 :Float64;   # as in FullSyncStatusRetMsg
  eventsUnfinished @36 :UInt64;  # of cache operations
  eventsFinished @37 :UInt64;    # of those kept
  pins @38 :UInt64;              # (worker, location, chunk) that are pinned
  limits @39 :List(Limit);       # what the fleet may fill up
  instancesContradicting @40 :UInt64;  # whose ranks contradict each other about the world size
  instancesDrained @41 :UInt64;
  locationsHidden @42 :UInt64;   # not looked up: their worker is LOST, their instance drained, or
                                 # they have diverged
  auth @43 :Text;                # "off": nobody who comes over the network needs a token; "tokens":
                                 # everybody does; "local": nobody comes in over the network
  replica @44 :ReplicaInfo;

  struct Counter {
    name @0 :Text;
    value @1 :UInt64;
  }

  struct Limit {
    name @0 :Text;               # "workers"
    used @1 :UInt64;
    max @2 :UInt64;
  }
}

struct ForceSyncMsg {
  instanceId @0 :Text;
  workerId @1 :UInt32;
  location @2 :Text;             # empty: all of the worker's
}

struct DivergedRetMsg {
  # Every location that is being repaired or waits for it.

  locations @0 :List(Diverged);

  struct Diverged {
    instanceId @0 :Text;
    workerId @1 :UInt32;
    info @2 :LocationInfo;
  }
}

struct ForgetMsg {
  instanceId @0 :Text;
  workerId @1 :UInt32;
}

struct DrainMsg {
  instanceId @0 :Text;
  undo @1 :Bool;                 # look-ups name it again
}

struct CaptureMsg {
  off @0 :Bool;                  # end the log that is kept
  directory @1 :Text;            # on the controller's machine; empty: as its --capture says
  redact @2 :Bool;               # leave the tokens of prompts out
}

struct BackupMsg {
  path @0 :Text;                 # absolute; new, on the file system of the store
}

struct BackupRetMsg {
  path @0 :Text;
  bytes @1 :UInt64;              # of its files; table files are shared with the store
  sequence @2 :UInt64;           # number of the last write in it, as offline tools show it
  instances @3 :UInt64;
  workers @4 :UInt64;
  memberships @5 :UInt64;
  registryDigest @6 :Text;       # 32 hex digits
  milliseconds @7 :UInt64;       # from the message to the answer
}

struct StoreCopyRetMsg {
  # A copy of the store as of one write, in files.
  clusterId @0 :Text;            # 32 hex digits
  format @1 :UInt32;             # of the store
  sequence @2 :UInt64;           # number of the last write in it, as offline tools show it
  madeWallMs @3 :UInt64;         # since 1970-01-01 UTC
  registryDigest @4 :Text;       # 32 hex digits; empty: not known
  files @5 :UInt32;              # how many; they are numbered from 0
  bytes @6 :UInt64;              # of all of them
}

struct StoreFile {
  name @0 :Text;                 # that it has in a store's directory
  bytes @1 :UInt64;
  checksum @2 :Text;             # CRC-32C of its content, 8 hex digits; empty: not known
}

struct ReplicaRetMsg {
  info @0 :ReplicaInfo;
  settled @1 :Bool;              # the digest is that of its index: nothing is applied that is not in
                                 # the log yet
  registryDigest @2 :Text;       # 32 hex digits
  version @3 :Text;
}

# --- how engines hash ------------------------------------------------------------------------------

struct HashingMsg {
  maxSources @0 :UInt32;         # at most 256; 0: so many
}

struct HashingRetMsg {
  # What was learned of engines that publish what they store (src/hashing).
  models @0 :List(Model);
  sources @1 :List(Source);      # those with a trouble first
  sourcesLeftOut @2 :UInt64;

  struct Model {
    model @0 :Text;
    family @1 :Text;             # "vllm", "sglang", "lmcache", "dynamo"
    algorithm @2 :Text;          # as its engine's setting has it: "sha256_cbor"
    blockSize @3 :UInt32;        # tokens
    seeded @4 :Bool;             # its hashes depend on PYTHONHASHSEED
    seedSet @5 :Bool;            # which is set, to seed
    seed @6 :Text;
    profile @7 :Text;            # all of it, for people
    sources @8 :UInt64;          # media of sources that hash so
    lookups @9 :Bool;            # look-ups of the model by tokens hash so
  }
  struct Source {
    # One medium of one source.
    instanceId @0 :Text;
    workerId @1 :UInt32;
    model @2 :Text;
    medium @3 :Text;             # as its events name it; may be empty
    state @4 :State;
    profile @5 :Text;            # that it fits; empty: none did
    trouble @6 :Text;            # what is wrong with it and what to set; empty: nothing
    fittedBlocks @7 :UInt64;     # of those looked at
    differingBlocks @8 :UInt64;
    uncheckedBlocks @9 :UInt64;  # that only the engine can compute
  }
  enum State {
    learning @0;  # nothing fitted yet
    fits @1;      # where it has a trouble: otherwise than most of its model
    mixed @2;     # fits by turns
    unknown @3;   # nothing fits, what it holds is found by hashes only
  }
}
