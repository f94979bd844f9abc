from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.endpoints import Endpoint, door_on
from tests.support.databases import new_database


@pytest.fixture(scope="package")
def door(tmp_path_factory: pytest.TempPathFactory, private_key: str) -> Iterator[Endpoint]:
    """A bot on SQLite, one for all tests: none needs an empty ledger."""
    with door_on(tmp_path_factory.mktemp("door"), private_key) as door:
        yield door


@pytest.fixture(scope="package")
def postgresql_door(
    tmp_path_factory: pytest.TempPathFactory, private_key: str
) -> Iterator[Endpoint]:
    """The same on PostgreSQL."""
    with (
        new_database() as url,
        door_on(tmp_path_factory.mktemp("door"), private_key, url) as door,
    ):
        yield door


@pytest.fixture(params=["sqlite", "postgresql"], scope="package")
def either_door(request: pytest.FixtureRequest) -> Endpoint:
    """Each in turn."""
    name = "door" if request.param == "sqlite" else "postgresql_door"
    door: Endpoint = request.getfixturevalue(name)
    return door
