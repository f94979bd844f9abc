"""The set-up: from no credentials to a command that is answered, without a restart."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import structlog
from dotenv import dotenv_values
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.demo.stage import Stage
from bot.github.api import web_url
from bot.github.webhooks import EVENTS
from bot.ops.diagnostics import PERMISSIONS
from bot.ops.settings import SettingsError, lacks_credentials, load, load_for_setup
from bot.ops.variables import CREDENTIALS
from bot.services import Services, Surroundings
from bot.web.auth import Access
from bot.web.pages import HEADERS
from bot.web.prefix import path_of
from bot.web.setup import MAX_STATES, obstacle, open_setup, write_env
from tests.contracts.checks import transport_to
from tests.crash.harness import running
from tests.crash.harness import scene as crash_scene
from tests.support.conversation import REPO, Conversation, Hook, ManualClock, bot_on

pytestmark = pytest.mark.anyio

PUBLIC_URL = "http://bot.test"
"""The address under which the simulated GitHub reaches the bot in these tests."""


@dataclass(frozen=True, slots=True)
class Form:
    """The form that goes to GitHub."""

    action: str
    manifest: dict[str, Any]

    @property
    def state(self) -> str:
        return httpx.URL(self.action).params["state"]


def form_of(html: str) -> Form:
    action = re.search(r'<form method="post" action="([^"]+)"', html)
    manifest = re.search(r'name="manifest" value="([^"]+)"', html)
    assert action, html
    assert manifest, html
    return Form(unescape(action[1]), msgspec.json.decode(unescape(manifest[1])))


@dataclass
class Operator:
    """Somebody at a browser, beside a bot that is not set up yet."""

    stage: Stage
    client: httpx.AsyncClient
    env_file: Path
    services: list[Services] = field(default_factory=list)
    """The bot's, once it runs."""

    async def page(self, query: str = "") -> str:
        answer = await self.client.get(f"/setup{query}")
        assert answer.status_code == 200, answer.text
        return answer.text

    async def agrees(self) -> str:
        """See the page and agree on GitHub; where GitHub sends the browser then."""
        form = form_of(await self.page())
        code = self.stage.github.manifest_code(form.manifest)
        return f"/setup/done?code={code}&state={form.state}"

    @property
    def secrets(self) -> list[str]:
        """What nobody may see: of the App that GitHub has now."""
        credentials = self.stage.github.access.credentials
        assert credentials is not None
        return [credentials.webhook_secret, credentials.private_key_pem.splitlines()[1]]


@asynccontextmanager
async def setting_up(
    stage: Stage,
    clock: ManualClock,
    hook: Hook,
    folder: Path,
    *,
    peer: str = "127.0.0.1",
    host: str = "localhost:8000",
    is_logged_in: bool = True,
    **changes: str,
) -> AsyncIterator[Operator]:
    env_file = folder / ".env"
    given = stage.environment(database_url=f"sqlite:///{folder / 'ledger.db'}")
    environment = {name: value for name, value in given.items() if name not in CREDENTIALS}
    environment = {**environment, "PUBLIC_URL": PUBLIC_URL, "ADMIN_PASSWORD": "", **changes}
    access = Access.with_password(environment["ADMIN_PASSWORD"])
    services: list[Services] = []

    @asynccontextmanager
    async def work(opened: Services) -> AsyncIterator[None]:
        services.append(opened)  # the conversation tells the worker when to work
        yield

    async with AsyncExitStack() as stack:
        github = stack.enter_context(transport_to(stage.github))
        app = await stack.enter_async_context(
            open_setup(
                load_for_setup(environment),
                env_file,
                lambda: load({**environment, **{k: v or "" for k, v in read(env_file).items()}}),
                access,
                Surroundings(
                    clock=clock,
                    github=github,
                    depot=stage.depot.transport(),
                    waits_for_disk=False,
                ),
                work,
            )
        )
        hook.to = httpx.ASGITransport(app=app)
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app=app, client=(peer, 4000)),
                base_url=f"http://{host}",
            )
        )
        if is_logged_in:
            location = (await client.get(access.link(""))).headers["location"]
            assert location.endswith("/setup")
        yield Operator(stage, client, env_file, services)


def read(env_file: Path) -> dict[str, str | None]:
    return dotenv_values(env_file)


@pytest.fixture
async def operator(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path
) -> AsyncIterator[Operator]:
    async with setting_up(stage, clock, hook, tmp_path) as operator:
        yield operator


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


# --- from nothing to an answer -------------------------------------------------------------------


async def test_from_no_credentials_to_an_answered_command(
    operator: Operator, stage: Stage, clock: ManualClock
) -> None:
    operator.env_file.write_text("# mine\nexport DEPOT_ORG_ID=o1\nGITHUB_APP_ID=\n")
    with structlog.testing.capture_logs() as logged:
        answer = await operator.client.get(await operator.agrees())
    assert answer.status_code == 200
    assert "The bot is running" in answer.text
    assert 'href="https://github.com/apps/depot-bot/installations/new"' in answer.text

    credentials = stage.github.access.credentials
    assert credentials is not None
    assert credentials is not stage.credentials
    assert mode(operator.env_file) == 0o600
    assert operator.env_file.read_text().startswith("# mine\nexport DEPOT_ORG_ID=o1\n")
    assert read(operator.env_file) == {
        "DEPOT_ORG_ID": "o1",
        "GITHUB_APP_ID": str(credentials.app_id),
        "GITHUB_PRIVATE_KEY": credentials.private_key_pem.strip().replace("\n", "\\n"),
        "GITHUB_WEBHOOK_SECRET": credentials.webhook_secret,
    }
    assert os.listdir(operator.env_file.parent).count(".env") == 1
    for secret in operator.secrets:
        assert secret not in answer.text
        assert secret not in str(logged)

    assert (await operator.client.get("/readyz")).status_code == 200
    for path in ("/setup", "/setup/done?code=1&state=2"):
        answer = await operator.client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert (await operator.client.get("/")).status_code == 200

    stage.github.install("octo")
    (services,) = operator.services
    pr = Conversation(clock, stage, services, REPO, 1)
    await pr.settles()
    await pr.says("alice", "/depot run ci.yml job=test")
    (run,) = stage.depot.runs
    assert run.run_id in pr.reply()
    pr.assert_said_nothing_else()


async def test_until_then_nothing_else_is_served(operator: Operator) -> None:
    client = operator.client
    assert (await client.get("/healthz")).status_code == 200
    for answer in (await client.get("/readyz"), await client.post("/webhook", content=b"{}")):
        assert (answer.status_code, answer.json()) == (503, {"error": "not set up yet"})
    for path in ("/metrics", "/commands/ic-1"):
        assert (await client.get(path)).status_code == 404
    leads_on = await client.get("/")
    assert (leads_on.status_code, leads_on.headers["location"]) == (303, "/setup")
    assert operator.services == []
    assert list(operator.env_file.parent.iterdir()) == []  # no ledger either


async def test_what_github_is_asked_for(operator: Operator) -> None:
    answer = await operator.client.get("/setup")
    form = form_of(answer.text)
    assert form.action == f"https://github.com/settings/apps/new?state={form.state}"
    assert len(form.state) >= 40
    assert form.manifest == {
        "name": "depot-bot",
        "url": PUBLIC_URL,
        "hook_attributes": {"url": f"{PUBLIC_URL}/webhook", "active": True},
        "redirect_url": f"{PUBLIC_URL}/setup/done",
        "public": False,
        "default_permissions": dict(PERMISSIONS),
        "default_events": sorted(EVENTS),
    }
    policy = answer.headers["content-security-policy"]
    assert "form-action 'self' https://github.com;" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    rest = HEADERS.keys() - {"content-security-policy"}
    assert {name: answer.headers[name] for name in rest} == {name: HEADERS[name] for name in rest}
    for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', answer.text):
        assert (await operator.client.get(path)).status_code == 200
    assert "style=" not in answer.text
    assert "<script" not in answer.text


async def test_for_an_organisation(operator: Operator) -> None:
    form = form_of(await operator.page("?organisation=octo"))
    assert form.action == (
        f"https://github.com/organizations/octo/settings/apps/new?state={form.state}"
    )
    # Whoever has chosen wrong goes back, or on with their own account.
    html = await operator.page("?organisation=octo")
    assert f'action="https://github.com/settings/apps/new?state={form_of(html).state}"' in html
    answer = await operator.client.get("/setup", params={"organisation": "../octo"})
    assert answer.status_code == 400
    assert "That is no name of an organisation" in answer.text


async def test_both_choices_have_the_same_weight(operator: Operator) -> None:
    html = await operator.page()
    sections = re.findall(r"(?s)<section.*?</section>", html)
    assert [re.findall(r"<h2[^>]*>(.*?)</h2>", one) for one in sections] == [
        ["An organisation"],
        ["Your own account"],
    ]
    assert [one.count("<button>") for one in sections] == [1, 1]


async def test_under_a_path_of_somebody_elses_host(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path
) -> None:
    url = "http://bot.test/tools/depot"
    async with setting_up(stage, clock, hook, tmp_path, PUBLIC_URL=url) as operator:
        client = operator.client
        cookies = [cookie.path for cookie in client.cookies.jar]
        assert cookies == ["/tools/depot"]
        assert (await client.get("/tools/depot")).headers["location"] == "/tools/depot/setup"
        html = (await client.get("/tools/depot/setup")).text
        form = form_of(html)
        assert form.manifest["redirect_url"] == f"{url}/setup/done"
        assert form.manifest["hook_attributes"]["url"] == f"{url}/webhook"
        for link in re.findall(r'(?:href|action)="(/[^"]*)"', html):
            assert link.startswith("/tools/depot/")
            assert (await client.get(link)).status_code == 200
        code = stage.github.manifest_code(form.manifest)
        done = f"/tools/depot/setup/done?code={code}&state={form.state}"
        assert (await client.get(done)).status_code == 200
        assert (await client.get("/tools/depot/setup")).headers["location"] == "/tools/depot/"
        assert (await client.get("/tools/depot/")).status_code == 200


async def test_each_visit_has_a_state_of_its_own(operator: Operator) -> None:
    first = await operator.agrees()
    states = {form_of(await operator.page()).state for _ in range(MAX_STATES - 1)}
    assert len(states) == MAX_STATES - 1
    assert (await operator.client.get(first)).status_code == 200


async def test_the_oldest_state_is_forgotten(operator: Operator) -> None:
    first = await operator.agrees()
    for _ in range(MAX_STATES):
        await operator.page()
    assert (await operator.client.get(first)).status_code == 400


@pytest.mark.parametrize(
    ("api", "web"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://git.example.com/api/v3", "https://git.example.com"),
        ("https://git.example.com:8443/api/v3/", "https://git.example.com:8443"),
        ("https://api.octocorp.ghe.com", "https://octocorp.ghe.com"),
        ("http://127.0.0.1:4000", "http://127.0.0.1:4000"),
    ],
)
def test_where_people_meet_github(api: str, web: str) -> None:
    assert web_url(api) == web


async def test_an_enterprise_server(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path
) -> None:
    url = "https://git.example.com/api/v3"
    async with setting_up(stage, clock, hook, tmp_path, GITHUB_API_URL=url) as operator:
        answer = await operator.client.get("/setup")
    assert form_of(answer.text).action.startswith("https://git.example.com/settings/apps/new?")
    policy = answer.headers["content-security-policy"]
    assert "form-action 'self' https://git.example.com;" in policy


async def test_nothing_from_the_settings_is_html(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path
) -> None:
    url = 'http://bot.test/"><script>alert(1)</script>'
    async with setting_up(stage, clock, hook, tmp_path, PUBLIC_URL=url) as operator:
        html = (await operator.client.get(f"{path_of(url)}/setup")).text
    assert "<script" not in html
    assert form_of(html).manifest["url"] == url


# --- to whom -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/setup", "/setup/done?code=1&state=2"])
@pytest.mark.parametrize(
    ("peer", "host"), [("127.0.0.1", "localhost:8000"), ("10.0.0.1", "bot.example")]
)
async def test_without_a_password_by_the_link_only(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path, path: str, peer: str, host: str
) -> None:
    async with setting_up(
        stage, clock, hook, tmp_path, peer=peer, host=host, is_logged_in=False
    ) as operator:
        answer = await operator.client.get(path)
        assert answer.status_code == 401
        assert "the link that the bot printed" in answer.text
        assert "manifest" not in answer.text
        assert (await operator.client.get("/healthz")).status_code == 200


async def test_who_comes_back_from_github_is_let_in_by_the_state(operator: Operator) -> None:
    done = await operator.agrees()
    operator.client.cookies.clear()
    assert (await operator.client.get("/setup")).status_code == 401
    assert (await operator.client.get("/setup/done?code=1&state=2")).status_code == 401
    assert (await operator.client.get(done)).status_code == 200
    assert (await operator.client.get("/")).status_code == 401


async def test_the_login_outlives_the_set_up(operator: Operator) -> None:
    assert (await operator.client.get(await operator.agrees())).status_code == 200
    assert (await operator.client.get("/")).status_code == 200


async def test_with_a_password_from_anywhere(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path
) -> None:
    async with setting_up(
        stage, clock, hook, tmp_path, is_logged_in=False, ADMIN_PASSWORD="s3cret-s3cret"
    ) as operator:
        for path in ("/setup", "/setup/done"):
            answer = await operator.client.get(path)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic ")
        given = base64.b64encode(b"me:s3cret-s3cret").decode()
        operator.client.headers["authorization"] = f"Basic {given}"
        form = form_of(await operator.page())
        assert form.manifest["redirect_url"] == f"{PUBLIC_URL}/setup/done"
        assert (await operator.client.get(await operator.agrees())).status_code == 200


# --- trouble -------------------------------------------------------------------------------------


async def test_a_state_that_is_not_from_here(operator: Operator, stage: Stage) -> None:
    done = httpx.URL(await operator.agrees())
    for params in (
        {},
        {"code": done.params["code"]},
        {"state": done.params["state"]},
        {"code": done.params["code"], "state": "x"},
        {"code": "../app", "state": done.params["state"]},
    ):
        answer = await operator.client.get("/setup/done", params=params)
        assert answer.status_code == 400
        assert "This link is not from this set-up, or it was used already" in answer.text
    # None of this has used anything up.
    assert (await operator.client.get(str(done))).status_code == 200


async def test_a_code_that_github_does_not_take(operator: Operator) -> None:
    state = form_of(await operator.page()).state
    link = f"/setup/done?code=unknown&state={state}"
    answer = await operator.client.get(link)
    assert answer.status_code == 502
    assert "GitHub did not take the code" in answer.text
    assert 'href="/setup"' in answer.text
    assert not operator.env_file.exists()
    assert "used already" in (await operator.client.get(link)).text
    assert (await operator.client.get(await operator.agrees())).status_code == 200


async def test_an_answer_of_github_that_is_lost(operator: Operator, stage: Stage) -> None:
    done = await operator.agrees()
    stage.github.faults.lose_answer("POST", "/app-manifests")
    assert "GitHub does not answer" in (await operator.client.get(done)).text
    # The code was good once: the App is there, and nobody has its key.
    answer = await operator.client.get(done)
    assert "If GitHub lists the new App already, delete it there first." in answer.text


async def test_github_is_away_for_a_while(operator: Operator, stage: Stage) -> None:
    done = await operator.agrees()
    stage.github.faults.bad_gateway("POST", "/app-manifests", times=1)
    answer = await operator.client.get(done)
    assert answer.status_code == 502
    assert "GitHub has trouble (it answered 502)" in answer.text
    stage.github.faults.drop("POST", "/app-manifests", times=1)
    answer = await operator.client.get(done)
    assert answer.status_code == 502
    assert "GitHub does not answer" in answer.text
    assert '<a href="">Try again</a>' in answer.text
    assert (await operator.client.get(done)).status_code == 200


async def test_a_file_that_cannot_be_written(operator: Operator) -> None:
    done = await operator.agrees()
    operator.env_file.mkdir()
    with structlog.testing.capture_logs() as logged:
        answer = await operator.client.get(done)
    assert answer.status_code == 500
    said = text_of(answer.text)
    assert "The credentials could not be stored" in said
    assert f"{operator.env_file} cannot be written: Is a directory" in said
    assert "its credentials are kept in this process until it ends" in said
    for secret in operator.secrets:
        assert secret not in answer.text
        assert secret not in str(logged)
    assert [event["log_level"] for event in logged] == ["error"]
    assert (await operator.client.get("/readyz")).status_code == 503
    # The page says it before anything is done, and leads to what was begun.
    html = await operator.page()
    assert f"{operator.env_file} is not a file. Mend this first" in text_of(html)
    assert "<form" not in html
    link = re.search(r'href="(/setup/done[^"]*)"', html)
    assert link is not None
    operator.env_file.rmdir()
    assert (await operator.client.get(unescape(link[1]))).status_code == 200
    assert mode(operator.env_file) == 0o600
    assert (await operator.client.get("/readyz")).status_code == 200


async def test_settings_that_cannot_be_used(operator: Operator) -> None:
    done = await operator.agrees()
    operator.env_file.write_text(
        "GITHUB_TOKEN=ghp_s3cret-s3cret\nDATABASE_URL=mysql://me:s3cret-s3cret@x\n"
    )
    answer = await operator.client.get(done)
    assert answer.status_code == 500
    said = text_of(answer.text)
    assert "The bot cannot start with these settings" in said
    assert "GITHUB_TOKEN and GITHUB_APP_ID are both set: use one of them" in said
    assert "DATABASE_URL must be" in said
    assert f"its credentials are in {operator.env_file}" in said
    for secret in [*operator.secrets, "s3cret-s3cret"]:
        assert secret not in answer.text
    lines = operator.env_file.read_text().splitlines()
    operator.env_file.write_text("\n".join(lines[2:]))
    assert (await operator.client.get(done)).status_code == 200
    assert (await operator.client.get("/readyz")).status_code == 200


async def test_a_ledger_that_is_in_use(
    operator: Operator, stage: Stage, clock: ManualClock, tmp_path: Path
) -> None:
    done = await operator.agrees()
    async with bot_on(stage, clock, Hook(), tmp_path / "ledger.db"):
        answer = await operator.client.get(done)
        assert answer.status_code == 500
        assert "The ledger cannot be opened" in answer.text
    assert (await operator.client.get(done)).status_code == 200
    assert len(operator.services) == 1


async def test_a_page_that_is_loaded_twice_at_once(operator: Operator) -> None:
    done = await operator.agrees()
    answers = await asyncio.gather(*(operator.client.get(done) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400]
    assert len(operator.services) == 1


@pytest.mark.parametrize("body", ["", "[]", '{"id": 1, "slug": "x"}'])
async def test_an_answer_of_github_that_cannot_be_read(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path, body: str
) -> None:
    async with setting_up(stage, clock, hook, tmp_path) as operator:
        done = await operator.agrees()
        stage.github.faults.answer("POST", "/app-manifests", 201, body)
        answer = await operator.client.get(done)
    assert answer.status_code == 502
    assert "delete the App there, and begin again" in answer.text


# --- when it is offered ---------------------------------------------------------------------------

REST = {"DEPOT_TOKEN": "depot-s3cret-s3cret", "PUBLIC_URL": "https://bot.example"}


@pytest.mark.parametrize("name", CREDENTIALS)
def test_any_credential_means_that_it_was_set_up(name: str) -> None:
    assert lacks_credentials(REST)
    assert lacks_credentials({**REST, name: " "})
    assert not lacks_credentials({**REST, name: "x"})


def test_without_an_address_both_ways_on_are_named() -> None:
    with pytest.raises(SettingsError) as caught:
        load_for_setup({"LOG_LEVEL": "loud"})
    assert [problem.split()[0] for problem in caught.value.problems] == [
        "GITHUB_WEBHOOK_SECRET",
        "GITHUB_APP_ID",
        "PUBLIC_URL",
        "DEPOT_TOKEN",
        "LOG_LEVEL",
    ]


def test_with_an_address_only_the_rest_is_named() -> None:
    assert load_for_setup(REST).public_url == "https://bot.example"
    with pytest.raises(SettingsError) as caught:
        load_for_setup({**REST, "DEPOT_TOKEN": ""})
    assert [problem.split()[0] for problem in caught.value.problems] == ["DEPOT_TOKEN"]


# --- the file ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "A='1'\n"),
        ("", "A='1'\n"),
        ("B=2", "B=2\nA='1'\n"),
        ("# A=0\nB='2 3' # c\r\n", "# A=0\nB='2 3' # c\nA='1'\n"),
        ("A=0\nB=2\n", "A='1'\nB=2\n"),
        ("export A = 0\nB=2\n", "A='1'\nB=2\n"),
        ("A\nAB=0\n", "A='1'\nAB=0\n"),
        ('A="0\n1"\nB="x\nA=5"\n', "A='1'\nB=\"x\nA=5\"\n"),
    ],
)
def test_other_lines_are_kept(tmp_path: Path, before: str | None, after: str) -> None:
    file = tmp_path / ".env"
    if before is not None:
        file.write_bytes(before.encode())
        file.chmod(0o644)
    write_env(file, {"A": "1"})
    assert file.read_bytes().decode() == after
    assert mode(file) == 0o600
    assert list(tmp_path.iterdir()) == [file]


@given(st.text(st.characters(exclude_characters="\r\0", codec="utf-8")))
@settings(deadline=None)  # it waits for the disk
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    file = tmp_path_factory.mktemp("env") / ".env"
    write_env(file, {"A": value, "B": "end"})
    assert dotenv_values(file, interpolate=False) == {"A": value, "B": "end"}


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    link = tmp_path / ".env"
    link.symlink_to(tmp_path / "secrets" / "env")
    write_env(link, {"A": "1"})
    assert link.is_symlink()
    assert (tmp_path / "secrets" / "env").read_text() == "A='1'\n"


def test_a_file_that_cannot_be_read_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"B=\xff\n")
    with pytest.raises(UnicodeDecodeError):
        write_env(file, {"A": "1"})
    assert file.read_bytes() == b"B=\xff\n"
    assert list(tmp_path.iterdir()) == [file]


def test_what_could_not_be_written_leaves_no_draft(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("B=2\n")
    with pytest.raises(UnicodeEncodeError):
        write_env(file, {"A": "a secret", "C": "\ud800"})
    assert file.read_text() == "B=2\n"
    assert list(tmp_path.iterdir()) == [file]


def test_what_stands_in_the_way(tmp_path: Path) -> None:
    assert obstacle(tmp_path / ".env") is None
    (tmp_path / ".env").mkdir()
    assert obstacle(tmp_path / ".env") == f"{tmp_path / '.env'} is not a file"
    nowhere = tmp_path / "gone"
    assert obstacle(nowhere / ".env") == f"Nothing can be written in {nowhere}"


# --- the real process ----------------------------------------------------------------------------


async def test_the_real_process_in_an_empty_folder(tmp_path: Path, private_key: str) -> None:
    async with crash_scene(tmp_path / "scene", private_key) as scene:
        folder = tmp_path / "empty"
        folder.mkdir()
        left_out = {name: "" for name in CREDENTIALS}  # as a compose file hands them on
        environment = {**scene.environment, **left_out, "PUBLIC_URL": "http://bot.example"}
        async with running(environment, folder) as bot:
            auth = ("me", scene.environment["ADMIN_PASSWORD"])
            async with httpx.AsyncClient(trust_env=False, base_url=bot.url, auth=auth) as client:
                assert "/setup" in bot.log.read_text()
                form = form_of((await client.get("/setup")).text)
                assert form.manifest["redirect_url"] == "http://bot.example/setup/done"
                code = scene.github.manifest_code(form.manifest)
                done = {"code": code, "state": form.state}
                answer = await client.get("/setup/done", params=done)
                assert answer.status_code == 200, answer.text
                assert (await client.get("/setup")).headers["location"] == "/"
                assert (await client.get("/readyz")).status_code == 200
            scene.github.install("octo")
            scene.github.hooks.pending.clear()
            await scene.says(bot, "/depot run ci.yml job=test")
            assert await scene.until(bot, scene.is_finished), bot.log.read_text()
        assert bot.process.returncode == 0, bot.log.read_text()
        scene.assert_all_is_well()
        assert mode(folder / ".env") == 0o600
        assert set(read(folder / ".env")) == {
            "GITHUB_APP_ID",
            "GITHUB_PRIVATE_KEY",
            "GITHUB_WEBHOOK_SECRET",
        }
        credentials = scene.github.access.credentials
        assert credentials is not None
        said = bot.log.read_text()
        assert credentials.webhook_secret not in said
        assert "PRIVATE KEY" not in said
        # From now on the file is enough.
        async with (
            running(environment, folder) as bot,
            httpx.AsyncClient(trust_env=False, base_url=bot.url) as client,
        ):
            assert (await client.get("/readyz")).status_code == 200
        assert bot.process.returncode == 0, bot.log.read_text()
