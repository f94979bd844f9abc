"""The files to begin with, `config/env.example` and `config/bot.toml`, wherever the bot is
installed."""

from __future__ import annotations

from pathlib import Path

NAMES = {".env": "env.example", "bot.toml": "bot.toml"}
"""What each is for, and what it is called in `config/`."""


def example(name: str) -> str:
    """The text of one of NAMES."""
    package = Path(__file__).parent.parent
    # A wheel brings them inside the package; in a checkout they are beside it.
    folder = next(one for one in (package / "config", package.parent / "config") if one.is_dir())
    return (folder / NAMES[name]).read_text()
