"""usage: lmcache_kills.py HOLDFASTD [KILLS [SEED]]: the controller is killed at random moments.

Two workers of the real lmcache package admit and evict all the time, one rests. After each kill the
controller starts again, the load pauses, and look-ups, P2P look-ups and operations must answer as
what the workers hold says. The one that rests lost no report, so it is never asked for its keys;
nor is anybody when the kill came while all was quiet, or by a controller that asks for no
heartbeats, whose kills are all of that kind.
"""

import json
import os
import random
import sys
import threading
import time
import traceback

sys.dont_write_bytecode = True  # the tree stays as it is

from lmcache_fleet import CHUNK, CPU, Controller, Worker, eventually

CHUNKS = 8
NOBODY = ("", "", 0, "")


class Load:
    """Has workers hold random beginnings of prompts, one after the other, until it is to pause."""

    def __init__(self, workers, prompts, draw):
        self.workers, self.prompts, self.draw = workers, prompts, draw
        self.lock = threading.Lock()  # held while it changes something
        self.paused = True
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            with self.lock:
                if not self.paused:
                    for worker in self.workers:
                        self.change(worker)
            time.sleep(0.002)

    def change(self, worker):
        if worker.engine.frozen:
            return
        _, hashes = self.draw.choice(self.prompts)
        cut = self.draw.randrange(CHUNKS + 1)
        worker.cpu.admit([one for one in hashes[:cut] if one not in worker.cpu.held])
        worker.cpu.evict([one for one in hashes[cut:] if one in worker.cpu.held])

    def go(self):
        self.paused = False

    def pause(self):
        self.paused = True
        with self.lock:
            pass


def layout(prefixes):
    """As a look-up answers them."""
    return {instance: (CPU, chunks * CHUNK) for instance, chunks in prefixes.items()}


class World:
    def __init__(self, controller, draw):
        self.controller, self.draw = controller, draw
        self.busy = [Worker(controller, "busy-0"), Worker(controller, "busy-1")]
        self.resting = Worker(controller, "resting")
        self.workers = self.busy + [self.resting]
        for one in self.workers:
            eventually(lambda one=one: controller.worker(one.instance, 0), "a registration")
        self.prompts = []
        for _ in range(100):
            tokens = [draw.randrange(32_000) for _ in range(CHUNKS * CHUNK)]
            self.prompts.append((tokens, self.resting.hashes(tokens)))
        for one in self.busy:
            one.cpu.admit(self.prompts[0][1])
        for _, hashes in self.prompts:
            self.resting.cpu.admit(hashes[:draw.randrange(CHUNKS + 1)])
        self.load = Load(self.busy, self.prompts, random.Random(draw.random()))

    def counts(self):
        known = [self.controller.worker(one.instance, 0) for one in self.workers]
        return [one and one["key_count"] for one in known]

    def is_whole(self):
        # Of what is lost or under way as many may be admits as evicts: counts alone say too little.
        return self.counts() == [len(one.cpu.held) for one in self.workers] and \
            not self.controller.diverged() and \
            not any(one.engine.frozen for one in self.workers) and \
            all(self.controller.lookup(tokens) == layout(self.prefixes(hashes))
                for tokens, hashes in self.prompts)

    def prefixes(self, hashes):
        """{instance: how many of the first chunks it holds}"""
        held = {}
        for one in self.workers:
            chunks = 0
            while chunks < CHUNKS and hashes[chunks] in one.cpu.held:
                chunks += 1
            if chunks:
                held[one.instance] = chunks
        return held

    def compare(self):
        """Everything as what is held says, once it has had time to become so."""
        for tokens, hashes in self.draw.sample(self.prompts, 20):
            held = self.prefixes(hashes)
            wanted = layout(held)
            found = self.controller.lookup(tokens)
            assert found == wanted, f"a look-up found {found}, not {wanted}"
            for one in self.workers:
                self.compare_peers(one, hashes, held)
        for one in self.workers:
            tokens, hashes = self.draw.choice(self.prompts)
            wanted = CHUNK * sum(each in one.cpu.held for each in hashes)
            status, answer = self.controller.post("/pin", instance_id=one.instance, location=CPU,
                                                  tokens=tokens)
            assert status == 200 and answer["num_tokens"] == wanted, f"a pin: {answer}, {wanted}"

    def compare_peers(self, asker, hashes, held):
        told = asker.peers_of(hashes)
        others = {name: chunks for name, chunks in held.items() if name != asker.instance}
        best = {(one.instance, CPU, others[one.instance], one.peer) for one in self.workers
                if others.get(one.instance) == max(others.values(), default=0)}
        assert told in (best or {NOBODY}), f"{asker.instance} was told {told}, not {best}"

    def kill(self, quiet):
        """Kills it, has it whole again; seconds that took, and whose keys were sent again."""
        sent = {one.instance: one.resent() for one in self.workers}
        self.load.go()
        time.sleep(self.draw.uniform(0.05, 0.6))
        if quiet:
            self.load.pause()
            eventually(self.is_whole, f"what is held to be known: {self.counts()}")
            self.compare()  # an operation is on the disk when it is answered, so all before it is
        self.controller.kill()
        time.sleep(self.draw.choice([0, self.draw.uniform(0, 0.5)]))
        began = time.monotonic()
        self.controller.start()
        time.sleep(self.draw.uniform(0, 0.3))
        self.load.pause()
        eventually(self.is_whole, f"all to be known again: {self.counts()}, held are "
                                  f"{[len(one.cpu.held) for one in self.workers]}")
        took = round(time.monotonic() - began, 2)
        self.compare()
        resent = [one.instance for one in self.workers if one.resent() != sent[one.instance]]
        assert "resting" not in resent, "keys were sent again though no report was lost"
        assert not (quiet and resent), f"keys were sent again after a quiet kill: {resent}"
        return took, resent


def run(daemon, kills, draw, heartbeat):
    with Controller(daemon, heartbeat=heartbeat) as controller:
        world = World(controller, draw)
        eventually(world.is_whole, "the first reports")
        world.compare()
        times, rounds = [], 0
        for number in range(kills):
            try:
                took, resent = world.kill(quiet=not heartbeat or number % 2 == 1)
            except BaseException:
                print(f"FAILED: kill {number}\n{controller.log()[-6000:]}", flush=True)
                raise
            times.append(took)
            rounds += bool(resent)
        print(json.dumps({"heartbeats": heartbeat, "kills": kills,
                          "kills_that_lost_reports": rounds, "seconds_until_whole": {
                              "median": sorted(times)[len(times) // 2], "most": max(times)}}),
              flush=True)


def main():
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    draw = random.Random(seed)
    run(sys.argv[1], kills, draw, heartbeat=True)
    run(sys.argv[1], max(1, kills // 5), draw, heartbeat=False)


if __name__ == "__main__":
    code = 1
    try:
        main()
        code = 0
    except BaseException as error:  # its message, and an end in spite of the workers' threads
        traceback.print_exception(error)
    sys.stdout.flush()
    os._exit(code)
