"""Conversations about `/depot help`."""

from __future__ import annotations

import pytest

from bot.commands import COMMANDS
from bot.commands.help import table
from bot.core.types import Permission
from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from bot.parsing.arguments import parse_command
from bot.parsing.comments import find_command_lines
from tests.support.commands import reason
from tests.support.conversation import Conversation
from tests.support.sentences import NO_EDITS

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("typed", ["help", "", "HELP"])
async def test_all_commands(pr: Conversation, depot: SimulatedDepot, typed: str) -> None:
    comment = await pr.says("rita", f"/depot {typed}")
    said = pr.reply()
    assert said == table(COMMANDS)
    rows = said.splitlines()[2:]
    assert len(rows) == len(COMMANDS)
    assert any(row.startswith("| `/depot run [WORKFLOW …] [job=KEY[,KEY]]") for row in rows)
    assert any(row.startswith("| `/depot help [COMMAND]` | anyone |") for row in rows)
    assert [reaction.content for reaction in comment.reactions] == ["eyes"]
    assert depot.calls == []


@pytest.mark.parametrize("verb", COMMANDS)
async def test_one_command(pr: Conversation, verb: str) -> None:
    await pr.says("stranger", f"/depot help {verb}")
    said = pr.reply()
    command = COMMANDS[verb]
    assert said.startswith(f"`/depot {command.usage(verb)}`\n\n{command.summary} ")
    who = command.required_permission
    assert ("Anyone may." if who is Permission.NONE else f"`{who.word}` role") in said
    for example in command.examples:
        assert f"`/depot {example}`" in said


async def test_help_asks_nobody(pr: Conversation, github: SimulatedGitHub) -> None:
    before = len(github.requests)
    await pr.says("rita", "/depot help")
    pr.reply()
    asked = {one.path.rpartition("/")[2] for one in github.requests[before:]}
    assert asked <= {"app", "access_tokens", "reactions", "comments"}


async def test_the_case_of_a_verb_does_not_matter(pr: Conversation) -> None:
    await pr.says("alice", "/DEPOT Help RUN")
    assert pr.reply().startswith("`/depot run ")


async def test_an_unknown_command_gets_the_nearest(pr: Conversation) -> None:
    await pr.says("alice", "/depot help rnu")
    assert pr.reply().startswith("There is no command `rnu`. Did you mean `/depot help run`?")
    assert reason(pr) == "unknown-command"


async def test_one_word_too_many(pr: Conversation) -> None:
    await pr.says("alice", "/depot help run ci.yml")
    assert (
        pr.reply()
        == f"`help` has no place for `ci.yml`. Usage: `/depot help [COMMAND]`. {NO_EDITS}"
    )


@pytest.mark.parametrize(
    "example", [example for command in COMMANDS.values() for example in command.examples]
)
def test_every_example_can_be_typed(example: str) -> None:
    verbs = {verb: command.arguments for verb, command in COMMANDS.items()}
    (line,) = find_command_lines(f"/depot {example}")
    assert isinstance(parse_command(line.text, verbs), verbs[example.split()[0]])
