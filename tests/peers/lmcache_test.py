"""usage: lmcache_test.py HOLDFASTD: workers of the real lmcache package against a controller."""

import importlib.metadata
import os
import random
import sys

sys.dont_write_bytecode = True  # the tree stays as it is
import zmq

from lmcache_fleet import CHUNK, CPU, DISK, Controller, Worker, eventually, message

draw = random.Random(7)
NOBODY = ("", "", 0, "")


def prompt(chunks, more=0):
    return [draw.randrange(32_000) for _ in range(chunks * CHUNK + more)]


def is_now(value, wanted, what):
    """Waits until it is; what it was is told otherwise."""
    seen = []

    def same():
        seen[:] = [value()]
        return seen[0] == wanted

    try:
        eventually(same, what)
    except AssertionError:
        raise AssertionError(f"{what}: {seen[0]}, not {wanted}") from None


class Fleet:
    """Two ranks of one instance, and one of another."""

    def __init__(self, controller):
        self.controller = controller
        self.a0 = Worker(controller, "a", 0, 2)
        self.a1 = Worker(controller, "a", 1, 2)
        self.b0 = Worker(controller, "b")
        for one in (self.a0, self.a1, self.b0):
            eventually(lambda one=one: controller.worker(one.instance, one.rank), "a registration")
        self.prompt = prompt(8)
        self.hashes = self.a0.hashes(self.prompt)
        # Lets the sockets that follow a registration come about.
        for one in (self.a0, self.a1, self.b0):
            eventually(lambda one=one: one.worker.heartbeat_socket, "heartbeats")

    def all(self):
        return (self.a0, self.a1, self.b0)


def registrations(fleet):
    controller = fleet.controller
    status, answer = controller.post("/query_worker_info", instance_id="all")
    assert status == 200, answer
    known = [(one["instance_id"], one["worker_id"], one["ip"], one["port"], one["peer_init_url"])
             for one in answer["worker_infos"]]
    assert known == [(one.instance, one.rank, "127.0.0.1", one.port, one.peer)
                     for one in fleet.all()], known
    status, answer = controller.post("/query_instance", event_id="x", ip="127.0.0.1")
    assert status == 200 and answer["res"] in ("a", "b"), answer
    assert controller.post("/query_instance", event_id="x", ip="203.0.113.9")[0] == 404


def reports(fleet):
    controller = fleet.controller
    for rank in (fleet.a0, fleet.a1):
        rank.cpu.admit(fleet.hashes)
    fleet.b0.cpu.admit(fleet.hashes[:4])
    fleet.other = prompt(3)
    fleet.a0.disk.admit(fleet.a0.hashes(fleet.other))
    is_now(lambda: controller.lookup(fleet.prompt), {"a": (CPU, 2048), "b": (CPU, 1024)},
           "a look-up of all holders")
    assert list(controller.lookup(fleet.prompt)) == ["a", "b"], "the best one is not the first"
    is_now(lambda: controller.lookup(fleet.other), {"a": (DISK, 768)}, "a look-up of the disk tier")
    assert controller.lookup(fleet.prompt[:1000]) == {"a": (CPU, 768), "b": (CPU, 768)}
    assert controller.lookup(prompt(2)) == {}
    for rank in (fleet.a0, fleet.a1):
        rank.cpu.evict(fleet.hashes[7:])
    is_now(lambda: controller.lookup(fleet.prompt)["a"], (CPU, 1792), "an evicted chunk")
    # Hashes of Python are signed.
    extremes = [-2**63, -1, 0, 2**63 - 1]
    fleet.a0.cpu.admit(extremes)
    keys = len(fleet.a0.cpu.held) + len(fleet.a0.disk.held)
    is_now(lambda: controller.worker("a", 0)["key_count"], keys, "chunks of a worker")
    assert not any(one.commands for one in fleet.all()), "nothing was lost, and a sync asked for"


def peers(fleet):
    assert fleet.b0.peers_of(fleet.hashes[:7] + [12345]) == ("a", CPU, 7, fleet.a0.peer)
    # Shards of another rank are of no use.
    assert fleet.a1.peers_of(fleet.hashes[:4]) == NOBODY
    assert fleet.b0.peers_of([999]) == NOBODY
    assert fleet.b0.peers_of([]) == NOBODY
    assert fleet.b0.peers_of([-2**63])[2] == 1


def done(worker, what):
    return [arguments for kind, arguments in worker.engine.calls if kind == what]


def orders(fleet):
    controller, tokens = fleet.controller, fleet.prompt[:512]
    status, answer = controller.post("/pin", instance_id="a", location=CPU, tokens=tokens)
    assert status == 200 and answer["num_tokens"] == 512, answer
    assert all(done(rank, "pin") == [{"where": [CPU], "pin": True}] for rank in
               (fleet.a0, fleet.a1))
    for what in ("compress", "decompress"):
        status, answer = controller.post("/" + what, instance_id="a", method="cachegen",
                                         location=CPU, tokens=tokens)
        assert status == 200 and answer["num_tokens"] == 512, answer
        assert done(fleet.a1, what) == [{"method": "cachegen", "where": CPU}]
    other = Worker(controller, "c")
    other.cpu.admit([1])
    is_now(lambda: (controller.worker("c", 0) or {}).get("key_count"), 1, "a third instance")
    status, answer = controller.post("/move", old_position=["b", CPU], new_position=["c", CPU],
                                     tokens=tokens, should_copy=True)
    assert status == 200 and answer["num_tokens"] == 512, answer
    assert done(fleet.b0, "move") == [{"old": CPU, "new": (other.peer, CPU), "copy": True}]
    fleet.a1.engine.failure = "the engine was told to fail"
    status, answer = controller.post("/health", instance_id="a")
    assert status == 200 and answer["error_codes"] == {"0": 0, "1": -1001}, answer
    status, answer = controller.post("/pin", instance_id="a", location=CPU, tokens=tokens)
    assert status == 500 and fleet.a1.engine.failure in answer["detail"], answer
    fleet.a1.engine.failure = None
    status, answer = controller.post("/health", instance_id="a")
    assert status == 200 and answer["error_codes"] == {"0": 0, "1": 0}, answer
    status, answer = controller.post("/clear", instance_id="b", location=CPU)
    assert status == 200 and answer["num_tokens"] == 4 * CHUNK, answer
    is_now(lambda: controller.worker("b", 0)["key_count"], 0, "what was cleared is reported")
    fleet.b0.cpu.admit(fleet.hashes[:4])
    is_now(lambda: controller.lookup(fleet.prompt).get("b"), (CPU, 1024), "what came back")


def a_lost_report(fleet):
    """As if a report had never arrived: that worker is asked for everything, and nobody else."""
    lost = prompt(1)
    fleet.b0.cpu.held[fleet.b0.hashes(lost)[0]] = True  # and nobody was told
    fleet.b0.cpu.sender.sequence_number += 1
    known = prompt(1)
    fleet.b0.cpu.admit(fleet.b0.hashes(known))
    is_now(lambda: fleet.controller.lookup(lost).get("b"), (CPU, 256), "what was lost")
    is_now(lambda: fleet.controller.lookup(known).get("b"), (CPU, 256), "what came after it")
    eventually(lambda: not fleet.b0.engine.frozen, "the engine to thaw")
    assert fleet.b0.engine.freezes == 1, "a sync of a worker that lost one report"
    assert fleet.a0.engine.freezes == fleet.a1.engine.freezes == 0, "others were asked, too"


def nonsense(fleet):
    push = zmq.Context.instance().socket(zmq.PUSH)
    push.setsockopt(zmq.LINGER, 1000)
    push.connect(f"tcp://127.0.0.1:{fleet.controller.pull}")
    push.send_multipart([b"\xc1\x00", b"{", os.urandom(100)])
    push.close()
    after = prompt(1)
    fleet.a0.cpu.admit(fleet.a0.hashes(after))
    is_now(lambda: fleet.controller.lookup(after), {"a": (CPU, 256)}, "a report after nonsense")


def a_killed_controller(fleet):
    controller = fleet.controller
    resent = [one.resent() for one in fleet.all()]
    controller.kill()
    meanwhile = prompt(2)
    for rank in (fleet.a0, fleet.a1):
        rank.cpu.admit(rank.hashes(meanwhile))
    controller.start()
    # Before any worker has said anything.
    found = controller.lookup(fleet.prompt)
    assert found == {"a": (CPU, 1792), "b": (CPU, 1024)}, found
    assert controller.lookup(fleet.other) == {"a": (DISK, 768)}
    is_now(lambda: controller.lookup(meanwhile), {"a": (CPU, 512)},
           "what was admitted while the controller was away")
    assert fleet.b0.peers_of(fleet.hashes[:7]) == ("a", CPU, 7, fleet.a0.peer)
    # An order needs the worker: each returns with the first thing that it says.
    is_now(lambda: controller.post("/pin", instance_id="a", location=CPU,
                                   tokens=fleet.prompt[:512])[1].get("num_tokens"), 512,
           "an order to workers that come back")
    assert [one.resent() for one in fleet.all()] == resent, "keys were sent again"


def a_new_process(fleet):
    """Under the same name: an empty cache at another address."""
    fleet.b0.die()
    new = Worker(fleet.controller, "b")
    is_now(lambda: (fleet.controller.worker("b", 0) or {}).get("port"), new.port,
           "the address of a new process")
    is_now(lambda: "b" in fleet.controller.lookup(fleet.prompt), False, "what died with it")
    new.cpu.admit(fleet.hashes[:2])
    is_now(lambda: fleet.controller.lookup(fleet.prompt).get("b"), (CPU, 512),
           "what the new process reports")


def hashing_of(version):
    """Options of the controller, for look-ups by tokens."""
    if tuple(int(part) for part in version.split(".")[:3]) >= (0, 4, 1):
        return []
    # Its hashes are made with that of None, which is an address before Python 3.12.
    if sys.version_info < (3, 12):
        print("SKIPPED: lmcache before 0.4.1 takes Python 3.12 or later")
        os._exit(77)
    return ["--hash-algorithm", "builtin_none"]


def main():
    version = importlib.metadata.version("lmcache")
    print("lmcache", version)
    with Controller(sys.argv[1], *hashing_of(version)) as controller:
        fleet = Fleet(controller)
        for step in (registrations, reports, peers, orders, a_lost_report, nonsense,
                     a_killed_controller, a_new_process):
            try:
                step(fleet)
            except Exception:
                print(f"FAILED: {step.__name__}\n{controller.log()[-6000:]}", flush=True)
                raise
            print("ok:", step.__name__.replace("_", " "), flush=True)


if __name__ == "__main__":
    code = 1
    try:
        main()
        code = 0
    except BaseException as error:  # its message, and an end in spite of the workers' threads
        import traceback

        traceback.print_exception(error)
    sys.stdout.flush()
    os._exit(code)
