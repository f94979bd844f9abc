"""The command line: what it prints, and the status it ends with."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot import __version__
from bot.cli import main
from bot.ops.environment import Environment
from bot.ops.settings import load
from bot.ops.variables import VARIABLES
from bot.rules.repository_config import MAX_LENGTH, PATHS, schema

ROOT = Path(__file__).parent.parent


def run(
    *arguments: str, cwd: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A process of its own, in an environment with nothing in it but what is given."""
    needed = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "bot", *arguments],
        cwd=cwd,
        env={**needed, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- check-config --------------------------------------------------------------------------------


def test_a_valid_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "depot-bot.yml"
    file.write_text("forks: pinned\naliases: {e2e: run e2e.yml}\n")
    assert main(["check-config", str(file)]) == 0
    assert capsys.readouterr() == (f"{file}: valid\n", "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("forks: perhaps\n", "line 1, forks: 'perhaps' is none of pinned, refuse"),
        (
            "permissions: {rum: write}\n",
            "line 1, permissions.rum: there is no command 'rum'; did you mean 'run'?",
        ),
        ("forks: [\n", "not YAML in line 2"),
        ("[]\n", "line 1: a mapping goes here, not a list"),
        ("#" * (MAX_LENGTH + 1), f"longer than {MAX_LENGTH} characters"),
    ],
    ids=["value", "verb", "yaml", "shape", "long"],
)
def test_a_broken_config(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, why: str
) -> None:
    file = tmp_path / "depot-bot.yml"
    file.write_text(text)
    assert main(["check-config", str(file)]) == 1
    assert capsys.readouterr() == ("", f"{file}: {why}\n")


@pytest.mark.parametrize("kind", ["missing", "folder", "not text"])
def test_a_config_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    file = tmp_path / "depot-bot.yml"
    if kind == "folder":
        file.mkdir()
    elif kind == "not text":
        file.write_bytes(b"forks: \xff\n")
    assert main(["check-config", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"{file}: cannot be read: ")
    assert err.count("\n") == 1


def test_without_a_file_it_is_the_repositorys(tmp_path: Path) -> None:
    file = tmp_path / PATHS[0]
    file.parent.mkdir()
    file.write_text("forks: perhaps\n")
    ended = run("check-config", cwd=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr == f"{PATHS[0]}: line 1, forks: 'perhaps' is none of pinned, refuse\n"


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--schema"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == schema()
    assert out == (ROOT / "config/depot-bot.schema.json").read_text()


# --- serve ---------------------------------------------------------------------------------------

COMPLETE = {
    "GITHUB_WEBHOOK_SECRET": "s3cret-words",
    "GITHUB_TOKEN": "ghp_0123456789",
    "DEPOT_TOKEN": "depot-0123456789",
}


def problems(ended: subprocess.CompletedProcess[str]) -> list[str]:
    """What `serve` says is wrong with its settings."""
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    first, *named, last = ended.stderr.splitlines()
    assert first == "depot-bot cannot start with these settings:"
    assert last == "`depot-bot example .env` explains each of them."
    assert all(line.startswith("  ") for line in named)
    return [line.strip() for line in named]


def test_what_is_missing_is_named_in_one_message_before_the_port_opens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        # Were the port touched, it would be said that it is taken.
        port = str(taken.getsockname()[1])
        ended = run("serve", cwd=tmp_path, environment={"PORT": port, "HOST": "127.0.0.1"})
    named = problems(ended)
    assert [line.split()[0] for line in named] == [
        "GITHUB_WEBHOOK_SECRET",
        "GITHUB_APP_ID",
        "PUBLIC_URL",
        "DEPOT_TOKEN",
    ]
    assert list(tmp_path.iterdir()) == []  # no ledger either


def test_what_is_wrong_is_named_beside_what_is_missing(tmp_path: Path) -> None:
    environment = {
        **COMPLETE,
        "GITHUB_APP_ID": "41",
        "PORT": "http",
        "LOG_LEVEL": "loud",
        "BOT_CONFIG": "nowhere.toml",
        "DEPOT_TOKEN": "",
    }
    named = "\n".join(problems(run("serve", cwd=tmp_path, environment=environment)))
    for part in (
        "GITHUB_TOKEN and GITHUB_APP_ID are both set",
        "PORT is not a port number",
        "LOG_LEVEL must be one of: debug, info, warning, error",
        "BOT_CONFIG: ",
        "DEPOT_TOKEN is missing",
    ):
        assert part in named
    assert "s3cret" not in named
    assert "ghp_" not in named


def test_an_unknown_key_of_the_operators_config_is_named(tmp_path: Path) -> None:
    (tmp_path / "bot.toml").write_text("[limits]\nper_persom = 3\n")
    environment = {**COMPLETE, "BOT_CONFIG": "bot.toml"}
    (only,) = problems(run("serve", cwd=tmp_path, environment=environment))
    assert only == "bot.toml: Object contains unknown field `per_persom` - at `$.limits`"


def test_a_dotenv_file_is_read_and_the_environment_counts_before_it(tmp_path: Path) -> None:
    lines = [f"{name}={value}" for name, value in {**COMPLETE, "PORT": "http"}.items()]
    (tmp_path / ".env").write_text("\n".join(lines))
    assert problems(run("serve", cwd=tmp_path)) == ["PORT is not a port number"]
    ended = run("serve", cwd=tmp_path, environment={"PORT": "8000", "LOG_FORMAT": "loud"})
    assert problems(ended) == ["LOG_FORMAT must be one of: console, json"]


def test_a_variable_that_is_set_to_nothing_hides_no_line_of_dotenv(tmp_path: Path) -> None:
    lines = [f"{name}={value}" for name, value in {**COMPLETE, "PORT": "http"}.items()]
    (tmp_path / ".env").write_text("\n".join(lines))
    ended = run("serve", cwd=tmp_path, environment={name: "" for name in COMPLETE})
    assert problems(ended) == ["PORT is not a port number"]


def test_for_the_set_up_all_but_the_credentials_has_to_be_there(tmp_path: Path) -> None:
    environment = {"PUBLIC_URL": "https://bot.example", "PORT": "http"}
    named = problems(run("serve", cwd=tmp_path, environment=environment))
    assert [line.split()[0] for line in named] == ["DEPOT_TOKEN", "PORT"]


def test_another_file_of_settings(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=http\n")
    lines = [f"{name}={value}" for name, value in {**COMPLETE, "LOG_LEVEL": "loud"}.items()]
    (tmp_path / "other").write_text("\n".join(lines))
    ended = run("serve", "--env-file", "other", cwd=tmp_path)
    assert problems(ended) == ["LOG_LEVEL must be one of: debug, info, warning, error"]


def test_a_named_file_that_is_not_there(tmp_path: Path) -> None:
    arguments = ("--env-file", "nowhere")
    said = "--env-file: there is no nowhere"
    assert problems(run("serve", *arguments, cwd=tmp_path, environment=COMPLETE)) == [said]
    # The set-up makes it; what else is missing is named.
    assert said in problems(run("serve", *arguments, cwd=tmp_path))
    ended = run("check", *arguments, cwd=tmp_path, environment=COMPLETE)
    assert (ended.returncode, ended.stdout) == (1, f"FAIL  settings: {said}\n")
    ended = run("requeue", *arguments, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (2, f"depot-bot cannot open its ledger: {said}\n")


@pytest.mark.parametrize("kind", ["folder", "not text"])
def test_a_file_of_settings_that_cannot_be_read(tmp_path: Path, kind: str) -> None:
    if kind == "folder":
        (tmp_path / ".env").mkdir()
    else:
        (tmp_path / ".env").write_bytes(b"PORT=\xff\n")
    (problem,) = problems(run("serve", cwd=tmp_path, environment=COMPLETE))
    assert problem.startswith(str(tmp_path / ".env"))


def test_what_looks_like_a_reference_in_a_file_is_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("GITHUB_WEBHOOK_SECRET='a${PATH} $b'\n")
    assert Environment().read()["GITHUB_WEBHOOK_SECRET"] == "a${PATH} $b"


@pytest.mark.parametrize(
    ("environment", "host", "port", "expected"),
    [
        ({}, None, "81", ("127.0.0.1", 81)),
        ({"PORT": "80"}, None, "81", ("0.0.0.0", 81)),  # a host's panel set it
        ({"HOST": "10.0.0.1"}, None, "81", ("10.0.0.1", 81)),
        ({"HOST": "10.0.0.1", "PORT": "80"}, "::1", None, ("::1", 80)),
        ({}, "::1", "81", ("::1", 81)),
    ],
)
def test_the_command_line_goes_before_the_environment(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    host: str | None,
    port: str | None,
    expected: tuple[str, int],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HOST", "PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**COMPLETE, **environment}.items():
        monkeypatch.setenv(name, value)
    settings = load(Environment(None, host, port).read())
    assert (settings.host, settings.port) == expected


def test_a_wrong_argument_is_named_as_its_variable(tmp_path: Path) -> None:
    ended = run("serve", "--port", "http", cwd=tmp_path, environment=COMPLETE)
    assert problems(ended) == ["PORT is not a port number"]


# --- check ---------------------------------------------------------------------------------------


def test_what_nobody_answers_is_told_with_its_reason_and_the_next_step(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    environment = {**COMPLETE, "GITHUB_API_URL": url, "DEPOT_API_URL": url}
    ended = run("check", cwd=tmp_path, environment=environment)
    assert (ended.returncode, ended.stderr) == (1, "")
    found = dict(line[6:].split(": ", 1) for line in ended.stdout.splitlines())
    assert found["GITHUB_TOKEN"] == "***"
    for name, service in (("GitHub credentials", "GitHub"), ("Depot token", "Depot")):
        assert found[name].startswith(f"{service} does not answer as it should: ")
        assert "ConnectError. Next: see whether" in found[name]


# --- replay --------------------------------------------------------------------------------------

PAYLOAD = {
    "action": "created",
    "issue": {"number": 7, "pull_request": {}},
    "comment": {
        "id": 1,
        "html_url": "https://github.com/octo/hello/pull/7#issuecomment-1",
        "user": {"login": "alice"},
        "body": "/depot run ci.yml job=test\n/depot rum \x1b[2Jci.yml",
        "created_at": "2026-11-24T10:00:00Z",
    },
    "repository": {"full_name": "octo/hello"},
    "sender": {"login": "alice"},
}


def test_a_delivery_is_replayed_without_settings_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    file = tmp_path / "delivery.json"
    file.write_text(
        json.dumps({"headers": {"X-GitHub-Event": "issue_comment"}, "payload": PAYLOAD})
    )
    ended = run("replay", str(file), cwd=folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (
        ended.stdout
        == """\
issue_comment: a comment by alice on octo/hello#7, written 2026-11-24 10:00:00 UTC

1. /depot run ci.yml job=test
   read:    Run(workflow=('ci.yml',), job='test', times=None, sha=None, force=False)
   means:   /depot run ci.yml job=test
   needs:   the write role

2. /depot rum ci.yml
   misread: There is no command `rum`. Did you mean `/depot run ci.yml`?

A repository's own config may add aliases, and may ask for other roles.
"""
    )
    assert list(folder.iterdir()) == []


def test_a_payload_alone_is_replayed_once_its_event_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "payload.json"
    file.write_text(json.dumps(PAYLOAD))
    assert main(["replay", str(file), "--event", "issue_comment"]) == 0
    out, err = capsys.readouterr()
    assert "needs:   the write role" in out
    assert err == ""
    assert main(["replay", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"{file}: it does not say which event it is: use --event, e.g. issue_comment\n"


@pytest.mark.parametrize("content", [None, b"", b"nothing", b"\xff", b"[]"])
def test_what_is_no_delivery(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    file = tmp_path / "delivery.json"
    if content is not None:
        file.write_bytes(content)
    assert main(["replay", str(file), "--event", "issue_comment"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"{file}: ")
    assert err.count("\n") == 1


# --- the rest ------------------------------------------------------------------------------------


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr() == (f"{__version__}\n", "")
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


@pytest.mark.parametrize(
    "arguments", [[], ["sreve"], ["serve", "now"], ["check-config", "a", "b"], ["replay"]]
)
def test_what_is_no_command_is_told_its_usage(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: depot-bot")


def test_the_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    out, _ = capsys.readouterr()
    for verb in (
        "serve",
        "check",
        "demo",
        "check-config",
        "replay",
        "requeue",
        "backup",
        "migrate",
    ):
        assert re.search(rf"^ +{verb} ", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("verb", "variables"),
    [
        ("serve", VARIABLES),
        ("check", VARIABLES),
        ("requeue", ("DATABASE_URL", "DATABASE_URL_FILE")),
        *((verb, ()) for verb in ("demo", "check-config", "replay")),
    ],
)
def test_the_help_of_each_verb_has_its_variables_and_exit_statuses(
    capsys: pytest.CaptureFixture[str], verb: str, variables: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    out, _ = capsys.readouterr()
    statuses, named = out.split("\nexit status:\n")[1].split("\nvariables, ")
    assert re.search(r"(?m)^  0  ", statuses)
    assert set(re.findall(r"(?:^  | or )([A-Z_]{4,})\b", named, re.MULTILINE)) == set(variables)
