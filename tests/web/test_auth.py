"""Who sees the operator's pages."""

from __future__ import annotations

import base64

import pytest

from bot.web.auth import ONLY_HERE, Denied, denied


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "LOCALHOST", "127.0.0.1:80", "127.1.2.3", "[::1]", "[::1]:80"],
)
def test_this_machine_without_a_password(peer: str, host: str) -> None:
    assert denied({"host": host}, peer, "") is None


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("10.0.0.1", {"host": "localhost"}),
        ("192.168.0.2", {"host": "127.0.0.1"}),
        ("::ffff:10.0.0.1", {"host": "localhost"}),
        ("fe80::1", {"host": "localhost"}),
        ("", {"host": "localhost"}),
        ("testclient", {"host": "localhost"}),
        ("127.0.0.1", {}),
        ("127.0.0.1", {"host": ""}),
        ("127.0.0.1", {"host": "bot.example"}),
        ("127.0.0.1", {"host": "localhost.evil.example"}),
        ("127.0.0.1", {"host": "127.0.0.1.example.org:8000"}),
        ("127.0.0.1", {"host": "evil.example:80@localhost"}),
        ("127.0.0.1", {"host": "localhost:80:80"}),
        ("127.0.0.1", {"host": "0.0.0.0"}),
        ("127.0.0.1", {"host": "[::1"}),
        ("127.0.0.1", {"host": "localhost", "x-forwarded-for": "10.0.0.1"}),
        ("127.0.0.1", {"host": "localhost", "x-forwarded-for": ""}),
        ("127.0.0.1", {"host": "localhost", "forwarded": "for=127.0.0.1"}),
        ("127.0.0.1", {"host": "localhost", "x-real-ip": "127.0.0.1"}),
        ("127.0.0.1", {"host": "localhost", "x-forwarded-host": "a"}),
        ("10.0.0.1", {"host": "localhost", "authorization": basic("a", "")}),
    ],
)
def test_others_without_a_password(peer: str, headers: dict[str, str]) -> None:
    assert denied(headers, peer, "") == Denied(403, ONLY_HERE)


def test_one_sentence_says_what_to_set() -> None:
    assert "ADMIN_PASSWORD" in ONLY_HERE
    assert ONLY_HERE.count(".") == 1


@pytest.mark.parametrize("user", ["", "admin", "é"])
@pytest.mark.parametrize("password", ["s3cret", "with:colon", "pässword", " "])
def test_the_password_opens_from_anywhere(user: str, password: str) -> None:
    headers = {"authorization": basic(user, password), "x-forwarded-for": "10.0.0.1"}
    assert denied(headers, "10.0.0.1", password) is None


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic !",
        "Basic é",
        "Basic " + base64.b64encode(b"s3cret").decode(),
        "Basic " + base64.b64encode(b"a:\xff").decode(),
        "Bearer s3cret",
        basic("a", "S3cret"),
        basic("a", "s3cret "),
        basic("a", "s3cre"),
        basic("s3cret", ""),
    ],
)
def test_with_a_password_this_machine_needs_it_too(authorization: str) -> None:
    no = denied({"host": "localhost", "authorization": authorization}, "127.0.0.1", "s3cret")
    assert no is not None
    assert no.status == 401
    assert "s3cret" not in no.text


def test_the_scheme_is_case_insensitive() -> None:
    given = basic("a", "x").replace("Basic", "bASIC")
    assert denied({"authorization": given}, "1.2.3.4", "x") is None


def test_a_password_that_is_no_text_denies_without_failing() -> None:
    assert denied({}, "1.2.3.4", "\udcff") is not None
