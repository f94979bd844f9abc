"""A GitHub to play on: state, REST API and webhooks, in memory, on a clock of one's own."""

from bot.demo.simulators.github.access import (
    AppCredentials,
    InstallationToken,
    generate_private_key,
)
from bot.demo.simulators.github.faults import Fault, Faults
from bot.demo.simulators.github.hooks import Delivery, DeliveryOutcome
from bot.demo.simulators.github.model import (
    CheckRun,
    CheckSuite,
    Comment,
    Commit,
    Installation,
    Issue,
    PullRequest,
    Reaction,
    Repository,
    Review,
    ReviewComment,
    Role,
    User,
    Version,
)
from bot.demo.simulators.github.rest import RequestRecord
from bot.demo.simulators.github.simulated import SimulatedGitHub

__all__ = [
    "AppCredentials",
    "CheckRun",
    "CheckSuite",
    "Comment",
    "Commit",
    "Delivery",
    "DeliveryOutcome",
    "Fault",
    "Faults",
    "Installation",
    "InstallationToken",
    "Issue",
    "PullRequest",
    "Reaction",
    "Repository",
    "RequestRecord",
    "Review",
    "ReviewComment",
    "Role",
    "SimulatedGitHub",
    "User",
    "Version",
    "generate_private_key",
]
