"""Whether a pull request that changes the repository's config would leave it valid.

Nobody types this: it follows when a pull request changes the file (`bot.rules.automations`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.commands.base import Answer, CommandSpec, HeadReader, arguments_by_verb
from bot.core.reasons import Reason
from bot.core.types import Permission
from bot.messages import answers
from bot.rules.repository_config import BadConfig, Fault, parse


@dataclass(frozen=True, slots=True)
class CheckConfigArguments:
    pass


async def check_config(command: CheckConfigArguments, reader: HeadReader) -> Answer:
    verbs = arguments_by_verb(reader.asked.commands)
    said = []
    proposed = await reader.proposed_configs()
    for path, text in proposed:
        try:
            if len(proposed) > 1:
                raise BadConfig(Fault("there is a `.yml` and a `.yaml` of it"))
            await asyncio.to_thread(parse, text, verbs)
        except BadConfig as wrong:
            said.append(answers.config_invalid(path, list(map(str, wrong.faults))))
        else:
            said.append(answers.config_valid(path))
    # A file that is taken away needs no words.
    return Answer("\n\n".join(said), reason=Reason.CONFIG_CHECKED)


CHECK_CONFIG = CommandSpec(
    CheckConfigArguments,
    check_config,
    required_permission=Permission.NONE,
    summary="Check a changed config.",
    examples=(),
    is_always_answered=True,
)
