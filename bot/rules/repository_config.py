"""A repository's own config, `.github/depot-bot.yml` on its default branch.

Pure. A broken file never counts as a file without rules: BadConfig says where and why it is broken.
Its JSON Schema is generated from the model below and committed in `config/`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Literal, get_args

import msgspec

from bot.core.errors import Misreading
from bot.core.events import PullRequestEvent
from bot.core.types import CANCEL_OUTDATED, CHECK_CONFIG, Detail, Permission
from bot.parsing import safe_yaml
from bot.parsing.arguments import guarded_arguments, parse_command
from bot.parsing.characters import visible
from bot.parsing.words import first_word
from bot.parsing.workflow_file import file_name
from bot.rules import config_shape, path_patterns

FOLDER = ".github"
PATHS = (f"{FOLDER}/depot-bot.yml", f"{FOLDER}/depot-bot.yaml")
"""Where the file may be."""

MAX_LENGTH = 64 * 1024
"""Characters of the file."""

MAX_LINE = 1000
"""Characters of a command line after its alias is expanded."""

MAX_AUTOMATIONS = 100

MAX_FAULTS = 50
"""Faults that are looked for."""

INLINE = "(inline)"
"""What stands for YAML from a comment among the patterns of `workflows`."""

Role = Literal["anyone", "read", "triage", "write", "maintain", "admin", "nobody"]

ROLES: tuple[Role, ...] = get_args(Role)

AUTHOR = "author"
"""Stands for the author of the pull request among those who may use a command."""

MAX_TEAMS = 5
"""Teams that one config names: GitHub is asked about each."""

_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,60})(?:\[bot\])?")
_DURATION = "^[0-9]{1,4}[sm]$"
_WHO = re.compile(
    rf"{AUTHOR}|@[A-Za-z0-9][A-Za-z0-9_-]{{0,80}}(?:\[bot\])?"
    r"|@[A-Za-z0-9][A-Za-z0-9-]{0,80}/[A-Za-z0-9][A-Za-z0-9_-]{0,100}"
)
_ALIAS = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True, slots=True)
class Named:
    """Who may use a command beside those with the role for it."""

    author: bool = False
    """The author of the pull request."""
    users: tuple[str, ...] = ()
    """Logins in lower case."""
    teams: tuple[str, ...] = ()
    """`org/team`, in lower case."""

    @property
    def words(self) -> tuple[str, ...]:
        """As they are written in the config."""
        return (
            *([AUTHOR] if self.author else []),
            *(f"@{name}" for name in (*self.users, *self.teams)),
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the file; its texts are untrusted."""

    problem: str
    key: str = ""
    """Where, as in `automations[0].do`; empty for the file as a whole."""
    line: int | None = None

    def __str__(self) -> str:
        where = [f"line {self.line}"] if self.line is not None else []
        where += [self.key] if self.key else []
        return f"{', '.join(where)}: {self.problem}" if where else self.problem


class BadConfig(Exception):
    """The file cannot be used, for each of these faults."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(*faults)
        self.faults = faults

    def __str__(self) -> str:
        more = f" (and {len(self.faults) - 1} more)" if len(self.faults) > 1 else ""
        return f"{self.faults[0]}{more}"


class Automation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command that runs by itself when something happens to a pull request."""

    on: Literal["opened", "synchronize", "ready_for_review", "labeled", "review_approved"]
    do: Annotated[str, msgspec.Meta(description="a command line, without /depot")]
    label: Annotated[str, msgspec.Meta(description="with `labeled`: only this label")] = ""
    base: Annotated[str, msgspec.Meta(description="only for this base branch, a pattern")] = "**"
    paths: Annotated[
        list[str], msgspec.Meta(description="only when a changed file fits one of these patterns")
    ] = []

    for_: Annotated[
        Literal["", "anyone", "read", "triage", "write", "maintain", "admin", "nobody"],
        msgspec.Meta(
            description="the least role of the person who sets it off, instead of the command's "
            "own need; without it that need, and write at least"
        ),
    ] = msgspec.field(default="", name="for")

    @property
    def required_role(self) -> Permission | None:
        """The least role of the person who sets it off, in place of the command's own need."""
        return _permission(self.for_) if self.for_ else None

    def follows(self, event: PullRequestEvent) -> bool:
        """Whether the event triggers it; its paths are checked apart."""
        return (
            self.on == event.kind
            and (not self.label or self.label.lower() == event.label.lower())
            and path_patterns.read(self.base).matches(event.base_branch)
        )

    def concerns(self, changed: list[str]) -> bool:
        """Whether one of the changed files matches its paths."""
        return not self.paths or path_patterns.any_matches(self.paths, changed)


class Notify(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who asked for a run hears of its end by a comment that mentions them."""

    on: Annotated[
        Literal["result", "failure", "always", "never"],
        msgspec.Meta(
            description="`result`: when it failed, or took longer than `after`; `failure`: when it "
            "failed"
        ),
    ] = "result"
    after: Annotated[
        str,
        msgspec.Meta(
            description="seconds or minutes, as in `90s` or `2m`",
            # Checked with all that types cannot express, so that it keeps no other fault back.
            extra_json_schema={"pattern": _DURATION},
        ),
    ] = "2m"

    @property
    def after_seconds(self) -> float:
        """How long a run takes, from the comment on, until its end is worth a mention."""
        return float(self.after[:-1]) * (60.0 if self.after.endswith("m") else 1.0)


class RetryRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Jobs that go again by themselves when they fail."""

    workflow: Annotated[str, msgspec.Meta(description="a pattern of the workflow's file name")]
    job: Annotated[
        str, msgspec.Meta(description="a pattern of the job's key or name, `*` for all")
    ] = "*"
    attempts: Annotated[
        Literal["2", "3", "4", "5"], msgspec.Meta(description="how often it is tried in all")
    ] = "2"


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file. Every key is optional."""

    permissions: Annotated[
        dict[str, Role | Annotated[list[str], msgspec.Meta(min_length=1, max_length=20)]],
        msgspec.Meta(
            description="the least role for a command, by its verb, and for `times`; or a list of "
            "which any will do: roles, `author` (of the pull request), `@user`, `@org/team`"
        ),
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

    show: Annotated[
        list[Literal["diagnosis", "logs"]],
        msgspec.Meta(
            description="what of its runs a public repository lets be quoted in comments; "
            "at Depot it takes a login to read it"
        ),
    ] = []

    retry: Annotated[
        list[RetryRule],
        msgspec.Meta(
            max_length=20,
            description="failed jobs that go again by themselves; the first rule that fits counts",
        ),
    ] = []
    notify: Notify = Notify()
    outdated: Annotated[
        Literal["keep", "cancel"],
        msgspec.Meta(
            description="`cancel`: what was started here on an earlier head is cancelled when a "
            "new head comes or the pull request is closed"
        ),
    ] = "keep"

    def shows(self, detail: Detail, *, is_public: bool) -> bool:
        """Whether this is quoted in comments, which in a public repository everybody reads."""
        return not is_public or detail.value in self.show

    def needs(self, verb: str, default: Permission) -> Permission:
        """The least role for a command; nobody's where only persons and teams are named."""
        given = self.permissions.get(verb)
        if given is None:
            return default
        roles = [_permission(role) for role in ROLES if role in _listed(given)]
        return min(roles, default=Permission.NOBODY)

    def named(self, verb: str) -> Named:
        """Who may use a command whatever their role."""
        listed = [one.lower() for one in _listed(self.permissions.get(verb, []))]
        names = [one.removeprefix("@") for one in listed if one.startswith("@")]
        return Named(
            AUTHOR in listed,
            tuple(name for name in names if "/" not in name),
            tuple(name for name in names if "/" in name),
        )

    @property
    def teams(self) -> tuple[str, ...]:
        """All teams that are named, each once."""
        return tuple(
            dict.fromkeys(team for verb in self.permissions for team in self.named(verb).teams)
        )

    def workflow_needs(self, name: str) -> Permission:
        """The least role for a workflow, in addition to that for the command."""
        if not self.workflows:
            return Permission.NONE
        if name == INLINE:
            return _permission(self.workflows.get(INLINE, "nobody"))
        matching = (
            r for pattern, r in self.workflows.items() if pattern != INLINE and _fits(pattern, name)
        )
        return _permission(next(matching, "nobody"))

    def workflow_roles(self) -> list[tuple[str, Permission]]:
        """The patterns of workflows with the least role for each, in their order."""
        return [(pattern, _permission(role)) for pattern, role in self.workflows.items()]

    def attempts(self, workflow: str, names: Sequence[str]) -> int:
        """How often a job is tried in all, by itself; *names* are what it goes by."""
        fitting = (
            int(rule.attempts)
            for rule in self.retry
            if _fits(rule.workflow, workflow)
            and any(path_patterns.read(rule.job).matches(name.rpartition(":")[2]) for name in names)
        )
        return next(fitting, 1)

    def lets(self, bot: str) -> bool:
        """Whether the comments of this bot are read."""
        names = {login.lower() for login in self.bots}
        return bot.lower() in names | {f"{name}[bot]" for name in names}

    def expand(self, line: str) -> str:
        """A command line with the alias that it begins with, if any, expanded."""
        word = first_word(line)
        expansion = self.aliases.get(visible(word.text).lower()) if word else None
        if word is None or expansion is None:
            return line
        return expansion.strip() + line[line.index(word.typed) + len(word.typed) :]


# What msgspec knows of a type it makes when that is first used, and two threads that do so at the
# same time end the process (msgspec 0.22; `tests/rules/test_threads.py`). So it is used here once.
msgspec.convert({}, Config)


def _listed(given: str | list[str]) -> list[str]:
    return [given] if isinstance(given, str) else given


def parse(text: str, verbs: Mapping[str, type]) -> Config:
    """The config in *text*; raises BadConfig. *verbs* are the commands' arguments, by verb."""
    if len(text) > MAX_LENGTH:
        raise BadConfig(Fault(f"longer than {MAX_LENGTH} characters"))
    try:
        document, lines = safe_yaml.load_with_lines(text, 2 * MAX_LENGTH)
    except safe_yaml.BadYaml as wrong:
        raise BadConfig(Fault(str(wrong))) from wrong
    # An empty file is a file without rules; its document is an empty string or None.
    document = document if document not in ("", None) else {}
    faults = list(islice(config_shape.faults(document, Config), MAX_FAULTS))
    if len(faults) == MAX_FAULTS:
        raise BadConfig(*(Fault(problem, _key(path), lines.get(path)) for path, problem in faults))
    places = {path[:2] for path, _ in faults}
    config = msgspec.convert(_without(document, places), Config)
    for path, problem in _faults(config, verbs):
        if not _follows(path, places, config):
            faults.append((_as_in_file(path, places), problem))
    if faults:
        found = (Fault(problem, _key(path), lines.get(path)) for path, problem in faults)
        raise BadConfig(*sorted(found, key=lambda fault: fault.line or 0))
    return config


def _without(document: object, wrong: Collection[safe_yaml.Path]) -> object:
    """What is left of a document when the entries with faults are left out: their places are a
    section's name, and the key or number in it."""
    if not isinstance(document, dict) or () in wrong:
        return {}
    left: dict[str, object] = {}
    for key, value in document.items():
        if (key,) in wrong:
            continue
        left[key] = value
        if isinstance(value, dict):
            left[key] = {name: one for name, one in value.items() if (key, name) not in wrong}
        elif isinstance(value, list):
            left[key] = [one for place, one in enumerate(value) if (key, place) not in wrong]
    return left


def _as_in_file(path: safe_yaml.Path, wrong: Collection[safe_yaml.Path]) -> safe_yaml.Path:
    """A place in what is left, as it is counted in the file."""
    if len(path) < 2 or not isinstance(path[1], int):
        return path
    place = path[1]
    left_out = [one[1] for one in wrong if len(one) > 1 and one[0] == path[0]]
    for one in sorted(number for number in left_out if isinstance(number, int)):
        place += one <= place
    return (path[0], place, *path[2:])


def _follows(path: safe_yaml.Path, wrong: Collection[safe_yaml.Path], config: Config) -> bool:
    """Whether a fault only follows from another: the line of an automation begins with an alias
    that has one."""
    if path[0] != "automations" or path[-1] != "do" or not isinstance(path[1], int):
        return False
    word = first_word(config.automations[path[1]].do)
    return word is not None and ("aliases", word.text.lower()) in wrong


def _key(path: safe_yaml.Path) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def schema() -> dict[str, Any]:
    """The file's JSON Schema."""
    made = msgspec.json.schema(Config)
    # What is read here are texts; in the file it is a number.
    made["$defs"]["RetryRule"]["properties"]["attempts"] |= {"enum": [2, 3, 4, 5], "default": 2}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "depot-bot: .github/depot-bot.yml",
        **made,
    }


def _faults(config: Config, verbs: Mapping[str, type]) -> Iterator[tuple[safe_yaml.Path, str]]:
    """What the types cannot express: where, and what is wrong."""
    if re.fullmatch(_DURATION, config.notify.after) is None:
        yield ("notify", "after"), f"{config.notify.after!r} is no time such as `90s` or `2m`"
    guarded = [name for command in verbs.values() for name in guarded_arguments(command)]
    for verb, given in config.permissions.items():
        if verb not in verbs and verb not in guarded:
            hint = config_shape.did_you_mean(verb, [*verbs, *guarded])
            yield ("permissions", verb), f"there is no command {verb!r}{hint}"
        for place, who in enumerate(_listed(given)):
            if who not in ROLES and not _WHO.fullmatch(who):
                hint = config_shape.did_you_mean(who, [*ROLES, AUTHOR])
                problem = f"{who!r} is no role, `author`, `@user` or `@org/team`{hint}"
                yield ("permissions", verb, place), problem
    if len(config.teams) > MAX_TEAMS:
        yield ("permissions",), f"at most {MAX_TEAMS} teams go here"
    for pattern in config.workflows:
        problem = _workflow_problem(pattern) or _shadowed(pattern, list(config.workflows))
        if problem:
            yield ("workflows", pattern), problem
    for place, rule in enumerate(config.retry):
        if problem := _workflow_problem(rule.workflow):
            yield ("retry", place, "workflow"), problem
        if problem := _pattern_problem(rule.job):
            yield ("retry", place, "job"), problem
    for place, login in enumerate(config.bots):
        if not _LOGIN.fullmatch(login):
            yield ("bots", place), f"{login!r} is no login"
    for name, line in config.aliases.items():
        if name in verbs or name in {CHECK_CONFIG, CANCEL_OUTDATED} or not _ALIAS.fullmatch(name):
            yield ("aliases", name), f"{name!r} cannot be an alias"
        elif problem := _line_problem(line, verbs):
            yield ("aliases", name), problem
    for index, automation in enumerate(config.automations):
        for key, problem in _automation_faults(automation, config, verbs):
            yield ("automations", index, key), problem


def _automation_faults(
    automation: Automation, config: Config, verbs: Mapping[str, type]
) -> Iterator[tuple[str, str]]:
    if automation.label and automation.on != "labeled":
        yield "label", "`label` goes with `on: labeled`"
    if problem := _branch_problem(automation.base):
        yield "base", problem
    problems = map(_path_problem, automation.paths)
    if problem := next(filter(None, problems), ""):
        yield "paths", problem
    elif automation.paths and all(pattern.startswith("!") for pattern in automation.paths):
        yield "paths", "patterns with `!` only let nothing through: one without it comes first"
    if problem := _line_problem(config.expand(automation.do), verbs):
        yield "do", problem


def _workflow_problem(pattern: str) -> str:
    """Why a pattern of workflow names can match none; empty when it can."""
    if pattern == INLINE:
        return ""
    if pattern.startswith("!"):
        return "the first pattern that fits counts, so none excludes with `!`"
    name = file_name(visible(pattern))
    inside = name.removeprefix("**/")
    if "/" in inside or not inside:
        hint = " (Depot reads .depot/workflows only)" if ".github" in name else ""
        return f"{pattern!r} can match no workflow: they stand side by side in one folder{hint}"
    if name != name.strip() or set(name) & set("\\,{"):
        return f"{pattern!r} is no name or pattern of one workflow file: write a line for each"
    return _pattern_problem(name)


def _shadowed(pattern: str, patterns: Sequence[str]) -> str:
    """Why a rule for one workflow is never reached; empty when it is."""
    if set(pattern) & set("*?+["):
        return ""
    name = file_name(visible(pattern))
    for earlier in patterns[: patterns.index(pattern)]:
        if earlier != INLINE and not _workflow_problem(earlier) and _fits(earlier, name):
            return f"it is never reached, since {earlier!r} above fits it as well: put it above"
    return ""


def _branch_problem(pattern: str) -> str:
    if pattern.startswith("refs/"):
        return f"{pattern!r} can match no branch: its name stands without `refs/heads/`"
    if pattern.startswith("!"):
        return "one pattern is given here, so it cannot exclude with `!`"
    return _pattern_problem(pattern)


def _path_problem(pattern: str) -> str:
    path = pattern.removeprefix("!")
    if path.startswith(("/", "./")) or path.endswith("/") or "//" in path:
        return f"{pattern!r} can match no file: paths begin at the root, as in `src/**`"
    return _pattern_problem(path)


def _pattern_problem(pattern: str) -> str:
    try:
        path_patterns.read(pattern)
    except path_patterns.BadPattern as wrong:
        return str(wrong)
    return ""


def _line_problem(line: str, verbs: Mapping[str, type]) -> str:
    if len(line) > MAX_LINE:
        return f"a command line longer than {MAX_LINE} characters"
    typed = line.strip()
    is_one_line = "\0" not in typed and "\n" not in typed and typed != ""
    if not is_one_line or isinstance(parse_command(typed, verbs), Misreading):
        return f"{line!r} is no command line"
    return ""


def _fits(pattern: str, name: str) -> bool:
    """Whether a pattern is one for this workflow file, which commands may name without its folder
    and suffix; whatever the case, since a guard that misses by a capital letter lets all through.
    """
    typed = path_patterns.read(file_name(visible(pattern)), any_case=True)
    seen = visible(name).lower()
    stem = seen.removesuffix(".yml").removesuffix(".yaml")
    return typed.matches(seen) or typed.matches(stem)


def _permission(role: Role) -> Permission:
    return Permission.NONE if role == "anyone" else Permission[role.upper()]
