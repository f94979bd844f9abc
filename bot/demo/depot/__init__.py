"""A simulated Depot CI: the API of `depot.ci.v1.CIService`, on a clock that its owner holds.

The conversation tests and the demo play on it. Where the real service is documented, it behaves
like the real one; where it is not, there is a switch. It speaks Connect in JSON and in protobuf's
binary form, so that Depot's own CLI and other clients can talk to it.
"""

from bot.demo.depot.calls import Call
from bot.demo.depot.faults import Faults
from bot.demo.depot.forge import APP_SLUG, DEFAULT_BRANCH, Forge
from bot.demo.depot.model import Attempt, Job, Run, Workflow
from bot.demo.depot.plans import Line
from bot.demo.depot.server import SERVICE
from bot.demo.depot.simulator import SimulatedDepot
from bot.demo.depot.switches import Switches
from bot.demo.depot.transport import InProcess

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
