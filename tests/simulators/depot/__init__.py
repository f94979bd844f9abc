"""The whole Depot CI: the simulator of the demo, and what only other clients than the bot ask for.

It adds the binary form of messages, streams, the methods that the bot does not call, and a server
that speaks HTTP/2.
"""

from collections.abc import Callable

from bot.demo.simulators.depot import Forge, SimulatedDepot, Switches
from tests.simulators.depot import downloads
from tests.simulators.depot.methods import METHODS

__all__ = ["METHODS", "WholeDepot"]


class WholeDepot(SimulatedDepot):
    """Depot CI with all its methods, in all content types."""

    def __init__(
        self,
        *,
        now: Callable[[], float],
        forge: Forge,
        switches: Switches | None = None,
        seed: str = "depot",
    ) -> None:
        super().__init__(now=now, forge=forge, switches=switches, seed=seed, methods=METHODS)
        self.app.router.routes.append(downloads.route(self._world))
