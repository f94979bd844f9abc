"""Why a command was refused: one message each, in Markdown, with what to type instead.

Untrusted text is shown through `bot.messages.markdown` only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bot.core import errors
from bot.core.errors import Misreading
from bot.core.models import TrackedRun
from bot.core.runs import Job
from bot.core.types import WORKFLOW_FOLDER, Detail, Permission, Sha
from bot.messages.markdown import code, fence
from bot.messages.phrases import commit, dashboard, job_name, name_list, run_name, typed
from bot.messages.redaction import mask
from bot.messages.reply import CONFIG_PATH
from bot.parsing.arguments import usage
from bot.parsing.comments import MAX_COMMANDS

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")


def misreading(wrong: Misreading, verbs: Mapping[str, type], aliases: Sequence[str] = ()) -> str:
    """What is wrong with a line, and what was probably meant. *aliases* are the repository's."""
    match wrong:
        case errors.UnknownCommand(_, verb, closest):
            mistake = f"There is no command {code(verb)}."
            if closest:
                return f"{mistake} Did you mean {typed(closest)}?"
            if _NAME.fullmatch(verb):
                mistake += (
                    f" If it is a workflow: {typed(f'run {verb}')}; "
                    f"if it is a job: {typed(f'run job={verb}')}."
                )
            return f"{mistake} There are: {name_list([*verbs, *aliases])}."
        case errors.UnknownArgument(_, verb, name, closest):
            hint = f" Did you mean {code(closest)}?" if closest else ""
            mistake = f"{code(verb)} knows no {code(name)}.{hint}"
        case errors.UnexpectedArgument(_, verb, value, instead):
            hint = f" Did you mean {code(instead)}?" if instead else ""
            mistake = f"{code(verb)} has no place for {code(value)}.{hint}"
        case errors.RepeatedArgument(_, verb, name):
            mistake = f"{code(name)} is given twice."
        case errors.MissingArgument(_, verb, name):
            mistake = f"{code(verb)} needs {code(name)}."
        case errors.BadValue(_, verb, name, problem):
            mistake = f"{code(name)}: {problem}."
        case errors.BadQuote(_, problem):
            example = code('message="two words"')
            return f"{problem}. A value with spaces stands in quotes, as in {example}."
        case _:
            return "That line cannot be read."
    return f"{mistake} Usage: {code('/depot ' + usage(verb, verbs[verb]))}"


def misread(wrong: Misreading, verbs: Mapping[str, type], aliases: Sequence[str]) -> str:
    """The same as an answer to a comment, whose author may want to mend it."""
    said = misreading(wrong, verbs, aliases)
    end = "" if said.endswith((".", "?")) else "."
    return f"{said}{end} Write it as a new comment: edits are not read."


def too_many_commands() -> str:
    return f"A comment may hold {MAX_COMMANDS} commands. Nothing of this one was done."


def too_late(minutes: int, *, is_begun: bool = False) -> str:
    """*is_begun* says that a part of it was done in time."""
    return (
        f"{minutes} minutes have passed since this was written, so nothing "
        f"{'more ' if is_begun else ''}was run. Write it again if it is still wanted."
    )


def not_permitted(
    verb: str,
    needs: Permission,
    has: Permission,
    may: Sequence[str],
    named: Sequence[str] = (),
) -> str:
    """*may* are the commands that the author may use, *named* who else may use this one."""
    have = "you have none" if has is Permission.NONE else f"you have {code(has.word)}"
    instead = f" You may use {name_list(may)}." if may else ""
    others = f", or to be {name_list(named)}" if named else ""
    role = f"the {code(needs.word)} role in this repository"
    return f"{code(verb)} needs {role}{others}; {have}.{instead}"


def rate_limited(who: str, limit: int) -> str:
    return (
        f"{who.capitalize()} had {limit} commands in the last hour, which is what this bot's "
        "operator allows. Try again later."
    )


def too_many_runs(had: int, limit: int) -> str:
    return (
        f"This repository had {had} runs from commands in the last hour, and this bot's operator "
        f"allows {limit}; this would be more, so nothing was run. Try again later."
    )


def command_not_allowed(verb: str, named: Sequence[str] = ()) -> str:
    """*named* are those who may."""
    if named:
        return (
            f"This repository allows {code(verb)} to {name_list(named)} only "
            f"(see {code(CONFIG_PATH)})."
        )
    return f"This repository does not allow {code(verb)} (see {code(CONFIG_PATH)})."


def workflow_not_allowed(name: str) -> str:
    return f"This repository does not let {code(name)} be run here (see {code(CONFIG_PATH)})."


def workflow_not_permitted(name: str, needs: Permission, has: Permission) -> str:
    have = "you have none" if has is Permission.NONE else f"you have {code(has.word)}"
    return f"{code(name)} needs the {code(needs.word)} role here (see {code(CONFIG_PATH)}); {have}."


def not_shown(detail: Detail) -> str:
    rule = code(f"show: [{detail.value}]")
    return (
        f"This repository is public, and {rule} is not in its {code(CONFIG_PATH)}, so it is not "
        f"quoted here. Read it at {dashboard()}, which needs a login."
    )


def bad_config(path: str, why: str) -> str:
    return (
        f"{code(path)} on the default branch is broken, and without its rules nothing is done: "
        f"{code(why, limit=300)}."
    )


def pull_request_closed() -> str:
    return "This pull request is closed. Reopen it to run anything on its head."


def head_unknown() -> str:
    return "GitHub names no commit as this pull request's head yet. Try again in a moment."


def pin_is_stale(pinned: Sha, head: Sha, again: str) -> str:
    return (
        f"{commit(pinned)} is not the head of this pull request: that is {commit(head)} now. "
        f"If you have read it: {code(again, limit=300)}"
    )


def head_moved(was: Sha, head: Sha, again: str) -> str:
    return (
        f"The head moved from {commit(was)} to {commit(head)} meanwhile, so nothing was run. "
        f"If you have read it: {code(again, limit=300)}"
    )


def head_newer(head: Sha, again: str) -> str:
    return (
        f"The head is {commit(head)}, pushed after or just before the command was written, "
        f"so nothing was run. If you have read it: {code(again, limit=300)}"
    )


def head_undated(head: Sha, again: str) -> str:
    return (
        f"It cannot be told since when {commit(head)} is the head, so nothing was run. "
        f"If you have read it: {code(again, limit=300)}"
    )


def fork_refused() -> str:
    return (
        "The head is in a fork, and this repository runs no commit of a fork. "
        f"{code('forks: pinned')} in {code(CONFIG_PATH)} on the default branch would allow it "
        "for commits that a writer names."
    )


def fork_needs_sha(again: str) -> str:
    return (
        "The head is in a fork: its code and its workflow files are somebody else's. "
        f"Read them, then name the commit: {code(again, limit=300)}"
    )


def fork_needs_writer() -> str:
    return f"A fork's commit runs only when somebody with the {code('write')} role names it."


def no_workflows(sha: Sha) -> str:
    return f"There are no workflow files in {code(WORKFLOW_FOLDER)} at {commit(sha)}."


def unknown_workflow(typed: str, sha: Sha, names: Sequence[str], closest: str | None) -> str:
    hint = f" Did you mean {code(closest)}?" if closest else ""
    elsewhere = (
        f" Depot reads {code(WORKFLOW_FOLDER)} only." if typed.startswith(".github/") else ""
    )
    return (
        f"There is no workflow {code(typed)} at {commit(sha)}.{hint}{elsewhere} "
        f"There are: {name_list(names)}."
    )


def ambiguous_workflow(typed: str, names: Sequence[str]) -> str:
    return f"{code(typed)} may mean {name_list(names)}. Name one of them."


def unknown_job(job: str, workflow: str, keys: Sequence[str], closest: str | None) -> str:
    hint = f"; did you mean {code(closest)}?" if closest else "."
    return f"{code(workflow)} has no job {code(job)}{hint} It has: {name_list(keys)}."


def unreadable_workflow(workflow: str, sha: Sha, why: str) -> str:
    return f"{code(workflow)} at {commit(sha)} cannot be read as a workflow: {code(why)}."


def depot_refused(code_: str, message: str) -> str:
    """A refusal by Depot. Its message is shown; no code depends on it."""
    shown = f":\n\n{fence(mask(message[:2000]))}" if message else "."
    hints = {
        "permission_denied": "Depot does not let this bot's token do that.",
        "not_found": "Depot does not find the repository or the commit. "
        "Is the repository connected to Depot?",
        "unimplemented": "Depot's API was not found where this bot looks for it.",
    }
    lead = hints.get(code_, "Depot refused to start it.")
    return f"{lead} Depot answered {code(code_)}{shown}"


def github_refused(reference: str, lacking: str = "") -> str:
    """*lacking* are the permissions that GitHub names, such as `contents=read`."""
    need = ", which needs the permission " + code(lacking.replace("=", ": ")) if lacking else ""
    return (
        f"GitHub does not let this bot see or do what that needs{need}. "
        f"Its operator finds more in the log under {code(reference)}."
    )


def fork_inline() -> str:
    return "YAML from a comment is not run on a fork's commit."


def fork_dispatch() -> str:
    return (
        "The head branch is in a fork, and a dispatch takes a branch of this repository. "
        f"{code('/depot run')} can run a fork's commit."
    )


def unreadable_block(number: int, why: str) -> str:
    return f"YAML block {number} cannot be read as a workflow: {code(why)}."


def job_needs_one_block() -> str:
    return "A job belongs to one workflow, and there are several YAML blocks."


def not_dispatchable(workflow: str) -> str:
    return (
        f"{code(workflow)} has no {code('workflow_dispatch')} trigger at the head. "
        f"{code('/depot run ' + workflow)} needs none."
    )


def unknown_input(name: str, workflow: str, names: Sequence[str], closest: str | None) -> str:
    hint = f"; did you mean {code(closest)}?" if closest else "."
    has = f" It has: {name_list(names)}." if names else " It has none."
    return f"{code(workflow)} has no input {code(name)}{hint}{has}"


def bad_input(
    name: str, value: str, problem: str, options: Sequence[str], closest: str | None
) -> str:
    hint = f" Did you mean {code(closest)}?" if closest else ""
    has = f" They are: {name_list(options)}." if options else ""
    return f"{code(name)} cannot be {code(value)}: {problem}.{hint}{has}"


def missing_inputs(workflow: str, names: Sequence[str]) -> str:
    example = " ".join(f"{name}=VALUE" for name in names)
    return f"{code(workflow)} needs {name_list(names)} as well: add {code(example, limit=300)}."


def yaml_not_own() -> str:
    return (
        "This comment holds YAML, or the name of a workflow file on a line of its own, and it is "
        "not plain whether that is meant or all workflows, so nothing was run. To run the YAML, "
        "put it into a fenced block marked `yaml` right below "
        f"the line {code('/depot run')}; to run workflows of the repository, name them, as in "
        f"{code('/depot run ci.yml')}, or write the command in a comment without YAML."
    )


def hint(line: str) -> str:
    """For a line that is no command and was probably meant as one."""
    return (
        "If that was meant for me: a command is a line that begins with "
        f"{code('/depot')}, outside lists, headings, quotes and code. Write it as a new comment, "
        f"since edits are not read: {code('/depot ' + line, limit=300)}"
    )


def which_run(verb: str, runs: Sequence[TrackedRun]) -> str:
    """Several runs could be meant: the lines to copy."""
    lines = [f"- {code(f'/depot {verb} {run.run.run_id}')} ({run_name(run)})" for run in runs]
    return "Several runs could be meant. Copy one of these lines:\n\n" + "\n".join(lines)


def job_goes_with_one_workflow() -> str:
    return f"{code('job=')} goes with one workflow: write a line for each."


def times_needs_job(instead: str) -> str:
    return f"{code('times=')} goes with one job of one workflow file: {code(instead, limit=300)}"


def alias_changed() -> str:
    return (
        "The alias stands for something else by now in the repository's configuration, so no more "
        "runs are started."
    )


def never_compiles() -> str:
    return "The workflow does not compile, so no more runs are started."


def job_of_several(job: str, workflows: Sequence[str]) -> str:
    lines = [f"- {code(f'/depot run {name} job={job}', limit=300)}" for name in workflows]
    return f"{code(job)} is a job of several workflows. Copy one of these lines:\n\n" + "\n".join(
        lines
    )


def job_of_none(job: str, sha: Sha, keys: Sequence[str], closest: str | None) -> str:
    hint = f" Did you mean {code(closest)}?" if closest else ""
    return (
        f"No workflow at {commit(sha)} has a job {code(job)}.{hint} There are: {name_list(keys)}."
    )


def jobs_of_different_workflows() -> str:
    return "These jobs are not all of one workflow: write a line for each workflow."


def word_is_a_job(instead: str) -> str:
    """A further word names a job of the first workflow."""
    return f"A job is named with {code('job=')}: {code(instead, limit=300)}"


def rerun_failed() -> str:
    return f"{code('/depot retry')} starts what failed again; {code('/depot rerun')} everything."


def no_run() -> str:
    return f"There is no run on this pull request's head. {code('/depot run')} starts one."


def no_run_of(workflow: str) -> str:
    return (
        f"There is no run of {code(workflow)} on this pull request's head. "
        f"{code('/depot run ' + workflow)} starts one."
    )


def unknown_run(run_id: str) -> str:
    return f"There is no run {code(run_id)} in this repository."


def unknown_job_of_run(job: str, run: TrackedRun, keys: Sequence[str], closest: str | None) -> str:
    hint = f"; did you mean {code(closest)}?" if closest else "."
    has = f" It has: {name_list(keys)}." if keys else " It has no jobs yet."
    return f"Run {run_name(run)} has no job {code(job)}{hint}{has}"


def ambiguous_job(job: str, keys: Sequence[str]) -> str:
    return f"{code(job)} may mean {name_list(keys)}. Name one of them."


def which_job(run: TrackedRun, keys: Sequence[str]) -> str:
    has = f"It has: {name_list(keys)}." if keys else "It has no jobs yet."
    return f"Name a job of run {run_name(run)}, as in {code('job=KEY')}. {has}"


def cannot_retry_alone(job: Job, run: TrackedRun) -> str:
    return (
        f"{job_name(job, run)} cannot be retried alone now: perhaps jobs behind it have started. "
        f"{code('/depot retry ' + run.run.run_id)} retries all that failed."
    )


def trying(who: str) -> str:
    return f"{who} does not answer right now; still trying."


def trying_token(who: str) -> str:
    return (
        f"{who} does not take this bot's credentials right now; still trying. "
        "If that lasts, the bot's operator has to look at it."
    )


def long_trouble(who: str, minutes: int) -> str:
    """Why something is given up."""
    return f"{who} did not answer for {minutes} minutes"


def long_pause(who: str, minutes: int) -> str:
    """The same, where they say that it takes too long."""
    return f"{who} asks for a pause of {minutes} minutes"


def gave_up(why: str, reference: str) -> str:
    return (
        f"{why}, so this was given up and nothing was run. "
        f"Write the command again later. (Reference: {code(reference)})"
    )


def gave_up_in_doubt(why: str, reference: str) -> str:
    return (
        f"{why}, so this was given up. It may or may not have been done; "
        f"{code('/depot status')} tells. (Reference: {code(reference)})"
    )


def gave_up_the_rest(why: str, reference: str) -> str:
    return f"{why}, so no more runs are started. (Reference: {code(reference)})"


def internal_error(reference: str) -> str:
    return (
        "Something went wrong inside the bot, and this was not done. "
        f"Its operator finds it in the log under {code(reference)}."
    )
