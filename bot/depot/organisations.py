"""Several Depot organisations: the owner of a repository on GitHub says whose token is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from bot.depot.client import Depot

ANY_OWNER = ""
"""Stands for every owner that is not named."""


@dataclass(frozen=True, slots=True)
class DepotAccess:
    """How Depot is asked."""

    token: str = field(repr=False)
    org_id: str = ""
    """The organisation that is meant, for a token of a user."""


class Organisations:
    """A client of Depot for each owner that has an organisation of its own, and one for all others.

    The clients stay the same while their tokens change.
    """

    def __init__(
        self, client: httpx.AsyncClient, *, url: str, access: Mapping[str, DepotAccess]
    ) -> None:
        self._client = client
        self._url = url
        self._by_owner: dict[str, Depot] = {}
        self.use(access)

    def use(self, access: Mapping[str, DepotAccess]) -> None:
        """Go on with these tokens, by owner in lower case; ANY_OWNER is among them."""
        for owner in self._by_owner.keys() - access.keys():
            del self._by_owner[owner]
        for owner, one in access.items():
            if owner in self._by_owner:
                self._by_owner[owner].use(one.token, one.org_id)
            else:
                self._by_owner[owner] = Depot(
                    self._client, url=self._url, token=one.token, org_id=one.org_id
                )

    def by_owner(self) -> Mapping[str, Depot]:
        """All of them."""
        return dict(self._by_owner)

    def of(self, owner: str) -> Depot:
        """The one for the repositories of this owner."""
        return self._by_owner.get(owner.lower(), self._by_owner[ANY_OWNER])
