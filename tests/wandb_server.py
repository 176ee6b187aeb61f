"""A stand-in for a W&B server on loopback: to start, log, resume and finish a run, read it back, and save views.

A client asks GraphQL at /graphql whether a run exists and creates or updates it, streams its history and
summary to /files/<entity>/<project>/<run>/file_stream, and puts its files where the server tells it to.
Workspaces and reports are views, kept by their id. Faults are attributes that a test sets, `status` to answer with
an error and `delay` (seconds) to answer late; `die()` ends all.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from wandb_served_run import ENTITY, USER, ServedRun


class WandbServer(ThreadingHTTPServer):
    """Use as a context manager; `url` is its address and `runs` holds what arrived, by run id."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.runs: dict[str, ServedRun] = {}
        self.views: dict[str, dict[str, Any]] = {}
        self.status = 200
        self.delay = 0.0
        self.dead = False
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.die()

    def die(self) -> None:
        """Refuse new connections and drop the open ones at their next request."""
        self.dead = True
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that go away are what the tests are about."""

    def graphql(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data of one GraphQL operation; an unknown one gets none."""
        if operation == "RunResumeStatus":
            run = self.runs.get(variables["name"])
            bucket = run and run.bucket(variables["project"])
            return {"model": {"name": variables["project"], "entity": ENTITY, "bucket": bucket}}
        if operation == "UpsertBucket":
            new = variables["name"] not in self.runs
            run = self.runs.setdefault(variables["name"], ServedRun(variables["name"]))
            run.project = variables["project"] or run.project
            run.starts += bool(variables.get("displayName"))
            run.upsert(variables)
            return {"upsertBucket": {"bucket": run.bucket(variables["project"]), "inserted": new}}
        if operation == "CreateRunFiles":
            self.runs[variables["run"]].media += [name for name in variables["files"] if name.startswith("media/")]
            files = [{"name": name, "uploadUrl": f"{self.url}/upload/{name}"} for name in variables["files"]]
            return {"createRunFiles": {"runID": variables["run"], "uploadHeaders": [], "files": files}}
        if operation in ("Viewer", "GetViewer", "GetDefaultEntity"):
            return {"viewer": {"id": "VXNlcg==", "name": "tester", **USER, "defaultEntity": ENTITY}}
        if operation == "Runs":
            runs = [run for run in self.runs.values() if run.project == variables["project"]]
            edges = [{"node": run.bucket(run.project), "cursor": run.id} for run in runs]
            page = {"endCursor": None, "hasNextPage": False}
            found = {"internalId": "1", "runCount": len(runs), "readOnly": False}
            return {"project": {**found, "runs": {"edges": edges, "pageInfo": page}} if runs else None}
        if operation == "RunSampledHistory":
            history = self.runs[variables["name"]].history
            (spec,) = map(json.loads, variables["specs"])
            whole = [row for row in history if set(spec["keys"]) <= row.keys()]
            found = [{key: row[key] for key in spec["keys"]} for row in whole[: spec["samples"]]]
            return {"project": {"run": {"sampledHistory": [found]}}}
        return self._views(operation, variables)

    def _views(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """What is asked about workspaces and reports."""
        if operation in ("View", "ProjectViews"):
            views = [view for view in self.views.values() if view["type"] == variables.get("viewType", "runs")]
            named = [view for view in views if variables.get("viewName") in (None, view["name"])]
            edges = [{"node": view, "cursor": view["id"]} for view in named]
            page = {"endCursor": None, "hasNextPage": False}
            return {"project": {"allViews": {"edges": edges, "pageInfo": page}}}
        if operation in ("UpsertView2", "upsertView"):
            id = variables.get("id") or f"view-{len(self.views)}"
            new = id not in self.views
            project = {
                "id": "UHJvamVjdA==",
                "name": variables["projectName"],
                "entityName": variables["entityName"],
            }
            kept = {key: variables[key] for key in ("name", "displayName", "description", "type", "spec")}
            self.views[id] = {
                "id": id,
                **kept,
                "project": project,
                "user": USER,
                "updatedAt": None,
                "createdAt": None,
            }
            return {"upsertView": {"view": self.views[id], "inserted": new}}
        if operation == "GetProjects":
            project = {"id": "1", "name": "hypo", "entityName": "tester", "createdAt": "2026-11-21T06:30:00Z"}
            project |= {"isBenchmark": False, "internalId": "1", "user": None}
            page = {"endCursor": None, "hasNextPage": False}
            return {"models": {"edges": [{"node": project, "cursor": "1"}], "pageInfo": page}}
        return {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WandbServer

    def do_GET(self) -> None:
        self._answer({})

    def do_PUT(self) -> None:
        self._body()
        self._answer({})

    def do_POST(self) -> None:
        body = self._body()
        time.sleep(self.server.delay)
        if self.server.status != 200:
            self._answer({"errors": [{"message": "injected fault"}]}, self.server.status)
        elif self.path == "/graphql":
            request = json.loads(body)
            named = re.search(r"(?:query|mutation)\s+(\w+)", request["query"])
            with self.server.lock:
                data = self.server.graphql(named[1] if named else "", request.get("variables") or {})
            self._answer({"data": data})
        elif streamed := re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", self.path):
            with self.server.lock:
                self.server.runs[streamed[1]].stream(json.loads(body))
            self._answer({})
        else:
            self._answer({})

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _answer(self, content: dict[str, Any], status: int = 200) -> None:
        if self.server.dead:
            self.close_connection = True
            return
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the terminal clean."""
