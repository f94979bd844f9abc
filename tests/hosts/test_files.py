"""The files that hosts read: what they name is there. `make image` builds and runs the image."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
import urllib.request
import venv
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import copy, copytree, ignore_patterns
from typing import Any

import pytest
import yaml

from bot.demo.servers import free_port
from bot.ops.variables import VARIABLES
from bot.web.server import STOP_SECONDS
from tests.support.debian import program

ROOT = Path(__file__).parent.parent.parent

SETTINGS = {
    "GITHUB_WEBHOOK_SECRET": "s3cret-words",
    "GITHUB_TOKEN": "ghp_0123456789",
    "DEPOT_TOKEN": "depot-0123456789",
    "ADMIN_PASSWORD": "a-long-password",
    "GITHUB_API_URL": "http://127.0.0.1:9",
    "DEPOT_API_URL": "http://127.0.0.1:9",
}


# --- Docker --------------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, each with what follows it, on one line."""
    text = re.sub(r"(?m)^#.*\n", "", (ROOT / "Dockerfile").read_text()).replace("\\\n", "")
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in text.splitlines() if line]


def in_form_of_a_list(keyword: str) -> list[str]:
    """What an instruction gives in the form that no shell stands before."""
    (given,) = (rest for name, rest in instructions() if name == keyword)
    command: list[str] = json.loads(given.partition("CMD ")[2] or given)
    return command


def test_what_the_dockerfile_copies_is_there_and_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    through = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {
        source
        for name, rest in instructions()
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert "*" in ignored
    assert copied == through
    assert "bot" in copied
    for source in copied:
        assert (ROOT / source).exists(), source


def test_what_builds_the_wheel_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = {project["project"]["readme"], *project["project"]["license-files"]}
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    needed |= {path.partition("/")[0] for path in wheel}
    through = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{name}" for name in needed} <= set(through)


def test_the_image_runs_the_bot_itself_as_nobody_in_particular() -> None:
    assert [*in_form_of_a_list("ENTRYPOINT"), *in_form_of_a_list("CMD")] == ["depot-bot", "serve"]
    user = [rest for name, rest in instructions() if name == "USER"]
    assert user == ["10001:10001"]
    names = [name for name, _ in instructions()]
    assert names[0] == "ARG"  # its base can be another
    variables = next(rest for name, rest in instructions() if name == "ENV")
    assert set(re.findall(r"(\w+)=", variables)) - {"PATH"} <= set(VARIABLES)


def test_the_image_is_probed_without_curl(tmp_path: Path) -> None:
    with running([sys.executable, "-m", "bot", "serve"], tmp_path, {}) as (port, _):
        python, *rest = in_form_of_a_list("HEALTHCHECK")
        assert python == "python3"
        for at, is_well in ((port, True), (free_port(), False)):
            done = subprocess.run(
                [sys.executable, *rest], env={"PORT": str(at)}, capture_output=True
            )
            assert (done.returncode == 0) is is_well


# --- compose -------------------------------------------------------------------------------------


def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "config" / "compose.yaml").read_text())
    return read


def test_compose_sets_variables_that_there_are() -> None:
    bot = compose()["services"]["bot"]
    assert set(bot["environment"]) <= set(VARIABLES)
    assert bot["environment"]["DATABASE_URL"].startswith("postgresql://")
    assert int(bot["stop_grace_period"].removesuffix("s")) > STOP_SECONDS


def test_compose_names_what_is_there() -> None:
    read = compose()
    services, volumes = read["services"], read["volumes"]
    bot, database = services["bot"], services["database"]
    folder = ROOT / "config"
    assert (folder / bot["build"] / "Dockerfile").exists()
    for service in (bot, database):
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert source in volumes or (folder / source).exists(), source
    url = re.fullmatch(
        r"postgresql://(\w+):(\$\{.*\})@(\w+)/(\w+)", bot["environment"]["DATABASE_URL"]
    )
    assert url is not None
    user, password, host, name = url.groups()
    assert host in bot["depends_on"]
    assert host in services
    assert database["environment"] == {
        "POSTGRES_USER": user,
        "POSTGRES_PASSWORD": password,
        "POSTGRES_DB": name,
    }
    port = {name: rest for name, rest in instructions()}["EXPOSE"]
    assert bot["ports"] == [f"127.0.0.1:{port}:{bot['environment']['PORT']}"]


# --- systemd -------------------------------------------------------------------------------------

UNIT = ROOT / "config" / "depot-bot.service"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with the bot where it is here."""
    here = Path(sys.executable).parent / "depot-bot"
    there = "/opt/depot-bot/.venv/bin/depot-bot"
    text = UNIT.read_text()
    assert f"ExecStart={there} serve\n" in text
    file = tmp_path / UNIT.name
    file.write_text(text.replace(there, str(here)))
    return file


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    path = program("systemd-analyze", "systemd")
    command = [path, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={"LANG": "C", **os.environ})


def test_systemd_takes_the_unit(unit: Path) -> None:
    done = analyze("verify", unit)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    with unit.open("a") as end:
        end.write("[Service]\nProtectEverything=yes\n")
    assert "ProtectEverything" in analyze("verify", unit).stderr


def test_the_unit_is_hardened(unit: Path) -> None:
    # In tenths of the 10.0 of a service without bounds.
    done = analyze("security", "--offline=yes", "--threshold=15", unit)
    assert done.returncode == 0, done.stdout


def test_the_unit_gives_the_bot_time_and_does_not_start_it_in_vain() -> None:
    values = dict(re.findall(r"(?m)^(\w+)=(.+)$", UNIT.read_text()))
    assert int(values["TimeoutStopSec"]) > STOP_SECONDS
    assert values["RestartPreventExitStatus"] == "2"
    assert values["WorkingDirectory"] == f"%S/{values['StateDirectory']}"
    assert "install -D -m 600 config/env.example /etc/depot-bot/env " in UNIT.read_text()
    assert values["EnvironmentFile"] == "-/etc/depot-bot/env"


# --- hosts that read the Procfile, and pip -------------------------------------------------------


@contextmanager
def running(
    command: list[str], folder: Path, settings: Mapping[str, str]
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The bot as a host starts it, alive: its port and its process."""
    port = free_port()
    environment = {"PATH": os.environ["PATH"], **SETTINGS, **settings, "PORT": str(port)}
    process = subprocess.Popen(command, cwd=folder, env=environment)
    try:
        deadline = time.monotonic() + 60
        while not is_alive(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield port, process
    finally:
        process.kill()
        process.wait()


def is_alive(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a host has of the repository."""
    folder = tmp_path / "app"
    copytree(ROOT / "bot", folder / "bot", ignore=ignore_patterns("__pycache__"))
    copytree(ROOT / "config", folder / "config")
    for name in ("Procfile", "requirements.txt"):
        copy(ROOT / name, folder)
    return folder


def new_environment(folder: Path, *packages: str) -> Path:
    """A fresh virtual environment with these packages alone; its programs."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-compile"]
    done = subprocess.run([*pip, *packages], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "bin"


def test_the_procfile_where_only_the_requirements_are_installed(
    checkout: Path, tmp_path: Path
) -> None:
    file = checkout / "requirements.txt"
    programs = new_environment(tmp_path / "venv", "--require-hashes", "-r", str(file))
    process = dict(line.split(": ", 1) for line in (checkout / "Procfile").read_text().splitlines())
    path = f"{programs}:{os.environ['PATH']}"
    # As Heroku does and honcho: a shell, a port, and all interfaces.
    command = ["sh", "-c", f"exec {process['web']}"]
    with running(command, checkout, {"PATH": path}) as (_, bot):
        bot.send_signal(signal.SIGTERM)
        assert bot.wait(60) == 0


def test_a_copy_of_the_example_needs_no_file_beside_it(tmp_path: Path) -> None:
    copy(ROOT / "config" / "env.example", tmp_path / ".env")
    done = subprocess.run(
        [sys.executable, "-m", "bot", "serve"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "DEPOT_TOKEN is missing" in done.stderr
    assert "BOT_CONFIG" not in done.stderr


def test_the_wheel_brings_the_files_to_begin_with(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in ("bot", "config"):
        copytree(ROOT / name, source / name, ignore=ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        copy(ROOT / name, source)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(build, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    unpacked = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    assert {one.name for one in (unpacked / "bot" / "config").iterdir()} == {
        "env.example",
        "bot.toml",
    }
    for name, file in ((".env", "env.example"), ("bot.toml", "bot.toml")):
        for folder in (unpacked, ROOT):
            printed = subprocess.run(
                [sys.executable, "-m", "bot", "example", name],
                cwd=tmp_path,
                env={"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"},
                capture_output=True,
                text=True,
            )
            assert printed.stderr == ""
            assert printed.stdout == (ROOT / "config" / file).read_text()
