"""A W&B run as its server has it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

ENTITY = {"id": "RW50aXR5", "name": "tester"}
USER = {
    "username": "tester",
    "entity": "tester",
    "email": "",
    "admin": False,
    "flags": "{}",
    "teams": {"edges": []},
}


@dataclass
class ServedRun:
    """What the server knows of one run; `history` and `summary` are as a reader of the W&B API sees them."""

    id: str
    name: str = ""
    group: str | None = None
    job_type: str | None = None
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    project: str = ""
    starts: int = 0
    exit_code: int | None = None
    crashed: bool = False
    media: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        """As the API calls it."""
        return "crashed" if self.crashed else {None: "running", 0: "finished"}.get(self.exit_code, "failed")

    @property
    def history(self) -> list[dict[str, Any]]:
        """One dictionary a logged row."""
        return [json.loads(line) for line in self.lines]

    def upsert(self, variables: dict[str, Any]) -> None:
        """Take over what a client says about the run; it leaves out what has not changed."""
        self.name = variables.get("displayName") or self.name
        self.group = variables.get("groupName") or self.group
        self.job_type = variables.get("jobType") or self.job_type
        self.tags = variables.get("tags") or self.tags
        if variables.get("config"):
            self.config = {key: entry["value"] for key, entry in json.loads(variables["config"]).items()}

    def stream(self, message: dict[str, Any]) -> None:
        """Add streamed lines at their offsets; the last message of a run carries its exit code."""
        files = message.get("files") or {}
        if history := files.get("wandb-history.jsonl"):
            start, lines = history["offset"], history["content"]
            self.lines[start : start + len(lines)] = lines
        if summary := files.get("wandb-summary.json"):
            self.summary = json.loads(summary["content"][-1])
        if message.get("complete"):
            self.exit_code, self.crashed = message["exitcode"], False
        elif files:
            self.exit_code = None  # it goes on

    def bucket(self, project: str) -> dict[str, Any]:
        """The run as GraphQL answers it."""
        return {
            "state": self.state,
            "group": self.group,
            "jobType": self.job_type,
            "createdAt": "2026-11-21T06:30:00Z",
            "heartbeatAt": "2026-11-21T06:30:00Z",
            "readOnly": False,
            "user": {"name": "tester", "username": "tester"},
            "projectId": "1",
            "id": base64.b64encode(f"Run:v1:{self.id}".encode()).decode(),
            "name": self.id,
            "displayName": self.name,
            "sweepName": None,
            "config": json.dumps({key: {"value": value} for key, value in self.config.items()}),
            "summaryMetrics": json.dumps(self.summary),
            "historyLineCount": len(self.lines),
            "historyTail": json.dumps(self.lines[-1:]),
            "eventsLineCount": 0,
            "eventsTail": "[]",
            "logLineCount": 0,
            "tags": self.tags,
            "wandbConfig": json.dumps({"t": 1}),
            "project": {"id": "UHJvamVjdA==", "name": project, "entity": ENTITY},
        }
