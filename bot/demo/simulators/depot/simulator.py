"""The simulated Depot as the demo and the tests hold it in their hands."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from starlette.applications import Starlette

from bot.demo.simulators.depot import actions, progress
from bot.demo.simulators.depot.calls import Call
from bot.demo.simulators.depot.checks import Checks
from bot.demo.simulators.depot.faults import Faults
from bot.demo.simulators.depot.github_port import Forge
from bot.demo.simulators.depot.ids import Ids
from bot.demo.simulators.depot.logs import log_of
from bot.demo.simulators.depot.methods import METHODS, Method
from bot.demo.simulators.depot.model import Order, Run
from bot.demo.simulators.depot.plans import FOR_EVER, Line, Outcome, Plan, PlannedFor, lines
from bot.demo.simulators.depot.server import Grant, Server
from bot.demo.simulators.depot.switches import Switches
from bot.demo.simulators.depot.transport import InProcess
from bot.demo.simulators.depot.world import World

_ENDINGS: Mapping[str, Outcome] = MappingProxyType(
    {"finished": "finished", "failed": "failed", "cancelled": "cancelled"}
)


class SimulatedDepot:
    """Depot CI, without the machines.

    Serve `app` with any ASGI server, or reach it in the same process through `transport()`.
    Everything moves by `now`, in epoch seconds; nothing happens between two looks.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float],
        forge: Forge,
        token: str = "depot-organisation-token",
        org_id: str = "k3v9c0t1xa",
        switches: Switches | None = None,
        seed: str = "depot",
        methods: Mapping[str, Method] = METHODS,
    ) -> None:
        self.org_id = org_id
        self.token = token
        self.faults = Faults()
        checks = Checks(forge)
        self._world = World(now, forge, switches or Switches(), Ids(seed), checks, time=now())
        grants = {token: Grant("organisation", (org_id,))}
        self._server = Server(self._world, methods, self.faults, grants)
        self.app: Starlette = self._server.app()

    def transport(self) -> InProcess:
        """A transport for `httpx.AsyncClient` that loses answers as a socket does."""
        return InProcess(self.app)

    # What is known.

    @property
    def switches(self) -> Switches:
        """How it behaves where the real one is not known; set to another to flip switches."""
        return self._world.switches

    @switches.setter
    def switches(self, switches: Switches) -> None:
        self._world.switches = switches
        self._world.replan()

    @property
    def calls(self) -> list[Call]:
        """Every call that came in, with its exact bytes."""
        return self._server.calls

    @property
    def runs(self) -> list[Run]:
        """All runs, in the order of their arrival, as they are now."""
        self.settle()
        return list(self._world.runs.values())

    def run(self, run_id: str) -> Run:
        """One run, as it is now."""
        self.settle()
        return self._world.runs[run_id]

    def calls_of(self, method: str) -> list[Call]:
        """The calls of one method."""
        return [call for call in self.calls if call.method == method]

    def log(self, attempt_id: str) -> list[Line]:
        """What an attempt at a job has written so far."""
        self.settle()
        found = self._world.find_attempt(self.org_id, attempt_id)
        return [written.line for written in log_of(self._world, *found)]

    def settle(self) -> None:
        """Play everything that has happened up to now."""
        progress.settle(self._world)

    # Who may call.

    def add_organisation(self, org_id: str, token: str) -> None:
        """Let another organisation in, with a token of its own."""
        self._server.tokens[token] = Grant("organisation", (org_id,))

    def forget_token(self, token: str) -> None:
        """Take this token no longer."""
        del self._server.tokens[token]

    def add_user_token(self, token: str, *org_ids: str) -> None:
        """Let a person in, who belongs to these organisations."""
        self._server.tokens[token] = Grant("user", org_ids)

    def add_project_token(self, token: str) -> None:
        """A token for container builds, which opens nothing here."""
        self._server.tokens[token] = Grant("project", (self.org_id,))

    # What will happen.

    def plan(
        self,
        *,
        workflow: str | None = None,
        job: str | None = None,
        attempt: int | None = None,
        run_id: str | None = None,
        outcome: Outcome | None = None,
        queued: float | None = None,
        seconds: float | None = None,
        log: Sequence[str | Line] | None = None,
        error_message: str | None = None,
        diagnosis: str | None = None,
        possible_fix: str | None = None,
        summary: str | None = None,
        artifacts: Mapping[str, bytes] | None = None,
    ) -> None:
        """Say what happens to the jobs that fit; the newest plan that says something wins.

        May come before the run or while it goes on: what has happened stays as it was.
        """
        self.settle()
        plan = Plan(
            queued=queued,
            seconds=seconds,
            outcome=outcome,
            log=None if log is None else lines(log),
            error_message=error_message,
            diagnosis=diagnosis,
            possible_fix=possible_fix,
            summary=summary,
            artifacts=artifacts,
        )
        self._world.plans.append(PlannedFor(plan, workflow, job, attempt, run_id))
        self._world.replan()

    def hold(
        self, *, workflow: str | None = None, job: str | None = None, run_id: str | None = None
    ) -> None:
        """Leave the jobs that fit queued for ever, or until `plan(queued=…)` says otherwise."""
        self.plan(workflow=workflow, job=job, run_id=run_id, queued=FOR_EVER)

    def hide_new_runs(self, seconds: float) -> None:
        """Let ListRuns and ListWorkflows show a run only when it is this old."""
        self.switches = replace(self.switches, list_delay=seconds)

    # What happens now.

    def start(self, run_id: str) -> None:
        """Let the first jobs of a run start at once."""
        actions.start(self._world, self.run(run_id))

    def finish(
        self,
        run_id: str,
        outcome: Outcome = "finished",
        jobs: Mapping[str, Outcome] | None = None,
    ) -> None:
        """Bring a run to its end at once. Jobs not named get `outcome`, needs permitting."""
        run = self.run(run_id)
        run.shown = ""
        actions.finish(self._world, run, outcome, jobs or {})

    def set_status(self, run_id: str, status: str) -> None:
        """Show a run in any state, known or not; while it shows, nothing moves in it.

        A terminal state ends the run for real, and the empty one lets it go on.
        """
        ending = _ENDINGS.get(status)
        if ending is None:
            self.run(run_id).shown = status
        else:
            self.finish(run_id, ending)

    def forget(self, run_id: str) -> None:
        """Let a run disappear: `not_found` from now on."""
        self._world.forget(self.run(run_id))

    def retried_elsewhere(self, run_id: str) -> None:
        """Somebody retries what failed in a run, or reruns it when nothing did."""
        actions.retry_run(self._world, self.run(run_id))

    def foreign_run(
        self,
        repo: str,
        sha: str,
        workflow: str = "",
        job: str | None = None,
        *,
        trigger: str = "api",
        pr: int | None = None,
        head_sha: str = "",
        ref: str = "",
        org_id: str = "",
    ) -> Run:
        """Somebody else starts a run, or a push or a pull request does."""
        self.settle()
        return self._world.start(
            Order(
                repo=repo,
                sha=sha,
                workflow=workflow,
                job=job or "",
                trigger=trigger,
                ref=ref,
                head_sha=head_sha,
                pr=pr,
                org_id=org_id or self.org_id,
            )
        )
