#!/usr/bin/env python3
"""Reads the OpenAPI document of a live controller and asks every route of it, as everybody: each
role, no token, a wrong one, and with wrong bodies. A route without a case here is a failure.

usage: walk.py HOLDFASTD HOLDFAST_FLEET
"""

import json
import re
import sys

sys.dont_write_bytecode = True  # the tree stays as it is
from controller import ROLES, Controller
from schema import Schemas

PLACE = {"instanceId": "NAME", "location": "PLACE"}
THERE = {"instance_id": "NAME", "location": "PLACE"}
# (method, path) -> (target, body): a request that an operator may make again and again. NAME is an
# instance, PLACE a location of its workers, ADDRESS where one of them is, EVENT an operation.
CASES = {
    ("get", "/livez"): ("/livez", None),
    ("get", "/readyz"): ("/readyz", None),
    ("get", "/healthz"): ("/healthz", None),
    ("get", "/health"): ("/health", None),
    ("get", "/version"): ("/version", None),
    ("get", "/openapi.json"): ("/openapi.json", None),
    ("get", "/metrics"): ("/metrics", None),
    ("post", "/v1/lookup"): ("/v1/lookup", {"hashes": [1, -2, "3"]}),
    ("post", "/v1/lookups"): ("/v1/lookups", {"lookups": [{"hashes": [1]}]}),
    ("post", "/query"): ("/query", {"token_ids": [1, 2, 3], "model_name": "MODEL"}),
    ("post", "/query_by_hash"): ("/query_by_hash", {"block_hashes": [1, -2], "model_name": "MODEL"}),
    ("post", "/register"):
        ("/register", {"instance_id": 7, "endpoint": "tcp://127.0.0.1:9", "model_name": "MODEL",
                       "block_size": 16}),
    ("post", "/unregister"): ("/unregister", {"instance_id": 7, "model_name": "MODEL"}),
    ("get", "/workers"): ("/workers?model_name=MODEL", None),
    ("get", "/dump"): ("/dump", None),
    ("get", "/v1/instances"): ("/v1/instances?max=1", None),
    ("get", "/v1/workers"): ("/v1/workers?instanceId=NAME&workerIds=0,1", None),
    ("get", "/v1/pins"): ("/v1/pins?withChunks=true&hashes=string", None),
    ("get", "/v1/diverged"): ("/v1/diverged", None),
    ("get", "/v1/status"): ("/v1/status", None),
    ("get", "/v1/watch"): ("/v1/watch", None),
    ("get", "/v1/operations"): ("/v1/operations?kind=clear&max=5", None),
    ("get", "/v1/operations/{id}"): ("/v1/operations/EVENT", None),
    ("post", "/v1/operations/check-finish"): ("/v1/operations/check-finish", {"eventId": "EVENT"}),
    ("post", "/v1/operations/clear"): ("/v1/operations/clear", PLACE),
    ("post", "/v1/operations/pin"): ("/v1/operations/pin", PLACE | {"hashes": [1], "ttlSeconds": 60}),
    ("post", "/v1/operations/compress"):
        ("/v1/operations/compress", PLACE | {"method": "zstd", "hashes": [1]}),
    ("post", "/v1/operations/decompress"):
        ("/v1/operations/decompress", PLACE | {"method": "zstd", "hashes": [1]}),
    ("post", "/v1/operations/move"):
        ("/v1/operations/move",
         PLACE | {"newInstanceId": "NAME", "newLocation": "PLACE2", "copy": True, "hashes": [1]}),
    ("post", "/v1/operations/health"): ("/v1/operations/health", {"instanceId": "NAME"}),
    ("post", "/v1/forget"): ("/v1/forget", {"instanceId": "NAME", "workerId": 0}),
    ("post", "/v1/drain"): ("/v1/drain", {"instanceId": "NAME", "undo": True}),
    ("post", "/v1/sync"): ("/v1/sync", {"instanceId": "NAME", "workerId": 1}),
    ("post", "/v1/backup"): ("/v1/backup", {"path": "BACKUP"}),
    ("post", "/v1/capture"): ("/v1/capture", {}),
    ("post", "/v1/log-level"): ("/v1/log-level", {"level": "info"}),
    # LMCache's.
    ("get", "/"): ("/", None),
    ("post", "/lookup"): ("/lookup", {"tokens": list(range(300))}),
    ("post", "/query_instance"): ("/query_instance", {"event_id": "x", "ip": "ADDRESS"}),
    ("post", "/query_worker_info"): ("/query_worker_info", {"instance_id": "all"}),
    ("get", "/controller/workers"): ("/controller/workers?instance_id=NAME", None),
    ("get", "/controller/key-stats"): ("/controller/key-stats", None),
    ("post", "/check_finish"): ("/check_finish", {"event_id": "EVENT"}),
    ("post", "/clear"): ("/clear", THERE),
    ("post", "/pin"): ("/pin", THERE | {"tokens": list(range(300))}),
    ("post", "/compress"): ("/compress", THERE | {"method": "zstd", "tokens": list(range(300))}),
    ("post", "/decompress"): ("/decompress", THERE | {"method": "zstd", "tokens": list(range(300))}),
    ("post", "/move"):
        ("/move", {"old_position": ["NAME", "PLACE"], "new_position": ["NAME", "PLACE2"],
                   "should_copy": True, "tokens": list(range(300))}),
    ("post", "/health"): ("/health", {"instance_id": "NAME"}),
}
# Of LMCache's routes: what cannot be read is a 422, what does not come about a 500.
LMCACHE = {path for _, path in CASES if not path.startswith("/v1/")} - {
    "/query", "/query_by_hash", "/register", "/unregister"}
# Asked for again these find that it is done, or that its worker is just registering again.
MAY_BE = {"/v1/backup": {200, 409}, "/v1/capture": {200, 409}, "/v1/forget": {200, 404},
          "/v1/sync": {200, 404, 409}, "/register": {201, 503}, "/unregister": {200, 404, 503},
          "/v1/operations": {200, 404, 409}}
MAY_BE |= {path: {200, 500} for path in
           ("/clear", "/pin", "/compress", "/decompress", "/move", "/health")}

failures = []


def fail(text):
    failures.append(text)
    print("FAILED: " + text)


class Walk:
    def __init__(self, controller):
        self.controller = controller
        status, _, text = controller.ask("GET", "/openapi.json")
        assert status == 200, status
        self.document = json.loads(text)
        self.schemas = Schemas(self.document)
        self.asked = 0
        self.backups = 0
        worker = controller.as_operator("/v1/workers")["workers"][0]
        places = [location["name"] for location in worker["locations"]]
        event = controller.as_operator(
            "/v1/operations/clear", {"instanceId": worker["instanceId"], "location": places[0]})
        self.words = {"NAME": worker["instanceId"], "PLACE2": places[-1], "PLACE": places[0],
                      "MODEL": worker["model"],
                      "EVENT": event["eventId"], "ADDRESS": worker["ip"]}

    def routes(self):
        for path, methods in self.document["paths"].items():
            for method, described in methods.items():
                yield method, path, described

    def request(self, method, path):
        target, body = CASES[(method, path)]
        self.backups += 1
        text = json.dumps([target, body])
        for word, value in self.words.items():
            text = text.replace(f'"{word}"', json.dumps(value)).replace(word, value)
        text = text.replace("BACKUP", self.controller.path(f"backup-{self.backups}"))
        return json.loads(text)

    def ask(self, method, path, described, token, body="as it should be", headers=None):
        """The status. Whatever it is, the document must have it, and the answer as it is."""
        target, right = self.request(method, path)
        if body == "as it should be":
            body = right
        status, answered, text = self.controller.ask(method.upper(), target, body, token, headers)
        self.asked += 1
        what = f"{method.upper()} {target}: {status} {text[:300].decode(errors='replace')}"
        answer = described["responses"].get(str(status))
        if answer is None:
            fail(what + ", which is not documented")
            return status
        (kind, content), = answer["content"].items()
        if answered.get_content_type() != kind.split(";")[0]:
            fail(f"{what}: its type is {answered.get_content_type()}, not {kind}")
        elif kind == "application/json":
            for problem in self.schemas.problems(content["schema"], json.loads(text)):
                fail(f"{what}: {problem}")
        return status

    def walk(self, method, path, described):
        tokens = self.controller.tokens
        opened = described.get("security") == []
        allowed = set(ROLES)
        if not opened:
            allowed = set(re.search(r"For roles: ([a-z, ]+)\.", described["description"])[1].split(", "))
            if "operator" not in allowed:
                fail(f"{path}: operators may do everything")
        for role in ROLES:
            status = self.ask(method, path, described, tokens[role])
            if role not in allowed:
                if status != 403:
                    fail(f"{method} {path} as {role}: {status}, not 403")
                continue
            prefix = "/v1/operations" if path.startswith("/v1/operations/") else path
            if status not in MAY_BE.get(prefix, {200}):
                fail(f"{method} {path} as {role}: {status}")
        for token, what in ((None, "without a token"), ("nonsense", "with a wrong token")):
            status = self.ask(method, path, described, token)
            if not opened and status != 401:
                fail(f"{method} {path} {what}: {status}, not 401")
            if opened and token is None and status != 200:
                fail(f"{method} {path} {what}: {status}")
        if "requestBody" not in described:
            return
        for body in ("{", "[]", "7", '{"nonsense": 1}', '{"instanceId": 7}', "\xff{}".encode("latin-1")):
            status = self.ask(method, path, described, tokens["operator"], body)
            unreadable = 422 if path in LMCACHE else 400
            if status != unreadable:
                fail(f"{method} {path} with the body {body!r}: {status}, not {unreadable}")


def events(answer, count):
    """(event, id, data) of a stream."""
    found, event = [], {}
    while len(found) < count:
        line = answer.readline().decode()
        assert line, "the stream has ended"
        if ": " in line:
            name, _, value = line.rstrip("\r\n").partition(": ")
            event[name] = value
        elif line == "\n" and "data" in event:
            found.append((event["event"], event["id"], json.loads(event["data"])))
            event = {}
    return found


def watch(controller):
    """A drain is seen by who watches; who comes back goes on behind it."""
    headers = {"Authorization": "Bearer " + controller.tokens["viewer"]}
    name = controller.as_operator("/v1/workers")["workers"][0]["instanceId"]
    connection = controller.connection()
    connection.request("GET", "/v1/watch", headers=headers)
    stream = connection.getresponse()
    (kind, first, data), = events(stream, 1)
    assert (kind, data) == ("reset", {"reason": "begin"}), (kind, data)
    controller.as_operator("/v1/drain", {"instanceId": name})
    seen = []
    while not seen or seen[-1][0] != "instanceDrained":
        seen += events(stream, 1)
    assert seen[-1][2]["instanceId"] == name, seen
    connection.close()
    controller.as_operator("/v1/drain", {"instanceId": name, "undo": True})
    connection = controller.connection()
    connection.request("GET", "/v1/watch", headers=headers | {"Last-Event-ID": first})
    again = events(connection.getresponse(), len(seen) + 1)
    connection.close()
    assert again[:len(seen)] == seen, (again, seen)
    print(f"watched: {', '.join(one[0] for one in again)}")


def main():
    with Controller(sys.argv[1], sys.argv[2]) as controller:
        walk = Walk(controller)
        watch(controller)
        routes = list(walk.routes())
        for method, path, described in routes:
            if (method, path) not in CASES:
                fail(f"{method.upper()} {path} has no case in {sys.argv[0]}")
            else:
                walk.walk(method, path, described)
        if controller.processes[0].poll() is not None:
            fail("the controller has ended")
        print(f"{len(routes)} routes, {walk.asked} requests, {len(failures)} failures")
        if failures:
            print(controller.log()[-4000:])
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
