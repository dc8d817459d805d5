"""usage: engine_kills.py HOLDFASTD PUBLISHER TRACE [--minutes N] [--kills N] [--seed N]

Engines publish what their caches hold and lose some of it on the way; they are killed, the
controller is killed, and both at once. In the end its dump is compared with what the caches hold.

PUBLISHER is a command that runs one engine: its own cache and its own publisher, without a model.
It takes --engine, --trace, --offset, --endpoint, --replay-endpoint, --dp, --drop, --seed, --rate,
--duration, --blocks, --cpu-blocks, --clear-every, --truth and --stop-file, and writes to the file
of --truth, as JSON, {"ranks": {RANK: {"last_seq", "media": {MEDIUM: [hash, ...]}}}}.
"""

import argparse
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.dont_write_bytecode = True  # the tree stays as it is

PATIENCE = 120  # seconds; nothing here takes that long
MISSING_MAX = 0.01  # an engine stores one hash several times and removes it once for each

# What each engine is, and what befalls it.
ENGINES = {
    "vllm": ["--engine", "vllm", "--dp", "2", "--blocks", "4096", "--clear-every", "150"],
    "vllm-tier": ["--engine", "vllm", "--blocks", "2048", "--cpu-blocks", "8192"],
    "sglang": ["--engine", "sglang", "--dp", "2", "--blocks", "4096", "--clear-every", "400"],
}
RANKS = {"vllm": 2, "vllm-tier": 1, "sglang": 2}
TIERS = {"GPU": "gpu", "CPU": "cpu", "CPU_PINNED": "cpu"}


def eventually(condition, what, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"waited {seconds} s for {what}")


class Engine:
    """One after the other, processes of one engine."""

    def __init__(self, world, number, name):
        self.world, self.name = world, name
        self.port = 29_300 + 40 * number
        self.truth = os.path.join(world.directory, name + ".truth")
        self.stop = os.path.join(world.directory, name + ".stop")
        self.lives = 0
        self.process = None

    def table(self):
        return (f'[[engine]]\ninstance = "{self.name}"\nranks = {RANKS[self.name]}\n'
                f'endpoint = "tcp://127.0.0.1:{self.port}"\n'
                f'replay = "tcp://127.0.0.1:{self.port + 20}"\nmodel = "{self.name}"\n')

    def start(self):
        world = self.world
        with open(os.path.join(world.directory, self.name + ".log"), "ab") as log:
            self.process = subprocess.Popen(
                world.publisher + ENGINES[self.name] + [
                    "--trace", world.trace, "--offset", str(world.draw.randrange(4_000)),
                    "--requests", "1000000", "--max-prompt", "4096", "--drop", "0.01",
                    "--rate", "4", "--duration", str(max(5, world.end - time.monotonic())),
                    "--seed", str(world.draw.randrange(1 << 30)), "--linger", "3600",
                    "--endpoint", f"tcp://127.0.0.1:{self.port}",
                    "--replay-endpoint", f"tcp://127.0.0.1:{self.port + 20}",
                    "--truth", self.truth, "--stop-file", self.stop],
                stdout=log, stderr=log)
        self.lives += 1

    def kill(self):
        self.process.kill()
        self.process.wait()

    def held(self):
        """{(rank, tier): hashes} at its end."""
        eventually(lambda: os.path.exists(self.truth), f"{self.name} to end")
        with open(self.truth, encoding="utf-8") as file:
            ranks = json.load(file)["ranks"]
        return {(int(rank), TIERS[medium]): {int(one) % 2**64 for one in hashes}
                for rank, found in ranks.items() for medium, hashes in found["media"].items()}


class World:
    def __init__(self, options):
        self.publisher = shlex.split(options.publisher)
        self.holdfastd, self.trace = options.holdfastd, options.trace
        self.draw = random.Random(options.seed)
        self.directory = tempfile.mkdtemp(prefix="holdfast-engines-")
        self.end = time.monotonic() + 60 * options.minutes
        self.engines = [Engine(self, number, name) for number, name in enumerate(ENGINES)]
        self.http = "http://127.0.0.1:29299"
        self.counters = {}
        with open(os.path.join(self.directory, "holdfast.toml"), "w", encoding="utf-8") as file:
            file.write("".join(one.table() for one in self.engines))

    def start(self):
        with open(os.path.join(self.directory, "holdfastd.log"), "ab") as log:
            self.controller = subprocess.Popen(
                [self.holdfastd, "--data-dir", os.path.join(self.directory, "data"), "--create",
                 "--config", os.path.join(self.directory, "holdfast.toml"),
                 "--listen", "127.0.0.1:0", "--http", "127.0.0.1:29299"], stderr=log)
        eventually(self.is_ready, "the controller")

    def ask(self, path):
        with urllib.request.urlopen(self.http + path, timeout=30) as answer:
            return answer.read().decode()

    def is_ready(self):
        try:
            return self.ask("/readyz")
        except OSError:
            return None

    def kill(self):
        self.count()
        self.controller.kill()
        self.controller.wait()

    def count(self):
        """Adds up what a controller has counted, who forgets it with its end."""
        for line in self.ask("/metrics").splitlines():
            if line.startswith("holdfast_engine_") and "_total" in line:
                name, value = line.rsplit(" ", 1)
                name = name[len("holdfast_engine_"):]
                self.counters[name] = self.counters.get(name, 0) + int(float(value))

    def held(self):
        """{(engine, rank, tier): hashes} of the dump."""
        held = {}
        for partition in json.loads(self.ask("/dump")).values():
            for event in partition["events"]:
                data = event["event"]["data"]
                tier = "gpu" if event["location"] == "GPU" else "cpu"
                key = (event["worker_id"], event["event"]["dp_rank"], tier)
                held.setdefault(key, set()).update(
                    one["block_hash"] % 2**64 for one in data["stored"]["blocks"])
        return held

    def differences(self):
        held, found = self.held(), {}
        for engine in self.engines:
            for (rank, tier), truth in engine.held().items():
                known = held.get((engine.name, rank, tier), set())
                found[f"{engine.name} {rank} {tier}"] = {
                    "held": len(truth), "false": len(known - truth), "missing": len(truth - known)}
        return found

    def is_true(self):
        return all(one["false"] == 0 and one["missing"] <= MISSING_MAX * one["held"]
                   for one in self.differences().values())

    def run(self, kills):
        for engine in self.engines:
            engine.start()
        self.start()
        pause = (self.end - time.monotonic() - 30) / kills
        both = 0
        for number in range(kills):
            time.sleep(self.draw.uniform(0.5, 1.2) * pause * 0.8)
            which = self.draw.choice(self.engines)
            befalls = number % 3  # the controller alone; both at once; the engine beside it
            if befalls == 2:
                which.kill()
                which.start()
            self.kill()
            if befalls == 1:
                which.kill()
                which.start()
                both += 1
            time.sleep(self.draw.choice([0, 1, 3]))
            self.start()
            print(f"kill {number + 1} of {kills}: {which.name if befalls else ''}", flush=True)
        for engine in self.engines:
            eventually(lambda engine=engine: os.path.exists(engine.truth), f"{engine.name}'s end",
                       max(0, self.end - time.monotonic()) + PATIENCE)
        try:
            eventually(self.is_true, "the dump to be what the caches hold")
        finally:
            self.count()
            print(json.dumps({"ranks": self.differences(), "counted": self.counters,
                              "kills": kills, "with an engine at once": both,
                              "processes": {one.name: one.lives for one in self.engines}},
                             indent=1))

    def close(self):
        for engine in self.engines:
            if engine.process:
                engine.kill()
        self.controller.send_signal(signal.SIGTERM)
        self.controller.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("holdfastd")
    parser.add_argument("publisher")
    parser.add_argument("trace")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    world = World(options)
    try:
        world.run(options.kills)
        print("all caches are known as they are")
    except AssertionError as error:
        print(f"{error}; logs are in {world.directory}", file=sys.stderr)
        sys.exit(1)
    finally:
        world.close()


if __name__ == "__main__":
    main()
