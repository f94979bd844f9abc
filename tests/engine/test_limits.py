"""The operator's bounds: how many commands in an hour, and in which repositories."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from bot.demo.stage import Stage
from bot.messages import refusals
from tests.support.commands import reason, reasons, said
from tests.support.conversation import FILES, REPO, Conversation, Hook, ManualClock
from tests.support.pull_requests import bot, ends, rules, runs
from tests.support.sentences import queued

pytestmark = pytest.mark.anyio

PERSON = refusals.rate_limited("you", 3)
REPOSITORY = refusals.rate_limited("this repository", 3)


Bounded = Callable[[str], AbstractAsyncContextManager[Conversation]]


@pytest.fixture
def bounded(stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path) -> Bounded:
    """The bot under an operator's config, and the pull request."""

    def start(config: str) -> AbstractAsyncContextManager[Conversation]:
        file = tmp_path / "bot.toml"
        file.write_text(config)
        return bot(stage, clock, hook, tmp_path, BOT_CONFIG=str(file))

    return start


async def lists(pr: Conversation, login: str) -> str:
    """Somebody asks something small; the answer. A little time passes."""
    await pr.says(login, "/depot list")
    answer = pr.reply()
    await pr.passes(5)
    return answer


async def test_a_person_has_so_many_commands_in_an_hour(bounded: Bounded) -> None:
    async with bounded("[limits]\nper_person = 3\n") as pr:
        for _ in range(3):
            assert (await lists(pr, "alice")).startswith("At `")
        for _ in range(2):
            assert await lists(pr, "alice") == PERSON
            assert reason(pr) == "rate-limited"
        await pr.says("alice", "/depot run ci.yml")
        assert pr.reply() == PERSON
        assert runs(pr) == []
        assert (await lists(pr, "maya")).startswith("At `")  # others have their own
        await pr.passes(3600)
        assert (await lists(pr, "alice")).startswith("At `")


async def test_help_is_given_whatever_the_limit(bounded: Bounded) -> None:
    async with bounded("[limits]\nper_person = 1\n") as pr:
        await lists(pr, "alice")
        await pr.says("alice", "/depot help run")
        assert pr.reply().startswith("`/depot run")


async def test_the_commands_of_one_comment_count_each(bounded: Bounded) -> None:
    async with bounded("[limits]\nper_person = 3\n") as pr:
        await pr.says("alice", "/depot list\n\n" * 4)
        assert pr.reply() == "\n\n".join([PERSON] * 4)
        assert reasons(said(pr)[0]) == ["rate-limited"] * 4


async def test_a_repository_has_so_many_commands_in_an_hour(bounded: Bounded) -> None:
    async with bounded("[limits]\nper_repository = 3\n") as pr:
        pr.github.repository("octo/other", FILES)
        pr.github.pull_request("octo/other", "octo", files={"x.txt": "x\n"})
        await pr.passes(60)
        for login in ("alice", "maya", "rita"):
            assert (await lists(pr, login)).startswith("At `")
        assert await lists(pr, "trudy") == REPOSITORY
        elsewhere = Conversation(pr.clock, pr.stage, pr.services, "octo/other", 1)
        assert (await lists(elsewhere, "octo")).startswith("At `")
        await pr.passes(3600)
        assert (await lists(pr, "trudy")).startswith("At `")


async def test_a_stranger_does_not_use_up_the_limit_of_all(bounded: Bounded) -> None:
    async with bounded("[limits]\nper_person = 2\nper_repository = 8\n") as pr:
        await pr.says("mallory", "/depot run\n\n" * 10)
        await pr.passes(5)
        while pr.unread():
            pr.reply()
        assert (await lists(pr, "alice")).startswith("At `")


async def test_far_beyond_the_limit_there_is_no_answer_either(bounded: Bounded) -> None:
    async with bounded("[limits]\nper_person = 2\n") as pr:
        for number in range(1, 7):
            await pr.says("alice", "/depot list")
            await pr.passes(5)
            if number <= 2:
                assert pr.reply().startswith("At `")
            elif number <= 4:
                assert pr.reply() == refusals.rate_limited("you", 2)
            else:
                pr.assert_said_nothing_else()
        await pr.passes(3600)
        assert (await lists(pr, "alice")).startswith("At `")


async def test_automations_are_not_counted(bounded: Bounded) -> None:
    automations = "automations:\n- {on: labeled, do: run ci.yml force}\n"
    async with bounded("[limits]\nper_person = 1\nper_repository = 1\n") as pr:
        await rules(pr, automations)
        for label in ("one", "two"):
            pr.github.label(REPO, 1, label, by="alice")
            await pr.settles()
            assert pr.reply() == queued(pr.depot.runs[-1])
            await ends(pr)
        assert (await lists(pr, "alice")).startswith("At `")
        assert len(runs(pr)) == 2


@pytest.mark.parametrize(
    ("patterns", "is_allowed"),
    [
        ('["*"]', True),
        ('["octo/*"]', True),
        ('["OCTO/Hello"]', True),
        ('["other/*", "octo/h*"]', True),
        ('["octo/other"]', False),
        ('["octo"]', False),
        ('["hello"]', False),
        ("[]", False),
    ],
)
async def test_the_operator_says_which_repositories(
    bounded: Bounded, patterns: str, is_allowed: bool
) -> None:
    async with bounded(f"repositories = {patterns}\n") as pr:
        await pr.says("ada", "/depot run ci.yml")
        if is_allowed:
            assert pr.reply() == queued(pr.depot.runs[0])
            await ends(pr)
        else:
            assert pr.reply() == refusals.repository_not_allowed()
            assert reason(pr) == "repository-not-allowed"
            assert runs(pr) == []


async def test_automations_keep_to_the_operators_repositories(bounded: Bounded) -> None:
    automations = "automations:\n- {on: labeled, do: run ci.yml}\n"
    async with bounded('repositories = ["octo/other"]\n') as pr:
        await rules(pr, automations)
        pr.github.label(REPO, 1, "full-ci", by="alice")
        await pr.settles()
        assert pr.reply() == snapshot("The operator of this bot has not allowed this repository.")
        assert runs(pr) == []
