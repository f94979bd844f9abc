"""A simulated GitHub on which everything is there and everything has happened once."""

from __future__ import annotations

import time
from dataclasses import dataclass

import httpx
from gidgethub import apps

from bot.demo.simulators.github import AppCredentials, Comment, PullRequest, SimulatedGitHub
from bot.demo.simulators.github.access import PERMISSIONS
from bot.demo.simulators.github.events import Event
from bot.demo.simulators.github.http import Endpoint, RequiredLogin
from tests.support.conversation import FILES, HOOK, START, Hook

REPO = "octo/hello"
APP_ID = 4711


@dataclass
class Scene:
    """The places that requests can name."""

    github: SimulatedGitHub
    key: str
    pull: PullRequest
    comment: Comment
    names: dict[str, str]
    """What stands for each parameter of the endpoints' paths."""
    heard: list[Event]
    """All that has happened."""

    def path(self, endpoint: Endpoint) -> str:
        """The endpoint's path with something that is there."""
        path = endpoint.path.replace(":path}", "}")
        review_comment = str(self.pull.review_comments[0].id)
        on_code = {"comment_id": review_comment} if "/pulls/comments/" in path else {}
        return path.format_map(self.names | on_code)

    def token(self, endpoint: Endpoint) -> str:
        """Credentials that the endpoint takes."""
        if endpoint.door is RequiredLogin.APP:
            return apps.get_jwt(app_id=str(APP_ID), private_key=self.key)
        if endpoint.path == "/user" or "/teams/" in endpoint.path:
            return self.github.access.personal_token("alice")
        return self.github.access.issue_token(self.github.installations[0]).text


async def set_up(key: str, hook: Hook) -> Scene:
    """An organisation's repository, names that need care in URLs, and a pull request."""
    github = _github(key, hook)
    heard: list[Event] = []
    github.listen(heard.append)
    github.user("octo", "Organization")
    github.repository(REPO, {**FILES, "docs/ünïcode name.md": "# one\n"})
    github.role(REPO, "alice", "write")
    github.team("octo/qa", "alice")
    files = {"docs/ünïcode name.md": "# two\n", "README.md": None, "new.txt": "new\n"}
    pull = github.pull_request(REPO, "alice", branch="feature/ü", files=files, body="What it does")
    github.label(REPO, pull.number, "full ci")
    comment = github.comment(REPO, pull.number, "alice", "/depot run ci.yml")
    github.react(comment, github.user("bob"), "eyes")
    github.review(REPO, pull.number, "alice", "Good", "approved")
    remark = github.review_comment(REPO, pull.number, "alice", "Why?", "new.txt")
    github.react(remark, github.user("bob"), "rocket")
    assert github.bot_app is not None
    run = github.create_check_run(
        pull.repository, pull.head_sha, "ci", github.bot_app, "queued", None, "https://depot.dev"
    )
    await github.deliver(HOOK)
    names = {"comment_id": str(comment.id), "check_run_id": str(run.id), **_names(github, pull)}
    return Scene(github, key, pull, comment, names, heard)


def _github(key: str, hook: Hook) -> SimulatedGitHub:
    permissions = {**PERMISSIONS, "checks": "write"}
    return SimulatedGitHub(
        now=lambda: START,
        webhook_secret="unused",
        app=AppCredentials(APP_ID, "depot-bot", key, "secret", permissions),
        client=httpx.AsyncClient(transport=hook),
        jwt_now=time.time,  # JWTs are made by the machine's clock
        make_key=lambda: key,
    )


def _names(github: SimulatedGitHub, pull: PullRequest) -> dict[str, str]:
    return {
        "owner": "octo",
        "repo": "hello",
        "number": str(pull.number),
        "installation_id": str(github.installations[0].id),
        "delivery_id": str(github.delivery_log[0].id),
        "code": github.manifest_code({"name": "Another Bot"}),
        "org": "octo",
        "team": "qa",
        "login": "alice",
        "path": "docs",
        "ref": pull.head_sha,
        "branch": "feature/%C3%BC",
        "basehead": "main...feature%2F%C3%BC",
    }


async def everything_happens(scene: Scene) -> None:
    """Each event of each kind, delivered."""
    github, number = scene.github, scene.pull.number
    github.check_run_webhooks = True
    github.ping()
    github.edit_comment(scene.comment, "/depot status")
    github.delete_comment(scene.comment)
    github.push(REPO, number, {"new.txt": "newer\n"})
    github.unlabel(REPO, number, "full ci")
    github.close(REPO, number)
    github.reopen(REPO, number)
    github.merge(REPO, number)
    fork = github.fork(REPO, "stranger")
    other = github.pull_request(REPO, "stranger", fork=fork, branch="fix", draft=True)
    github.ready_for_review(REPO, other.number)
    github.comment(REPO, other.number, "stranger", "/depot run ci.yml")
    github.comment(REPO, github.issue(REPO, "alice").number, "alice", "/depot help")
    github.upsert_check_run(REPO, other.head_sha, "ci", "completed", "success")
    await github.deliver(HOOK)
    github.suspend("octo")
    github.unsuspend("octo")
    github.change_app(permissions=PERMISSIONS)
    github.accept("octo")
    github.uninstall("octo")
    await github.deliver(HOOK)
