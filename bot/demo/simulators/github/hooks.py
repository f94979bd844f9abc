"""Webhook deliveries: queued as things happen, sent when asked, logged as GitHub logs them."""

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import httpx
import msgspec

from bot.demo.simulators.github.bodies import Json, iso
from bot.demo.simulators.github.events import Event, InstallationChanged, Pinged
from bot.demo.simulators.github.model import Installation, Repository
from bot.demo.simulators.github.thread_bodies import ThreadBodies
from bot.demo.simulators.github.webhooks import event_name, payload, repository_of, signatures

# GitHub counts a delivery as failed when there is no answer within this many seconds.
TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to the hook. Its body is fixed when the event happens."""

    guid: str
    event: str
    action: str | None
    body: bytes
    installation: Installation | None
    repository: Repository | None

    @property
    def payload(self) -> Json:
        """The body as JSON."""
        decoded: Json = msgspec.json.decode(self.body)
        return decoded


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """One attempt to deliver, as the App's delivery log has it."""

    id: int
    delivery: Delivery
    delivered_at: float
    redelivery: bool
    duration: float
    status: str
    status_code: int
    request_headers: Mapping[str, str]
    response_headers: Mapping[str, str] = field(default_factory=dict)
    response_body: str = ""

    @property
    def ok(self) -> bool:
        """Whether the hook answered 2xx in time."""
        return self.status == "OK"


@dataclass(frozen=True, slots=True)
class _Reaction:
    status: str
    code: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


class Hooks:
    """The one webhook of the bot: its App's, or its repositories' when it has only a token."""

    def __init__(
        self, bodies: ThreadBodies, secret: str, client: httpx.AsyncClient | None = None
    ) -> None:
        self.secret = secret
        self.url: str | None = None
        self.down = False
        self.timeout = TIMEOUT
        self.knows_status = True
        """An older GitHub Enterprise Server lists deliveries of every status, whatever is asked."""
        self.pending: list[Delivery] = []
        self.log: list[DeliveryOutcome] = []
        self._bodies = bodies
        self._world = bodies.world
        self._client = client
        self._id = self._world.next_id()
        self._began = self._world.now()
        self._count = 0
        self._arrived = anyio.Event()

    def hear(self, event: Event) -> None:
        """Queue a delivery, if the hook is subscribed to such events."""
        repository = repository_of(event)
        installation = self._installation(event, repository)
        if not self._wants(event, installation):
            return
        body = payload(self._bodies, event, self.description())
        delivery = Delivery(
            guid=self._guid(),
            event=event_name(event),
            action=event.action,
            body=msgspec.json.encode(body),
            installation=installation,
            repository=repository,
        )
        self.pending.append(delivery)
        self._arrived.set()

    async def deliver(self, url: str) -> list[DeliveryOutcome]:
        """Send what is pending, in order, also what comes up on the way."""
        self.url = url
        outcomes = []
        while self.pending:
            outcomes.append(await self._attempt(self.pending.pop(0), url, redelivery=False))
        return outcomes

    async def keep_delivering(self, url: str) -> None:
        """Send each delivery as it arises, until cancelled."""
        while True:
            await self.deliver(url)
            await self._arrived.wait()
            self._arrived = anyio.Event()

    async def redeliver(self, delivery: Delivery) -> DeliveryOutcome:
        """Send a delivery once more, under the same id."""
        if self.url is None:
            raise RuntimeError("nothing has been delivered yet, so the hook's URL is not known")
        return await self._attempt(delivery, self.url, redelivery=True)

    def find(self, outcome_id: int) -> DeliveryOutcome | None:
        """The logged attempt with this id."""
        return next((one for one in self.log if one.id == outcome_id), None)

    def description(self) -> Json:
        """The hook as a ping tells of it."""
        app = self._world.bot_app
        owner: Json = {"type": "App", "app_id": app.id} if app else {"type": "Repository"}
        return {
            **owner,
            "id": self._id,
            "name": "web",
            "active": True,
            "events": app.events if app else ["*"],
            "config": self.config(),
            "created_at": iso(self._began),
            "updated_at": iso(self._began),
            "deliveries_url": f"{self._bodies.api}/app/hook/deliveries",
        }

    def config(self) -> Json:
        """`webhook-config`; GitHub masks the secret."""
        return {
            "content_type": "json",
            "insecure_ssl": "0",
            "secret": "********",
            "url": self.url or "https://example.com/webhook",
        }

    def _installation(self, event: Event, repository: Repository | None) -> Installation | None:
        if isinstance(event, InstallationChanged):
            return event.installation
        return self._world.installation_for(repository) if repository else None

    def _wants(self, event: Event, installation: Installation | None) -> bool:
        if isinstance(event, InstallationChanged | Pinged) or self._world.bot_app is None:
            return True
        if installation is None or installation.suspended_at is not None:
            return False
        return event_name(event) in installation.events

    def _guid(self) -> str:
        # Different in each simulation that starts at another time: the bot's ledger may outlive it.
        self._count += 1
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._began}/{self._count}"))

    async def _attempt(self, delivery: Delivery, url: str, *, redelivery: bool) -> DeliveryOutcome:
        started = self._world.now()
        headers = self.headers(delivery)
        reaction = await self._send(url, delivery.body, headers)
        outcome = DeliveryOutcome(
            id=self._world.next_id(),
            delivery=delivery,
            delivered_at=started,
            redelivery=redelivery,
            duration=round(self._world.now() - started, 2),
            status=reaction.status,
            status_code=reaction.code,
            request_headers=headers,
            response_headers=reaction.headers,
            response_body=reaction.body,
        )
        self.log.append(outcome)
        return outcome

    async def _send(self, url: str, body: bytes, headers: Mapping[str, str]) -> _Reaction:
        unreachable = _Reaction("failed to connect to host", 502)
        if self.down:
            return unreachable
        try:
            async with self._opened_client() as client:
                with anyio.fail_after(self.timeout):
                    response = await client.post(url, content=body, headers=headers)
        except (TimeoutError, httpx.TimeoutException):
            return _Reaction("timed out", 504)
        except httpx.TransportError:
            return unreachable
        fine = response.is_success
        status = "OK" if fine else f"Invalid HTTP Response: {response.status_code}"
        return _Reaction(status, response.status_code, dict(response.headers), response.text)

    @asynccontextmanager
    async def _opened_client(self) -> AsyncIterator[httpx.AsyncClient]:
        if self._client is not None:
            yield self._client
            return
        async with httpx.AsyncClient(timeout=self.timeout) as client:
            yield client

    def headers(self, delivery: Delivery) -> dict[str, str]:
        """What a delivery is sent with, its signature among it."""
        app = self._world.bot_app
        repository_id = delivery.repository.id if delivery.repository else 0
        return {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/5dc9f00",
            "X-GitHub-Delivery": delivery.guid,
            "X-GitHub-Event": delivery.event,
            "X-GitHub-Hook-ID": str(self._id),
            "X-GitHub-Hook-Installation-Target-ID": str(app.id if app else repository_id),
            "X-GitHub-Hook-Installation-Target-Type": "integration" if app else "repository",
            **signatures(self.secret, delivery.body),
        }
