"""A live controller with tokens, on a network address, and a fleet of workers: for the scripts here."""

import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

ROLES = ("worker", "router", "operator", "viewer", "replica")
PATIENCE = 60  # seconds; nothing here takes that long


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Controller:
    """holdfastd in a process of its own; `with` ends it."""

    def __init__(self, daemon, fleet, workers="2x2"):
        self.daemon, self.fleet, self.workers = daemon, fleet, workers
        self.tokens = {role: f"{role}-token-for-a-test-0123456789" for role in ROLES}

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="holdfast-http-")
        self.processes = []
        lines = [
            f"{role} a-{role} {hashlib.sha256(token.encode()).hexdigest()}\n"
            for role, token in self.tokens.items()
        ]
        tokens = self.path("tokens")
        with open(tokens, "w", encoding="ascii") as file:
            file.writelines(lines)
        os.chmod(tokens, 0o600)
        self.port = free_port()
        rpc = "unix:" + self.path("rpc")
        try:
            self.start(self.daemon, "--data-dir", self.path("data"), "--create", "--listen", rpc,
                       "--http", f"0.0.0.0:{self.port}", "--tokens", tokens,
                       "--capture", self.path("captures"), log="daemon.log")
            self.wait(lambda: self.ask("GET", "/readyz")[0] == 200, "the controller to be ready")
            instances, ranks = self.workers.split("x")
            self.start(self.fleet, "--controller", rpc, "--instances", instances, "--ranks", ranks,
                       "--disk", "30000", "--rate", "20", "--duration", "3600", log="fleet.log")
            count = int(instances) * int(ranks)
            self.wait(lambda: self.as_operator("/v1/status")["workersActive"] == count,
                      "the fleet to register")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *command, log):
        with open(self.path(log), "wb") as file:
            self.processes.append(subprocess.Popen(command, stdout=file, stderr=file))

    def log(self, name="daemon.log"):
        with open(self.path(name), encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait(self, condition, what):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if condition():
                    return
            except OSError:
                pass
            if self.processes[0].poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit(f"FAILED: waited in vain for {what}\n{self.log()[-4000:]}")

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def ask(self, method, target, body=None, token=None, headers=None):
        """(status, headers, body as bytes)"""
        connection = self.connection()
        headers = dict(headers or {})
        if token is not None:
            headers["Authorization"] = "Bearer " + token
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, target, body=body, headers=headers)
            answer = connection.getresponse()
            # A stream goes on for ever: its first event is enough.
            if answer.headers.get_content_type() == "text/event-stream":
                return answer.status, answer.headers, answer.readline()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def as_operator(self, target, body=None):
        """The answer, parsed; it must be a 200."""
        method = "GET" if body is None else "POST"
        status, _, answer = self.ask(method, target, body, self.tokens["operator"])
        if status != 200:
            raise SystemExit(f"FAILED: {method} {target}: {status} {answer.decode()}")
        return json.loads(answer)
