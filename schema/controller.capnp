@0xb1f4c8a0d2e95a04;
# The RPC interfaces: object capabilities. An unauthenticated peer can name Bootstrap only.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("holdfast::schema");
using Messages = import "messages.capnp";

interface Bootstrap {
  authenticate @0 (token :Text) -> (worker :WorkerGateway, orchestrator :Orchestrator,
                                    operator :Operator, replica :Messages.ReplicaInfo);
  # The capabilities that the token's role grants; the others are null, and where a role includes a
  # part of an interface, its other methods fail with "denied:". Fails with "unauthenticated:" where
  # no token was sent and one is needed, and where the one that was sent is not right. May be called
  # again: then it decides for the capabilities that were given before, too. A connection from the
  # network that does not call it within 5 s is closed. `replica` says what the controller is in its
  # group: one that neither leads nor is alone answers everything but questions with "unavailable:",
  # and its leader is where to go.
}

interface WorkerGateway {
  register @0 (info :Messages.RegisterMsg, worker :Worker)
           -> (session :WorkerSession, answer :Messages.RegisterRetMsg);
  # The newest registration of a worker wins and closes the session of an older one. Fails with a
  # description that begins with "superseded:" (do not retry), "refused:" (settings or ids are
  # wrong; do not retry) or "unavailable:" (retry later). `worker` must not be null.
}

interface WorkerSession {
  # One capability, so that its calls arrive in the order they were made.
  report @0 (message :Messages.BatchedKVOperationMsg) -> stream;
  # Never fails for reasons of state: a report that cannot be taken is answered by Worker.pause, and
  # one for a location or incarnation that was not stated is dropped. A malformed one ends the
  # session: its calls fail from then on and say why; the worker may register again.
  heartbeat @1 (message :Messages.HeartbeatMsg) -> (answer :Messages.HeartbeatRetMsg);
  p2pLookup @2 (message :Messages.BatchedP2PLookupMsg)
            -> (answer :Messages.BatchedP2PLookupRetMsg);
  deregister @3 () -> ();
  # Answered when the removal is committed.
  fullSyncStart @4 (message :Messages.FullSyncStartMsg) -> (answer :Messages.FullSyncStartRetMsg);
  # Answered when the start is on stable storage.
  fullSyncBatch @5 (message :Messages.FullSyncBatchMsg) -> stream;
  # Never fails for reasons of state: a batch of no running sync is dropped. As report otherwise.
  fullSyncEnd @6 (message :Messages.FullSyncEndMsg) -> (answer :Messages.FullSyncStatusRetMsg);
  # Asks for the switch; what was sent meanwhile is still being applied: ask for the status.
  fullSyncStatus @7 (message :Messages.FullSyncStatusMsg)
                 -> (answer :Messages.FullSyncStatusRetMsg);
}

interface Worker {
  # Implemented by the worker, called by the controller over the same connection.
  pause @0 (location :Text, reason :Text) -> ();
  # Stop reporting for this location (empty: for all of them) until resume; keep what happens.
  # Whatever was on its way is not applied.
  resume @1 () -> ();
  # Register again, on this connection: the answer says where to go on. Also what a worker is told
  # whose session was ended: it was silent for too long, was forgotten, or a capture begins.
  superseded @2 (reason :Text) -> ();
  # Another process registered as this worker. Do not come back.
  replay @3 (location :Text, incarnation :UInt64, fromSeq :UInt64, toSeq :UInt64)
         -> (accepted :Bool, replayableFrom :UInt64);
  # Report these operations again, before anything that is new. Not accepted: they cannot be sent
  # any more (replayableFrom says from where), or the incarnation is another one.
  startFullSync @4 (location :Text, reason :Text, continueSyncId :UInt64) -> ();
  # Begin a full sync of this location; with continueSyncId not 0, go on with that one: send its
  # start again.
  operate @5 (operation :Messages.WorkerOperationMsg) -> (outcome :Messages.WorkerOutcomeMsg);
  # Do something with the cache; answered when it has ended. What it changes is reported as ever.
  checkFinish @6 (workerEventId :UInt64, wait :Bool) -> (outcome :Messages.WorkerOutcomeMsg);
  # What became of an operation, of this session or an earlier one of this process; with `wait`,
  # answered when it has ended. neverRun: it was not begun, and from now on it will not be.
}

interface Orchestrator {
  # One that takes long is answered piece by piece, later ones of other connections overtake it: who
  # holds a chunk is as of its piece, and who is gone at the end is not in the answer. "unavailable:"
  # where too many such calls are under way.
  lookup @0 (message :Messages.LookupMsg) -> (answer :Messages.LookupRetMsg);
  queryInstance @1 (message :Messages.QueryInstMsg) -> (answer :Messages.QueryInstRetMsg);
  queryWorkers @2 (message :Messages.QueryWorkerInfoMsg)
               -> (answer :Messages.QueryWorkerInfoRetMsg);

  # Cache operations fail at once, without an event, where the arguments are wrong, the instance is
  # not whole or one of its workers is LOST. What ranks answer is in the event.
  clear @3 (message :Messages.ClearMsg) -> (event :Messages.EventInfo);
  pin @4 (message :Messages.PinMsg) -> (event :Messages.EventInfo);
  compress @5 (message :Messages.CompressMsg) -> (event :Messages.EventInfo);
  decompress @6 (message :Messages.CompressMsg) -> (event :Messages.EventInfo);
  move @7 (message :Messages.MoveMsg) -> (event :Messages.EventInfo);
  health @8 (message :Messages.HealthMsg) -> (event :Messages.EventInfo);
  # Asks every rank, LOST ones aside; each has its error code. Always waits.
  checkFinish @9 (message :Messages.CheckFinishMsg) -> (event :Messages.EventInfo);
  events @10 (message :Messages.EventsMsg) -> (answer :Messages.EventsRetMsg);
  pins @11 (message :Messages.PinsMsg) -> (answer :Messages.PinsRetMsg);
  # What pin operations have pinned and is held. A pin ends when its time is over, when the worker
  # evicts the chunk or is forgotten, when its location gets other content, and when another process
  # takes the worker's place.
  lookups @12 (message :Messages.LookupsMsg) -> (answer :Messages.LookupsRetMsg);
  # One call for a router that has many prompts waiting: answered as many calls of lookup would be,
  # one after the other. Fails as a whole where one of them is invalid.
  instances @13 (message :Messages.InstancesMsg) -> (answer :Messages.InstancesRetMsg);
}

interface Operator {
  status @0 (message :Messages.StatusMsg) -> (answer :Messages.StatusRetMsg);
  diverged @1 () -> (answer :Messages.DivergedRetMsg);
  forceSync @2 (message :Messages.ForceSyncMsg) -> (locations :UInt32);
  # Queues a full sync whatever the state is; how many locations will be synced.
  forget @3 (message :Messages.ForgetMsg) -> ();
  # Drops all that is known of a worker and ends its session. If it is alive it registers again.
  drain @4 (message :Messages.DrainMsg) -> ();
  # No look-up names the instance until it is undone, also after a restart of the controller.
  # Reports and cache operations go on.
  capture @5 (message :Messages.CaptureMsg) -> (folder :Text);
  # Begins or ends a log of everything that comes in; where it is. To begin, every worker's session
  # is ended: it registers again.
  backup @6 (message :Messages.BackupMsg) -> (answer :Messages.BackupRetMsg);
  # Copies the store as of this message into a directory of the controller's machine; everything
  # that was confirmed to anybody before is in it. Reports and look-ups go on meanwhile.
  logLevel @7 (level :Text) -> (level :Text);
  # The log tells what is of this level from now on, and whatever is worse: "debug", "info",
  # "warning" or "error"; empty: as before. The level in force then.
  hashing @8 (message :Messages.HashingMsg) -> (answer :Messages.HashingRetMsg);
  # How the engines of each model hash, as was learned from what they publish, and who differs.
  replica @9 () -> (answer :Messages.ReplicaRetMsg);
  stepDown @10 () -> ();
  # A leader hands over to another controller of its group; answered when that leads. "refused:" by
  # who does not lead.
  copy @11 () -> (answer :Messages.StoreCopyRetMsg, copy :StoreCopy);
  # A copy of the store as of this message, for another controller to begin with. "unavailable:"
  # where as many are given already, or another one is being made.
}

interface StoreCopy {
  # Gone when the capability is dropped, and when nothing was asked of it for a minute: then its
  # calls fail with "unavailable:".
  files @0 (first :UInt32) -> (files :List(Messages.StoreFile));
  # From that number on, at most 4,096 of them; none: there are no more.
  read @1 (file :UInt32, offset :UInt64, length :UInt32) -> (data :Data);
  # That many bytes of a file, 1 to 1 MiB, all of them within it. At most 16 reads may be under way.
}
