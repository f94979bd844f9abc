"""The simulated Depot as its tests set it up: a clock, a forge in memory, and a client of JSON."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from bot.demo.simulators.depot import SERVICE

REPO = "octo/hello"
SHA = "3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29"
OTHER = "9" * 40
CI = ".depot/workflows/ci.yml"
START = 1795493411.0  # 2026-11-24T04:10:11Z
ALL_STATES = ["queued", "running", "finished", "failed", "cancelled"]

CI_YAML = """
name: CI
on: [push, pull_request]
jobs:
  build:
    runs-on: depot-ubuntu-latest
    steps:
      - run: make
  test:
    runs-on: [depot-ubuntu-latest, big]
    needs: build
    steps:
      - uses: actions/checkout@v4
      - id: tests
        name: Run the tests
        run: pytest
      - uses: actions/upload-artifact@v4
        with: {name: report, path: report.xml}
"""
WIDE_YAML = """
name: Wide
jobs:
  test:
    name: Tests
    strategy:
      matrix:
        python: ["3.11", "3.12"]
        os: [linux, arm]
        exclude: [{python: "3.11", os: arm}]
    steps: [{run: pytest}]
  after: {needs: [test], steps: [{run: echo}]}
"""
DEPLOY_YAML = """
on:
  workflow_dispatch:
    inputs:
      where: {type: choice, options: [staging, production], required: true}
      dry: {type: boolean, default: false}
      copies: {type: number}
jobs: {ship: {steps: [{run: ./ship}]}}
"""
FILES = {
    CI: CI_YAML,
    ".depot/workflows/wide.yml": WIDE_YAML,
    ".depot/workflows/deploy.yml": DEPLOY_YAML,
    ".depot/workflows/broken.yml": "name: Broken\njobs: {test: {steps: [{run: a}, {}, {rnu: b}]}}",
    ".depot/workflows/caller.yml": "jobs: {call: {uses: ./.depot/workflows/ci.yml}}",
    ".github/workflows/other.yml": "jobs: {}",
    "README.md": "hello",
}


@dataclass
class Clock:
    """A clock that moves when it is told to."""

    time: float = START

    def __call__(self) -> float:
        return self.time

    def tick(self, seconds: float) -> None:
        self.time += seconds


@dataclass
class MemoryForge:
    """The least a forge can be."""

    commits: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    forks: set[str] = field(default_factory=set)
    checks: list[tuple[str, str, str | None, bool]] = field(default_factory=list)
    details: list[tuple[str, str, str, str]] = field(default_factory=list)

    def connected(self, repo: str) -> bool:
        return any(known == repo for known, _ in self.commits)

    def files_at(self, repo: str, sha: str) -> Mapping[str, str] | None:
        return self.commits.get((repo, sha))

    def branch_head(self, repo: str, ref: str) -> str | None:
        return self.branches.get(ref)

    def from_fork(self, repo: str, sha: str) -> bool:
        return sha in self.forks

    def pull_requests_at(self, repo: str, sha: str) -> Collection[int]:
        return [7] if sha == SHA else []

    def upsert_check_run(
        self,
        repo: str,
        sha: str,
        name: str,
        status: str,
        conclusion: str | None,
        details_url: str,
        app_slug: str,
        *,
        new: bool,
    ) -> None:
        self.checks.append((name, status, conclusion, new))
        self.details.append((repo, sha, details_url, app_slug))


@dataclass
class Api:
    """A client that knows nothing but JSON."""

    http: httpx.AsyncClient
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    async def post(self, method: str, fields: object) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}", **self.headers}
        return await self.http.post(SERVICE + method, json=fields, headers=headers)

    async def get(self, method: str, **fields: object) -> dict[str, Any]:
        """A call that succeeds."""
        response = await self.post(method, fields)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def refused(self, method: str, **fields: object) -> tuple[int, str, str]:
        """A call that does not."""
        response = await self.post(method, fields)
        answer = response.json()
        assert set(answer) == {"code", "message"}
        return response.status_code, answer["code"], answer["message"]

    async def run(self, **fields: object) -> str:
        """Start a run, of ci.yml unless said otherwise."""
        fields = {"repo": REPO, "sha": SHA, "workflow": CI} | fields
        answer = await self.get("Run", **{k: v for k, v in fields.items() if v is not None})
        return str(answer["runId"])

    async def tree(self, run_id: str) -> dict[str, str]:
        """The states of a run's jobs by key."""
        answer = await self.get("GetRunStatus", runId=run_id)
        workflows = answer.get("workflows", [])
        return {job["jobKey"]: job["status"] for w in workflows for job in w.get("jobs", [])}

    async def workflow(self, run_id: str) -> dict[str, Any]:
        """The first workflow of a run, with its jobs by the last part of their key."""
        answer = await self.get("GetRunStatus", runId=run_id)
        workflow: dict[str, Any] = answer["workflows"][0]
        workflow["byKey"] = {job["jobKey"].split(":", 1)[1]: job for job in workflow["jobs"]}
        return workflow


def forge() -> MemoryForge:
    """One repository with one commit that has workflows, and one that has none."""
    return MemoryForge(
        commits={(REPO, SHA): FILES, (REPO, OTHER): {"README.md": ""}},
        branches={"HEAD": SHA, "main": SHA, "empty": OTHER},
    )
