"""A document that is cited is in the repository, and has the heading that is cited."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PAPERS = ("bot/depot/README.md", "bot/github/README.md")
"""What the code rests on."""

DOCUMENT = re.compile(r"(?<![\w/.*-])([\w./-]*\w\.md)\b")
CITED = re.compile(r'(?<![\w/.*-])([\w./-]*\w\.md), ("[^"]+"(?:(?:,| and| to) "[^"]+")*)')
HEADING = re.compile(r"^#+ +(.+?) *#*$", re.MULTILINE)

ELSEWHERE = re.compile(r"(?i)\bshared/|\bsections? \d+|\bissue \d+")
"""Places that a reader of the repository cannot go to."""

SUFFIXES = frozenset({".py", ".md", ".toml", ".yml", ".yaml", ".html", ".css", ".js", ".example"})
NAMES = frozenset({"Makefile", "Procfile"})
OTHERS = frozenset({"node_modules", "__pycache__"})
"""Folders that the tests fill, and that are not the project's."""


@cache
def files() -> list[Path]:
    """The files of the project that hold prose: their own, or in comments and docstrings."""
    folders = [ROOT / name for name in ("bot", "tests", "config", ".ci", ".github")]
    inside = [path for folder in folders for path in folder.rglob("*")]
    return sorted(
        path
        for path in [*ROOT.iterdir(), *inside]
        if path.is_file()
        and (path.suffix in SUFFIXES or path.name in NAMES)
        and not OTHERS & set(path.parts)
    )


@cache
def prose(path: Path) -> str:
    """What a file says to its reader, without line ends."""
    text = path.read_text()
    if path.suffix == ".py":
        text = "\n\n".join(spoken(text))
    elif path.suffix in {".toml", ".yml", ".yaml"} or path.name == "Makefile":
        text = re.sub(r"(?m)^ *# ?", "", text)
    return re.sub(r"\s+", " ", text)


def spoken(source: str) -> Iterator[str]:
    """The strings that stand alone, such as docstrings, and the comments."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node.value.value
    # Comments that follow each other are one text: a reference may go over a line's end.
    last = -1
    block: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1:
                yield " ".join(block)
                block = []
            block.append(token.string.lstrip("# "))
            last = token.start[0]
    yield " ".join(block)


def wrong(text: str, near: Path = ROOT) -> list[str]:
    """The references of a text that lead nowhere."""
    found = [
        f"{name} is not here" for name in DOCUMENT.findall(text) if _document(name, near) is None
    ]
    for name, headings in CITED.findall(text):
        document = _document(name, near)
        has = HEADING.findall(document.read_text()) if document else []
        found += [
            f'{name} has no "{heading}"'
            for heading in re.findall(r'"([^"]+)"', headings)
            if heading not in has
        ]
    return found + [f"{place!r} is not here" for place in ELSEWHERE.findall(text)]


def _document(name: str, near: Path) -> Path | None:
    places = [ROOT / name, near / name]
    return next((place for place in places if place.is_file()), None)


def test_what_is_cited_is_here() -> None:
    # Addresses are public documentation, which has its own names.
    texts = {path: re.sub(r"https?://\S+", "", prose(path)) for path in files()}
    found = {path.relative_to(ROOT): wrong(text, path.parent) for path, text in texts.items()}
    assert {path: references for path, references in found.items() if references} == {}


def test_the_papers_are_cited() -> None:
    """Each by more than one file, so that the test above has something to look at."""
    for paper in PAPERS:
        citing = [path for path in files() if f'{paper}, "' in prose(path)]
        assert len(citing) > 5, paper


HOST = re.compile(r"https?://(?:[^\s/@\"'{}]*@)?([\w-]+(?:\.[\w-]+)+)")
ADDRESS = re.compile(r"[\d.]+")
EXAMPLES = re.compile(r"(?:.+\.)?(?:example|test|localhost|example\.(?:com|org|net))")
SUBJECTS = frozenset(
    {
        *("github.com", "api.github.com", "docs.github.com", "avatars.githubusercontent.com"),
        *("octocorp.ghe.com", "api.octocorp.ghe.com"),  # how GitHub names a tenant's hosts
        *("depot.dev", "api.depot.dev"),
        *("registry.npmjs.org", "json-schema.org"),
    }
)
"""Hosts that are what a test is about, and those that its own tools ask."""


def test_hosts_in_tests_and_the_demo_are_examples() -> None:
    texts = {
        path: path.read_text()
        for path in files()
        if path.is_relative_to(ROOT / "tests") or path.is_relative_to(ROOT / "bot" / "demo")
    }
    hosts = {host for text in texts.values() for host in HOST.findall(text)}
    assert hosts > {"bot.test", "api.github.com"}
    named = {host for host in hosts if not ADDRESS.fullmatch(host)}
    assert sorted(host for host in named - SUBJECTS if not EXAMPLES.fullmatch(host)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('(bot/depot/README.md, "States").', []),
        ('README.md, "Commands", and README.md', []),
        ("see notes.md", ["notes.md is not here"]),
        ("see bot/notes.md, or bot/depot/README.md", ["bot/notes.md is not here"]),
        (
            '(bot/depot/README.md, "Statues")',
            ['bot/depot/README.md has no "Statues"'],
        ),
        (
            'bot/depot/README.md, "Run" to "Cancelling"',
            ['bot/depot/README.md has no "Cancelling"'],
        ),
        (
            'gone.md, "Run"',
            ["gone.md is not here", 'gone.md has no "Run"'],
        ),
        ("as in section 12", ["'section 12' is not here"]),
        ("../shared/x", ["'shared/' is not here"]),
    ],
)
def test_a_wrong_reference_is_found(text: str, said: list[str]) -> None:
    assert wrong(text) == said


def test_a_reference_over_a_line_is_read() -> None:
    source = (
        '"""See bot/depot/README.md,\n    "No\n    such"."""\n'
        '# and gone.md,\n# "This"\n'
        'x = "a string that is data.md"\n'
    )
    text = re.sub(r"\s+", " ", " ".join(spoken(source)))
    assert wrong(text) == [
        "gone.md is not here",
        'bot/depot/README.md has no "No such"',
        'gone.md has no "This"',
    ]
