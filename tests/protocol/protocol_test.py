"""usage: protocol_test.py SCHEMA_DIR HOLDFASTD: a foreign client goes through docs/protocol.md."""

import asyncio
import hashlib
import os
import subprocess
import sys
import tempfile
import time

import capnp

from foreign_worker import ForeignWorker, Location, digest_of, M

PATIENCE_SECONDS = 120
CHUNK_SIZE = 4
NONE_HASH = 7


class Daemon:
    def __init__(self, program):
        self.directory = tempfile.TemporaryDirectory(prefix="holdfast-protocol-")
        self.log = self.directory.name + "/log"
        os.mkdir(self.directory.name + "/data")
        arguments = ["--data-dir", self.directory.name + "/data", "--listen", "127.0.0.1:0"]
        arguments += ["--heartbeat-interval", "500ms", "--chunk-size", str(CHUNK_SIZE)]
        arguments += ["--hash-algorithm", "sha256_cbor_64bit", "--none-hash", str(NONE_HASH)]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([program, *arguments], stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while "ready on " not in self.text():
            assert self.process.poll() is None and time.monotonic() < deadline, self.text()
            time.sleep(0.02)
        address = self.text().split("ready on ")[1].split(": recovered")[0]
        self.host, port = address.split(":")
        self.port = int(port)

    def text(self):
        with open(self.log) as log:
            return log.read()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.directory.cleanup()


async def eventually(condition, what):
    """Asks again and again; the controller has its own time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        result = await condition()
        if result:
            return result
        assert time.monotonic() < deadline, "never came about: " + what
        await asyncio.sleep(0.02)


async def description_of(call):
    """Of the error with which a call must end."""
    try:
        await call
    except capnp.KjException as error:
        return error.description.removeprefix("remote exception: ")
    raise AssertionError("no error")


async def known(worker):
    """What the controller knows of the worker's instance: by rank and location."""
    query = worker.messages.QueryWorkerInfoMsg.new_message(instanceId=worker.instance)
    answer = (await worker.orchestrator.queryWorkers(query)).answer
    return {
        info.workerId: {
            place.name: {
                "sync": str(place.sync),
                "count": place.count,
                "digest": (place.digest.a, place.digest.b),
                "lastSeq": place.lastSeq,
            }
            for place in info.locations
        }
        for info in answer.workerInfos
    }


async def in_sync(worker, name):
    """A heartbeat that finds the location equal, all of it confirmed."""
    location = worker.locations[name]

    async def equal():
        committed, decisions = await worker.heartbeat()
        place = (await known(worker))[worker.rank][name]
        return (
            name not in decisions
            and committed.get(name) == location.last_seq
            and place["sync"] == "inSync"
        )

    await eventually(equal, name + " in sync")
    place = (await known(worker))[worker.rank][name]
    assert place["count"] == len(location.keys), place
    assert place["digest"] == (location.a, location.b), place
    assert place["lastSeq"] == location.last_seq, place


async def lookup(worker, **what):
    message = worker.messages.LookupMsg.new_message()
    for name, value in what.items():
        setattr(message, name, value)
    answer = (await worker.orchestrator.lookup(message)).answer
    return {one.instanceId: (one.matchedChunks, one.matchedEnd) for one in answer.layoutInfo}


def cbor_head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    for size, mark in ((1, 24), (2, 25), (4, 26), (8, 27)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | mark]) + number.to_bytes(size, "big")
    raise ValueError(number)


def hashes_of(tokens):
    """sha256_cbor_64bit: the array [previous hash, [tokens], null] in canonical CBOR."""
    hashes, previous = [], NONE_HASH
    for i in range(0, len(tokens) // CHUNK_SIZE * CHUNK_SIZE, CHUNK_SIZE):
        chunk = tokens[i : i + CHUNK_SIZE]
        text = cbor_head(4, 3) + cbor_head(0, previous) + cbor_head(4, len(chunk))
        text += b"".join(cbor_head(0, token) for token in chunk) + b"\xf6"
        previous = int.from_bytes(hashlib.sha256(text).digest()[-8:], "big")
        hashes.append(previous)
    return hashes


def digests():
    def digest(*keys):
        pairs = [digest_of(key & M) for key in keys]
        return "%016x %016x" % (sum(p[0] for p in pairs) & M, sum(p[1] for p in pairs) & M)

    assert digest() == "0000000000000000 0000000000000000"
    assert digest(0) == "e220a8397b1dcdaf 0ff2e69699c4857e"
    assert digest(1, 2, 3) == "456d78af809b437c 36bc408affa446b7"
    assert digest(-1) == "e4d971771b652c20 b78fb0886c30449d"
    assert digest(-2674670255092364915) == "7ee562514fa282cd c4b7e2b111bc704e"


async def registers_and_reports(daemon, worker):
    await worker.connect(daemon.host, daemon.port)
    decisions = await worker.register()
    assert decisions == {"gpu": ("inSync", "unknownEmpty", 1)}, decisions
    assert worker.heartbeat_interval_ms == 500
    gpu = worker.locations["gpu"]
    gpu.admit(*range(1, 101), -1, -2674670255092364915)
    gpu.evict(7, 8, 9)
    gpu.admit(3)
    gpu.evict(1_000_000)
    await worker.report()
    await in_sync(worker, "gpu")
    assert len(gpu.keys) == 99 and gpu.last_seq == 107


async def is_found(worker):
    found = await lookup(worker, hashes=[1, 2, 3, -1 & M, -2674670255092364915 & M, 7, 4])
    assert found == {worker.instance: (5, 5 * CHUNK_SIZE)}, found
    assert await lookup(worker, hashes=[7]) == {}
    prompt = [128_000, 9_906, 1_917, 0, 23, 24, 255, 256, 65_535, 65_536, 1, 2, 3]
    worker.locations["gpu"].admit(*hashes_of(prompt)[:2])
    await worker.report()

    async def found_by_tokens():
        return await lookup(worker, tokens=prompt) == {worker.instance: (2, 2 * CHUNK_SIZE)}

    await eventually(found_by_tokens, "a look-up by tokens")


async def resumes(daemon, worker):
    gpu = worker.locations["gpu"]
    await in_sync(worker, "gpu")
    confirmed = gpu.last_seq
    worker.disconnect()
    gpu.admit(*range(200, 250))
    gpu.evict(200)
    await worker.connect(daemon.host, daemon.port)
    decisions = await worker.register()
    assert decisions == {"gpu": ("replay", "behind", confirmed + 1)}, decisions
    await in_sync(worker, "gpu")
    assert worker.called("startFullSync") == [] and worker.called("replay") == []


async def replays_what_got_lost(worker):
    gpu = worker.locations["gpu"]
    first = gpu.last_seq + 1
    gpu.admit(*range(300, 310))
    await worker.report(lose=True)
    last = gpu.last_seq
    gpu.admit(310)
    await worker.report()
    await in_sync(worker, "gpu")
    assert ("replay", "gpu", first, last) in worker.calls, worker.calls
    assert worker.called("startFullSync") == []


async def syncs_in_full(daemon, worker):
    # Another process with the same cache and more: nothing of the numbering is left.
    cpu = Location("cpu", range(10_000, 13_000))
    worker.locations["cpu"] = cpu
    decisions = await worker.register()
    assert decisions["cpu"] == ("diverged", "unknown", 1), decisions
    assert decisions["gpu"][0] == "inSync", decisions

    async def asked():
        return worker.called("startFullSync")

    assert (await eventually(asked, "a full sync"))[0][1] == "cpu"
    accepted, missing = await worker.start_sync("cpu", batch_keys=1_000)
    assert accepted and missing == [0, 1, 2], (accepted, missing)
    # The cache goes on meanwhile.
    cpu.admit(20_000)
    cpu.evict(10_000)
    await worker.report()
    await worker.send_batches("cpu", [2, 0])
    complete, missing = await worker.end_sync("cpu")
    assert not complete and missing == [1], (complete, missing)
    # The connection is lost: what is stored stays, the sync goes on.
    worker.disconnect()
    await worker.connect(daemon.host, daemon.port)
    decisions = await worker.register()
    assert decisions["cpu"][0] == "syncing", decisions
    accepted, missing = await worker.start_sync("cpu", batch_keys=1_000)
    assert accepted and missing == [1], (accepted, missing)
    await worker.send_batches("cpu", missing)
    complete, missing = await worker.end_sync("cpu")

    async def ended():
        return complete or (await worker.sync_status("cpu"))[0]

    await eventually(ended, "the end of the full sync")
    await in_sync(worker, "cpu")
    assert await lookup(worker, hashes=[20_000, 12_999]) == {worker.instance: (2, 2 * CHUNK_SIZE)}
    assert await lookup(worker, hashes=[10_000]) == {}


async def syncs_what_it_cannot_replay(daemon, worker):
    gpu = worker.locations["gpu"]
    worker.disconnect()
    gpu.admit(*range(400, 410))
    gpu.ring.clear()
    await worker.connect(daemon.host, daemon.port)
    decisions = await worker.register()
    assert decisions["gpu"][:2] == ("diverged", "gapTooOld"), decisions

    async def asked():
        return [call for call in worker.called("startFullSync") if call[1] == "gpu"]

    await eventually(asked, "a full sync of what cannot be replayed")
    accepted, missing = await worker.start_sync("gpu", batch_keys=65_536)
    assert accepted and missing == [0], (accepted, missing)
    await worker.send_batches("gpu", missing)
    complete, _ = await worker.end_sync("gpu")

    async def ended():
        return complete or (await worker.sync_status("gpu"))[0]

    await eventually(ended, "the end of that full sync")
    await in_sync(worker, "gpu")


async def clears(worker):
    gpu = worker.locations["gpu"]
    before, registrations = gpu.incarnation, worker.attempt
    assert await lookup(worker, hashes=[2]) != {}
    gpu.admit(777)  # waits, and is moot
    gpu.clear()
    assert gpu.incarnation != before

    async def confirmed():
        committed, decisions = await worker.heartbeat()
        return committed["gpu"] == 1 and "gpu" not in decisions

    await eventually(confirmed, "the clear")
    assert await lookup(worker, hashes=[2]) == {}
    gpu.admit(5, 6)
    gpu.evict(6)
    await worker.report()
    await in_sync(worker, "gpu")
    assert await lookup(worker, hashes=[5]) == {worker.instance: (1, CHUNK_SIZE)}
    # A registration states it as well.
    gpu.clear()
    decisions = await worker.register()
    assert decisions["gpu"] == ("inSync", "cleared", 2), decisions
    await in_sync(worker, "gpu")
    assert await lookup(worker, hashes=[5]) == {}
    assert worker.attempt == registrations + 1
    gpu.admit(8)
    await worker.report()
    await in_sync(worker, "gpu")


async def operates(worker):
    message = worker.messages.ClearMsg.new_message(
        eventId="c1", instanceId=worker.instance, location="cpu"
    )
    held = len(worker.locations["cpu"].keys)
    event = (await worker.orchestrator.clear(message)).event
    assert (str(event.status), event.numTokens) == ("done", held), event
    await worker.report()
    await in_sync(worker, "cpu")
    assert await lookup(worker, hashes=[20_000]) == {}
    # The same event is not done twice.
    await worker.orchestrator.clear(message)
    assert worker.called("operate") == [("operate", "clear")]
    health = worker.messages.HealthMsg.new_message(instanceId=worker.instance)
    event = (await worker.orchestrator.health(health)).event
    assert [rank.errorCode for rank in event.ranks] == [0], event


async def errors_say_what_to_do(worker):
    assert (await description_of(worker.register(run=0))).startswith("invalid: ")
    hashing = {"chunkSize": CHUNK_SIZE + 1}
    assert (await description_of(worker.register(hashing=hashing))).startswith("refused: ")
    check = worker.messages.CheckFinishMsg.new_message(eventId="never")
    unknown = await description_of(worker.orchestrator.checkFinish(check))
    assert unknown.startswith("unknown: "), unknown


async def is_superseded(daemon, worker, schema):
    newer = ForeignWorker(schema, worker.instance, worker.rank, [Location("gpu")])
    await newer.connect(daemon.host, daemon.port)
    decisions = await newer.register()
    assert decisions == {"gpu": ("inSync", "restartedEmpty", 1)}, decisions

    async def told():
        return worker.called("superseded")

    await eventually(told, "that the older one is told")
    assert (await description_of(worker.register())).startswith("superseded: ")
    await newer.deregister()
    assert await known(newer) == {}
    newer.disconnect()
    worker.disconnect()


async def follow(schema, program):
    digests()
    daemon = Daemon(program)
    worker = ForeignWorker(schema, "python-0", 0, [Location("gpu")])
    try:
        await registers_and_reports(daemon, worker)
        await is_found(worker)
        await resumes(daemon, worker)
        await replays_what_got_lost(worker)
        await syncs_in_full(daemon, worker)
        await syncs_what_it_cannot_replay(daemon, worker)
        await clears(worker)
        await operates(worker)
        await errors_say_what_to_do(worker)
        await is_superseded(daemon, worker, schema)
        assert daemon.process.poll() is None
    except BaseException:
        print(daemon.text(), "calls:", worker.calls, sep="\n")
        raise
    finally:
        daemon.stop()
    print("passed")


asyncio.run(capnp.run(follow(sys.argv[1], sys.argv[2])))
