"""Who sees the operator's pages."""

from __future__ import annotations

import base64
import time

import pytest

from bot.web.auth import COOKIE, NEEDS_LINK, NEEDS_PASSWORD, Access

SET = Access.with_password("s3cret-s3cret")
MADE = Access.with_password("")


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("access", [SET, MADE])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "localhost"},
        {"host": "127.0.0.1:8000", "x-forwarded-for": "127.0.0.1"},
        {"host": "[::1]", "forwarded": "for=127.0.0.1"},
        {"authorization": basic("a", "")},
        {"cookie": f"{COOKIE}="},
        {"cookie": COOKIE},
        {"cookie": "\x00=é; " * 3},
    ],
)
def test_neither_a_name_nor_nothing_lets_in(access: Access, headers: dict[str, str]) -> None:
    assert not access.allows(headers)


def test_a_new_password_for_each_start() -> None:
    assert MADE.password != Access.with_password("").password
    assert len(MADE.password) >= 40
    assert MADE.password not in repr(MADE)


def test_what_to_do_is_said() -> None:
    assert SET.hint == NEEDS_PASSWORD
    assert MADE.hint == NEEDS_LINK
    assert "ADMIN_PASSWORD" in NEEDS_PASSWORD
    assert "ADMIN_PASSWORD" in NEEDS_LINK


def test_the_link_logs_in() -> None:
    address, _, token = MADE.link("http://localhost:8000").partition("?token=")
    assert address == "http://localhost:8000/login"
    assert MADE.logs_in(token)
    for wrong in ("", token[:-1], token + "x", token.swapcase()):
        assert not MADE.logs_in(wrong)


def test_a_password_that_was_set_is_in_no_link() -> None:
    assert not SET.logs_in(SET.password)


def test_the_cookie_is_not_the_password() -> None:
    assert MADE.allows({"cookie": f"a=b; {COOKIE}={MADE.cookie}"})
    assert not MADE.allows({"cookie": f"{COOKIE}={MADE.password}"})
    assert not MADE.logs_in(MADE.cookie)
    assert not MADE.allows({"authorization": basic("a", MADE.cookie)})


def test_no_cookie_where_a_password_was_set() -> None:
    assert not SET.allows({"cookie": f"{COOKIE}={SET.cookie}"})


@pytest.mark.parametrize("user", ["", "admin", "é"])
@pytest.mark.parametrize("password", ["s3cret", "with:colon", "pässword", " "])
def test_the_password_lets_in(user: str, password: str) -> None:
    assert Access.with_password(password).allows({"authorization": basic(user, password)})


def test_the_password_that_was_made_lets_in_too() -> None:
    assert MADE.allows({"authorization": basic("", MADE.password)})


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic !",
        "Basic é",
        "Basic " + base64.b64encode(b"s3cret-s3cret").decode(),
        "Basic " + base64.b64encode(b"a:\xff").decode(),
        "Bearer s3cret-s3cret",
        basic("a", "S3cret-s3cret"),
        basic("a", "s3cret-s3cret "),
        basic("a", "s3cret-s3cre"),
        basic("s3cret-s3cret", ""),
    ],
)
def test_a_wrong_password(authorization: str) -> None:
    assert not SET.allows({"authorization": authorization})


def test_the_scheme_is_case_insensitive() -> None:
    given = basic("a", "s3cret-s3cret").replace("Basic", "bASIC")
    assert SET.allows({"authorization": given})


def test_a_password_that_is_no_text_denies_without_failing() -> None:
    assert not Access.with_password("\udcff").allows({})


@pytest.mark.parametrize(
    "other", ['prefs={"a":1}', "x=a b", "n=é", "=", ";;", 'q="', "a=1; " * 500]
)
def test_other_cookies_of_the_same_host_are_passed_over(other: str) -> None:
    assert MADE.allows({"cookie": f"{other}; {COOKIE}={MADE.cookie}"})
    assert MADE.allows({"cookie": f"{COOKIE}={MADE.cookie}; {other}"})


@pytest.mark.parametrize("unit", ['\\"', "\\", "\\101", "; ", "a=b; ", '"'])
def test_no_cookie_keeps_the_process_busy(unit: str) -> None:
    cookie = f'{COOKIE}="{unit * (60_000 // len(unit))}"'
    began = time.thread_time()
    assert not MADE.allows({"cookie": cookie})
    assert time.thread_time() - began < 0.05
