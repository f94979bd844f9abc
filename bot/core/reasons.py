"""The reason codes: the outcome of a command, for programs, metrics and logs.

Codes are a public interface: they are in the hidden JSON of replies, in `/metrics`, in the
addresses of filtered status pages and in the database. A code never changes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

UNDECIDED = "deciding"
"""Stands in place of a code while a command is not decided."""


class Reason(StrEnum):
    """The outcome of a command: the value is its code, `meaning` one sentence for people."""

    _value_: str
    meaning: str

    def __new__(cls, code: str, meaning: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    # Done.
    STARTED = "started", "A run was started."
    ALREADY_RUNNING = "already-running", "The same is running already: the reply shows that run."
    RERUN = "rerun", "A run was started again as a whole."
    RETRIED = "retried", "Failed jobs of a run were started again."
    CANCELLED = "cancelled", "A run, or a job of it, was cancelled."
    ANSWERED = "answered", "A question was answered."
    CONFIG_CHECKED = "config-checked", "The proposed configuration of the repository was checked."

    # The command itself.
    MISREAD = "misread", "The line is no command that the bot knows."
    HINTED = "hinted", "A line is no command, but was probably meant as one."
    UNKNOWN_COMMAND = "unknown-command", "`help` was asked about a command that does not exist."
    TOO_MANY_COMMANDS = "too-many-commands", "The comment holds more commands than allowed."
    TOO_LATE = "too-late", "The command reached the bot too long after it was written."
    RATE_LIMITED = "rate-limited", "Too many commands in an hour, by a person or in a repository."

    # Authorization.
    REPOSITORY_NOT_ALLOWED = (
        "repository-not-allowed",
        "The bot's operator does not allow this repository.",
    )
    BOT_NOT_ALLOWED = (
        "bot-not-allowed",
        "The comment is by the bot itself, by a bot that the repository does not allow, or by one "
        "that comments too often.",
    )
    NOT_READ = "not-read", "The command needs the role `read`."
    NOT_TRIAGE = "not-triage", "The command needs the role `triage`."
    NOT_A_WRITER = "not-a-writer", "The command needs the role `write`."
    NOT_MAINTAIN = "not-maintain", "The command needs the role `maintain`."
    NOT_ADMIN = "not-admin", "The command needs the role `admin`."
    COMMAND_NOT_ALLOWED = (
        "command-not-allowed",
        "The repository's configuration forbids this command to everybody.",
    )
    WORKFLOW_NOT_ALLOWED = (
        "workflow-not-allowed",
        "The repository's configuration forbids this workflow, to everybody or to this role.",
    )

    NOT_SHOWN = (
        "not-shown",
        "The repository is public, and its configuration does not let this be quoted.",
    )

    # The commit.
    PULL_REQUEST_CLOSED = "pull-request-closed", "The pull request is closed."
    HEAD_UNKNOWN = "head-unknown", "GitHub does not name the head commit."
    HEAD_UNDATED = "head-undated", "It is not known since when this commit is the head."
    HEAD_NEWER = "head-newer", "The head is not older than the command: name its commit."
    HEAD_MOVED = "head-moved", "The head changed while the run was prepared."
    STALE_SHA = "stale-sha", "The commit that was named is not the head."
    FORK_REFUSED = "fork-refused", "The repository runs nothing from forks."
    FORK_NEEDS_SHA = "fork-needs-sha", "The head is in a fork: the command must name its commit."
    FORK_NEEDS_WRITER = (
        "fork-needs-writer",
        "The head is in a fork: the command needs the role `write`.",
    )
    FORK_INLINE = "fork-inline", "YAML in a comment is not run on a fork's code."
    FORK_DISPATCH = "fork-dispatch", "`dispatch` does not work on a branch of a fork."

    # The repository's files.
    BAD_CONFIG = "bad-config", "The repository's configuration is broken."
    NO_WORKFLOWS = "no-workflows", "There are no workflow files at the commit."
    BAD_WORKFLOW = "bad-workflow", "A workflow file, or YAML in the comment, cannot be read."
    UNKNOWN_WORKFLOW = "unknown-workflow", "There is no such workflow file."
    AMBIGUOUS_WORKFLOW = "ambiguous-workflow", "Several workflow files have that name."
    JOB_NEEDS_WORKFLOW = "job-needs-workflow", "A job was named, but not of which workflow."
    TIMES_NEEDS_JOB = "times-needs-job", "Several runs of the same are of one job of one workflow."
    ALIAS_CHANGED = (
        "alias-changed",
        "The alias stands for something else since the first of several runs of the same.",
    )
    YAML_NOT_OWN = (
        "yaml-not-own",
        "The comment holds YAML that is not plainly the command's own, and no workflow was named.",
    )
    NOT_DISPATCHABLE = "not-dispatchable", "The workflow has no `workflow_dispatch`."
    UNKNOWN_INPUT = "unknown-input", "The workflow has no such input."
    BAD_INPUT = "bad-input", "A required input is missing, or a value does not fit its input."

    # Runs and jobs.
    NO_RUN = "no-run", "There is no run to speak of yet."
    WHICH_RUN = "which-run", "Several runs could be meant."
    UNKNOWN_RUN = "unknown-run", "There is no such run in this repository."
    UNKNOWN_JOB = "unknown-job", "There is no such job."
    AMBIGUOUS_JOB = "ambiguous-job", "Several jobs have that name."
    WHICH_JOB = "which-job", "The command needs the name of a job."
    NO_LOG = "no-log", "The job has no log yet."
    STILL_RUNNING = "still-running", "The run is not over yet."
    ALREADY_OVER = "already-over", "The run or job is over: there is nothing to cancel."
    NOTHING_TO_RERUN = "nothing-to-rerun", "The run has nothing that could be started again."
    NOTHING_TO_RETRY = "nothing-to-retry", "Nothing of what was named has failed."
    CANNOT_RETRY_ALONE = "cannot-retry-alone", "Depot does not start this job again by itself."

    # GitHub, Depot and the bot.
    GITHUB_REFUSED = "github-refused", "GitHub refused what the command needs."
    DEPOT_INVALID_ARGUMENT = "depot-invalid_argument", "Depot refused: the request is not valid."
    DEPOT_PERMISSION_DENIED = "depot-permission_denied", "Depot refused: the token may not do this."
    DEPOT_NOT_FOUND = "depot-not_found", "Depot refused: it does not find what was asked for."
    DEPOT_FAILED_PRECONDITION = (
        "depot-failed_precondition",
        "Depot refused: it is not possible as things stand.",
    )
    DEPOT_UNIMPLEMENTED = "depot-unimplemented", "Depot refused: it has no such call."
    DEPOT_ALREADY_EXISTS = "depot-already_exists", "Depot refused: it exists already."
    DEPOT_OUT_OF_RANGE = "depot-out_of_range", "Depot refused: a value is out of range."
    COULD_NOT_ASK = "could-not-ask", "GitHub or Depot did not answer for a long time."
    START_UNKNOWN = "start-unknown", "It is not known whether a run was started."
    START_AMBIGUOUS = "start-ambiguous", "Several runs could be the one that was started."
    INTERNAL_ERROR = "internal-error", "A fault of the bot: its log says more."
    UNKNOWN = "unknown", "Another version of the bot decided this, with a code not listed here."

    @property
    def is_refusal(self) -> bool:
        """Whether the command led to nothing of what it asked for."""
        return self not in _DONE

    @classmethod
    def from_code(cls, code: str) -> Reason:
        """The reason with this code; UNKNOWN for a code that this version does not have."""
        return _BY_CODE.get(code, cls.UNKNOWN)

    @classmethod
    def from_depot(cls, code: str) -> Reason:
        """The reason for a refusal by Depot with this error code."""
        return cls.from_code(f"depot-{code}")


_DONE = frozenset(
    {
        Reason.STARTED,
        Reason.ALREADY_RUNNING,
        Reason.RERUN,
        Reason.RETRIED,
        Reason.CANCELLED,
        Reason.ANSWERED,
        Reason.CONFIG_CHECKED,
    }
)
_BY_CODE = {reason.value: reason for reason in Reason}


def code(reason: Reason | None) -> str:
    """The reason's code; UNDECIDED while there is none."""
    return UNDECIDED if reason is None else reason.value
