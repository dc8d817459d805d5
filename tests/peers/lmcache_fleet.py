"""Workers of the real lmcache package with caches that stand for an engine's, and the controller
that they talk to, in a process of its own."""

import asyncio
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import types
import sys

os.environ.setdefault("LMCACHE_TRACK_USAGE", "false")
os.environ.setdefault("LMCACHE_LOG_LEVEL", "CRITICAL")

import lmcache.v1

# Of this package one module is wanted; the package itself imports every storage backend there is.
backends = types.ModuleType("lmcache.v1.storage_backend")
backends.__path__ = [os.path.join(os.path.dirname(lmcache.v1.__file__), "storage_backend")]
sys.modules["lmcache.v1.storage_backend"] = backends

import torch
from lmcache.v1.cache_controller import worker as worker_module
from lmcache.v1.cache_controller import message
from lmcache.v1.cache_controller.worker import LMCacheWorker
from lmcache.v1.config import LMCacheEngineConfig
from lmcache.v1.storage_backend.batched_message_sender import BatchedMessageSender
from lmcache.v1.token_database import ChunkedTokenDatabase

SHAPE = (1, 2, 256, 8, 128)
try:
    from lmcache.v1.metadata import LMCacheMetadata

    def metadata_of(rank, ranks):
        return LMCacheMetadata("model", ranks, ranks, rank, rank, torch.bfloat16, SHAPE)
except ImportError:  # up to 0.3.x
    from lmcache.config import LMCacheEngineMetadata

    def metadata_of(rank, ranks):
        return LMCacheEngineMetadata("model", ranks, rank, "vllm", torch.bfloat16, SHAPE)

PATIENCE = 60  # seconds; nothing here takes that long
CHUNK = 256
CPU, DISK = "LocalCPUBackend", "LocalDiskBackend"

# Workers are on this machine and listen on loopback alone.
worker_module.get_ip = lambda: "127.0.0.1"
_socket_of = worker_module.get_zmq_socket


def _loopback_socket(context, address, **options):
    if options.get("bind_or_connect") == "bind":
        address = address.replace("*:", "127.0.0.1:")
    return _socket_of(context, address, **options)


worker_module.get_zmq_socket = _loopback_socket


def eventually(condition, what):
    """Asks again and again, and returns what it says at last."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError("waited in vain: " + what)


def free_ports(count):
    held = []
    for _ in range(count):
        one = socket.socket()
        one.bind(("127.0.0.1", 0))
        held.append(one)
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class Controller:
    """holdfastd with LMCache's gateway; `with` ends it. Its ports stay the same over restarts."""

    def __init__(self, daemon, *more, heartbeat=True):
        self.daemon = daemon
        self.more = more
        self.folder = tempfile.mkdtemp(prefix="holdfast-peers-")
        self.pull, self.reply, self.beats, self.http = free_ports(4)
        if not heartbeat:
            self.beats = None
        self.process = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)

    def start(self):
        command = [self.daemon, "--data-dir", self.folder + "/data", "--create",
                   "--listen", "unix:" + self.folder + "/rpc", "--http", "off",
                   "--lmcache-http", f"127.0.0.1:{self.http}",
                   "--lmcache-pull", f"127.0.0.1:{self.pull}",
                   "--lmcache-reply", f"127.0.0.1:{self.reply}", *self.more]
        if self.beats:
            command += ["--lmcache-heartbeat", f"127.0.0.1:{self.beats}"]
        with open(self.folder + "/log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        eventually(self.ready, "the controller to be ready\n" + self.log()[-2000:])

    def ready(self):
        assert self.process.poll() is None, "the controller has ended\n" + self.log()[-2000:]
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def log(self):
        with open(self.folder + "/log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def ask(self, method, target, body=None):
        """(status, answer)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=PATIENCE)
        try:
            connection.request(method, target, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
            is_json = answer.headers.get_content_type() == "application/json"
            return answer.status, json.loads(text) if is_json else text
        finally:
            connection.close()

    def post(self, target, **body):
        return self.ask("POST", target, body)

    def lookup(self, tokens):
        status, answer = self.post("/lookup", tokens=tokens)
        assert status == 200, answer
        return {instance: tuple(where) for instance, where in answer["layout_info"].items()}

    def diverged(self):
        """How many locations are not known whole."""
        status, text = self.ask("GET", "/metrics")
        assert status == 200, text
        return int(re.search(r'^holdfast_locations{sync="diverged"} (\d+)$', text, re.M)[1])

    def worker(self, instance, rank):
        """What is known of it; None: nothing."""
        status, answer = self.ask(
            "GET", f"/controller/workers?instance_id={instance}&worker_id={rank}")
        return answer if status == 200 else None


class Key:
    def __init__(self, chunk_hash):
        self.chunk_hash = chunk_hash


class Tier:
    """What a worker holds in one of its locations, reported by the package's own sender."""

    def __init__(self, name):
        self.name = name
        self.held = {}
        self.lock = threading.Lock()
        self.sender = None

    def __str__(self):
        return self.name

    def get_keys(self):
        with self.lock:
            return [Key(one) for one in self.held]

    def admit(self, hashes):
        for one in hashes:
            with self.lock:
                self.held[one] = True
            self.sender.add_kv_op(message.OpType.ADMIT, one)

    def evict(self, hashes):
        for one in hashes:
            with self.lock:
                self.held.pop(one, None)
            self.sender.add_kv_op(message.OpType.EVICT, one)


class Engine:
    """What the package's worker asks an engine to do."""

    def __init__(self, worker):
        self.worker = worker
        self.storage_manager = types.SimpleNamespace(local_cpu_backend=worker.cpu)
        self.calls = []  # (what, its arguments)
        self.frozen = False
        self.freezes = 0
        self.failure = None  # the text that whatever is asked fails with

    def did(self, what, **arguments):
        if self.failure:
            raise RuntimeError(self.failure)
        self.calls.append((what, arguments))

    def held(self, tokens):
        return sum(end - start for start, end, one in self.worker.chunks(tokens)
                   if one in self.worker.cpu.held)

    def freeze(self, enabled):
        self.frozen = enabled
        self.freezes += enabled

    def lookup(self, tokens, search_range=None, lookup_id=None, pin=False):
        self.did("pin", where=search_range, pin=pin)
        return self.held(tokens)

    def clear(self, locations=None):
        self.did("clear", where=locations)
        held = list(self.worker.cpu.held)
        self.worker.cpu.evict(held)
        return len(held) * CHUNK

    def compress(self, tokens, method, location, event_id):
        self.did("compress", method=method, where=location)
        return self.held(tokens)

    def decompress(self, tokens, method, location, event_id):
        self.did("decompress", method=method, where=location)
        return self.held(tokens)

    def move(self, tokens, old_position, new_position, event_id, do_copy):
        self.did("move", old=old_position, new=tuple(new_position), copy=do_copy)
        return self.held(tokens)

    def health(self):
        self.did("health")
        return 0


class Worker:
    """One rank: a real LMCacheWorker."""

    def __init__(self, controller, instance, rank=0, ranks=1, peer=True):
        self.instance, self.rank = instance, rank
        self.port, peer_port, lookup_port = free_ports(3)
        self.peer = f"127.0.0.1:{peer_port}" if peer else None
        options = {
            "chunk_size": CHUNK,
            "enable_controller": True,
            "lmcache_instance_id": instance,
            "controller_pull_url": f"127.0.0.1:{controller.pull}",
            "controller_reply_url": f"127.0.0.1:{controller.reply}",
            "lmcache_worker_ports": [self.port] * ranks,
            "lmcache_worker_heartbeat_time": 1,
            "lmcache_worker_heartbeat_delay_time": 1,
            "pre_caching_hash_algorithm": "builtin",
            # Its own waits are for fleets of thousands.
            "extra_config": {"full_sync_startup_delay_s": 0.1,
                             "full_sync_status_poll_interval_s": 0.2},
        }
        if peer:
            options |= {"enable_p2p": True, "p2p_host": "127.0.0.1",
                        "p2p_init_ports": [peer_port] * ranks,
                        "p2p_lookup_ports": [lookup_port] * ranks, "transfer_channel": "nixl"}
        config = LMCacheEngineConfig.from_defaults(**options)
        metadata = metadata_of(rank, ranks)
        self.database = ChunkedTokenDatabase(config, metadata)
        self.cpu, self.disk = Tier(CPU), Tier(DISK)
        self.engine = Engine(self)
        self.sent = []  # what was pushed
        self.commands = []  # what heartbeats were answered with
        self.worker = LMCacheWorker(config, metadata, self.engine)
        self._watch()
        for tier in (self.cpu, self.disk):
            tier.sender = BatchedMessageSender(metadata, config, tier.name, self.worker)

    def _watch(self):
        push, beat = self.worker.put_msg, self.worker._send_heartbeat_msg

        def pushing(one):
            self.sent.append(one)
            return push(one)

        async def beating(one):
            answer = await beat(one)
            self.commands += getattr(answer, "commands", [])
            return answer

        self.worker.put_msg, self.worker._send_heartbeat_msg = pushing, beating

    def chunks(self, tokens):
        return list(self.database.process_tokens(list(tokens), make_key=False))

    def hashes(self, tokens):
        return [one for _, _, one in self.chunks(tokens)]

    def ask(self, request):
        """What the controller answers to a request that the package makes itself elsewhere."""
        asked = asyncio.run_coroutine_threadsafe(self.worker.async_put_and_wait_msg(request),
                                                 self.worker.loop)
        return asked.result(PATIENCE)

    def peers_of(self, hashes):
        """(instance, location, chunks, url)"""
        request = message.BatchedP2PLookupMsg(hashes=hashes, instance_id=self.instance,
                                              worker_id=self.rank)
        (only,) = self.ask(request).layout_info
        return tuple(only)

    def resent(self):
        """Keys of full syncs."""
        return sum(len(one.keys) for one in self.sent
                   if isinstance(one, message.FullSyncBatchMsg))

    def die(self):
        """As a process that is killed: nothing more is sent or answered."""
        self.worker.loop.call_soon_threadsafe(self.worker.loop.stop)
