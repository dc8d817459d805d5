"""A worker's client of Holdfast, as docs/protocol.md tells to write one."""

import os
import secrets

import capnp

capnp.remove_import_hook()

M = (1 << 64) - 1
RING = 65_536


def load(schema):
    """The interfaces and the messages, of the folder with the schema files."""
    bundled = os.path.dirname(os.path.dirname(capnp.__file__))
    imports = [schema, bundled]
    return (
        capnp.load(schema + "/controller.capnp", imports=imports),
        capnp.load(schema + "/messages.capnp", imports=imports),
    )


def random64():
    """Of the operating system, not 0."""
    return secrets.randbits(64) or 1


def digest_of(key):
    a = (key + 0x9E3779B97F4A7C15) & M
    a = ((a ^ (a >> 30)) * 0xBF58476D1CE4E5B9) & M
    a = ((a ^ (a >> 27)) * 0x94D049BB133111EB) & M
    a ^= a >> 31
    b = key ^ 0xC2B2AE3D27D4EB4F
    b = ((b ^ (b >> 33)) * 0xFF51AFD7ED558CCD) & M
    b = ((b ^ (b >> 33)) * 0xC4CEB9FE1A85EC53) & M
    b ^= b >> 33
    return a, b


class Location:
    """What is held in one location, and its numbering."""

    def __init__(self, name, keys=()):
        self.name = name
        self.keys = set(keys)
        self.a, self.b = 0, 0
        for key in self.keys:
            self._count(key, 1)
        self.incarnation = random64()
        self.began_empty = not self.keys
        self.last_seq = 0
        self.ring = []  # (seq, key, whether it was an evict)
        self.sent_seq = 0  # reported up to it on this session
        self.sync = None  # (id, base seq, digest, batches) of the full sync under way

    def _count(self, key, sign):
        a, b = digest_of(key)
        self.a = (self.a + sign * a) & M
        self.b = (self.b + sign * b) & M

    def _number(self, key, evict):
        self.last_seq += 1
        self.ring.append((self.last_seq, key, evict))
        del self.ring[:-RING]

    def admit(self, *keys):
        for key in keys:
            key &= M
            if key not in self.keys:
                self.keys.add(key)
                self._count(key, 1)
            self._number(key, False)

    def evict(self, *keys):
        for key in keys:
            key &= M
            if key in self.keys:
                self.keys.remove(key)
                self._count(key, -1)
            self._number(key, True)

    def clear(self):
        """Empty from now on: operation 1 of a new incarnation, which a heartbeat is to state."""
        self.__init__(self.name)
        self.last_seq = self.sent_seq = 1

    def replayable_from(self):
        return self.ring[0][0] if self.ring else self.last_seq + 1

    def state(self, to):
        """Fills a LocationStatement. All that is numbered must have been sent."""
        to.location = self.name
        to.incarnation = self.incarnation
        to.beganEmpty = self.began_empty
        to.lastSeq = self.last_seq
        to.count = len(self.keys)
        to.digest.a, to.digest.b = self.a, self.b
        to.replayableFrom = self.replayable_from()
        to.syncId = self.sync[0] if self.sync else 0

    def cut(self, batch_keys):
        keys = sorted(self.keys)
        batches = [keys[i : i + batch_keys] for i in range(0, len(keys), batch_keys)]
        self.sync = (random64(), self.last_seq, (self.a, self.b), batches)


class ForeignWorker:
    """One rank of an instance. Public calls are made one after the other."""

    def __init__(self, schema, instance, rank, locations, world_size=1):
        self.controller, self.messages = load(schema)
        self.instance, self.rank, self.world_size = instance, rank, world_size
        self.locations = {location.name: location for location in locations}
        self.run, self.attempt = random64(), 0
        self.calls = []  # what the controller called: (name, ...)
        self.outcomes = {}  # of operations, by their id

    async def connect(self, host, port):
        self.stream = await capnp.AsyncIoStream.create_connection(host=host, port=port)
        self.client = capnp.TwoPartyClient(self.stream)
        bootstrap = self.client.bootstrap().cast_as(self.controller.Bootstrap)
        granted = await bootstrap.authenticate("")
        self.gateway, self.orchestrator = granted.worker, granted.orchestrator

    def disconnect(self):
        self.client.close()
        self.stream.close()

    async def register(self, **overrides):
        """The decisions, by location: (kind, reason, next seq). Reports what is asked for again."""
        self.attempt += 1
        info = self.messages.RegisterMsg.new_message(
            instanceId=self.instance,
            workerId=self.rank,
            worldSize=self.world_size,
            ip="10.0.0.1",
            port=9,
            peerInitUrl="tcp://10.0.0.1:9",
            run=self.run,
            attempt=self.attempt,
        )
        for name, value in overrides.items():
            setattr(info, name, value)
        statements = info.init("locations", len(self.locations))
        for statement, location in zip(statements, self.locations.values()):
            location.state(statement)
        answer = await self.gateway.register(info, callee(self.controller)(self))
        self.session = answer.session
        self.heartbeat_interval_ms = answer.answer.heartbeatIntervalMs
        decisions = {}
        for decision in answer.answer.decisions:
            location = self.locations[decision.location]
            in_ring = location.replayable_from() <= decision.nextSeq <= location.last_seq
            location.sent_seq = decision.nextSeq - 1 if in_ring else location.last_seq
            if str(decision.kind) not in ("syncing", "diverged"):
                location.sync = None
            decisions[location.name] = (str(decision.kind), str(decision.reason), decision.nextSeq)
        await self.report()
        return decisions

    async def report(self, lose=False):
        """What has not been reported yet. `lose`: as if the report got lost on its way."""
        for location in self.locations.values():
            first, location.sent_seq = location.sent_seq + 1, location.last_seq
            if not lose:
                await self._send(location, first, location.last_seq)

    async def _send(self, location, first, last):
        operations = [one for one in location.ring if first <= one[0] <= last]
        if not operations:
            return
        assert operations[0][0] == first, "the ring does not reach back to %d" % first
        evicts = bytearray((len(operations) + 7) // 8)
        for i, (_, _, evict) in enumerate(operations):
            evicts[i // 8] |= evict << (i % 8)
        await self.session.report(
            self.messages.BatchedKVOperationMsg.new_message(
                location=location.name,
                incarnation=location.incarnation,
                firstSeq=first,
                keys=[key for _, key, _ in operations],
                evicts=bytes(evicts),
            )
        )

    async def heartbeat(self):
        """(committed seq by location, decisions by location)."""
        message = self.messages.HeartbeatMsg.new_message()
        statements = message.init("locations", len(self.locations))
        for statement, location in zip(statements, self.locations.values()):
            assert location.sent_seq == location.last_seq, "state what was reported"
            location.state(statement)
        answer = (await self.session.heartbeat(message)).answer
        committed = {one.location: one.seq for one in answer.committed}
        return committed, {one.location: str(one.kind) for one in answer.decisions}

    async def replay(self, name, incarnation, first, last):
        """Answers the controller's wish, and carries it out before anything new is reported."""
        location = self.locations[name]
        if incarnation != location.incarnation or first < location.replayable_from():
            return False, location.replayable_from()
        await self._send(location, first, min(last, location.last_seq))
        return True, location.replayable_from()

    def _name_sync(self, message, location):
        message.location = location.name
        message.incarnation = location.incarnation
        message.syncId = location.sync[0]
        return message

    async def start_sync(self, name, batch_keys):
        """Takes a cut unless one is under way; (accepted, batches that are missing)."""
        location = self.locations[name]
        if location.sync is None:
            location.cut(batch_keys)
        _, base_seq, digest, batches = location.sync
        start = self._name_sync(self.messages.FullSyncStartMsg.new_message(), location)
        start.totalKeys = sum(len(batch) for batch in batches)
        start.batchCount = len(batches)
        start.baseSeq, start.lastSeq = base_seq, location.last_seq
        start.digest.a, start.digest.b = digest
        answer = (await self.session.fullSyncStart(start)).answer
        return answer.accepted, list(answer.missingBatches)

    async def send_batches(self, name, numbers):
        location = self.locations[name]
        for number in numbers:
            batch = self._name_sync(self.messages.FullSyncBatchMsg.new_message(), location)
            batch.batchId = number
            batch.keys = location.sync[3][number]
            await self.session.fullSyncBatch(batch)

    async def end_sync(self, name):
        """(whether it is complete, batches that are missing)."""
        location = self.locations[name]
        end = self._name_sync(self.messages.FullSyncEndMsg.new_message(), location)
        end.actualTotalKeys = sum(len(batch) for batch in location.sync[3])
        return self._after_sync(location, (await self.session.fullSyncEnd(end)).answer)

    async def sync_status(self, name):
        location = self.locations[name]
        message = self._name_sync(self.messages.FullSyncStatusMsg.new_message(), location)
        return self._after_sync(location, (await self.session.fullSyncStatus(message)).answer)

    def _after_sync(self, location, answer):
        if answer.isComplete or not answer.isKnown:
            location.sync = None
        return answer.isComplete, list(answer.missingBatches)

    async def operate(self, operation):
        """Clears; anything else is failed. The outcome, once for each operation."""
        known = self.outcomes.get(operation.workerEventId)
        if known is not None:
            return known
        if str(operation.kind) == "clear":
            location = self.locations[operation.location]
            keys = sorted(location.keys)
            location.evict(*keys)
            outcome = {"status": "done", "numTokens": len(keys)}
        elif str(operation.kind) == "health":
            outcome = {"status": "done", "errorCode": 0}
        else:
            outcome = {"status": "failed", "error": "this cache can only be cleared"}
        self.outcomes[operation.workerEventId] = outcome
        return outcome

    async def deregister(self):
        await self.session.deregister()

    def called(self, name):
        return [call for call in self.calls if call[0] == name]


def callee(controller):
    """The class of the capability that the controller calls."""

    class Callee(controller.Worker.Server):
        def __init__(self, worker):
            self.worker = worker

        async def pause(self, location, reason, **_):
            self.worker.calls.append(("pause", location, reason))

        async def resume(self, **_):
            self.worker.calls.append(("resume",))

        async def superseded(self, reason, **_):
            self.worker.calls.append(("superseded", reason))

        async def replay(self, location, incarnation, fromSeq, toSeq, _context, **_):
            self.worker.calls.append(("replay", location, fromSeq, toSeq))
            results = _context.results
            results.accepted, results.replayableFrom = await self.worker.replay(
                location, incarnation, fromSeq, toSeq
            )

        async def startFullSync(self, location, reason, continueSyncId, **_):
            self.worker.calls.append(("startFullSync", location, reason, continueSyncId))

        async def operate(self, operation, _context, **_):
            self.worker.calls.append(("operate", str(operation.kind)))
            await self._answer(await self.worker.operate(operation), _context)

        async def checkFinish(self, workerEventId, wait, _context, **_):
            never = {"status": "neverRun"}
            outcome = self.worker.outcomes.setdefault(workerEventId, never)
            await self._answer(outcome, _context)

        async def _answer(self, values, context):
            outcome = context.results.init("outcome")
            for name, value in values.items():
                setattr(outcome, name, value)

    return Callee
