"""Depot's own CLI against the simulated Depot, over a socket: `depot ci …`, command by command."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.demo.simulators.depot import Run, SimulatedDepot, Switches
from tests.contracts.depot.cli import RUNS_HERE, program
from tests.contracts.depot.scene import CI, CI_YAML, FILES, REPO, SHA, Clock, MemoryForge
from tests.contracts.depot.scene import forge as new_forge
from tests.simulators.depot import WholeDepot
from tests.simulators.depot.http2 import serving_http2
from tests.support import debian

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not RUNS_HERE, reason="the CLI's package is for Linux on x64"),
]

SECONDS = 30
"""How long a command may take. It takes a tenth of a second."""

QUIET = {"DEPOT_NO_UPDATE_NOTIFIER": "1", "DEPOT_DISABLE_OTEL": "1", "DEPOT_ERROR_TELEMETRY": "0"}
"""It calls nobody but the simulated Depot."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Cli:
    """The CLI, at home in a folder of its own."""

    url: str
    token: str
    home: Path

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(str(program()), "ci", *arguments),
            cwd=self.home,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def tries(self, *arguments: str) -> Said:
        process = await self.start(*arguments)
        async with asyncio.timeout(SECONDS):
            out, err = await process.communicate()
        assert process.returncode is not None
        return Said(process.returncode, out.decode(), err.decode())

    async def does(self, *arguments: str) -> Said:
        """A command that succeeds."""
        said = await self.tries(*arguments)
        assert said.status == 0, said
        return said

    @property
    def environment(self) -> dict[str, str]:
        paths = {"HOME": str(self.home), "PATH": os.environ["PATH"]}
        return {**QUIET, **paths, "DEPOT_API_URL": self.url, "DEPOT_TOKEN": self.token}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def forge() -> MemoryForge:
    return new_forge()


@pytest.fixture
def depot(clock: Clock, forge: MemoryForge) -> SimulatedDepot:
    return WholeDepot(now=clock, forge=forge)


@pytest.fixture
async def cli(depot: SimulatedDepot, tmp_path: Path) -> AsyncIterator[Cli]:
    async with serving_http2(depot.app) as url:
        yield Cli(url, depot.token, tmp_path)


@pytest.fixture
def run(depot: SimulatedDepot, clock: Clock) -> Run:
    """A run that has failed: its first job is green, the second is not."""
    depot.plan(job="test", outcome="failed", summary="# Tests", artifacts={"report": b"<x/>"})
    started = depot.foreign_run(REPO, SHA, CI)
    clock.tick(60)
    return depot.run(started.run_id)


async def test_lists(cli: Cli, depot: SimulatedDepot, run: Run) -> None:
    active = depot.foreign_run(REPO, SHA, CI)
    assert active.run_id in (await cli.does("run", "list")).out
    listed = (await cli.does("run", "list", "--status", "failed", "--output", "json")).json
    assert [(row["run_id"], row["sha"], row["trigger"]) for row in listed] == [
        (run.run_id, SHA, "api")
    ]
    [row] = (await cli.does("workflow", "list", "--output", "json")).json
    assert row["workflow_id"] == run.workflows[0].workflow_id


async def test_status(cli: Cli, run: Run) -> None:
    said = (await cli.does("status", run.run_id)).out
    assert f"Run: {run.run_id} (failed)" in said
    assert f"Job: {run.jobs[1].job_id} [test] (failed)" in said
    assert REPO in (await cli.does("run", "show", run.run_id)).out
    assert CI in (await cli.does("workflow", "show", run.workflows[0].workflow_id)).out


async def test_logs(cli: Cli, depot: SimulatedDepot, run: Run) -> None:
    job = run.jobs[1]
    attempt = job.attempts[0].attempt_id
    lines = (await cli.does("logs", attempt)).out.splitlines()
    assert lines[0] == "$ pytest -v"
    assert len(lines) > depot.switches.log_page_size
    assert (await cli.does("logs", job.job_id)).out.splitlines() == lines
    assert (await cli.does("logs", run.run_id, "--job", "test")).out.splitlines() == lines
    events = (await cli.does("logs", attempt, "--output", "json")).out.splitlines()
    assert [json.loads(event)["body"] for event in events] == lines


async def test_a_log_as_a_file(cli: Cli, run: Run) -> None:
    attempt = run.jobs[0].attempts[0].attempt_id
    await cli.does("logs", attempt, "--output-file", "log.txt")
    first, *_ = (cli.home / "log.txt").read_text().splitlines()
    assert first == "2026-11-24T04:10:12Z $ pytest -v"
    await cli.does("logs", attempt, "--output", "json", "--output-file", "log.jsonl")
    first, *_ = (cli.home / "log.jsonl").read_text().splitlines()
    assert json.loads(first)["body"] == "$ pytest -v"


async def test_a_log_that_is_followed(cli: Cli, depot: SimulatedDepot, clock: Clock) -> None:
    depot.plan(log=["one", "two", "three"], seconds=30)
    started = depot.foreign_run(REPO, SHA, CI, job="test")
    clock.tick(2)
    [attempt] = depot.run(started.run_id).jobs[1].attempts
    # It finds out first that this is no job, and then asks for an attempt.
    process = await cli.start("logs", attempt.attempt_id, "--follow")
    assert process.stdout is not None
    async with asyncio.timeout(SECONDS):
        assert await process.stdout.readline() == b"one\n"
        clock.tick(10)
        assert await process.stdout.readline() == b"two\n"
        clock.tick(60)
        rest, _ = await process.communicate()
    assert (process.returncode, rest.splitlines()[0]) == (0, b"three")


async def test_a_log_goes_on_where_the_stream_was_refused(
    cli: Cli, depot: SimulatedDepot, run: Run
) -> None:
    attempt = run.jobs[0].attempts[0].attempt_id
    whole = (await cli.does("logs", attempt, "--follow")).out
    depot.faults.refuse("StreamJobAttemptLogs", "unavailable", times=2)
    assert (await cli.does("logs", attempt, "--follow")).out == whole


async def test_a_diagnosis(cli: Cli, run: Run) -> None:
    said = (await cli.does("diagnose", "--run", run.run_id)).out
    assert "Error: Step 3 exited with code 1" in said
    assert f"depot ci logs {run.jobs[1].attempts[0].attempt_id}" in said
    assert "AI-generated" in said
    for scope, key in [
        ("--workflow", run.workflows[0].workflow_id),
        ("--job", run.jobs[1].job_id),
        ("--attempt", run.jobs[1].attempts[0].attempt_id),
    ]:
        answer = (await cli.does("diagnose", scope, key, "--output", "json")).json
        assert "A test expects 3 and gets 4." in json.dumps(answer)


async def test_what_it_suggests_can_be_typed(
    cli: Cli, depot: SimulatedDepot, clock: Clock, run: Run
) -> None:
    depot.switches = Switches(diagnosis_cap=1)
    depot.plan(outcome="failed")
    wide = depot.foreign_run(REPO, SHA, ".depot/workflows/wide.yml")
    clock.tick(60)
    depot.settle()
    key = wide.run_id
    for scope in ("--run", "--workflow"):
        said = (await cli.does("diagnose", scope, key)).out
        [command, *_] = [line for line in said.splitlines() if "depot ci diagnose" in line]
        *_, suggested, key = command.split()
        assert (scope, suggested) in {("--run", "--workflow"), ("--workflow", "--job")}
    assert "Step 1 exited" in (await cli.does("diagnose", "--job", key)).out


async def test_artifacts(cli: Cli, run: Run) -> None:
    listed = (await cli.does("artifacts", "list", run.run_id, "--output", "json")).json
    rows = listed["artifacts"] if isinstance(listed, dict) else listed
    assert [row["name"] for row in rows] == ["report"]
    key = rows[0]["artifact_id"]
    await cli.does("artifacts", "download", key, "--output-file", "report.zip")
    with zipfile.ZipFile(cli.home / "report.zip") as archive:
        assert archive.read("report") == b"<x/>"


async def test_metrics_and_a_summary(cli: Cli, run: Run) -> None:
    job = run.jobs[1]
    attempt = job.attempts[0].attempt_id
    for arguments in (["--run", run.run_id], ["--job", job.job_id], [attempt]):
        said = (await cli.does("metrics", *arguments)).out
        assert "CPU: peak 92.0%, avg 41.0% (2 samples)" in said
    answer = (await cli.does("metrics", attempt, "--output", "json")).json
    assert answer["job"]["conclusion"] == "failure"
    for key in (job.job_id, attempt):
        assert (await cli.does("summary", key)).out == "# Tests\n"


async def test_retry_cancel_rerun(cli: Cli, depot: SimulatedDepot, clock: Clock, run: Run) -> None:
    build, test = run.jobs
    said = (await cli.does("retry", run.run_id, "--job", test.job_id)).out
    assert said == f"Retrying job {test.job_id} (attempt #2, queued)\n"
    assert (await cli.does("cancel", run.run_id)).out.startswith("Cancelled run")
    assert depot.run(run.run_id).status == "cancelled"
    said = (await cli.tries("cancel", run.run_id)).err
    assert said == "failed to cancel run: failed_precondition: run is already cancelled\n"
    assert "1 failed job" in (await cli.does("retry", run.run_id, "--failed")).out
    clock.tick(60)
    assert "(2 jobs reset)" in (await cli.does("rerun", run.run_id)).out
    await cli.does("cancel", run.run_id, "--job", build.job_id)
    clock.tick(60)
    assert [job.status for job in depot.run(run.run_id).jobs] == ["cancelled", "skipped"]
    await cli.does("rerun", run.run_id)
    workflow = run.workflows[0].workflow_id
    await cli.does("cancel", run.run_id, "--workflow", workflow)
    assert run.workflows[0].status == "cancelled"


async def test_a_dispatch(cli: Cli, depot: SimulatedDepot) -> None:
    line = ("dispatch", "--repo", REPO, "--workflow", "deploy.yml", "--ref", "main")
    answer = (await cli.does(*line, "--input", "where=staging", "--output", "json")).json
    assert depot.run(answer["run_id"]).order.inputs == (("where", "staging"),)
    said = await cli.tries(*line)
    assert said.status == 1
    assert said.err == "failed to dispatch workflow: invalid_argument: input 'where' is required\n"


async def test_a_run(cli: Cli, depot: SimulatedDepot, forge: MemoryForge) -> None:
    sha = _clone(cli)
    forge.commits[(REPO, sha)] = FILES
    said = (await cli.does("run", "--workflow", CI, "--job", "test")).out
    [started] = depot.runs
    assert f"Run: {started.run_id}" in said
    assert (started.repo, started.sha, len(started.workflow_content)) == (REPO, sha, 1)


def _clone(cli: Cli) -> str:
    """A repository with a pushed commit, whose remote is at GitHub by name only."""
    (cli.home / CI).parent.mkdir(parents=True)
    (cli.home / CI).write_text(CI_YAML)
    git_path = debian.program("git", "git")  # the CLI asks it, too

    def git(*arguments: str) -> str:
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        command = (git_path, *who, *arguments)
        done = subprocess.run(
            command, cwd=cli.home, env=cli.environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init", "--quiet", "--bare", "origin.git")
    git("init", "--quiet", "--initial-branch", "main")
    git("add", ".depot")
    git("commit", "--quiet", "--message", "A workflow")
    git("remote", "add", "origin", "origin.git")
    git("push", "--quiet", "origin", "main")
    git("remote", "set-head", "origin", "main")
    git("remote", "set-url", "origin", f"https://github.com/{REPO}.git")
    (cli.home / ".git/info/exclude").write_text("origin.git\n.config\n")
    return git("rev-parse", "HEAD")


async def test_trouble(cli: Cli, depot: SimulatedDepot, run: Run) -> None:
    said = await cli.tries("run", "show", "nobody")
    assert (said.status, said.err) == (1, "failed to get run: not_found: Run not found\n")
    depot.faults.drop("GetRun")
    assert "unexpected EOF" in (await cli.tries("run", "show", run.run_id)).err
    depot.faults.html("GetRun")
    said = await cli.tries("run", "show", run.run_id)
    assert said.err == "failed to get run: unavailable: 502 Bad Gateway\n"
    cli.token = "nonsense"
    said = await cli.tries("run", "show", run.run_id)
    assert said.err == "failed to get run: unauthenticated: Invalid token\n"
