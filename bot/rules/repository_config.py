"""A repository's own config, `.github/depot-bot.yml` on its default branch.

Pure. A broken file never counts as a file without rules: BadConfig says where and why it is broken.
Its JSON Schema is generated from the model below and committed in `config/`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

import msgspec

from bot.core.errors import Misreading
from bot.core.events import PullRequestEvent
from bot.core.types import CHECK_CONFIG, Permission
from bot.parsing import safe_yaml
from bot.parsing.arguments import parse_command

PATHS = (".github/depot-bot.yml", ".github/depot-bot.yaml")
"""Where the file may be."""

MAX_LENGTH = 64 * 1024
"""Characters of the file."""

MAX_LINE = 1000
"""Characters of a command line after its alias is expanded."""

MAX_AUTOMATIONS = 100

INLINE = "(inline)"
"""What stands for YAML from a comment among the patterns of `workflows`."""

Role = Literal["anyone", "read", "triage", "write", "maintain", "admin", "nobody"]

_FIRST_WORD = re.compile(r"""["'`“]?([A-Za-z][A-Za-z0-9-]*)["'`”]?(?=\s|$)""")
_ALIAS = re.compile(r"[a-z][a-z0-9-]{0,30}")


class BadConfig(Exception):
    """The file cannot be used; the message says where and why, and quotes untrusted text."""


class Automation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command that runs by itself when something happens to a pull request."""

    on: Literal["opened", "synchronize", "ready_for_review", "labeled", "review_approved"]
    do: Annotated[str, msgspec.Meta(description="a command line, without /depot")]
    label: Annotated[str, msgspec.Meta(description="with `labeled`: only this label")] = ""
    base: Annotated[str, msgspec.Meta(description="only for this base branch, a pattern")] = "*"
    paths: Annotated[
        list[str], msgspec.Meta(description="only when a changed file fits one of these patterns")
    ] = []

    def follows(self, event: PullRequestEvent) -> bool:
        """Whether the event triggers it; its paths are checked apart."""
        return (
            self.on == event.kind
            and (not self.label or self.label == event.label)
            and fnmatchcase(event.base_branch, self.base)
        )

    def concerns(self, changed: list[str]) -> bool:
        """Whether one of the changed files matches its paths."""
        patterns = self.paths
        return not patterns or any(fnmatchcase(p, pattern) for p in changed for pattern in patterns)


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file. Every key is optional."""

    permissions: Annotated[
        dict[str, Role], msgspec.Meta(description="the least role for a command, by its verb")
    ] = {}
    workflows: Annotated[
        dict[str, Role],
        msgspec.Meta(
            description="the least role for a workflow, by pattern of its file name; the first "
            "that fits counts, and with any given a workflow that fits none is not run"
        ),
    ] = {}
    forks: Annotated[
        Literal["refuse", "pinned"],
        msgspec.Meta(description="whether a fork's head runs when a writer names its commit"),
    ] = "refuse"
    aliases: Annotated[
        dict[str, str], msgspec.Meta(description="own verbs, and the command line each stands for")
    ] = {}
    bots: Annotated[
        list[str],
        msgspec.Meta(description="logins of bots whose comments are read, as of a writer"),
    ] = []
    automations: Annotated[list[Automation], msgspec.Meta(max_length=MAX_AUTOMATIONS)] = []
    silence: Annotated[
        list[Literal["reactions", "refusals", "automations"]],
        msgspec.Meta(
            description="what the bot does not post: reactions, refusals for want of a role, "
            "replies about automations"
        ),
    ] = []

    def needs(self, verb: str, default: Permission) -> Permission:
        """The least role for a command."""
        role = self.permissions.get(verb)
        return default if role is None else _permission(role)

    def workflow_needs(self, name: str) -> Permission:
        """The least role for a workflow, in addition to that for the command."""
        if not self.workflows:
            return Permission.NONE
        matching = (r for pattern, r in self.workflows.items() if fnmatchcase(name, pattern))
        return _permission(next(matching, "nobody"))

    def expand(self, line: str) -> str:
        """A command line with the alias that it begins with, if any, expanded."""
        match = _FIRST_WORD.match(line)
        expansion = self.aliases.get(match[1].lower()) if match else None
        return line if not match or expansion is None else expansion + line[match.end() :]


def parse(text: str, verbs: Mapping[str, type]) -> Config:
    """The config in *text*; raises BadConfig. *verbs* are the commands' arguments, by verb."""
    if len(text) > MAX_LENGTH:
        raise BadConfig(f"longer than {MAX_LENGTH} characters")
    try:
        document = safe_yaml.load(text)
        # An empty file is a file without rules; its document is an empty string or None.
        config = msgspec.convert(document if document not in ("", None) else {}, Config)
    except safe_yaml.BadYaml as wrong:
        raise BadConfig(str(wrong)) from wrong
    except msgspec.ValidationError as wrong:
        raise BadConfig(str(wrong)) from wrong
    _check(config, verbs)
    return config


def schema() -> dict[str, Any]:
    """The file's JSON Schema."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "depot-bot: .github/depot-bot.yml",
        **msgspec.json.schema(Config),
    }


def _check(config: Config, verbs: Mapping[str, type]) -> None:
    """Check what the types cannot express; raises BadConfig."""
    for verb in config.permissions:
        if verb not in verbs:
            raise BadConfig(f"there is no command {verb!r} - at `$.permissions`")
    for name, line in config.aliases.items():
        if name in verbs or name == CHECK_CONFIG or not _ALIAS.fullmatch(name):
            raise BadConfig(f"{name!r} cannot be an alias - at `$.aliases`")
        _check_line(line, verbs, f"$.aliases.{name}")
    for index, automation in enumerate(config.automations):
        where = f"$.automations[{index}]"
        if automation.label and automation.on != "labeled":
            raise BadConfig(f"`label` goes with `on: labeled` - at `{where}`")
        _check_line(config.expand(automation.do), verbs, f"{where}.do")


def _check_line(line: str, verbs: Mapping[str, type], where: str) -> None:
    if len(line) > MAX_LINE:
        raise BadConfig(f"a command line longer than {MAX_LINE} characters - at `{where}`")
    if "\0" in line or not line.strip() or isinstance(parse_command(line, verbs), Misreading):
        raise BadConfig(f"{line!r} is no command line - at `{where}`")


def _permission(role: Role) -> Permission:
    return Permission.NONE if role == "anyone" else Permission[role.upper()]
