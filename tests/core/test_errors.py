"""Our errors survive copying, pickling and raising again; no library's error gets past a border."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from types import ModuleType

import gidgethub
import httpx
import pytest

from bot.core import errors
from bot.core.credentials import TokenCredentials
from bot.core.reasons import Reason
from bot.core.types import Permission, RepoName, RunId, Sha
from bot.depot import client as depot_client
from bot.github import errors as github_errors
from bot.github import webhooks
from bot.github.api import GitHub
from bot.ops import settings
from bot.storage import database, items, part
from tests.support.conversation import ManualClock

pytestmark = pytest.mark.anyio

REPO = RepoName("octo/hello")
SHA = Sha("3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29")

# --- ours ----------------------------------------------------------------------------------------

EXAMPLES: list[Exception] = [
    errors.Refused(Reason.NOT_A_WRITER, "`run` needs the `write` role."),
    depot_client.DepotError("internal", "oops", 3.0),
    depot_client.DepotRefused("not_found", "no such run"),
    depot_client.DepotUnavailable("unavailable", "Run: ReadTimeout", 30.0),
    depot_client.DepotNotReached("unavailable"),
    github_errors.GitHubError("refusing to send credentials to another host"),
    github_errors.NotFound("404: Not Found"),
    github_errors.Gone("410: Gone"),
    github_errors.Forbidden("403: Forbidden"),
    github_errors.Forbidden("403: Forbidden", "contents=read"),
    github_errors.Blocked("451: Unavailable For Legal Reasons"),
    github_errors.NotInstalled("the App is not installed there: 404: Not Found"),
    github_errors.Unprocessable("422: Unprocessable"),
    github_errors.BadCredentials("401: Bad credentials"),
    github_errors.GitHubUnavailable("rate limit", 60.0),
    github_errors.GitHubUnavailable("ReadTimeout"),
    github_errors.NotDone("rate limit", 60.0),
    part.LeaseLost("ic-1"),
    items.StartInProgress("ci.yml"),
    database.LedgerUnavailable("OperationalError"),
    database.LedgerUnusable("the file is damaged"),
    database.ConnectionLost("AdminShutdown"),
    github_errors.TooLarge("the answer is too large"),
    github_errors.AnswerTooLarge("the answer is too large"),
    database.AlreadyInUse("another process is using x.db"),
    webhooks.TooLarge("the body is larger than 1 bytes"),
    webhooks.DeliveryRejected("no"),
    webhooks.BadSignature("the header is missing"),
    webhooks.WrongContentType("json, please"),
    webhooks.Malformed("no payload"),
]


def _of(module: ModuleType) -> set[type]:
    return {
        one
        for one in vars(module).values()
        if inspect.isclass(one)
        and issubclass(one, BaseException)
        and one.__module__ == module.__name__
    }


def test_every_error_has_an_example() -> None:
    defined = set[type]().union(
        *(
            _of(module)
            for module in (
                errors,
                depot_client,
                github_errors,
                part,
                items,
                database,
                settings,
                webhooks,
            )
        )
    )
    assert defined == {*map(type, EXAMPLES), settings.SettingsError}


def _state(error: BaseException) -> tuple[object, ...]:
    return type(error), error.args, vars(error), str(error)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_copying_pickling_and_raising(error: Exception) -> None:
    for again in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert _state(again) == _state(error)
        with pytest.raises(type(error)) as first:
            raise again from ValueError("why")
        with pytest.raises(type(error)) as second:
            raise first.value
        assert second.value is again
        assert second.value.__traceback__ is not None


@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_a_settings_error_survives_too(
    again: Callable[[settings.SettingsError], settings.SettingsError],
) -> None:
    error = settings.SettingsError(["PORT is not a port number", "DEPOT_TOKEN is missing"])
    assert _state(again(error)) == _state(error)


def test_misreadings_are_values() -> None:
    one = errors.UnknownArgument("run jobs=x", "run", "jobs", "job")
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one


# --- those of the libraries ----------------------------------------------------------------------

Handler = Callable[[httpx.Request], httpx.Response]

CALLS_TO_GITHUB: dict[str, Callable[[GitHub], Awaitable[object]]] = {
    "login": lambda hub: hub.login(),
    "pull_request": lambda hub: hub.at(REPO, None).pull_request(1),
    "permission": lambda hub: hub.at(REPO, None).permission("alice"),
    "workflow_names": lambda hub: hub.at(REPO, None).workflow_names(SHA),
    "workflow_text": lambda hub: hub.at(REPO, None).workflow_text(SHA, "ci.yml"),
    "comment": lambda hub: hub.at(REPO, None).comment(1, "hello"),
    "edit_comment": lambda hub: hub.at(REPO, None).edit_comment(1, "hello"),
}


def github_that(handler: Handler) -> GitHub:
    client = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    credentials = TokenCredentials("ghp_s3cret")
    return GitHub(client, credentials, url="https://api.github.com", clock=ManualClock())


def depot_that(handler: Handler) -> depot_client.Depot:
    client = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    return depot_client.Depot(client, url="https://api.depot.dev", token="depot-s3cret")


def _errors_of_httpx() -> list[type[Exception]]:
    return sorted(
        (
            one
            for one in vars(httpx).values()
            if inspect.isclass(one) and issubclass(one, Exception)
        ),
        key=lambda one: one.__name__,
    )


# Raised for a misuse by the caller, never by a request that is built and sent in one go.
MISUSE = {
    "CookieConflict",  # reading a cookie by an ambiguous name
    "InvalidURL",  # building the request: Depot's come from settings, which are checked
    *("RequestNotRead", "ResponseNotRead", "StreamClosed", "StreamConsumed", "StreamError"),
    "HTTPStatusError",  # raise_for_status, which is not used
}
SENT_NOTHING = {"ConnectError", "ConnectTimeout", "PoolTimeout"}

RAISED = [one for one in _errors_of_httpx() if one.__name__ not in MISUSE]


def test_the_list_of_httpx_errors_is_the_librarys() -> None:
    assert {one.__name__ for one in _errors_of_httpx()} >= MISUSE | SENT_NOTHING
    assert len(RAISED) >= 18


def raising(error: type[Exception]) -> Handler:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error(f"{error.__name__} with depot-s3cret or ghp_s3cret in its text")

    return handler


@pytest.mark.parametrize("call", CALLS_TO_GITHUB)
@pytest.mark.parametrize("error", RAISED, ids=lambda error: error.__name__)
async def test_an_httpx_error_becomes_githubs(error: type[Exception], call: str) -> None:
    with pytest.raises(github_errors.GitHubUnavailable) as caught:
        await CALLS_TO_GITHUB[call](github_that(raising(error)))
    assert "s3cret" not in str(caught.value)
    assert error.__name__ in str(caught.value)


CALLS_TO_DEPOT: dict[str, Callable[[depot_client.Depot], Awaitable[object]]] = {
    "run": lambda ci: ci.run(REPO, SHA),
    "run_status": lambda ci: ci.run_status(RunId("07qwbk1s76")),
    "runs": lambda ci: ci.runs(REPO, SHA),
    "times": lambda ci: ci.times(RunId("07qwbk1s76")),
}


@pytest.mark.parametrize("call", CALLS_TO_DEPOT)
@pytest.mark.parametrize("error", RAISED, ids=lambda error: error.__name__)
async def test_an_httpx_error_becomes_depots(error: type[Exception], call: str) -> None:
    with pytest.raises(depot_client.DepotUnavailable) as caught:
        await CALLS_TO_DEPOT[call](depot_that(raising(error)))
    assert "s3cret" not in str(caught.value)
    # Only when nothing can have been sent is a mutation known not to have happened.
    assert (type(caught.value) is depot_client.DepotNotReached) == (error.__name__ in SENT_NOTHING)


# --- what GitHub, or something before it, answers ------------------------------------------------

JSON = {"content-type": "application/json; charset=utf-8"}
HTML = {"content-type": "text/html; charset=utf-8"}
SPENT = {
    "x-ratelimit-limit": "5000",
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": "1795500000",
}
DATED = {"date": formatdate(1795500000 - 90, usegmt=True)}


def answer(status: int, message: str = "no", headers: dict[str, str] | None = None) -> Handler:
    body = json.dumps({"message": message})
    return lambda request: httpx.Response(status, text=body, headers={**JSON, **(headers or {})})


def raw(status: int, body: bytes, headers: dict[str, str]) -> Handler:
    return lambda request: httpx.Response(status, content=body, headers=headers)


ANSWERS: list[tuple[str, Handler, type[github_errors.GitHubError], float | None]] = [
    ("301", answer(301), github_errors.GitHubUnavailable, None),
    (
        "302",
        raw(302, b"", {"location": "https://evil.example"}),
        github_errors.GitHubUnavailable,
        None,
    ),
    (
        *("301 to no address", answer(301, headers={"location": "/" + "a" * 70_000})),
        *(github_errors.GitHubUnavailable, None),
    ),
    ("304 unasked", raw(304, b"", {}), github_errors.GitHubUnavailable, None),
    ("400", answer(400), github_errors.GitHubUnavailable, None),
    ("401", answer(401, "Bad credentials"), github_errors.BadCredentials, None),
    ("403", answer(403, "Resource not accessible"), github_errors.Forbidden, None),
    # Without GitHub's own time the machine's counts, and by that the hour is over.
    (
        "403 spent",
        answer(403, "API rate limit exceeded", SPENT),
        github_errors.NotDone,
        1.0,
    ),
    (
        *("403 spent, dated", answer(403, "API rate limit exceeded", {**SPENT, **DATED})),
        *(github_errors.NotDone, 90.0),
    ),
    (
        *("429 spent, dated", answer(429, "too many", {**SPENT, **DATED})),
        *(github_errors.NotDone, 90.0),
    ),
    (
        *("403 secondary", answer(403, "You have exceeded a secondary rate limit")),
        *(github_errors.NotDone, github_errors.SECONDARY_PAUSE),
    ),
    ("403 later", answer(403, "x", {"retry-after": "60"}), github_errors.NotDone, 60.0),
    (
        "403 odd",
        answer(403, "abuse", {"retry-after": "soon"}),
        github_errors.NotDone,
        60.0,
    ),
    ("404", answer(404, "Not Found"), github_errors.NotFound, None),
    ("410", answer(410), github_errors.Gone, None),
    ("409", answer(409), github_errors.NotDone, None),
    ("418", answer(418), github_errors.GitHubUnavailable, None),
    ("422", answer(422), github_errors.Unprocessable, None),
    (
        "422 not JSON",
        raw(422, b"no", {"content-type": "text/plain"}),
        github_errors.Unprocessable,
        None,
    ),
    ("422 no body", raw(422, b"", {}), github_errors.Unprocessable, None),
    ("429", answer(429, "x", {"retry-after": "7"}), github_errors.NotDone, 7.0),
    ("451", answer(451), github_errors.Blocked, None),
    ("500", answer(500), github_errors.GitHubUnavailable, None),
    ("502 HTML", raw(502, b"<html>unicorn", HTML), github_errors.GitHubUnavailable, None),
    ("503", answer(503, "x", {"retry-after": "5"}), github_errors.GitHubUnavailable, 5.0),
    ("599, unknown to Python", answer(599), github_errors.GitHubUnavailable, None),
    (
        "200 cut in half",
        raw(200, b'{"number": 1, "sta', JSON),
        github_errors.GitHubUnavailable,
        None,
    ),
    ("200 another shape", raw(200, b'{"a": 1}', JSON), github_errors.GitHubUnavailable, None),
    ("200 not UTF-8", raw(200, b'"\xff"', JSON), github_errors.GitHubUnavailable, None),
    ("200 HTML", raw(200, b"<html>login", HTML), github_errors.GitHubUnavailable, None),
    ("200 nothing", raw(200, b"", JSON), github_errors.GitHubUnavailable, None),
    ("200 null", raw(200, b"null", JSON), github_errors.GitHubUnavailable, None),
    (
        *("200 unknown charset", raw(200, b"{}", {"content-type": "application/json; charset=x"})),
        *(github_errors.GitHubUnavailable, None),
    ),
    (
        *("200 broken rate", raw(200, b"{}", {**JSON, **SPENT, "x-ratelimit-reset": "soon"})),
        *(github_errors.GitHubUnavailable, None),
    ),
]


@pytest.mark.parametrize(
    ("handler", "expected", "retry_after"),
    [row[1:] for row in ANSWERS],
    ids=[row[0] for row in ANSWERS],
)
async def test_an_answer_becomes_githubs_error(
    handler: Handler, expected: type[github_errors.GitHubError], retry_after: float | None
) -> None:
    with pytest.raises(github_errors.GitHubError) as caught:
        await github_that(handler).at(REPO, None).pull_request(1)
    assert type(caught.value) is expected
    assert getattr(caught.value, "retry_after", None) == retry_after
    assert "s3cret" not in repr(caught.value)


def test_every_error_of_gidgethub_is_looked_at() -> None:
    # The families that the border of bot.github.api tells apart; a new one has to be thought about.
    known = {
        *("GitHubException", "HTTPException", "BadRequest", "BadRequestUnknownError"),
        *("RateLimitExceeded", "InvalidField", "ValidationError", "GitHubBroken"),
        *("RedirectionException", "ValidationFailure", "GraphQLException", "BadGraphQLRequest"),
        *("GraphQLAuthorizationFailure", "QueryError", "GraphQLResponseTypeError"),
    }
    found = {
        one.__name__
        for one in vars(gidgethub).values()
        if inspect.isclass(one) and issubclass(one, Exception)
    }
    assert found == known


async def test_an_answer_nested_without_end_becomes_githubs_error() -> None:
    handler = raw(200, b"[" * 200_000, JSON)
    with pytest.raises(github_errors.GitHubUnavailable):
        await github_that(handler).at(REPO, None).pull_request(1)


@pytest.mark.parametrize("status", [200, 500])
async def test_an_answer_nested_without_end_becomes_depots_error(status: int) -> None:
    handler = raw(status, b'{"x":' + b"[" * 200_000, JSON)
    with pytest.raises(depot_client.DepotUnavailable):
        await depot_that(handler).run_status(RunId("x"))


async def test_permission_is_not_made_up_from_an_error() -> None:
    hub = github_that(answer(404, "not a user"))
    with pytest.raises(github_errors.NotFound) as absent:
        await hub.at(REPO, None).permission("nobody")
    not_there = hub.at(REPO, None, absent=absent.value.what)
    assert await not_there.permission("nobody") is Permission.NONE
    for handler in (answer(500), answer(403), answer(401)):
        with pytest.raises(github_errors.GitHubError):
            await github_that(handler).at(REPO, None).permission("alice")
