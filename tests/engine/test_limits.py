"""The operator's bounds: how many commands in an hour, and in which repositories."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from bot.demo.stage import Stage
from bot.messages import refusals
from tests.support.commands import asked_of, reason, stands
from tests.support.conversation import REPO, Conversation, Hook, ManualClock
from tests.support.pull_requests import bot, ends, hears_all, rules, runs
from tests.support.sentences import name_of, queued

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
        assert await lists(pr, "alice") == PERSON
        assert reason(pr) == "rate-limited"
        assert (await lists(pr, "maya")).startswith("At `")  # others have their own
        await pr.passes(3600)
        assert (await lists(pr, "alice")).startswith("At `")


@pytest.mark.parametrize("line", ["run ci.yml job=x sha=" + "a" * 40, "help", "rnu", "list"])
async def test_beyond_the_limit_one_word_and_then_nothing(bounded: Bounded, line: str) -> None:
    """No answer, no reaction, nothing asked of GitHub or Depot."""
    async with bounded("[limits]\nper_person = 2\n") as pr:
        for _ in range(2):
            await lists(pr, "alice")
        comment = await pr.says("alice", f"/depot {line}\n" * 3)
        assert pr.reply().startswith(refusals.rate_limited("you", 2))
        assert comment.reactions == []
        asked = asked_of(pr, "github"), asked_of(pr, "depot")
        for _ in range(3):
            comment = await pr.says("alice", f"/depot {line}")
            assert comment.reactions == []
        pr.assert_said_nothing_else()
        assert (asked_of(pr, "github"), asked_of(pr, "depot")) == asked
        await pr.passes(3600)
        assert (await lists(pr, "alice")).startswith("At `")


async def test_a_repository_has_so_many_commands_in_an_hour(bounded: Bounded) -> None:
    async with bounded("[limits]\nper_repository = 2\n") as pr:
        for login in ("alice", "maya"):
            await pr.says(login, "/depot run ci.yml force")
            assert pr.reply() == queued(pr.depot.runs[-1])
            await ends(pr)
        await pr.says("ada", "/depot run ci.yml force")
        assert pr.reply() == refusals.rate_limited("this repository", 2)
        await pr.passes(3600)
        await pr.says("ada", "/depot run ci.yml force")
        assert pr.reply() == queued(pr.depot.runs[-1])
        await ends(pr)


async def test_what_strangers_ask_uses_up_nobody_elses_limit(bounded: Bounded) -> None:
    async with bounded("[limits]\nper_person = 50\nper_repository = 3\n") as pr:
        await pr.says("mallory", "/depot help\n/depot rnu\n/depot run\n" * 3)
        while pr.unread():
            pr.reply()
        await pr.says("alice", "/depot run ci.yml")
        assert pr.reply() == queued(pr.depot.runs[-1])
        await ends(pr)


async def test_a_repository_has_so_many_runs_in_an_hour(bounded: Bounded) -> None:
    async with bounded("[limits]\nruns_per_repository = 3\n") as pr:
        await pr.says("alice", "/depot run ci.yml job=build,lint")
        pr.reply()
        await ends(pr)
        await pr.says("alice", "/depot run ci.yml job=build,lint force")
        assert pr.reply() == refusals.too_many_runs(2, 3)
        assert reason(pr) == "rate-limited"
        await pr.says(
            "alice", "/depot run ci.yml job=build force\n/depot run ci.yml job=lint force"
        )
        assert refusals.too_many_runs(3, 3) in pr.reply()
        await ends(pr)
        assert len(runs(pr)) == 3


async def test_each_of_several_runs_of_the_same_counts(bounded: Bounded) -> None:
    async with bounded("[limits]\nruns_per_repository = 7\n") as pr:
        depot = pr.depot
        await pr.says("maya", "/depot run ci.yml job=test times=8")
        assert pr.reply() == refusals.too_many_runs(0, 7)
        depot.plan(job="test", seconds=60)
        await pr.says("maya", "/depot run ci.yml job=test times=7")
        await pr.passes(11)
        await pr.says("alice", "/depot run ci.yml job=lint\n/depot run ci.yml job=build")
        await pr.passes(300)
        hears_all(pr)
        assert len(depot.runs) == 7  # five, two by alice, and none more
        assert "5 passed, 0 failed, 2 not started" in stands(pr)[1]
        assert refusals.too_many_runs(7, 7) in stands(pr)[1]


@pytest.mark.parametrize("limit", ["per_person", "per_repository"])
async def test_more_runs_of_a_command_are_no_more_commands(bounded: Bounded, limit: str) -> None:
    async with bounded(f"[limits]\n{limit} = 2\n") as pr:
        depot = pr.depot
        depot.plan(seconds=60)
        await pr.says("maya", "/depot run ci.yml job=lint")
        await pr.says("maya", "/depot run ci.yml job=test times=6")
        await pr.says("maya", "/depot run ci.yml job=build")  # one too many
        await pr.passes(300)
        hears_all(pr)
        assert "✅ 6 passed, 0 failed" in stands(pr)[1]


async def test_two_of_them_in_one_comment_count_both(bounded: Bounded) -> None:
    async with bounded("[limits]\nruns_per_repository = 10\n") as pr:
        lines = (f"/depot run ci.yml job={job} times=6" for job in ("test", "lint"))
        await pr.says("maya", "\n".join(lines))
        assert refusals.too_many_runs(6, 10) in pr.reply()
        await pr.passes(300)
        hears_all(pr)
        assert [run.job for run in pr.depot.runs] == ["test"] * 6


async def test_automations_count_for_the_repository_and_for_no_person(bounded: Bounded) -> None:
    automations = "automations:\n- {on: labeled, do: run ci.yml force}\n"
    async with bounded("[limits]\nper_person = 1\nper_repository = 2\n") as pr:
        await rules(pr, automations)
        for label in ("one", "two"):
            pr.github.label(REPO, 1, label, by="alice")
            await pr.settles()
            assert pr.reply() == queued(pr.depot.runs[-1])
            await ends(pr)
        pr.github.label(REPO, 1, "three", by="alice")
        await pr.settles()
        pr.assert_said_nothing_else()
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
        calls = asked_of(pr, "github")
        await pr.says("ada", "/depot run ci.yml")
        if is_allowed:
            assert pr.reply() == queued(pr.depot.runs[0])
            await ends(pr)
        else:
            pr.assert_said_nothing_else()
            assert asked_of(pr, "github") == calls
            assert pr.depot.calls == []


async def test_automations_keep_to_the_operators_repositories(bounded: Bounded) -> None:
    automations = "automations:\n- {on: labeled, do: run ci.yml}\n"
    async with bounded('repositories = ["octo/other"]\n') as pr:
        await rules(pr, automations)
        pr.github.label(REPO, 1, "full-ci", by="alice")
        await pr.settles()
        pr.assert_said_nothing_else()
        assert runs(pr) == []


async def test_a_start_in_doubt_is_looked_after_whatever_the_limit(bounded: Bounded) -> None:
    async with bounded("[limits]\nper_person = 2\n") as pr:
        pr.github.pull_request(REPO, "alice", branch="other", files={"other.txt": "x\n"})
        await pr.passes(60)
        elsewhere = Conversation(pr.clock, pr.stage, pr.services, REPO, 2)
        pr.depot.faults.drop("Run")
        await pr.says("alice", "/depot run ci.yml")
        pr.reply()
        await elsewhere.says("alice", "/depot help\n/depot help")
        assert elsewhere.reply() == refusals.rate_limited("you", 2)
        await pr.passes(120)
        (run,) = pr.depot.runs
        assert pr.last_edit().startswith(f"{name_of(run)}: ✅ passed")
