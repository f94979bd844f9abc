"""`depot-bot demo`: the real bot on a simulated GitHub and Depot, and a conversation to watch.

Everything is real but the other side: the bot runs as a process of its own with its ledger on
disk, GitHub's webhooks are signed and sent over HTTP, and so are all calls of the bot.
`playground` is the stage with the bot on it, `Onlooker` tells what happens there, `Play` is the
story.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import sys
import textwrap
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from bot.demo.servers import BotFailed, BotProcess, bot_serving, meanwhile, serving
from bot.demo.simulators.depot import Call
from bot.demo.simulators.github import Comment, Delivery, DeliveryOutcome, PullRequest
from bot.demo.simulators.github.events import Commented, Event, PullRequestChanged
from bot.demo.stage import REACTIONS, Stage
from bot.messages import reply as reply_message
from bot.messages.markdown import find_hidden
from bot.messages.mentions import announces

REPO = "octo/hello"
PULL = 1

ROLES = {"maya": "maintain", "alice": "write", "rita": "read"}

CI = """\
name: CI
on: [push, pull_request]
jobs:
  build:
    runs-on: depot-ubuntu-latest
    steps: [{run: make build}]
  lint:
    runs-on: depot-ubuntu-latest
    steps: [{run: make lint}]
  test:
    runs-on: depot-ubuntu-latest
    steps: [{run: make test}]
"""
E2E = """\
name: End to end
on: workflow_dispatch
jobs:
  browser:
    runs-on: depot-ubuntu-latest
    steps: [{run: make browser}]
"""
FILES = {
    "README.md": "# hello\n",
    "basket.py": "def total(prices):\n    return sum(prices)\n",
    ".depot/workflows/ci.yml": CI,
    ".depot/workflows/e2e.yml": E2E,
}

STORY_SECONDS = 16.0
"""When this is over, what has not happened is missing: the whole demo stays below 20 seconds."""

STEP_SECONDS = 6.0
"""How long one thing may take to happen."""

LOOK_SECONDS = 0.02
"""How often we look whether something has happened."""

EXIT_STOPPED = 130
"""Exit status after Ctrl-C, as shells have it."""


def play() -> int:
    """Play the conversation; the exit status is 0 when everything happened as expected."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without 👀 is no reason to fail
    screen = Screen(colours=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    try:
        return asyncio.run(_play(screen))
    except BotFailed as failure:
        screen.failure(str(failure))
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        screen.failure("Stopped.")
        return EXIT_STOPPED
    except BrokenPipeError:
        # The reader of the output has left (`| head`). Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


async def _play(screen: Screen) -> int:
    stop_on_signals()
    screen.opening()
    async with playground() as ground:
        screen.servers(ground)
        onlooker = Onlooker(ground.stage, screen)
        async with meanwhile(onlooker.watch()):
            story = Play(ground, onlooker, screen, deadline=time.monotonic() + STORY_SECONDS)
            await story.play()
        onlooker.look()
        screen.summary(story)
        return 1 if story.missing else 0


def stop_on_signals() -> None:
    """Clean up when killed, too; asyncio does so for Ctrl-C by itself."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


# --- the stage, and the bot on it ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Playground:
    """Simulated GitHub and Depot as servers, and the bot between them."""

    stage: Stage
    github_url: str
    depot_url: str
    bot: BotProcess

    @property
    def pull(self) -> PullRequest:
        return self.stage.github.pull(REPO, PULL)


@asynccontextmanager
async def playground() -> AsyncIterator[Playground]:
    """All of it running, with webhooks being delivered; all gone at the end."""
    async with httpx.AsyncClient(trust_env=False) as hook_client:  # no proxy to loopback
        stage = set_up(hook_client)
        with TemporaryDirectory(prefix="depot-bot-demo-") as folder:
            async with (
                serving(stage.github.app) as github_url,
                serving(stage.depot.app) as depot_url,
                bot_serving(
                    stage.environment(
                        github_url=github_url,
                        depot_url=depot_url,
                        database_url=f"sqlite:///{folder}/ledger.db",
                    ),
                    Path(folder),
                ) as bot,
                meanwhile(stage.github.keep_delivering(f"{bot.url}/webhook")),
            ):
                yield Playground(stage, github_url, depot_url, bot)


def set_up(hook_client: httpx.AsyncClient) -> Stage:
    """A repository with two workflows, its people, and a pull request an hour old."""
    clock = _StageClock(behind=3600.0)
    stage = Stage(now=clock.now, jwt_now=time.time, hook_client=hook_client)
    stage.github.repository(REPO, FILES, internal=True)
    for login, role in ROLES.items():
        stage.github.role(REPO, login, role)
    stage.github.pull_request(
        REPO,
        "alice",
        branch="discount",
        files={"basket.py": "def total(prices):\n    return sum(prices) * 0.9\n"},
        title="Take the discount off",
    )
    stage.depot.plan(queued=0.2, seconds=1.0)
    clock.behind = 0.0
    return stage


@dataclass(slots=True)
class _StageClock:
    """The machine's clock, a while ago: a pull request is older than the comments under it."""

    behind: float

    def now(self) -> float:
        return time.time() - self.behind


# --- the story -----------------------------------------------------------------------------------


@dataclass
class Play:
    """What people do, and what is expected of the bot. What does not happen is `missing`."""

    ground: Playground
    onlooker: Onlooker
    screen: Screen
    deadline: float
    """By `time.monotonic`."""
    asked: list[Comment] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    async def play(self) -> None:
        await self.one_job_while_others_ask()
        failed = await self.a_failure_and_a_push()
        await self.a_retry_and_a_lost_answer(failed)
        await self.several_commands()
        await self.nothing_else()

    async def one_job_while_others_ask(self) -> None:
        self.scene("One job of one workflow; meanwhile somebody who may not, and a slip")
        ran = await self.asks("alice", "/depot run ci.yml job=test")
        refused = await self.asks("rita", "/depot run ci.yml")
        self.check(
            "rita, who may only read, was refused with the role that it takes",
            self.started(refused) == 0 and "needs the `write` role" in self.reply(refused),
        )
        slip = await self.asks("alice", "/depot rum ci.yml")
        self.check(
            "the slip was answered with what was probably meant",
            self.started(slip) == 0 and "Did you mean `/depot run ci.yml`?" in self.reply(slip),
        )
        await self.ends(ran, "finished")
        listed = await self.asks("rita", "What is there to run?\n\n/depot list")
        self.check(
            "anyone may ask for the list of workflows and jobs",
            all(job in self.reply(listed) for job in ("build", "lint", "test", "browser")),
        )

    async def a_failure_and_a_push(self) -> Comment:
        self.scene("A run that fails, and a push while it runs")
        depot = self.ground.stage.depot
        depot.plan(
            workflow="e2e.yml",
            outcome="failed",
            log=["$ make browser", "basket.spec: the total is 4, expected 3", "1 failed"],
            error_message="Step 1 exited with code 1",
            diagnosis="The page counts the items before the discount.",
            possible_fix="Count them after the discount.",
        )
        old = self.ground.pull.head_sha
        failed = await self.asks("maya", "/depot run e2e")
        fix = {"basket.py": "def total(prices):\n    return round(sum(prices) * 0.9)\n"}
        self.ground.stage.github.push(REPO, PULL, fix, message="Round the total", by="alice")
        await self.ends(failed, "failed")
        self.check(
            "the push changed nothing about the run before it, which stays on its commit",
            f"on `{old[:7]}`" in self.reply(failed),
        )
        depot.plan(workflow="e2e.yml", outcome="finished", log=["$ make browser", "1 passed"])
        return failed

    async def a_retry_and_a_lost_answer(self, failed: Comment) -> None:
        self.scene("A retry; meanwhile Depot starts a run and breaks off before it can say so")
        run = self.ground.stage.depot.runs[-1]
        retry = await self.asks("maya", f"/depot retry {run.run_id}")
        self.ground.stage.depot.faults.drop("Run")
        calls = len(self.ground.stage.depot.calls_of("Run"))
        lost = await self.asks("alice", "/depot run e2e.yml job=browser")
        await self.ends(lost, "finished")
        self.check(
            "the lost answer led to no second run: the bot found the one it had made",
            self.started(lost) == 1
            and len(self.ground.stage.depot.calls_of("Run")) == calls + 1
            and "this is the run it made" in self.reply(lost),
        )
        await self.ends(failed, "finished")
        self.check(
            "the retry's attempt is in the run's one reply, which keeps the attempt that failed",
            "(attempt 2, asked for by `maya`)" in self.reply(failed)
            and "- Attempt 1: ❌ failed: `browser`" in self.reply(failed)
            and "Its reply" in self.reply(retry),
        )
        await self.happens("a comment that mentions maya", lambda: bool(self.onlooker.mentions()))
        self.check(
            "maya, whose run failed, was told so; nobody else was",
            [comment.body.split(":")[0] for comment in self.onlooker.mentions()] == ["@maya"],
        )

    async def several_commands(self) -> None:
        self.scene("Several commands in one comment, answered in one reply")
        both = await self.asks(
            "maya",
            "Good. Everything once more on the new commit, then I merge.\n\n"
            "/depot run ci.yml\n/depot run e2e.yml",
        )
        await self.ends(both, "finished", "finished")
        head = self.ground.pull.head_sha
        self.check("they ran on the head after the push", f"on `{head[:7]}`" in self.reply(both))

    async def nothing_else(self) -> None:
        """The bot said nothing that nobody asked for, and started nothing either."""
        await asyncio.sleep(0.3)
        stage = self.ground.stage
        runs = sum(self.started(comment) for comment in self.asked)
        self.check(
            f"one reply per comment, edited in place: {len(self.asked)} comments, as many replies",
            len(self.onlooker.replies()) == len(self.asked),
        )
        self.check(
            f"each run was started once: {runs} runs, as many calls of Run",
            runs == len(stage.depot.runs) == len(stage.depot.calls_of("Run")),
        )
        outcomes = stage.github.delivery_log
        self.check(
            f"each of the {len(outcomes)} signed webhooks was accepted",
            all(outcome.status_code == 202 for outcome in outcomes),
        )

    # What people do

    def scene(self, title: str) -> None:
        self.onlooker.look()
        self.screen.scene(title)

    async def asks(self, login: str, body: str) -> Comment:
        """Somebody comments, and gets a reaction and a reply."""
        comment = self.ground.stage.github.comment(REPO, PULL, login, body)
        self.asked.append(comment)
        number = f"#{len(self.asked)}"
        await self.happens(f"👀 on {number}", lambda: bool(comment.reactions))
        await self.happens(f"a reply to {number}", lambda: bool(self.reply(comment)))
        return comment

    async def ends(self, comment: Comment, *states: str) -> None:
        """The reply to a comment comes to show its runs in these states."""
        number = f"#{self.asked.index(comment) + 1}"
        what = f"the reply to {number} shows that what it started is {', '.join(states)}"
        await self.happens(what, lambda: self.states(comment) == list(states))

    # What is expected

    async def happens(self, what: str, happened: Callable[[], bool]) -> None:
        """Wait until it has happened, and note when it has not in time."""
        end = min(time.monotonic() + STEP_SECONDS, self.deadline)
        while not happened() and time.monotonic() < end:
            self.ground.bot.check()
            await asyncio.sleep(LOOK_SECONDS)
        if not happened():
            self.misses(what)

    def check(self, what: str, is_so: bool) -> None:
        if is_so:
            self.checked.append(what)
        else:
            self.misses(what)

    def misses(self, what: str) -> None:
        self.onlooker.look()
        self.missing.append(what)
        self.screen.failure(f"Missing: {what}")

    # What the bot said

    def reply(self, comment: Comment) -> str:
        """The bot's reply to a comment as it is now; empty while there is none."""
        return next((one.body for one in self.onlooker.replies() if _answers(one, comment)), "")

    def states(self, comment: Comment) -> list[str]:
        """The states of the runs that a reply follows, from its hidden part, as a program reads
        them; a run that it only links has another reply."""
        facts = find_hidden(reply_message.MARK, self.reply(comment)) or {"commands": []}
        runs = [run for command in facts["commands"] for run in command["runs"]]
        return [run["state"] for run in runs if "reply" not in run]

    def started(self, comment: Comment) -> int:
        """How many runs a comment has started, as its reply has it."""
        return len(self.states(comment))


def _answers(reply: Comment, comment: Comment) -> bool:
    return (reply_message.answers(reply.body) or "").endswith(f"-{comment.id}")


# --- what is to be seen --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class News:
    """Something that has happened, and how to tell it."""

    at: float
    tell: Callable[[], None]


class Onlooker:
    """Tells on the screen what happens on the stage, in the order in which it happens."""

    def __init__(self, stage: Stage, screen: Screen) -> None:
        self._stage = stage
        self._screen = screen
        self._bot = stage.github.user(f"{stage.credentials.slug}[bot]")
        self._began = stage.github.now()
        self._news: list[News] = []
        self._numbers: dict[int, int] = {}
        self._seen: Counter[str] = Counter()
        self._is_run_lost = False
        stage.github.listen(self._hear)

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Tell what is new."""
        for comment in self._comments():
            for reaction in self._unseen(f"reactions {comment.id}", comment.reactions):
                since = reaction.created_at - comment.created_at
                shown = REACTIONS[reaction.content]
                text = f"{shown} on {self._number(comment)} after {since:.2f} s"
                self._note_beneath(reaction.created_at, f"{self._bot.login}: {text}")
        for outcome in self._unseen("deliveries", self._stage.github.delivery_log):
            self._delivered(outcome)
        for call in self._unseen("calls", self._stage.depot.calls):
            self._called(call)
        news, self._news = self._news, []
        for one in sorted(news, key=lambda one: one.at):
            one.tell()

    def replies(self) -> list[Comment]:
        """The bot's replies."""
        return [comment for comment in self._by_bot() if announces(comment.body) is None]

    def mentions(self) -> list[Comment]:
        """The bot's comments that tell somebody how the runs ended."""
        return [comment for comment in self._by_bot() if announces(comment.body) is not None]

    def _by_bot(self) -> list[Comment]:
        return [comment for comment in self._comments() if comment.author is self._bot]

    def _comments(self) -> list[Comment]:
        return self._stage.github.comments(REPO, PULL)

    def _unseen(self, what: str, things: Sequence[Any]) -> Sequence[Any]:
        first = self._seen[what]
        self._seen[what] = len(things)
        return things[first:]

    def _hear(self, event: Event) -> None:
        """Called as it happens, because a comment's text is another one later."""
        now = self._stage.github.now()
        match event:
            case Commented(action="created", comment=comment) if comment.author is self._bot:
                headline = f"replies to {self._answered(comment)}"
                if announces(comment.body) is not None:
                    headline = "tells who asked how it ended"
                self._note(now, comment.author.login, headline, comment.body)
            case Commented(action="edited", comment=comment) if comment.author is self._bot:
                headline = f"edits its reply to {self._answered(comment)}"
                self._note(now, comment.author.login, headline, comment.body)
            case Commented(action="created", comment=comment):
                self._numbers[comment.id] = len(self._numbers) + 1
                self._is_run_lost = False  # what the bot asks Depot now is about another run
                role = self._stage.github.role_of(comment.issue.repository, comment.author).name
                headline = f"({role}) comments: {self._number(comment)}"
                self._note(now, comment.author.login, headline, comment.body)
            case PullRequestChanged(action="synchronize", pull=pull, sender=sender):
                message = pull.head_repository.commits[pull.head_sha].message
                self._note(now, sender.login, f"pushes {pull.head_sha[:7]}: {message}")
            case _:
                pass

    def _number(self, comment: Comment) -> str:
        return f"#{self._numbers.get(comment.id, '?')}"

    def _answered(self, reply: Comment) -> str:
        """The number of the comment that a reply answers."""
        fitting = (one for one in self._comments() if _answers(reply, one))
        return self._number(next(fitting, reply))

    def _delivered(self, outcome: DeliveryOutcome) -> None:
        if self._is_written_by_people(outcome.delivery):
            result = f"{outcome.status_code} {outcome.response_body}"
            self._note_beneath(outcome.delivered_at, f"GitHub: signed webhook → {result}")

    def _is_written_by_people(self, delivery: Delivery) -> bool:
        is_new_comment = (delivery.event, delivery.action) == ("issue_comment", "created")
        return is_new_comment and delivery.payload["sender"]["login"] != self._bot.login

    def _called(self, call: Call) -> None:
        """Tell of each Run, and how the bot looks for one whose answer was lost."""
        asked = call.request
        on = f"{asked.get('repo')} {str(asked.get('sha'))[:7]}"
        if call.method == "Run":
            self._is_run_lost = call.status is None
            job = f" job={asked['job']}" if "job" in asked else ""
            order = f"Depot: Run {on} {asked.get('workflow', 'all workflows')}{job}"
            self._note_beneath(call.at, f"{order} → {self._outcome(call)}")
            if self._is_run_lost:
                self._note_beneath(call.at, "Depot: the connection breaks, the bot never hears it")
        elif call.method == "ListRuns" and self._is_run_lost:
            self._note_beneath(call.at, f"Depot: ListRuns {on}: has a run begun?")

    def _outcome(self, call: Call) -> str:
        if call.code:
            return call.code
        made = self._stage.depot.runs[self._seen["runs"]]
        self._seen["runs"] += 1
        return made.run_id

    def _note(self, at: float, who: str, headline: str, text: str = "") -> None:
        seconds = at - self._began
        self._news.append(News(at, lambda: self._screen.event(seconds, who, headline, text)))

    def _note_beneath(self, at: float, text: str) -> None:
        self._news.append(News(at, lambda: self._screen.beneath(text)))


# --- the screen ----------------------------------------------------------------------------------

WIDTH = 100
INDENT = " " * 11

FOLD = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
FOLD_LINES = 14
"""How much of a folded block is shown."""

OPENING = """\
depot-bot, a first look. The bot is the real one, with its ledger on disk and signed webhooks.
GitHub and Depot are simulated on this machine: no account and no network is needed, and a run
takes a second or two."""

NEXT = """\
Where to go next
  depot-bot demo --serve   the same, staying up: a pull request in the browser to write under
  README.md                what it does, and how to set it up on GitHub
  config/env.example       all settings; then `depot-bot serve`"""


@dataclass(frozen=True, slots=True)
class Screen:
    """Prints the conversation, as it happens."""

    colours: bool

    def opening(self) -> None:
        self._print(OPENING)

    def servers(self, ground: Playground) -> None:
        bot, pull = ground.bot, ground.pull
        self._print()
        self._print(f"  GitHub   {ground.github_url}")
        self._print(f"  Depot    {ground.depot_url}")
        ready = f"ready after {bot.ready_after:.1f} s"
        self._print(
            f"  the bot  {bot.url}  `python -m bot serve`, process {bot.process.pid}, {ready}"
        )
        self._print()
        self._print(
            f"{REPO}, pull request {PULL} by {pull.author.login}: {pull.title}. "
            f"Its head is {pull.head_sha[:7]}."
        )

    def scene(self, title: str) -> None:
        self._print()
        self._print(self._in("1", f"── {title} ".ljust(WIDTH, "─")))

    def event(self, seconds: float, who: str, headline: str, text: str = "") -> None:
        """Somebody has done something."""
        name = self._in("1;32" if who.endswith("[bot]") else "1;33", who)
        self._print()
        self._print(f"{seconds:6.1f} s   {name} {headline}")
        for line in readable(text, WIDTH - len(INDENT) - 2):
            self._print(f"{INDENT}{self._in('2', '│')} {self._marked(line)}".rstrip())

    def beneath(self, text: str) -> None:
        """What goes on underneath."""
        first, rest = INDENT + "· ", INDENT + "  "
        for line in textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest):
            self._print(self._in("2", line))

    def failure(self, text: str) -> None:
        self._print()
        self._print(self._in("31", text))

    def summary(self, story: Play) -> None:
        stage = story.ground.stage
        commands = sum(comment.body.count("/depot ") for comment in story.asked)
        counted = f"{len(story.asked)} comments, {commands} commands, {len(stage.depot.runs)} runs"
        self.scene(f"That was it: {counted}")
        for what in story.checked:
            self._print(f"  {self._in('32', '✓')} {what}")
        for what in story.missing:
            self._print(f"  {self._in('31', '✗')} missing: {what}")
        if story.missing:
            self.failure(story.ground.bot.log_tail())
        else:
            self._print()
            self._print(NEXT)

    def _marked(self, line: str) -> str:
        """Code and bold as colours, where there are any; else code keeps its backticks."""
        bold = r"\*\*(.+?)\*\*"
        if not self.colours:
            return re.sub(bold, r"\1", line)
        line = re.sub(bold, lambda found: self._in("1", found[1]), line)
        return re.sub(r"`([^`]+)`", lambda found: self._in("36", found[1]), line)

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colours else text

    def _print(self, text: str = "") -> None:
        print(text, flush=True)  # at once, also into a file or a pipe


def readable(markdown: str, width: int) -> list[str]:
    """A comment as a terminal shows it: hidden parts hidden, links by their names only, folded
    blocks opened as far as they are short."""
    text = markdown.replace("\r\n", "\n")
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"\[([^\]]+)\]\([^)\s]+\)", r"\1", text)
    before, *folds = FOLD.split(text)
    lines = _blocks(before, width)
    for summary, body, after in zip(folds[::3], folds[1::3], folds[2::3], strict=True):
        inside = _blocks(body, width - 2)
        more = len(inside) - FOLD_LINES
        lines.append(f"▾ {summary}")
        lines += [f"  {line}".rstrip() for line in inside[:FOLD_LINES]]
        lines += [f"  … {more} more lines"] if more > 0 else []
        lines += _blocks(after, width)
    return lines


def _blocks(text: str, width: int) -> list[str]:
    """Paragraphs, tables and code, one below the other."""
    lines: list[str] = []
    for block in re.split(r"\n{2,}", text.strip()):
        rows = [row for row in block.split("\n") if not row.startswith("```")]
        if lines and block.startswith(">"):
            lines.append("")  # the answer to another command begins here
        if all(row.startswith("|") for row in rows):
            lines += _table(rows)
        else:
            lines += [piece for row in rows for piece in _wrapped(row, width)]
    return lines


def _table(rows: Sequence[str]) -> list[str]:
    """A Markdown table, its columns aligned."""
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    shown = [row for row in cells if not all(re.fullmatch(":?-+:?", cell) for cell in row)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=False)]
    return [
        "  " + "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        for row in shown
    ]


def _wrapped(line: str, width: int) -> list[str]:
    """Wrapped between words, but not within code, which would lose its marks."""
    kept = re.sub(r"`[^`]+`", lambda found: found[0].replace(" ", "\u00a0"), line)
    pieces = textwrap.wrap(kept, width, break_long_words=False, break_on_hyphens=False)
    return [piece.replace("\u00a0", " ") for piece in pieces]
