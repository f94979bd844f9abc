"""Imports run downhill, and what each file may do: `[tool.importlinter]` in pyproject.toml, and
what only the syntax tree shows."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.ops.audit import EVENTS

ROOT = Path(__file__).parent.parent
BOT = ROOT / "bot"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]
NAMES = {contract["id"]: contract["name"] for contract in CONTRACTS}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package, to plant imports in."""
    shutil.copytree(BOT, tmp_path / "bot", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(directory: Path) -> tuple[int, str]:
    """The exit status and what is said of the package in *directory*."""
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(directory), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_contracts_are_kept(package: Path) -> None:
    status, said = lint(package)
    assert status == 0, said
    for name in NAMES.values():
        assert f"{name} KEPT" in said


PLANTED = {
    "rooms": ("core/clock.py", "import bot.github.api"),
    "commands": ("commands/list.py", "import bot.commands.run"),
    "sql": ("services.py", "import sqlalchemy"),
    "clients": ("engine/worker.py", "import httpx"),
    "web": ("ops/metrics.py", "import starlette"),
    "pure": ("messages/redaction.py", "import asyncio"),
    "core": ("core/jobs.py", "import msgspec"),
    "tests": ("demo/stage.py", "import hypercorn"),
}


def test_a_planted_import_breaks_each_contract(package: Path) -> None:
    assert PLANTED.keys() == NAMES.keys()
    for file, line in PLANTED.values():
        with (package / "bot" / file).open("a") as end:
            end.write(f"\n{line}\n")
    status, said = lint(package)
    assert status == 1
    for name in NAMES.values():
        assert f"{name} BROKEN" in said, said


def test_an_import_inside_a_function_is_seen_too(package: Path) -> None:
    with (package / "bot" / "parsing" / "arguments.py").open("a") as end:
        end.write("\ndef planted() -> None:\n    import bot.storage.ledger\n")
    status, said = lint(package)
    assert status == 1
    assert "bot.parsing.arguments -> bot.storage.ledger" in said


def test_a_new_file_needs_no_place_of_its_own(package: Path) -> None:
    for room in ("core", "parsing", "storage", "engine", "web"):
        (package / "bot" / room / "planted.py").write_text("import bot.core.types\n")
    status, said = lint(package)
    assert status == 0, said


def test_a_file_outside_the_rooms_is_noticed(package: Path) -> None:
    (package / "bot" / "planted.py").touch()
    status, said = lint(package)
    assert status == 1
    assert "planted" in said


def test_few_files_stand_beside_the_rooms() -> None:
    assert len([one for one in BOT.iterdir() if one.is_file()]) <= 6


# --- what the syntax tree shows ------------------------------------------------------------------


def modules() -> list[tuple[str, ast.Module]]:
    """The bot's own files, by their dotted names; the demo and the migrations are looser."""
    found = []
    for file in sorted(BOT.rglob("*.py")):
        name = ".".join(file.relative_to(BOT).with_suffix("").parts)
        if not name.startswith(("demo.", "storage.migrations.")):
            found.append((name, ast.parse(file.read_text())))
    assert len(found) > 20
    return found


def dotted(node: ast.expr) -> str:
    return ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


CHANCE = {"random", "secrets", "uuid"}
SLEEPS = {"asyncio.sleep", "time.sleep", "anyio.sleep"}
CLOCKS = {"time.time", "time.monotonic", "time.perf_counter", "datetime.now", "datetime.utcnow"}


def uses(tree: ast.AST, names: set[str]) -> set[str]:
    called = {dotted(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return (called | set(imported(tree))) & names


def places(names: set[str]) -> set[tuple[str, str]]:
    """Where one of *names* is used: the file, and the function or class in it."""
    found = set()
    for name, tree in modules():
        for top in tree.body:
            parts = top.body if isinstance(top, ast.ClassDef) else [top]
            for part in parts:
                if uses(part, names):
                    owner = f"{top.name}." if isinstance(top, ast.ClassDef) else ""
                    found.add((name, owner + str(getattr(part, "name", ast.unparse(part)))))
    return found


def test_only_what_knows_about_waiting_sleeps() -> None:
    assert {one for one in places(SLEEPS) if one[0] != "engine.worker"} == {
        # The listener waits for another process's word as the worker waits for its own, and has
        # to wait before it listens again on a server that has gone away.
        ("storage.postgresql", "PostgresqlStore.listen"),
        # There is no worker yet while the ledger cannot be reached.
        ("web.waiting", "Waiting.wait"),
    }
    assert "engine.worker" in {name for name, _ in places(SLEEPS)}


def test_nothing_is_left_to_chance() -> None:
    for name, tree in modules():
        # The set-up's state and the passwords that are made are such that nobody can guess them.
        if name not in {"engine.worker", "web.setup", "web.auth", "demo.stage"}:
            assert not {one for one in imported(tree) if one.partition(".")[0] in CHANCE}, name


def test_only_the_clock_knows_the_time() -> None:
    assert places(CLOCKS) == {
        ("core.clock", "SystemClock.now"),
        # When a rate limit is reset is a time by GitHub's clock. Where GitHub did not say what its
        # clock shows, the machine's real time is nearest to it, whatever time the bot lives by.
        ("github.errors", "_server_time"),
    }


@pytest.mark.parametrize("source", ["asyncio.sleep(1)", "from asyncio import sleep"])
def test_a_planted_sleep_is_seen(source: str) -> None:
    assert uses(ast.parse(source), SLEEPS)


# Where JSON and environments are read.
BORDERS = {
    "github.webhooks",
    "github.api",
    "github.repository",
    "depot.client",
    "storage.rows",
    "ops.settings",
}
# Subscripts with a text that are no payload's: each with what it is.
NO_PAYLOADS = {
    ("commands.can_i", "run"),  # the command table
    *(("parsing.comments", group) for group in ("indent", "name", "close")),  # a match's groups
    *(("parsing.words", group) for group in ("quote", "slashes")),
    ("web.prefix", "path"),  # ASGI's scope and messages
    ("web.prefix", "type"),
    ("web.webhook_endpoint", "headers"),
    ("web.request_body", "type"),
    ("web.status_pages", "vary"),  # headers of an answer
    ("web.pages", "www-authenticate"),
    ("web.setup", "content-security-policy"),
    ("ops.explain", "x-github-event"),  # a stored delivery's header
    ("parsing.comments", "steps"),  # the Markdown parser's environment
    ("parsing.arguments", "argument"),  # the metadata of a dataclass's field
    ("storage.database", "connection"),  # the attributes of alembic's configuration
    # The JSON Schema of the config is made, not read.
    *(("rules.repository_config", key) for key in ("$defs", "RetryRule", "properties", "attempts")),
    ("parsing.workflow_file", "workflow_dispatch"),  # untrusted YAML, which becomes values there
}


def text_subscripts(tree: ast.Module) -> set[str]:
    """Texts used as keys; annotations such as `Literal["a"]` and `Cached["K"]` are none."""
    annotations = {
        id(inner)
        for node in ast.walk(tree)
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if isinstance(part, ast.AST)
        for inner in ast.walk(part)
    }
    return {
        node.slice.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and id(node) not in annotations
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
        and dotted(node.value) != "Literal"
    }


def test_dictionaries_die_at_the_door() -> None:
    found = {(name, key) for name, tree in modules() for key in text_subscripts(tree)}
    assert {one for one in found if one[0] not in BORDERS} <= NO_PAYLOADS


def test_a_planted_subscript_is_seen() -> None:
    assert text_subscripts(ast.parse("x = payload['action']['name']")) == {"action", "name"}
    assert text_subscripts(ast.parse("x: Literal['a'] = y[0]")) == set()


LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
EVENT_NAME = re.compile(r"[a-z]+(_[a-z]+)+")


def log_events(tree: ast.Module) -> list[str]:
    """What is logged as the event of each call; for anything but a literal, its source."""
    return [
        event.value
        if isinstance(event, ast.Constant) and isinstance(event.value, str)
        else f"not a literal: {ast.unparse(event) if event else ast.unparse(call)}"
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in LEVELS
        and dotted(call.func.value) == "log"
        for event in [call.args[0] if call.args else None]
    ]


def test_log_events_have_names_to_search_for() -> None:
    events = [event for _, tree in modules() for event in log_events(tree)]
    assert len(events) > 20
    assert [event for event in events if not EVENT_NAME.fullmatch(event)] == []


def test_the_events_that_are_told_of_are_logged() -> None:
    logged = {event for _, tree in modules() for event in log_events(tree)}
    assert {event.name for event in EVENTS} <= logged


def test_loggers_are_called_log() -> None:
    """So that the test above sees their calls."""
    for name, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and "get_logger" in ast.unparse(node.value):
                assert ast.unparse(node.targets[0]) == "log", name


@pytest.mark.parametrize("source", ["log.info('Two words')", "log.error(f'run_{x}')", "log.info()"])
def test_a_planted_sentence_in_the_log_is_seen(source: str) -> None:
    (event,) = log_events(ast.parse(source))
    assert not EVENT_NAME.fullmatch(event)


def test_nothing_is_patched_in_the_suite() -> None:
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(file.read_text())
        names = set(imported(tree))
        assert not {name for name in names if name.startswith(("unittest.mock", "mock."))}, file
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and dotted(node.value) == "monkeypatch":
                assert node.attr in {"chdir", "setenv", "delenv"}, f"{file}: {node.attr}"
