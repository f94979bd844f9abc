"""Where settings come from: the command line before the environment, and that before a file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from bot.ops.settings import SettingsError
from bot.ops.variables import HOST, PORT

ENV_FILE = Path(".env")
"""Where settings are read from, below the environment; the set-up stores credentials there."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables, as often as they are asked for. *named_file* stands in place of `.env`; *host*
    and *port* come from the command line."""

    named_file: Path | None = None
    host: str | None = None
    port: str | None = None

    @property
    def file(self) -> Path:
        """The file, absolute; it need not be there."""
        return Path.cwd() / (self.named_file or ENV_FILE)

    def problems(self) -> list[str]:
        """What is wrong when the file has to be there."""
        if self.named_file is None or self.named_file.exists():
            return []
        return [f"--env-file: there is no {self.named_file}"]

    def read(self, *, may_be_missing: bool = False) -> dict[str, str]:
        """The variables as they are now; raises SettingsError when the file cannot be read, or was
        named and is not there.

        A variable that is set to nothing, as hosting panels and compose files do, hides no line of
        the file.
        """
        if not may_be_missing and (problems := self.problems()):
            raise SettingsError(problems)
        if self.file.is_dir():
            raise SettingsError([f"{self.file} is a folder, not a file of settings"])
        try:
            lines = dotenv_values(self.file, interpolate=False)
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError([f"{self.file} cannot be read: {error}"]) from None
        given = {name: value for name, value in os.environ.items() if value}
        found = {**{name: value or "" for name, value in lines.items()}, **given}
        if self.port is not None and not found.get(PORT.name) and not found.get(HOST.name):
            found[HOST.name] = HOST.default  # all interfaces are for hosts that set PORT
        argued = {HOST.name: self.host, PORT.name: self.port}
        return {**found, **{name: value for name, value in argued.items() if value is not None}}
