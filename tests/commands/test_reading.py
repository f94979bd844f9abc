"""Which commands change runs is said in two places, which agree."""

from __future__ import annotations

from typing import get_type_hints

from bot.commands import COMMANDS, INTERNAL
from bot.commands.base import Answer, CommandSpec
from bot.core.types import READING_COMMANDS


def test_commands_that_only_read_return_nothing_but_an_answer() -> None:
    only_answer = set()
    for verb, command in {**COMMANDS, **INTERNAL}.items():
        assert isinstance(command, CommandSpec)
        if get_type_hints(command.handler)["return"] is Answer:
            only_answer.add(verb)
    assert only_answer == READING_COMMANDS
