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


def test_without_npm_it_is_named(folder: Path) -> None:
    problem = npm.fetch(folder, None)
    assert problem is not None
    assert "npm (of Node.js 20.10 or newer) is needed" in problem


def test_what_npm_says_is_handed_on(folder: Path) -> None:
    (folder / "package.json").write_text("{")
    problem = npm.fetch(folder, shutil.which("npm"))
    assert problem is not None
    assert "could not fetch GitHub's descriptions:\nnpm" in problem
    assert "JSON" in problem


def test_what_fits_the_lock_file_is_not_fetched_again(folder: Path) -> None:
    (folder / "node_modules").mkdir()
    shutil.copy(folder / "package-lock.json", folder / "node_modules" / ".package-lock.json")
    assert npm.fetch(folder, None) is None


def test_the_lock_file_names_hashes_and_no_host() -> None:
    lock = (npm.HERE / "package-lock.json").read_text()
    assert "resolved" not in lock
    assert "//" not in lock
    assert lock.count('"integrity": "sha512-') >= 3
