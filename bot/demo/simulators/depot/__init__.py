"""A simulated Depot CI: the API of `depot.ci.v1.CIService`, on a clock that its owner holds.

The conversation tests and the demo play on it. Where the real service is documented, it behaves
like the real one; where it is not, there is a switch. It speaks Connect in JSON, as the bot does.
"""

from bot.demo.simulators.depot.calls import Call
from bot.demo.simulators.depot.faults import Faults
from bot.demo.simulators.depot.github_port import APP_SLUG, DEFAULT_BRANCH, Forge
from bot.demo.simulators.depot.model import Attempt, Job, Run, Workflow
from bot.demo.simulators.depot.plans import Line
from bot.demo.simulators.depot.server import SERVICE
from bot.demo.simulators.depot.simulator import SimulatedDepot
from bot.demo.simulators.depot.switches import Switches
from bot.demo.simulators.depot.transport import InProcess

__all__ = [
    "APP_SLUG",
    "DEFAULT_BRANCH",
    "SERVICE",
    "Attempt",
    "Call",
    "Faults",
    "Forge",
    "InProcess",
    "Job",
    "Line",
    "Run",
    "SimulatedDepot",
    "Switches",
    "Workflow",
]
