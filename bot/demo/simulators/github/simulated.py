"""The simulated GitHub as one object: its world, its API, its webhook."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from bot.demo.simulators.github.access import (
    EVENTS,
    PERMISSIONS,
    Access,
    AppCredentials,
    generate_private_key,
)
from bot.demo.simulators.github.bodies import Json
from bot.demo.simulators.github.events import Pinged
from bot.demo.simulators.github.faults import Faults
from bot.demo.simulators.github.hooks import Delivery, DeliveryOutcome, Hooks
from bot.demo.simulators.github.http import Backend
from bot.demo.simulators.github.quotas import Quotas
from bot.demo.simulators.github.rest import Frontage, RequestRecord, create_api
from bot.demo.simulators.github.thread_bodies import ThreadBodies
from bot.demo.simulators.github.threads import Threads

API_URL = "https://api.github.com"
WEB_URL = "https://github.com"
_MANIFEST_LIFETIME = 3600.0


@dataclass(frozen=True, slots=True)
class _Manifest:
    content: Mapping[str, Any]
    expires_at: float


class SimulatedGitHub(Threads):
    """A GitHub with an API, a webhook and people.

    With `app`, the bot is that App, installed wherever repositories are made; without, it is the
    account `token_login`, whose personal token is `token`, and repositories have the webhook.
    Times come from `now`. JWTs are judged by `jwt_now`, by default the same clock: clients that
    make their JWTs by the wall clock need `time.time` here.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float],
        webhook_secret: str,
        app: AppCredentials | None = None,
        token: str = "ghp_simulated",
        token_login: str = "depot-bot-account",
        client: httpx.AsyncClient | None = None,
        jwt_now: Callable[[], float] | None = None,
        make_key: Callable[[], str] = generate_private_key,
        api_url: str = API_URL,
        web_url: str = WEB_URL,
    ) -> None:
        super().__init__(now)
        self.requests: list[RequestRecord] = []
        self.faults = Faults()
        self.quotas = Quotas(now)
        self.access = Access(self, jwt_now or now)
        self._make_key = make_key
        self._manifests: dict[str, _Manifest] = {}
        bodies = ThreadBodies(self, api_url=api_url, web_url=web_url)
        self.bodies = bodies
        self.hooks = Hooks(bodies, webhook_secret, client)
        self.listen(self.hooks.hear)
        self.access.personal_token(token_login, token)
        if app is not None:
            self.access.use_app(app)
            self.hooks.secret = app.webhook_secret
        backend = Backend(self, bodies, self.access, self.quotas, self.hooks, self._convert)
        api = create_api(backend)
        self.app = Frontage(api, self.faults, self.requests, self.access, now, self.repositories)

    # Deliveries

    @property
    def pending_deliveries(self) -> list[Delivery]:
        """What has happened and not been sent; a copy."""
        return list(self.hooks.pending)

    @property
    def delivery_log(self) -> list[DeliveryOutcome]:
        """Every attempt so far, oldest first; a copy."""
        return list(self.hooks.log)

    @property
    def hook_down(self) -> bool:
        """Whether the bot cannot be reached: deliveries are then logged as failed, not sent."""
        return self.hooks.down

    @hook_down.setter
    def hook_down(self, down: bool) -> None:
        self.hooks.down = down

    async def deliver(self, hook_url: str) -> list[DeliveryOutcome]:
        """Send what is pending, in order, also what comes up on the way."""
        return await self.hooks.deliver(hook_url)

    async def keep_delivering(self, hook_url: str) -> None:
        """Send each delivery as it arises, until cancelled."""
        await self.hooks.keep_delivering(hook_url)

    async def redeliver(self, delivery: Delivery) -> DeliveryOutcome:
        """Send a delivery once more, under the same id."""
        return await self.hooks.redeliver(delivery)

    def ping(self) -> None:
        """What GitHub sends first of all when a hook is made."""
        self.emit(Pinged())

    # The App manifest flow

    def manifest_code(self, manifest: Mapping[str, Any]) -> str:
        """What GitHub hands back when the operator has agreed to a manifest: a code for an hour."""
        code = f"{self.next_id():040x}"
        self._manifests[code] = _Manifest(manifest, self.now() + _MANIFEST_LIFETIME)
        return code

    def _convert(self, code: str) -> Json | None:
        manifest = self._manifests.pop(code, None)
        if manifest is None or manifest.expires_at <= self.now():
            return None
        asked = manifest.content
        app_id = self.next_id()
        credentials = AppCredentials(
            app_id=app_id,
            slug=str(asked.get("name", f"depot-bot-{app_id}")).lower().replace(" ", "-"),
            private_key_pem=self._make_key(),
            webhook_secret=f"{self.next_id():040x}",
            permissions=dict(asked.get("default_permissions", PERMISSIONS)),
            events=tuple(asked.get("default_events", EVENTS)),
        )
        self.access.use_app(credentials)
        self.hooks.secret = credentials.webhook_secret
        self.hooks.url = asked.get("hook_attributes", {}).get("url", self.hooks.url)
        assert self.bot_app is not None
        return {
            **self.bodies.app(self.bot_app),
            "client_id": self.bot_app.client_id,
            "client_secret": f"{self.next_id():040x}",
            "webhook_secret": credentials.webhook_secret,
            "pem": credentials.private_key_pem,
        }
