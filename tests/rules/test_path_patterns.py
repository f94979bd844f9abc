"""Path patterns mean what they mean to GitHub: its published examples are the table."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rules.path_patterns import MAX_LENGTH, BadPattern, any_matches, read

MATCHES: list[tuple[str, str]] = [
    # docs.github.com, "Workflow syntax for GitHub Actions", "Patterns to match file paths"
    ("*", "README.md"),
    ("*", "server.rb"),
    ("*.jsx?", "page.js"),
    ("*.jsx?", "page.jsx"),
    ("**", "all/the/files.md"),
    ("*.js", "app.js"),
    ("*.js", "index.js"),
    ("**.js", "index.js"),
    ("**.js", "js/index.js"),
    ("**.js", "src/js/app.js"),
    ("docs/*", "docs/README.md"),
    ("docs/*", "docs/file.txt"),
    ("docs/**", "docs/README.md"),
    ("docs/**", "docs/mona/octocat.txt"),
    ("docs/**/*.md", "docs/README.md"),
    ("docs/**/*.md", "docs/mona/hello-world.md"),
    ("docs/**/*.md", "docs/a/markdown/file.md"),
    ("**/docs/**", "docs/hello.md"),
    ("**/docs/**", "dir/docs/my-file.txt"),
    ("**/docs/**", "space/docs/plan/space.doc"),
    ("**/README.md", "README.md"),
    ("**/README.md", "js/README.md"),
    ("**/*src/**", "a/src/app.js"),
    ("**/*src/**", "my-src/code/js/app.js"),
    ("**/*-post.md", "my-post.md"),
    ("**/*-post.md", "path/their-post.md"),
    ("**/migrate-*.sql", "migrate-10909.sql"),
    ("**/migrate-*.sql", "db/migrate-v1.0.sql"),
    ("**/migrate-*.sql", "db/sept/migrate-v1.sql"),
    # "Patterns to match branches and tags"
    ("feature/*", "feature/my-branch"),
    ("feature/*", "feature/your-branch"),
    ("feature/**", "feature/beta-a/my-branch"),
    ("feature/**", "feature/your-branch"),
    ("feature/**", "feature/mona/the/octocat"),
    ("main", "main"),
    ("releases/mona-the-octocat", "releases/mona-the-octocat"),
    ("*", "main"),
    ("*", "releases"),
    ("**", "every/branch/and/tag"),
    ("*feature", "mona-feature"),
    ("*feature", "feature"),
    ("*feature", "ver-10-feature"),
    ("v2*", "v2"),
    ("v2*", "v2.0"),
    ("v2*", "v2.9"),
    ("v[12].[0-9]+.[0-9]+", "v1.10.1"),
    ("v[12].[0-9]+.[0-9]+", "v2.0.0"),
    # what people write
    ("**/*.py", "setup.py"),
    ("src/*", "src/file.c"),
    # escapes and classes
    ("a\\*b", "a*b"),
    ("\\[x]", "[x]"),
    ("[a-c]x", "bx"),
    ("[-x]", "-"),
    ("a.b", "a.b"),
    ("**/", "a/"),
    ("a**b", "a/x/b"),
]
NO_MATCHES: list[tuple[str, str]] = [
    ("*", "docs/README.md"),
    ("*.js", "js/index.js"),
    ("docs/*", "docs/mona/octocat.txt"),
    ("docs/**", "docs"),
    ("src/*", "src/deep/file.c"),
    ("**/*.py", "setup.pyc"),
    ("**/README.md", "MYREADME.md"),
    ("*.jsx?", "page.jsxx"),
    ("v[12].[0-9]+.[0-9]+", "v3.0.0"),
    ("v[12].[0-9]+.[0-9]+", "v1.x.0"),
    ("a.b", "axb"),
    ("main", "Main"),
    ("main", "main/x"),
    ("a\\*b", "axb"),
    ("[a-c]x", "dx"),
]


@pytest.mark.parametrize(("pattern", "text"), MATCHES)
def test_what_matches(pattern: str, text: str) -> None:
    assert read(pattern).matches(text)


@pytest.mark.parametrize(("pattern", "text"), NO_MATCHES)
def test_what_does_not(pattern: str, text: str) -> None:
    assert not read(pattern).matches(text)


@pytest.mark.parametrize(
    ("patterns", "path", "expected"),
    [
        (["*.md", "!README.md"], "hello.md", True),
        (["*.md", "!README.md"], "README.md", False),
        (["*.md", "!README.md"], "docs/hello.md", False),
        (["*.md", "!README.md", "README*"], "README.md", True),
        (["*.md", "!README.md", "README*"], "README.doc", True),
        (["!*.md", "*"], "a.md", True),
        (["!a"], "b", False),
    ],
)
def test_the_last_pattern_that_fits_decides(patterns: list[str], path: str, expected: bool) -> None:
    assert any_matches(patterns, [path]) is expected
    assert any_matches(patterns, ["nothing/like/it", path]) is expected


@pytest.mark.parametrize(
    "pattern", ["", "?", "+a", "*?", "a++", "[", "[]", "[a", "[z-a]", "[+-/]", "a" * 201]
)
def test_what_cannot_be_read(pattern: str) -> None:
    with pytest.raises(BadPattern, match=r"\w"):
        read(pattern)


def test_whatever_the_case() -> None:
    assert read("Deploy-*.YML", any_case=True).matches("deploy-1.yml")


@given(st.text("a*?+[]!\\/-z", max_size=12), st.text("az/-", max_size=12))
def test_any_pattern_is_read_or_refused(pattern: str, text: str) -> None:
    with suppress(BadPattern):
        assert read(pattern).matches(text) in {True, False}


@given(st.text(max_size=20).filter(lambda text: not set(text) & set("*?+[\\")))
def test_plain_text_matches_itself_alone(text: str) -> None:
    if text:
        assert read(text).matches(text)
        assert not read(text).matches(text + "x")


def test_the_cost_is_in_proportion_to_the_text() -> None:
    pattern = read(("*a" * (MAX_LENGTH // 2))[:MAX_LENGTH])
    begun = time.thread_time()
    assert not pattern.matches("a" * 4096 + "b")
    assert time.thread_time() - begun < 10.0
