"""The few endpoints of the Kubernetes API that a monitor calls, over HTTP on the loopback.

It keeps objects as the real one does: names are unique, a Lease is written back only with the
``resourceVersion`` that was read, names and labels have their form. Faults are put in per call.
"""

import json
import re
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]
Fault = Callable[["_Handler"], None]

NAMESPACE = "forecasts"
ROUTE = re.compile(
    rf"/apis/(batch|coordination\.k8s\.io)/v1/namespaces/{NAMESPACE}/(cronjobs|jobs|leases)(?:/(.+))?"
)
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
ROLE = {
    ("GET", "cronjobs"),
    ("POST", "jobs"),
    ("GET", "jobs"),
    ("GET", "leases"),
    ("PUT", "leases"),
}


class FakeKubernetes:
    """One namespace of a cluster; ``asked`` has every call as (method, resource, answer)."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Object]] = {"cronjobs": {}, "jobs": {}, "leases": {}}
        self.faults: dict[tuple[str, str], list[Fault]] = defaultdict(list)
        self.asked: list[tuple[str, str, int]] = []
        self.allowed = set(ROLE)
        self.token = "first"
        self._version = 0
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.fake = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        if not self._thread.is_alive():
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def put(self, resource: str, name: str, body: Object) -> Object:
        """Place an object as if somebody else had."""
        with self._lock:
            self._version += 1
            metadata = {**(body.get("metadata") or {}), "name": name}
            metadata.setdefault("uid", str(uuid.uuid4()))
            metadata["resourceVersion"] = str(self._version)
            self.objects[resource][name] = {**body, "metadata": metadata}
            return self.objects[resource][name]

    def end(self, name: str, kind: str, reason: str = "", message: str = "") -> None:
        """Give a Job its last condition, after one that says nothing yet."""
        before = {"type": "FailureTarget", "status": "True", "reason": reason, "message": message}
        last = {"type": kind, "status": "True", "reason": reason, "message": message}
        self.objects["jobs"][name]["status"] = {"conditions": [before, last]}

    def answers(self, method: str, resource: str) -> list[int]:
        return [status for *call, status in self.asked if call == [method, resource]]

    def handle(self, method: str, path: str, body: Object | None, token: str) -> tuple[int, Object]:
        with self._lock:
            return self._handle(method, path, body, token)

    def _handle(
        self, method: str, path: str, body: Object | None, token: str
    ) -> tuple[int, Object]:
        parts = urlsplit(path)
        route = read_route(parts.path)
        if route is None:
            return 404, status("NotFound", f"no such path {parts.path}")
        resource, name = route
        if token != f"Bearer {self.token}":
            return 401, status("Unauthorized", "Unauthorized")
        if (method, resource) not in self.allowed:
            return 403, status("Forbidden", f"{resource} is forbidden: cannot {method} {resource}")
        if method == "POST":
            assert body is not None
            return self._create(resource, body)
        if method == "PUT":
            assert name is not None and body is not None
            return self._replace(resource, name, body)
        if name is None:
            return 200, self._list(resource, parse_qs(parts.query).get("labelSelector", [""])[0])
        found = self.objects[resource].get(name)
        return (
            (200, found) if found else (404, status("NotFound", f'{resource} "{name}" not found'))
        )

    def _create(self, resource: str, body: Object) -> tuple[int, Object]:
        metadata = body["metadata"]
        name, labels = metadata["name"], metadata.get("labels", {})
        bad = [value for value in labels.values() if not LABEL_VALUE.fullmatch(value)]
        if not DNS_LABEL.fullmatch(name) or bad:
            return 422, status("Invalid", f"Job {name} is invalid: {bad}")
        if name in self.objects[resource]:
            return 409, status("AlreadyExists", f'{resource} "{name}" already exists')
        return 201, self.put(resource, name, body)

    def _replace(self, resource: str, name: str, body: Object) -> tuple[int, Object]:
        present = self.objects[resource].get(name)
        if present is None:
            return 404, status("NotFound", f'{resource} "{name}" not found')
        if body["metadata"]["resourceVersion"] != present["metadata"]["resourceVersion"]:
            return 409, status("Conflict", "the object has been modified")
        return 200, self.put(resource, name, body)

    def _list(self, resource: str, selector: str) -> Object:
        wanted = dict(part.split("=") for part in selector.split(",") if part)
        items = [
            one
            for one in self.objects[resource].values()
            if wanted.items() <= (one["metadata"].get("labels") or {}).items()
        ]
        return {"kind": "List", "items": items}


def read_route(path: str) -> tuple[str, str | None] | None:
    found = ROUTE.fullmatch(path)
    return None if found is None else (found[2], found[3])


def status(reason: str, message: str) -> Object:
    return {"kind": "Status", "status": "Failure", "reason": reason, "message": message}


def answer(code: int, message: str = "scripted", reason: str = "") -> Fault:
    """A fault that answers with this status."""
    return lambda handler: handler.reply(code, json.dumps(status(reason, message)).encode())


def answer_html(handler: "_Handler") -> None:
    """What a proxy in between says."""
    handler.reply(200, b"<html>bad gateway</html>")


def reset(handler: "_Handler") -> None:
    """The connection ends without an answer."""
    handler.close_connection = True


def stay_silent(handler: "_Handler") -> None:
    """No answer for longer than anybody waits."""
    handler.close_connection = True
    time.sleep(2)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        fake: FakeKubernetes = self.server.fake  # type: ignore[attr-defined]
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        route = read_route(urlsplit(self.path).path)
        faults = fake.faults[self.command, route[0] if route else ""]
        self._resource = route[0] if route else self.path
        self._noted = False
        if faults:
            faults.pop(0)(self)
        else:
            token = self.headers.get("Authorization", "")
            code, found = fake.handle(self.command, self.path, body, token)
            self.reply(code, json.dumps(found).encode())
        if not self._noted:
            self._note(0)

    def _note(self, code: int) -> None:
        """Before the client can know it."""
        self._noted = True
        self.server.fake.asked.append((self.command, self._resource, code))  # type: ignore[attr-defined]

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def reply(self, code: int, content: bytes) -> None:
        self._note(code)
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass
