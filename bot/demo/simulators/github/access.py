"""Who is asking: App JWTs, installation tokens, personal tokens, and what each may do."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.demo.simulators.github.model import Installation, Repository, User
from bot.demo.simulators.github.world import World

TOKEN_LIFETIME = 3600.0
JWT_LIFETIME = 600.0

# What the bot asks for; also the default of an App made from a manifest that does not say.
PERMISSIONS: Mapping[str, str] = {
    "checks": "read",
    "contents": "read",
    "issues": "write",
    "metadata": "read",
    "pull_requests": "write",
}
EVENTS = (
    "check_run",
    "issue_comment",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
)
_LEVELS = ("read", "write", "admin")


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """What an operator has of an App. Secrets stay out of its text form."""

    app_id: int
    slug: str
    private_key_pem: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    permissions: Mapping[str, str] = field(default_factory=lambda: dict(PERMISSIONS))
    events: tuple[str, ...] = EVENTS


def generate_private_key() -> str:
    """A new RSA key as PEM. Takes a while: make one and pass it around."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


@lru_cache(maxsize=8)
def _public_key_of(private_key_pem: str) -> rsa.RSAPublicKey:
    """The half of it that signatures are checked with. Reading a private key takes 60 ms."""
    private = serialization.load_pem_private_key(private_key_pem.encode(), password=None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise TypeError("GitHub Apps have RSA keys")
    return private.public_key()


@dataclass(frozen=True, slots=True)
class InstallationToken:
    """A token of an installation, perhaps narrowed to some permissions and repositories."""

    text: str
    installation: Installation
    expires_at: float
    permissions: Mapping[str, str]
    repositories: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request comes from; `name` is what rate limits and the request log go by."""

    kind: Literal["anonymous", "app", "installation", "user"]
    name: str
    user: User | None = None
    token: InstallationToken | None = None

    def may(self, permission: str, level: str) -> bool:
        """Whether the granted permission reaches the level; people are judged by their role."""
        if self.token is None:
            return self.kind == "user"
        granted = self.token.permissions.get(permission, "")
        return granted in _LEVELS and _LEVELS.index(granted) >= _LEVELS.index(level)


ANONYMOUS = Principal("anonymous", "anonymous")


class BadCredentials(Exception):
    """GitHub answers 401 with this message."""


class Access:
    """Every credential that is known."""

    def __init__(self, world: World, jwt_now: Callable[[], float]) -> None:
        self.credentials: AppCredentials | None = None
        self._world = world
        self._jwt_now = jwt_now
        self._personal: dict[str, User] = {}
        self._installation_tokens: dict[str, InstallationToken] = {}

    def use_app(self, credentials: AppCredentials, *, owner: str = "depot-bot-operator") -> None:
        """Make this App the bot's. An earlier one is gone, with its installations."""
        self.credentials = credentials
        self._installation_tokens.clear()
        self._world.installations.clear()
        self._world.bot_app = self._world.register_app(
            credentials.app_id,
            credentials.slug,
            permissions=credentials.permissions,
            events=credentials.events,
            owner=owner,
            url="https://example.com/depot-bot",
        )

    def personal_token(self, login: str, token: str | None = None) -> str:
        """Give an account a token: the one named, or a new one."""
        token = token or self._new_token("ghp")
        self._personal[token] = self._world.user(login)
        return token

    def revoke(self, token: str) -> None:
        """Make a token worthless at once."""
        self._personal.pop(token, None)
        self._installation_tokens.pop(token, None)

    def issue_token(
        self,
        installation: Installation,
        permissions: Mapping[str, str] | None = None,
        repositories: frozenset[str] | None = None,
    ) -> InstallationToken:
        """A token for an installation, valid for an hour."""
        token = InstallationToken(
            text=self._new_token("ghs"),
            installation=installation,
            expires_at=self._world.now() + TOKEN_LIFETIME,
            permissions=dict(permissions or installation.permissions),
            repositories=repositories,
        )
        self._installation_tokens[token.text] = token
        return token

    def authenticate(self, authorization: str | None) -> Principal:
        """Who sends this `Authorization` header."""
        if authorization is None:
            return ANONYMOUS
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() not in {"bearer", "token"} or not token:
            raise BadCredentials("Bad credentials")
        if token in self._personal:
            user = self._personal[token]
            return Principal("user", user.login, user=user)
        if token in self._installation_tokens:
            return self._installation(self._installation_tokens[token])
        if token.count(".") == 2:
            return self._app(token)
        raise BadCredentials("Bad credentials")

    def name_of(self, authorization: str | None) -> str:
        """The principal's name, or what is wrong with it, for the request log."""
        try:
            return self.authenticate(authorization).name
        except BadCredentials:
            return "unknown"

    def reaches(self, principal: Principal, repository: Repository) -> bool:
        """Whether the repository exists as far as this principal can tell."""
        if principal.token is not None:
            narrowed = principal.token.repositories
            inside = narrowed is None or repository.full_name in narrowed
            return inside and principal.token.installation.covers(repository)
        if principal.user is not None:
            return self._world.role_of(repository, principal.user).permission != "none"
        return repository.visibility == "public"

    def _installation(self, token: InstallationToken) -> Principal:
        gone = token.installation not in self._world.installations
        if gone or token.expires_at <= self._world.now():
            raise BadCredentials("Bad credentials")
        name = f"installation {token.installation.account.login}"
        user = self._world.bot_user(token.installation.app)
        return Principal("installation", name, user=user, token=token)

    def _app(self, token: str) -> Principal:
        if self.credentials is None:
            raise BadCredentials("A JSON web token could not be decoded")
        # The claims are judged by the simulated clock, so PyJWT checks the signature only.
        try:
            claims = jwt.decode(
                token,
                _public_key_of(self.credentials.private_key_pem),
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.InvalidTokenError as error:
            raise BadCredentials("A JSON web token could not be decoded") from error
        self._check_claims(claims)
        return Principal("app", f"app {self.credentials.slug}")

    def _check_claims(self, claims: Mapping[str, object]) -> None:
        app, now = self._world.bot_app, self._jwt_now()
        issued, expires = claims.get("iat"), claims.get("exp")
        if app is None or str(claims.get("iss")) not in {str(app.id), app.client_id}:
            raise BadCredentials("Integration not found")
        if not isinstance(issued, int) or issued > now:
            raise BadCredentials(
                "'Issued at' claim ('iat') must be an Integer representing the time that the"
                " assertion was issued"
            )
        if not isinstance(expires, int) or expires <= now:
            raise BadCredentials(
                "'Expiration time' claim ('exp') must be a numeric value representing the future"
                " time at which the assertion expires"
            )
        if expires - now > JWT_LIFETIME:
            raise BadCredentials("'Expiration time' claim ('exp') is too far in the future")

    def _new_token(self, prefix: str) -> str:
        number = self._world.next_id()
        text = hashlib.sha256(f"{self._world.now()}/{number}".encode()).hexdigest()
        return f"{prefix}_{text[:36]}"
