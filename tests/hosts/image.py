"""Builds the image as the Dockerfile says, and runs the demo and the bot in it:

    make image [BASE=docker.io/library/python:3.13-slim]

needs root, and buildah. Without BASE the image is built on a Debian that debootstrap makes, so that
no registry of images is needed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from bot.demo.servers import free_port
from tests.support.debian import program

ROOT = Path(__file__).parent.parent.parent

IMAGE, BASE = "localhost/depot-bot", "localhost/depot-bot-base"

PACKAGES = "python3,python3-venv,ca-certificates"
"""What a Debian lacks of what the Dockerfile takes for granted of its base."""

SECONDS = 60.0
"""How long the bot may take to be alive, and to stop."""

LIMIT = 150 * 1000 * 1000
"""Bytes that the image may have beyond its base."""


@dataclass(frozen=True, slots=True)
class Buildah:
    """buildah with images of its own, in a folder that is removed at the end."""

    folder: Path

    def command(self, *arguments: str) -> list[str]:
        roots = ("--root", f"{self.folder}/root", "--runroot", f"{self.folder}/run")
        return [program("buildah", "buildah"), *roots, "--storage-driver=vfs", *arguments]

    def __call__(self, *arguments: str) -> str:
        """Do it, and show what it says on standard error; what it says on standard output."""
        done = subprocess.run(self.command(*arguments), stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(
                f"buildah {' '.join(arguments)}: status {done.returncode}\n{done.stdout}"
            )
        return done.stdout.strip()

    def run(self, container: str, *command: str, **environment: str) -> list[str]:
        """The command line that runs one in a container, as the image's user."""
        values = [f"--env={name}={value}" for name, value in environment.items()]
        return self.command("run", "--isolation=chroot", *values, container, "--", *command)


@contextmanager
def a_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="depot-bot-image-") as folder:
        yield Path(folder)


def make_base(buildah: Buildah, folder: Path) -> str:
    """A Debian with Python, as an image."""
    debootstrap = program("debootstrap", "debootstrap")
    suite = os.environ.get("SUITE", "bookworm")
    system = folder / "base"
    say(f"a base: Debian {suite}")
    log = folder / "debootstrap.log"
    with log.open("wb") as out:
        made = [debootstrap, "--variant=minbase", f"--include={PACKAGES}", suite, str(system)]
        if subprocess.run(made, stdout=out, stderr=out).returncode:
            raise SystemExit(log.read_text())
    container = buildah("from", "scratch")
    buildah("add", "--quiet", container, str(system), "/")
    buildah("commit", "--quiet", container, BASE)
    buildah("rm", container)
    shutil.rmtree(system)
    return BASE


def packages_for(buildah: Buildah, base: str, folder: Path) -> list[str]:
    """Options that give the build its packages, so that it needs no network: this machine's pip
    knows where to get them."""
    container = buildah("from", base)
    script = "import sys; print('%d.%d' % sys.version_info[:2])"
    command = buildah.run(container, "python3", "-c", script)
    python = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    buildah("rm", container)
    wheels, configuration = folder / "wheels", folder / "pip.conf"
    say(f"packages for Python {python}")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", f"--dest={wheels}"),
            *("--only-binary=:all:", f"--python-version={python}"),
            *("--require-hashes", f"--requirement={ROOT / 'requirements.txt'}"),
        ],
        check=True,
    )
    configuration.write_text(f"[global]\nno-index = true\nfind-links = {wheels}\n")
    return [f"--volume={wheels}:{wheels}:ro", f"--volume={configuration}:/etc/pip.conf:ro"]


def size(buildah: Buildah, image: str) -> int:
    found = json.loads(buildah("images", "--json", image))
    text = str(found[0]["size"])
    number, unit = text.split()
    return int(float(number) * {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9}[unit])


def build(buildah: Buildah, base: str, folder: Path) -> None:
    packages = packages_for(buildah, base, folder)
    say(f"the image, on {base}")
    options = ["--isolation=chroot", "--format=docker", f"--build-arg=BASE={base}"]
    buildah("build", "--quiet", *options, *packages, f"--tag={IMAGE}", str(ROOT))
    beyond = size(buildah, IMAGE) - size(buildah, base)
    say(f"{beyond / 1e6:.0f} MB beyond its base")
    if beyond > LIMIT:
        raise SystemExit(f"that is more than {LIMIT / 1e6:.0f} MB")


def look(buildah: Buildah) -> Mapping[str, object]:
    """What the image says of itself, which has to be what hosts rely on."""
    inspected = json.loads(buildah("inspect", "--type=image", IMAGE))
    config: dict[str, object] = inspected["Docker"]["config"]
    expected = {
        "User": "10001:10001",
        "Entrypoint": ["depot-bot"],
        "Cmd": ["serve"],
        "WorkingDir": "/data",
    }
    found = {name: config.get(name) for name in expected}
    if found != expected:
        raise SystemExit(f"the image is configured as {found}, not as {expected}")
    return config


def demo(buildah: Buildah) -> None:
    container = buildah("from", IMAGE)
    say("who runs there, and what it brings to begin with")
    line = "id -u && ! touch /opt/depot-bot/x 2>/dev/null && depot-bot example .env"
    done = subprocess.run(
        buildah.run(container, "sh", "-ec", line), stdout=subprocess.PIPE, text=True
    )
    if done.stdout != "10001\n" + (ROOT / "config" / "env.example").read_text():
        raise SystemExit(done.stdout)
    say("depot-bot demo in it")
    if subprocess.run(buildah.run(container, "depot-bot", "demo")).returncode:
        raise SystemExit("the demo failed in the image")
    buildah("rm", container)


def serve(buildah: Buildah, probe: Sequence[str]) -> None:
    """The bot itself: in the set-up, which needs no account; probed and stopped as hosts do."""
    port = str(free_port())
    container = buildah("from", IMAGE)
    settings = {
        "DEPOT_TOKEN": "depot-0123456789",
        "PUBLIC_URL": "https://depot-bot.example",
        "ADMIN_PASSWORD": "a-long-password",
        "PORT": port,
    }
    say("depot-bot serve in it: alive, probed, stopped by SIGTERM")
    # Under chroot a container has no processes of its own: the shell tells which the bot's is.
    line = ["sh", "-c", "echo $$ && exec depot-bot serve"]
    bot = subprocess.Popen(
        buildah.run(container, *line, **settings), stdout=subprocess.PIPE, text=True
    )
    assert bot.stdout is not None
    number = int(bot.stdout.readline())
    try:
        deadline = time.monotonic() + SECONDS
        while not is_alive(port):
            if bot.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the bot is not alive: status {bot.poll()}")
            time.sleep(0.1)
        for environment, expected in (({"PORT": port}, 0), ({"PORT": str(free_port())}, 1)):
            probed = subprocess.run(
                buildah.run(container, *probe, **environment), stderr=subprocess.DEVNULL
            )
            if (probed.returncode != 0) != bool(expected):
                raise SystemExit(f"the probe ends with {probed.returncode}, not {expected}")
        os.kill(number, signal.SIGTERM)
        if status := bot.wait(SECONDS):
            raise SystemExit(f"SIGTERM ends the bot with {status}")
    finally:
        bot.kill()
    buildah("rm", container)


def is_alive(port: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def say(text: str) -> None:
    print(f"── {text}", flush=True)


def main() -> None:
    with a_folder() as folder:
        buildah = Buildah(folder)
        build(buildah, os.environ.get("BASE") or make_base(buildah, folder), folder)
        config = look(buildah)
        demo(buildah)
        health = config["Healthcheck"]
        assert isinstance(health, dict)
        serve(buildah, health["Test"][1:])
        say("the image is as it should be")


if __name__ == "__main__":
    main()
