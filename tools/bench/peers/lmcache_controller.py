"""usage: lmcache_controller.py FOLDER HOLDFASTD [options]: see lmcache.sh"""

import argparse
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import time

os.environ.update(LMCACHE_TRACK_USAGE="false", LMCACHE_LOG_LEVEL="CRITICAL")
import msgspec
import zmq
from lmcache.v1.cache_controller import message

LOCATION = "LocalCPUBackend"
TICKS = os.sysconf("SC_CLK_TCK")


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class Controller:
    """A program that serves LMCache's wire; `with` ends it."""

    def __init__(self, folder, name, command):
        self.http, self.pull, self.reply, self.beats = free_ports(4)
        self.log = os.path.join(folder, name + ".log")
        self.command = command(self)

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        try:
            self.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait(self):
        end = time.monotonic() + 120
        while True:
            try:
                return self.keys()
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    with open(self.log, encoding="utf-8", errors="replace") as log:
                        sys.exit(f"{self.command[0]} does not start:\n{log.read()[-3000:]}")
                time.sleep(0.1)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def keys(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=60)
        try:
            connection.request("GET", "/controller/key-stats")
            answer = connection.getresponse()
            if answer.status != 200:
                raise OSError(f"it answers {answer.status}")
            return json.loads(answer.read())["total_key_count"]
        finally:
            connection.close()

    def processor(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


def theirs(controller):
    ports = {"pull": controller.pull, "reply": controller.reply, "heartbeat": controller.beats}
    return [os.path.join(os.path.dirname(sys.executable), "lmcache_controller"),
            "--host", "127.0.0.1", "--port", str(controller.http),
            "--monitor-ports", json.dumps(ports)]


def ours(daemon, data):
    def command(controller):
        return [daemon, "--data-dir", data, "--create", "--listen", "unix:" + data + ".rpc",
                "--http", "off", "--lmcache-http", f"127.0.0.1:{controller.http}",
                "--lmcache-pull", f"127.0.0.1:{controller.pull}",
                "--lmcache-reply", f"127.0.0.1:{controller.reply}"]
    return command


def register(context, controller, workers):
    request = context.socket(zmq.DEALER)
    request.setsockopt(zmq.RCVTIMEO, 30_000)
    request.connect(f"tcp://127.0.0.1:{controller.reply}")
    for worker in range(workers):
        request.send_multipart([b"", msgspec.msgpack.encode(
            message.RegisterMsg(f"instance-{worker}", 0, "127.0.0.1", 20_000 + worker, None))])
        answer = msgspec.msgpack.decode(request.recv_multipart()[-1], type=message.Msg)
        assert isinstance(answer, message.RegisterRetMsg), answer
    request.close()


def reports_of(worker, operations, size):
    """Encoded: nothing of that is measured."""
    draw = random.Random(worker)
    for first in range(0, operations, size):
        events = [message.KVOpEvent(message.OpType.ADMIT, draw.getrandbits(64), seq)
                  for seq in range(first, min(operations, first + size))]
        yield msgspec.msgpack.encode(
            message.BatchedKVOperationMsg(f"instance-{worker}", 0, LOCATION, events))


def measure(controller, workers, operations, size):
    """(operations a second, seconds of a processor for one)"""
    context = zmq.Context()
    context.set(zmq.MAX_SOCKETS, 4 * workers + 64)
    load = [list(reports_of(worker, operations, size)) for worker in range(workers)]
    with controller:
        register(context, controller, workers)
        pushes = []
        for _ in range(workers):
            push = context.socket(zmq.PUSH)
            push.setsockopt(zmq.LINGER, 0)
            push.connect(f"tcp://127.0.0.1:{controller.pull}")
            pushes.append(push)
        time.sleep(0.5)
        processor, begin = controller.processor(), time.monotonic()
        for turn in range(len(load[0])):
            for push, reports in zip(pushes, load):
                push.send(reports[turn])
        total = workers * operations
        while controller.keys() < total:
            if time.monotonic() - begin > 600:
                sys.exit(f"only {controller.keys()} of {total} operations arrived")
            time.sleep(0.02)
        took = time.monotonic() - begin
        processor = controller.processor() - processor
        context.destroy(linger=0)
    return total / took, processor / total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("daemon")
    parser.add_argument("--workers", type=int, default=100)
    parser.add_argument("--operations", type=int, default=20_000, help="of each worker")
    parser.add_argument("--sizes", default="256,50,32", help="operations a message")
    options = parser.parse_args()
    print(f"{options.workers} workers x {options.operations} operations\n")
    print("a message  lmcache_controller        holdfastd                 rate   processor")
    for size in map(int, options.sizes.split(",")):
        rows = []
        for name, command in (
                ("theirs", theirs),
                ("ours", ours(options.daemon, os.path.join(options.folder, f"data-{size}")))):
            controller = Controller(options.folder, name, command)
            rows.append(measure(controller, options.workers, options.operations, size))
        (their_rate, their_cost), (our_rate, our_cost) = rows
        print(f"{size:9}  {their_rate / 1e6:5.2f} M/s {their_cost * 1e9:7.0f} ns  "
              f"  {our_rate / 1e6:7.2f} M/s {our_cost * 1e9:7.0f} ns"
              f"  {our_rate / their_rate:5.1f} x  {their_cost / our_cost:5.1f} x", flush=True)


if __name__ == "__main__":
    main()
