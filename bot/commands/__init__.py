"""The command table: the one source of grammar, help, README and who may."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bot.commands.artifacts import ARTIFACTS
from bot.commands.base import Command
from bot.commands.can_i import CAN_I
from bot.commands.cancel import CANCEL
from bot.commands.cancel_outdated import CANCEL_OUTDATED
from bot.commands.check_config import CHECK_CONFIG
from bot.commands.dispatch import DISPATCH
from bot.commands.flaky import FLAKY
from bot.commands.help import HELP
from bot.commands.list import LIST
from bot.commands.logs import LOGS
from bot.commands.rerun import RERUN
from bot.commands.retry import RETRY
from bot.commands.run import RUN
from bot.commands.status import STATUS
from bot.commands.why import WHY
from bot.core import types

COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "run": RUN,
        "dispatch": DISPATCH,
        "retry": RETRY,
        "rerun": RERUN,
        "cancel": CANCEL,
        "status": STATUS,
        "logs": LOGS,
        "why": WHY,
        "artifacts": ARTIFACTS,
        "flaky": FLAKY,
        "list": LIST,
        "can-i": CAN_I,
        "help": HELP,
    }
)

INTERNAL: Mapping[str, Command] = MappingProxyType(
    {types.CHECK_CONFIG: CHECK_CONFIG, types.CANCEL_OUTDATED: CANCEL_OUTDATED}
)
"""What only events set off; nobody can type it."""
