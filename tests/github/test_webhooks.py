"""The webhook's door: what GitHub sends becomes a typed event, all else is turned away."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.deliveries import CheckRunChanged, CommentWritten, Event, HeadChanged, Ignored
from bot.core.deliveries import Delivery as Delivered
from bot.core.events import Actor, CommandLine, Comment, PullRequestEvent, Source
from bot.core.types import RepoName, Sha
from bot.demo.simulators.github import Delivery, SimulatedGitHub
from bot.demo.simulators.github.webhooks import signatures
from bot.demo.stage import Stage
from bot.github.webhooks import (
    MAX_COMMENT,
    BadSignature,
    DeliveryRejected,
    Malformed,
    WrongContentType,
    delivery,
    read,
    verify,
)
from tests.support.conversation import REPO, ManualClock

SECRET = "it's a secret"
BODY = b'{"zen": "Keep it logically awesome."}'


def made_of(event: str, body: bytes) -> Event:
    """What the door makes of a body."""
    return read(Delivered("7", "a-guid", event), body)


def only(event: Event) -> Comment:
    """The one comment that was written."""
    assert isinstance(event, CommentWritten)
    (comment,) = event.comments
    return comment


# --- the signature -------------------------------------------------------------------------------


def signed(body: bytes = BODY, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"x-hub-signature-256": f"sha256={digest}"}


@pytest.mark.parametrize("secrets", [[SECRET], ["new", SECRET], [SECRET, "old"]])
def test_a_signature_under_any_secret_in_force_is_accepted(secrets: list[str]) -> None:
    verify(signed(), BODY, secrets)


def test_the_example_of_githubs_documentation() -> None:
    # docs.github.com, "Validating webhook deliveries"
    digest = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    verify(
        {"x-hub-signature-256": f"sha256={digest}"},
        b"Hello, World!",
        ["It's a Secret to Everybody"],
    )


GOOD = signed()["x-hub-signature-256"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-hub-signature-256": ""},
        {"x-hub-signature-256": "sha256="},
        {"x-hub-signature-256": GOOD.removeprefix("sha256=")},
        {"x-hub-signature-256": GOOD[:-1]},
        {"x-hub-signature-256": GOOD + "0"},
        {"x-hub-signature-256": GOOD.upper()},
        {"x-hub-signature-256": " " + GOOD},
        {"x-hub-signature-256": GOOD.replace("sha256", "sha1")},
        {"x-hub-signature-256": "sha256=" + "é" * 64},
        {"x-hub-signature-256": "sha256=\udce9"},
        {"x-hub-signature": "sha1=" + hmac.new(SECRET.encode(), BODY, "sha1").hexdigest()},
        signed(secret="another"),
        signed(BODY + b" "),
    ],
)
def test_any_other_signature_is_not(headers: Mapping[str, str]) -> None:
    with pytest.raises(BadSignature) as caught:
        verify(headers, BODY, [SECRET])
    assert caught.value.status == 401


def test_without_a_secret_nothing_is_accepted() -> None:
    with pytest.raises(BadSignature):
        verify(signed(secret=""), BODY, [])


def test_the_simulated_githubs_sha_1_alone_is_not_enough() -> None:
    both = {name.lower(): value for name, value in signatures(SECRET, BODY).items()}
    verify(both, BODY, [SECRET])
    del both["x-hub-signature-256"]
    with pytest.raises(BadSignature):
        verify(both, BODY, [SECRET])


# --- the headers ---------------------------------------------------------------------------------

HEADERS = {
    "content-type": "application/json",
    "x-github-event": "issue_comment",
    "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    "x-github-hook-id": "292430182",
}


def test_which_delivery_it_is() -> None:
    got = delivery(HEADERS)
    assert (got.hook, got.guid, got.event) == (
        *("292430182", "72d3162e-cc78-11e3-81ab-4c9367dc0958", "issue_comment"),
    )


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json ;x"]
)
def test_json_by_any_spelling(content_type: str) -> None:
    assert delivery({**HEADERS, "content-type": content_type}).event == "issue_comment"


def test_without_a_hook_id_there_is_one_hook() -> None:
    assert delivery({**HEADERS, "x-github-hook-id": ""}).hook == ""


@pytest.mark.parametrize(
    "content_type",
    ["", "application/x-www-form-urlencoded", "text/json", "application/jsonp", "json"],
)
def test_another_content_type_is_turned_away(content_type: str) -> None:
    with pytest.raises(WrongContentType) as caught:
        delivery({**HEADERS, "content-type": content_type})
    assert caught.value.status == 415


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-github-event", ""),
        ("x-github-delivery", ""),
        ("x-github-delivery", "a b"),
        ("x-github-delivery", "a\n"),
        ("x-github-delivery", "a" * 65),
        ("x-github-delivery", "'; drop table deliveries"),
        ("x-github-hook-id", "a/b"),
    ],
)
def test_missing_or_odd_headers_are_malformed(header: str, value: str) -> None:
    with pytest.raises(Malformed) as caught:
        delivery({**HEADERS, header: value})
    assert caught.value.status == 400


@pytest.mark.parametrize("header", ["content-type", "x-github-event", "x-github-delivery"])
def test_headers_that_must_be_there(header: str) -> None:
    with pytest.raises(DeliveryRejected):
        delivery({name: value for name, value in HEADERS.items() if name != header})


# --- GitHub's payloads ---------------------------------------------------------------------------


@pytest.fixture
def fresh(github: SimulatedGitHub) -> SimulatedGitHub:
    """The simulated GitHub, with nothing to deliver yet."""
    github.hooks.pending.clear()
    return github


def sent(github: SimulatedGitHub) -> list[tuple[Delivery, Event]]:
    """What GitHub sends now, and what the door makes of it."""
    return [(one, made_of(one.event, one.body)) for one in github.pending_deliveries]


def test_a_comment(fresh: SimulatedGitHub, clock: ManualClock) -> None:
    made = fresh.comment(REPO, 1, "alice", "/depot run ci.yml")
    ((one, event),) = sent(fresh)
    assert (one.event, one.action) == ("issue_comment", "created")
    assert one.installation is not None
    assert only(event) == (
        Comment(
            source=Source.ISSUE_COMMENT,
            repo=fresh.repository_named(REPO).full_name,  # type: ignore[arg-type]
            number=1,
            comment_id=made.id,
            author=Actor("alice"),
            written_at=float(int(clock.now())),
            url=one.payload["comment"]["html_url"],
            lines=(CommandLine("run ci.yml"),),
            installation=one.installation.id,
            reviewed=None,
            is_public=False,
            repo_id=fresh.repository_named(REPO).id,
        )
    )
    assert only(event).work_item_id == f"ic-{made.id}"


@pytest.mark.parametrize(
    "text",
    [
        "please\n/depot run ci.yml\n\n/depot list",
        "/depot run\n```yaml\njobs: {}\n```",
        "> /depot run",
        "- /depot run",
        "`/depot run`\n/depot list",
    ],
)
def test_where_it_takes_a_parser_the_lines_are_found_later(
    fresh: SimulatedGitHub, text: str
) -> None:
    fresh.comment(REPO, 1, "maya", text.replace("\n", "\r\n"))
    ((_, event),) = sent(fresh)
    if text == "> /depot run":
        assert event == Ignored("no command")
        return
    comment = only(event)
    assert (comment.lines, comment.text) == ((), text)


def test_a_comment_longer_than_there_can_be(fresh: SimulatedGitHub) -> None:
    fresh.comment(REPO, 1, "alice", "/depot list\n" + "x" * MAX_COMMENT)
    ((_, event),) = sent(fresh)
    assert event == Ignored("too long")


@pytest.mark.parametrize("changes", [{"private": True}, {"private": False}, None])
def test_who_can_read_the_repository(
    fresh: SimulatedGitHub, changes: dict[str, bool] | None
) -> None:
    fresh.comment(REPO, 1, "alice", "/depot run ci.yml")
    (delivery,) = fresh.hooks.pending
    payload = msgspec.json.decode(delivery.body)
    del payload["repository"]["private"]
    payload["repository"] |= changes or {}
    found = made_of("issue_comment", msgspec.json.encode(payload))
    # Where it is not said, everybody counts as a reader.
    assert only(found).is_public == (not (changes or {}).get("private", False))


def test_a_review(fresh: SimulatedGitHub) -> None:
    head = fresh.pull(REPO, 1).head_sha
    review = fresh.review(REPO, 1, "alice", "/depot run")
    ((one, event),) = sent(fresh)
    assert one.event == "pull_request_review"
    comment = only(event)
    assert comment.source is Source.REVIEW
    assert comment.comment_id == review.id
    assert comment.reviewed == head
    assert comment.work_item_id == f"rv-{review.id}"


def test_a_review_of_an_older_commit(fresh: SimulatedGitHub) -> None:
    old = fresh.pull(REPO, 1).head_sha
    fresh.push(REPO, 1, {"change.txt": "two\n"})
    fresh.hooks.pending.clear()
    fresh.review(REPO, 1, "alice", "/depot run", commit_id=old)
    ((_, event),) = sent(fresh)
    comment = only(event)
    assert comment.reviewed == old != fresh.pull(REPO, 1).head_sha


def test_a_review_comment(fresh: SimulatedGitHub) -> None:
    head = fresh.pull(REPO, 1).head_sha
    made = fresh.review_comment(REPO, 1, "alice", "/depot run", "change.txt")
    (_, around), (one, event) = sent(fresh)
    assert around == Ignored("no command")  # the review that GitHub makes around it
    assert one.event == "pull_request_review_comment"
    comment = only(event)
    assert comment.source is Source.REVIEW_COMMENT
    assert comment.number == 1
    assert comment.reviewed == head
    assert comment.work_item_id == f"rc-{made.id}"


def test_a_bot_is_known_as_one(fresh: SimulatedGitHub) -> None:
    fresh.comment(REPO, 1, "renovate[bot]", "/depot run")
    ((_, event),) = sent(fresh)
    comment = only(event)
    assert comment.author == Actor("renovate[bot]", is_bot=True)


def test_a_repositorys_own_webhook_names_no_installation(clock: ManualClock) -> None:
    github = SimulatedGitHub(now=clock.now, webhook_secret=SECRET)
    github.repository(REPO)
    github.pull_request(REPO, "alice")
    github.hooks.pending.clear()
    github.comment(REPO, 1, "alice", "/depot run")
    ((_, event),) = sent(github)
    comment = only(event)
    assert comment.installation is None


Act = Callable[[SimulatedGitHub], object]


def _edited(github: SimulatedGitHub) -> None:
    comment = github.comment(REPO, 1, "alice", "hello")
    github.edit_comment(comment, "/depot run")


def _deleted(github: SimulatedGitHub) -> None:
    github.delete_comment(github.comment(REPO, 1, "alice", "/depot run"))


def _on_an_issue(github: SimulatedGitHub) -> None:
    issue = github.issue(REPO, "alice", body="/depot run")
    github.comment(REPO, issue.number, "alice", "/depot run")


IGNORED: dict[str, tuple[Act, str]] = {
    "a comment without a command": (lambda g: g.comment(REPO, 1, "alice", "hi"), "no command"),
    "a command in a quote": (lambda g: g.comment(REPO, 1, "alice", "> /depot run"), "no command"),
    "an edited comment": (_edited, "action"),
    "a deleted comment": (_deleted, "action"),
    "a plain issue": (_on_an_issue, "not a pull request"),
    "an empty review": (lambda g: g.review(REPO, 1, "alice"), "no command"),
    "a ping": (lambda g: g.ping(), "event"),
}


@pytest.mark.parametrize("what", IGNORED)
def test_what_is_ignored(fresh: SimulatedGitHub, what: str) -> None:
    happens, why = IGNORED[what]
    happens(fresh)
    assert sent(fresh)[-1][1] == Ignored(why)


def payload(event: str, github: SimulatedGitHub, **changes: Any) -> Any:
    """A real payload of this kind, as JSON."""
    github.hooks.pending.clear()
    match event:
        case "issue_comment":
            github.comment(REPO, 1, "alice", "/depot run")
        case "pull_request_review":
            github.review(REPO, 1, "alice", "/depot run")
        case _:
            github.review_comment(REPO, 1, "alice", "/depot run", "change.txt")
    return {**github.pending_deliveries[-1].payload, **changes}


EVENTS = ("issue_comment", "pull_request_review", "pull_request_review_comment")


@pytest.mark.parametrize("event", EVENTS)
def test_somebody_else_than_the_author_sends_it(event: str, fresh: SimulatedGitHub) -> None:
    body = payload(event, fresh)
    body["sender"]["login"] = "mallory"
    assert made_of(event, msgspec.json.encode(body)) == Ignored("not sent by its author")


@pytest.mark.parametrize("event", EVENTS)
def test_a_deleted_account_is_nobody(event: str, fresh: SimulatedGitHub) -> None:
    body = payload(event, fresh)
    body["review" if event == "pull_request_review" else "comment"]["user"] = None
    assert made_of(event, msgspec.json.encode(body)) == Ignored("not sent by its author")


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("action", None),
        ("action", 1),
        ("repository", None),
        ("repository", {}),
        ("sender", None),
        ("sender", {"login": 7}),
        ("installation", {"id": "one"}),
    ],
)
def test_a_payload_with_a_part_missing_or_wrong(
    event: str, part: str, value: object, fresh: SimulatedGitHub
) -> None:
    body = payload(event, fresh, **{part: value})
    with pytest.raises(Malformed):
        made_of(event, msgspec.json.encode(body))
    del body[part]
    if part != "installation":
        with pytest.raises(Malformed):
            made_of(event, msgspec.json.encode(body))


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("field", ["id", "html_url", "created_at"])
def test_a_comment_without_what_it_needs(event: str, field: str, fresh: SimulatedGitHub) -> None:
    body = payload(event, fresh)
    written = body["review" if event == "pull_request_review" else "comment"]
    del written["submitted_at" if (event, field) == (EVENTS[1], "created_at") else field]
    with pytest.raises(Malformed) as caught:
        made_of(event, msgspec.json.encode(body))
    assert caught.value.status == 400


@pytest.mark.parametrize("event", EVENTS)
def test_a_time_without_a_zone_is_no_time(event: str, fresh: SimulatedGitHub) -> None:
    body = payload(event, fresh)
    written = body["review" if event == "pull_request_review" else "comment"]
    written["submitted_at" if event == "pull_request_review" else "created_at"] = (
        "2026-11-24T04:10:11"
    )
    with pytest.raises(Malformed):
        made_of(event, msgspec.json.encode(body))


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"1", b"\xff", b"{}", b"payload=%7B%7D"]
)
def test_bodies_that_are_no_payload(event: str, body: bytes) -> None:
    with pytest.raises(Malformed):
        made_of(event, body)


@pytest.mark.parametrize("event", EVENTS)
def test_nothing_but_the_action(event: str) -> None:
    action = b"submitted" if event == "pull_request_review" else b"created"
    with pytest.raises(Malformed):
        made_of(event, b'{"action": "%s"}' % action)


# --- heads, and what else happens ----------------------------------------------------------------


def test_a_new_head(fresh: SimulatedGitHub, clock: ManualClock) -> None:
    clock.time += 7
    before = fresh.pull(REPO, 1).head_sha
    sha = fresh.push(REPO, 1, {"change.txt": "two\n"}, by="alice")
    ((_, event),) = sent(fresh)
    assert isinstance(event, HeadChanged)
    assert event.before == before
    assert (event.repo, event.number, event.sha) == (REPO, 1, sha)
    assert event.since == float(int(clock.now()))
    happening = event.event.event
    assert happening is not None
    assert happening == PullRequestEvent("synchronize", happening.guid, Sha(sha), "main")
    assert event.event.author == Actor("alice")
    assert (event.event.lines, event.event.reviewed) == ((), None)
    # It is known by what it is, not by the delivery that brought it.
    assert re.fullmatch("ev-[0-9a-f]{32}", event.event.work_item_id)


@pytest.mark.parametrize("action", ["opened", "reopened"])
def test_a_pull_request_that_is_opened_sets_its_head(action: str, fresh: SimulatedGitHub) -> None:
    if action == "opened":
        fresh.pull_request(REPO, "alice", branch="another")
    else:
        fresh.close(REPO, 1)
        fresh.reopen(REPO, 1)
    event = sent(fresh)[-1][1]
    assert isinstance(event, HeadChanged)
    assert event.event.event is not None
    assert event.event.event.kind == action


def test_a_label(fresh: SimulatedGitHub) -> None:
    fresh.label(REPO, 1, "full-ci", by="maya")
    fresh.unlabel(REPO, 1, "full-ci", by="maya")
    (_, labeled), (_, unlabeled) = sent(fresh)
    comment = only(labeled)
    head = Sha(fresh.pull(REPO, 1).head_sha)
    assert comment.event is not None
    assert comment.event == PullRequestEvent("labeled", comment.event.guid, head, "main", "full-ci")
    assert comment.author == Actor("maya")
    assert unlabeled == Ignored("action")


def test_an_approval_can_hold_a_command_too(fresh: SimulatedGitHub) -> None:
    head = Sha(fresh.pull(REPO, 1).head_sha)
    fresh.review(REPO, 1, "alice", "/depot run", "approved")
    fresh.review(REPO, 1, "alice", "fine", "approved")
    (_, both), (_, approval) = sent(fresh)
    assert isinstance(both, CommentWritten)
    assert [comment.source for comment in both.comments] == [Source.REVIEW, Source.EVENT]
    comment = only(approval)
    assert comment.event is not None
    assert comment.event == PullRequestEvent("review_approved", comment.event.guid, head, "main")
    assert (comment.author, comment.reviewed, comment.lines) == (Actor("alice"), head, ())


@pytest.mark.parametrize("event", EVENTS)
def test_another_action_is_ignored(event: str, fresh: SimulatedGitHub) -> None:
    body = payload(event, fresh, action="edited")
    assert made_of(event, msgspec.json.encode(body)) == Ignored("action")


@pytest.mark.parametrize(
    ("login", "is_kept"), [("a\\\\u0000b", True), ("a\\u0000b", False), ("a\\\\\\u0000b", False)]
)
def test_a_nul_character_cannot_be_stored(login: str, is_kept: bool) -> None:
    """PostgreSQL takes none. A backslash and `u0000` is another text."""
    body = msgspec.json.encode(_valid(user={"login": "NAME"}) | {"sender": {"login": "NAME"}})
    body = body.replace(b"NAME", login.encode())
    if is_kept:
        assert only(made_of("issue_comment", body)).author == Actor("a\\u0000b")
    else:
        with pytest.raises(Malformed, match="NUL character"):
            made_of("issue_comment", body)


@pytest.mark.parametrize("part", ["action", "pull_request", "repository", "sender"])
def test_a_pull_request_with_a_part_missing(part: str, fresh: SimulatedGitHub) -> None:
    fresh.push(REPO, 1, {"change.txt": "two\n"})
    body = fresh.pending_deliveries[-1].payload
    assert isinstance(made_of("pull_request", msgspec.json.encode(body)), HeadChanged)
    del body[part]
    with pytest.raises(Malformed):
        made_of("pull_request", msgspec.json.encode(body))


# --- checks --------------------------------------------------------------------------------------


def test_a_check_of_depots_moved(fresh: SimulatedGitHub) -> None:
    fresh.check_run_webhooks = True
    head = fresh.pull(REPO, 1).head_sha
    fresh.upsert_check_run(REPO, head, "CI / test", "in_progress")
    fresh.upsert_check_run(REPO, head, "CI / test", "completed", "success")
    assert [event for _, event in sent(fresh)] == [CheckRunChanged(RepoName(REPO), Sha(head))] * 2


def test_a_check_of_another_app_is_ignored(fresh: SimulatedGitHub) -> None:
    fresh.check_run_webhooks = True
    head = fresh.pull(REPO, 1).head_sha
    fresh.upsert_check_run(REPO, head, "lint", "completed", "success", app_slug="linter")
    events = [event for _, event in sent(fresh)]
    assert events
    assert {type(event) for event in events} == {Ignored}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"check_run": {}, "repository": {"full_name": "o/r"}}']
)
def test_a_check_that_is_no_payload(body: bytes) -> None:
    with pytest.raises(Malformed):
        made_of("check_run", body)


# --- any bytes at all ----------------------------------------------------------------------------

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def _valid(**comment: Any) -> dict[str, Any]:
    return {
        "action": "created",
        "issue": {"number": 1, "pull_request": {}},
        "pull_request": {
            "number": 1,
            "html_url": "",
            "updated_at": "2026-11-24T04:10:11Z",
            "head": {"sha": "a", "ref": "feature"},
            "base": {"sha": "b", "ref": "main"},
        },
        "comment": {
            **{"id": 1, "html_url": "", "user": {"login": "a"}, "body": "/depot run"},
            **{"created_at": "2026-11-24T04:10:11Z", **comment},
        },
        "review": {},
        "repository": {"full_name": "o/r"},
        "sender": {"login": "a"},
    }


def outcome(event: str, body: bytes) -> Event | int:
    """The event, or the HTTP status with which the body is turned away."""
    try:
        return made_of(event, body)
    except DeliveryRejected as no:
        return no.status


@given(st.sampled_from([*EVENTS, "check_run", "pull_request", ""]), st.binary())
def test_any_bytes_are_ignored_or_turned_away(event: str, body: bytes) -> None:
    got = outcome(event, body)
    assert got == 400 or isinstance(got, Ignored)


@given(st.sampled_from(EVENTS), st.sampled_from(sorted(_valid())), any_json)
def test_any_json_in_a_part_is_an_event_or_turned_away(
    event: str, part: str, value: object
) -> None:
    got = outcome(event, msgspec.json.encode({**_valid(), part: value}))
    assert got == 400 or isinstance(got, Ignored | CommentWritten)


@given(st.sampled_from(sorted(_valid()["comment"])), any_json)
@example("created_at", "0001-01-01T00:00:00+23:59")
@example("created_at", "9999-12-31T23:59:59-23:59")
@example("body", "/depot run \x00")
@example("id", -1)
def test_any_json_in_a_comment_is_an_event_or_turned_away(field: str, value: object) -> None:
    got = outcome("issue_comment", msgspec.json.encode(_valid(**{field: value})))
    assert got == 400 or isinstance(got, Ignored | CommentWritten)


def test_the_payload_that_is_varied_above_is_a_good_one() -> None:
    assert isinstance(outcome("issue_comment", msgspec.json.encode(_valid())), CommentWritten)


def delivery_or_status(headers: dict[str, str]) -> Delivered | int:
    try:
        return delivery(headers)
    except DeliveryRejected as no:
        return no.status


@given(st.dictionaries(st.sampled_from([*HEADERS, "x-hub-signature-256"]), st.text()), st.binary())
@example(dict(HEADERS), b"")
def test_any_headers_are_a_delivery_or_turned_away(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(BadSignature):
        verify(headers, body, [SECRET])
    got = delivery_or_status(headers)
    assert got in {400, 415} or isinstance(got, Delivered)


@pytest.mark.parametrize("event", [*EVENTS, "check_run", "pull_request"])
def test_json_nested_too_deeply_is_malformed(event: str) -> None:
    with pytest.raises(Malformed):
        made_of(event, b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_an_id_beyond_64_bits_is_malformed(number: int) -> None:
    body = msgspec.json.encode(_valid()).replace(b'"id":1', b'"id":%d' % number)
    with pytest.raises(Malformed):
        made_of("issue_comment", body)


def test_the_stage_signs_what_the_door_verifies(stage: Stage) -> None:
    headers = {
        name.lower(): value
        for name, value in signatures(stage.credentials.webhook_secret, BODY).items()
    }
    verify(headers, BODY, [stage.credentials.webhook_secret])


def test_the_same_event_under_another_delivery_is_the_same(fresh: SimulatedGitHub) -> None:
    fresh.label(REPO, 1, "full-ci", by="alice")
    ((sent_, _),) = sent(fresh)
    ids = set()
    for guid in ("one", "another"):
        event = read(Delivered("7", guid, "pull_request"), sent_.body)
        assert isinstance(event, CommentWritten)
        ids.add(event.comments[0].work_item_id)
    assert len(ids) == 1
