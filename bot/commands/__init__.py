"""The command table: the one source of grammar, help, README and who may."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bot.commands.base import Command
from bot.commands.help import HELP
from bot.commands.list import LIST
from bot.commands.run import RUN

COMMANDS: Mapping[str, Command] = MappingProxyType({"run": RUN, "list": LIST, "help": HELP})
