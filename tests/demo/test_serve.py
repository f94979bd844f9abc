"""`depot-bot demo --serve`: what the page can do, for whom, and that Ctrl-C ends it cleanly."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.commands import COMMANDS
from bot.demo.play import PULL, REPO
from bot.demo.scene import ACTIONS, CONFIG, FAILURES, LABEL, PEOPLE, NextRun, Scene
from bot.demo.serve import HEADERS, WebPage, is_local, page_here
from bot.demo.simulators.depot import Run
from bot.demo.stage import Stage
from bot.messages.markdown import hidden
from bot.rules.known_failures import signature
from bot.rules.repository_config import parse

pytestmark = pytest.mark.anyio

BOT = "depot-bot[bot]"


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return Scene(stage)


@pytest.fixture
async def client(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    app = WebPage(scene, status_url="http://127.0.0.1:8/").app()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:9"
    ) as client:
        yield client


async def news(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/pull/1/news")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def entries(client: httpx.AsyncClient) -> list[str]:
    return [entry["html"] for entry in (await news(client))["entries"]]


# --- the page ------------------------------------------------------------------------------------


async def test_the_page(client: httpx.AsyncClient) -> None:
    assert (await client.get("/")).headers["location"] == "/pull/1"
    html = (await client.get("/pull/1")).text
    for login, role in PEOPLE.items():
        assert f'value="{login}"' in html
        assert f">{login} · {role}</option>" in html
    assert set(re.findall(r'data-action="(\w+)"', html)) == set(ACTIONS)
    assert 'href="http://127.0.0.1:8/"' in html
    for path in re.findall(r'(?:href|src)="(/[^"]+)"', html):
        assert (await client.get(path)).status_code == 200
    assert "style=" not in html
    assert not re.search(r"<script(?! src=)", html)
    assert not re.search(r"\son\w+=", html)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/pull/1",
        "/pull/1/news",
        "/depot",
        "/depot/nothing",
        "/static/demo.js",
        "/static/nothing",
    ],
)
async def test_headers(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]


async def test_a_comment(client: httpx.AsyncClient, stage: Stage) -> None:
    assert await entries(client) == []
    sent = {"who": "rita", "text": "A **word**\nand <script>alert(1)</script>\n\n/depot list"}
    assert (await client.post("/pull/1/comment", json=sent)).status_code == 204
    (comment,) = stage.github.comments(REPO, PULL)
    assert comment.author.login == "rita"
    assert comment.body.endswith("\r\n\r\n/depot list")
    (html,) = await entries(client)
    assert "<strong>rita</strong>" in html
    assert "<strong>word</strong><br" in html
    assert "&lt;script&gt;" in html
    assert "<script" not in html


async def test_what_the_bot_says(client: httpx.AsyncClient, stage: Stage) -> None:
    comment = stage.github.comment(REPO, PULL, "alice", "<details><summary>x</summary>")
    thread = stage.github.thread(REPO, PULL)
    text = "Run.\n\n<details><summary>Why</summary>\n\nlog\n\n</details>\n\n"
    reply = stage.github.add_comment(
        thread, stage.github.user(BOT), text + hidden("depot-bot", {"a": 1})
    )
    stage.github.react(comment, stage.github.user(BOT), "eyes")
    asked, said = await entries(client)
    assert "<details" not in asked
    assert f"👀 {BOT}" in asked
    assert "<details><summary>Why</summary>" in said
    assert "depot-bot {" not in said
    assert "edited" not in said
    stage.github.change_comment(reply, reply.author, "Done.")
    assert "edited 1×" in (await entries(client))[1]
    stage.github.delete_comment(comment, by="ada")
    assert len(await entries(client)) == 1


async def test_mentions_and_links(client: httpx.AsyncClient, stage: Stage) -> None:
    text = (
        "@alice: see [it](https://depot.dev/orgs/o/workflows/abc?job=j-1), not @nobody "
        "or `@rita`. [Said](https://github.com/octo/hello/pull/1#issuecomment-7)"
    )
    stage.github.add_comment(stage.github.thread(REPO, PULL), stage.github.user(BOT), text)
    (html,) = await entries(client)
    assert '<strong class="mention">@alice</strong>: see' in html
    assert html.count("mention") == 1
    assert 'href="/depot/abc?job=j-1"' in html
    assert 'href="/pull/1#c7"' in html


@pytest.mark.parametrize(
    ("url", "leads_to"),
    [
        ("https://depot.dev/orgs/k3/workflows/abc", "/depot/abc"),
        ("https://depot.dev/orgs/k3/workflows/abc?job=j-1", "/depot/abc?job=j-1"),
        ("https://depot.dev/orgs/_/workflows", "/depot"),
        ("https://github.com/octo/hello/pull/2", "/pull/2"),
        *(
            (url, url)
            for url in (
                "https://depot.dev/docs",
                "https://depot.dev.example/orgs/k3/workflows/abc",
                "https://depot.dev/orgs/k3/workflows/abc?job=j&x=//y",
                "https://github.com/octo/other/pull/1#issuecomment-7",
                "https://example.org/https://github.com/octo/hello/pull/1",
            )
        ),
    ],
)
def test_where_links_lead(url: str, leads_to: str) -> None:
    assert page_here(url) == leads_to


async def test_reactions(client: httpx.AsyncClient, stage: Stage) -> None:
    comment = stage.github.comment(REPO, PULL, "alice", "x")
    for content in ("eyes", "hooray", "confused"):
        stage.github.react(comment, stage.github.user(BOT), content)
    (html,) = await entries(client)
    assert re.findall(r"<span>(\S+) depot-bot", html) == ["👀", "🎉", "😕"]


async def test_nothing_new_is_not_sent_again(client: httpx.AsyncClient, stage: Stage) -> None:
    version = (await news(client))["version"]
    assert (await client.get(f"/pull/1/news?seen={version}")).status_code == 204
    stage.github.comment(REPO, PULL, "alice", "x")
    assert (await client.get(f"/pull/1/news?seen={version}")).status_code == 200


# --- the fork ------------------------------------------------------------------------------------


async def test_the_fork_is_a_page_of_its_own(client: httpx.AsyncClient, scene: Scene) -> None:
    number = scene.pulls[-1]
    assert scene.pull(number).from_fork
    html = (await client.get(f"/pull/{number}")).text
    assert "<code>mallory/hello:exact-sum</code>" in html
    sent = {"who": "rita", "text": "/depot list"}
    assert (await client.post(f"/pull/{number}/comment", json=sent)).status_code == 204
    assert (await does(client, "push", "mallory", number)).status_code == 204
    assert await entries(client) == []
    found = (await client.get(f"/pull/{number}/news")).json()
    assert len(found["entries"]) == 2
    assert found["head"] == scene.pull(number).head_sha[:7]


def test_its_rules_are_rules() -> None:
    config = parse(CONFIG, {verb: command.arguments for verb, command in COMMANDS.items()})
    assert config.forks == "pinned"


@pytest.mark.parametrize("path", ["/pull/3", "/pull/3/news", "/pull/x", "/depot/nothing"])
async def test_what_is_not_there(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


# --- runs ----------------------------------------------------------------------------------------


async def test_the_newest_run_has_buttons(
    client: httpx.AsyncClient, scene: Scene, clock: Any
) -> None:
    assert "data-say" not in (await news(client))["newest"]
    depot, head = scene.stage.depot, scene.pull(PULL).head_sha
    run = depot.foreign_run(REPO, head, ".depot/workflows/ci.yml")
    foreign = depot.foreign_run(REPO, scene.pull(2).head_sha, ".depot/workflows/ci.yml")

    async def buttons() -> list[str]:
        return re.findall(r'data-say="([^"]+)"', (await news(client))["newest"])

    assert await buttons() == [f"/depot cancel {run.run_id}"]
    depot.finish(run.run_id, "failed")
    assert await buttons() == [f"/depot {verb} {run.run_id}" for verb in ("retry", "rerun", "why")]
    assert (await does(client, "push")).status_code == 204
    assert len(await buttons()) == 3
    assert foreign.run_id not in (await news(client))["runs"]


async def test_the_page_of_a_run(client: httpx.AsyncClient, scene: Scene, clock: Any) -> None:
    depot, head = scene.stage.depot, scene.pull(PULL).head_sha
    depot.plan(job="test", attempt=1, outcome="failed", log=["\x1b[31m<b>1 failed</b>\x1b[0m"])
    run = depot.foreign_run(REPO, head, ".depot/workflows/ci.yml")
    clock.time += 2
    html = (await client.get(f"/depot/{run.run_id}")).text
    assert 'http-equiv="refresh"' in html
    clock.time += 60
    depot.retried_elsewhere(run.run_id)
    clock.time += 60
    (workflow,) = depot.run(run.run_id).workflows
    (test,) = [job for job in workflow.jobs if job.spec.key == "test"]
    for asked in (run.run_id, workflow.workflow_id):
        html = (await client.get(f"/depot/{asked}?job={test.job_id}")).text
        assert 'http-equiv="refresh"' not in html
        assert "test, attempt 2: " in html
        assert "<pre><code>&lt;b&gt;1 failed&lt;/b&gt;</code></pre>" in html
        assert f'href="/pull/{PULL}"' in html
        for path in re.findall(r'href="(/depot[^"]*)"', html):
            assert (await client.get(path)).status_code == 200
    assert f'href="/depot/{run.run_id}"' in (await client.get("/depot")).text


# --- the buttons ---------------------------------------------------------------------------------


async def does(
    client: httpx.AsyncClient, action: str, who: str = "maya", number: int = PULL
) -> httpx.Response:
    return await client.post(f"/pull/{number}/do/{action}", json={"who": who})


async def test_a_push(client: httpx.AsyncClient, scene: Scene) -> None:
    heads = {scene.pull(PULL).head_sha}
    for _ in range(2):
        assert (await does(client, "push")).status_code == 204
        heads.add(scene.pull(PULL).head_sha)
    assert len(heads) == 3
    assert (await news(client))["head"] == scene.pull(PULL).head_sha[:7]
    assert f"pushed {scene.pull(PULL).head_sha[:7]}: Change 2" in (await entries(client))[1]


async def test_a_label_may_be_put_on_again(client: httpx.AsyncClient, scene: Scene) -> None:
    for _ in range(2):
        assert (await does(client, "label", "trudy")).status_code == 204
    assert [label.name for label in scene.pull(PULL).labels] == [LABEL]
    assert len(await entries(client)) == 2


async def test_an_approval(client: httpx.AsyncClient, scene: Scene) -> None:
    assert (await does(client, "approve", "maya")).status_code == 204
    assert [review.state for review in scene.pull(PULL).reviews] == ["approved"]
    (html,) = await entries(client)
    assert "approved" in html
    assert "Looks good." in html


@pytest.mark.parametrize(
    ("action", "who", "why"),
    [
        ("push", "rita", "rita may not push here: GitHub wants the write role."),
        ("push", "mallory", "mallory may not push here: GitHub wants the write role."),
        ("broken", "mallory", "mallory may not push here: GitHub wants the write role."),
        ("label", "rita", "rita may not label here: GitHub wants the triage role."),
        ("approve", "alice", "GitHub lets nobody approve a pull request of their own."),
    ],
)
async def test_what_github_would_not_let_them(
    client: httpx.AsyncClient, action: str, who: str, why: str
) -> None:
    answer = await does(client, action, who)
    assert (answer.status_code, answer.json()) == (422, {"error": why})
    assert await entries(client) == []


async def pressed(client: httpx.AsyncClient) -> list[str]:
    """The buttons that are shown as pressed."""
    return [action for action, is_pressed in (await news(client))["pressed"].items() if is_pressed]


@dataclass
class Playing:
    """Runs under the page's choice, while time goes by."""

    scene: Scene
    clock: Any

    def run(self, job: str | None = None) -> Run:
        """A run of `ci.yml` on the head, until it is over."""
        head = self.scene.pull(PULL).head_sha
        run = self.scene.stage.depot.foreign_run(REPO, head, ".depot/workflows/ci.yml", job)
        self.passes(60)
        return run

    def retry(self, run: Run) -> None:
        self.scene.stage.depot.retried_elsewhere(run.run_id)
        self.passes(60)

    def passes(self, seconds: int) -> None:
        for _ in range(seconds):
            self.scene.tick()
            self.clock.time += 1
        self.scene.stage.depot.settle()


@pytest.fixture
def playing(scene: Scene, clock: Any) -> Playing:
    return Playing(scene, clock)


def failed(run: Run) -> list[str]:
    return [job.spec.key for job in run.jobs if job.status == "failed"]


async def test_at_first_runs_pass(client: httpx.AsyncClient, playing: Playing) -> None:
    assert await pressed(client) == ["passes"]
    assert playing.run().status == "finished"


async def test_the_next_runs_fail(client: httpx.AsyncClient, playing: Playing) -> None:
    before = playing.run()
    assert (await does(client, "fails")).status_code == 204
    assert await pressed(client) == ["fails"]
    run, alone = playing.run(), playing.run("lint")
    playing.retry(run)
    assert (before.status, run.status, alone.status) == ("finished", "failed", "failed")
    assert (failed(run), failed(alone)) == (["test"], ["lint"])
    html = (await news(client))["runs"]
    assert f"<code>{run.run_id}</code>" in html
    assert (await does(client, "passes")).status_code == 204
    assert await pressed(client) == ["passes"]
    playing.retry(run)
    assert run.status == "finished"


async def test_what_is_under_way_is_decided(client: httpx.AsyncClient, playing: Playing) -> None:
    head = playing.scene.pull(PULL).head_sha
    run = playing.scene.stage.depot.foreign_run(REPO, head, ".depot/workflows/ci.yml")
    playing.passes(2)
    assert run.jobs
    assert (await does(client, "fails")).status_code == 204
    playing.passes(60)
    assert run.status == "finished"


async def test_the_next_runs_are_flaky(client: httpx.AsyncClient, playing: Playing) -> None:
    assert (await does(client, "flaky")).status_code == 204
    assert await pressed(client) == ["flaky"]
    for run in (playing.run(), playing.run()):
        assert failed(run) == ["test"]
        playing.retry(run)
        assert run.status == "finished"
        playing.retry(run)  # it goes again as a whole
        assert failed(run) == ["test"]


async def test_main_is_broken(client: httpx.AsyncClient, playing: Playing) -> None:
    depot = playing.scene.stage.depot
    assert (await does(client, "broken")).status_code == 204
    assert await pressed(client) == ["broken"]
    playing.passes(60)
    (main,) = depot.runs
    assert (main.status, main.sha) == (
        "failed",
        playing.scene.stage.github.branch_head(REPO, "main"),
    )
    assert await entries(client) == []
    run = playing.run()
    assert failed(main) == failed(run) == ["test"]
    last = {
        depot.log(job.attempts[-1].attempt_id)[-2].body
        for one in (main, run)
        for job in one.jobs
        if job.status == "failed"
    }
    assert last == {f"E   {FAILURES[NextRun.MAIN_IS_BROKEN].error}"}


async def test_a_choice_that_is_refused_is_none(
    client: httpx.AsyncClient, playing: Playing
) -> None:
    assert (await does(client, "fails", "mallory")).status_code == 204
    assert (await does(client, "broken", "mallory")).status_code == 422
    assert await pressed(client) == ["fails"]
    assert playing.scene.stage.depot.runs == []


def test_each_choice_fails_in_a_way_of_its_own() -> None:
    signatures = {signature("test", failure.error) for failure in FAILURES.values()}
    assert "" not in signatures
    assert len(signatures) == len(FAILURES)


async def test_the_next_answer_is_lost(client: httpx.AsyncClient, scene: Scene) -> None:
    assert "lose" not in await pressed(client)
    for _ in range(2):
        assert (await does(client, "lose")).status_code == 204
    assert await pressed(client) == ["passes", "lose"]
    assert len(scene.stage.depot.faults.arranged) == 1


# --- who may, and what is no request -------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/pull/1/comment", {"who": "nobody", "text": "x"}),
        ("/pull/1/comment", {"who": "alice"}),
        ("/pull/1/comment", {"who": "alice", "text": " \n"}),
        ("/pull/1/comment", {"who": "alice", "text": "x" * 65_537}),
        ("/pull/1/comment", {"who": "alice", "text": "x" * 1_000_000}),
        ("/pull/1/comment", []),
        ("/pull/1/do/push", {"who": "nobody"}),
        ("/pull/1/do/push", {}),
        ("/pull/1/do/nothing", {"who": "alice"}),
    ],
)
async def test_what_is_no_request(
    client: httpx.AsyncClient, scene: Scene, path: str, body: Any
) -> None:
    answer = await client.post(path, json=body)
    assert answer.status_code in {400, 422}
    assert list(answer.json()) == ["error"]
    assert scene.desk.on(PULL) == []


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("127.0.0.1:80", True),
        ("127.1.2.3", True),
        ("[::1]:80", True),
        ("", False),
        ("bot.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.example.org:8000", False),
        ("evil.example:80@localhost", False),
        ("localhost:80:80", False),
        ("0.0.0.0", False),
        ("[::1", False),
    ],
)
def test_the_names_of_this_machine(host: str, is_ours: bool) -> None:
    assert is_local(host) == is_ours


async def test_other_sites_cannot_write(client: httpx.AsyncClient, scene: Scene) -> None:
    sent = b'{"who":"alice","text":"/depot run"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = await client.post("/pull/1/comment", content=sent, headers={"content-type": kind})
        assert answer.status_code == 415
    rebound = {"host": "evil.example", "content-type": "application/json"}
    assert (await client.post("/pull/1/comment", content=sent, headers=rebound)).status_code == 403
    assert (await client.get("/", headers={"host": "evil.example"})).status_code == 403
    assert scene.desk.on(PULL) == []


# --- the process ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Demo:
    process: subprocess.Popen[str]
    folder: Path
    page: str
    bot: str

    def ends(self) -> str:
        """What it said at last; and that nothing is left behind."""
        output, _ = self.process.communicate(timeout=60)
        assert list(self.folder.iterdir()) == []
        with pytest.raises(ProcessLookupError):
            os.killpg(self.process.pid, 0)
        return output


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "demo", "--serve"],
        env={**os.environ, "TMPDIR": str(tmp_path), "ADMIN_PASSWORD": "another-one-yet"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        said = ""
        while "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        page, bot = re.findall(r"http://(?:\S+@)?127\.0\.0\.1:\d+/", said)
        yield Demo(process, tmp_path, page, bot)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped(demo: Demo, number: signal.Signals) -> None:
    with httpx.Client(base_url=demo.page, trust_env=False) as client:
        assert client.get("/", follow_redirects=True).status_code == 200
        sent = {"who": "rita", "text": "/depot list"}
        assert client.post("/pull/1/comment", json=sent).status_code == 204
        seen, end = "", time.monotonic() + 30
        while f"Comment by {BOT}" not in seen:
            assert time.monotonic() < end, seen
            time.sleep(0.05)
            found = client.get("/pull/1/news")
            seen = "".join(entry["html"] for entry in found.json()["entries"])
        assert httpx.get(demo.bot, trust_env=False).status_code == 200
        # With a connection still open.
        demo.process.send_signal(number)
        assert demo.ends() == "\nStopped.\n"
    assert demo.process.returncode == 0


def test_a_bot_that_dies_ends_it(demo: Demo) -> None:
    children = Path(f"/proc/{demo.process.pid}/task/{demo.process.pid}/children").read_text()
    (bot,) = children.split()
    os.kill(int(bot), signal.SIGKILL)
    output = demo.ends()
    assert demo.process.returncode == 1
    assert "The bot stopped with exit status -9." in output
    assert "Traceback" not in output
