"""Check suites and check runs."""

from collections.abc import Callable, Iterable

from bot.demo.simulators.github.events import CheckRunChanged
from bot.demo.simulators.github.model import App, CheckOutput, CheckRun, CheckSuite, Repository
from bot.demo.simulators.github.world import World

DEPOT_APP = "depot-code-access"


class Checks(World):
    """What Apps say about commits."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__(now)
        self.check_run_webhooks = False
        """Whether the bot's App hears of the checks of *other* Apps (it is disputed)."""
        self.check_suites: list[CheckSuite] = []
        self.check_runs: list[CheckRun] = []

    def open_suites(self, repository: Repository, branch: str, sha: str) -> None:
        """What GitHub does on a push: a suite for each App that may write checks here."""
        for app in self._checking_apps(repository):
            self._suite(repository, app, sha, branch)

    def suites_of(self, repository: Repository, sha: str) -> list[CheckSuite]:
        """The suites of a commit, oldest first."""
        return [
            suite
            for suite in self.check_suites
            if suite.repository is repository and suite.head_sha == sha
        ]

    def runs_of(self, repository: Repository, sha: str, *, latest: bool = True) -> list[CheckRun]:
        """The check runs of a commit, newest first; only the latest of each name, or all."""
        runs = [
            run
            for run in reversed(self.check_runs)
            if run.suite.repository is repository and run.suite.head_sha == sha
        ]
        return _latest(runs) if latest else runs

    def find_check_run(self, repository: Repository, run_id: int) -> CheckRun | None:
        """The check run with this id, if this repository has it."""
        return next(
            (
                run
                for run in self.check_runs
                if run.id == run_id and run.suite.repository is repository
            ),
            None,
        )

    def upsert_check_run(
        self,
        repo: str,
        sha: str,
        name: str,
        status: str,
        conclusion: str | None = None,
        details_url: str = "",
        app_slug: str = DEPOT_APP,
        *,
        new: bool = False,
    ) -> CheckRun:
        """Post a check as an App does: change the one of this name, or make it, always if `new`."""
        repository = self.repository_named(repo)
        app = self.app_named(app_slug)
        known = next(
            (
                run
                for run in self.runs_of(repository, sha)
                if run.name == name and run.suite.app is app
            ),
            None,
        )
        if known is None or new:
            return self.create_check_run(
                repository, sha, name, app, status, conclusion, details_url
            )
        self.update_check_run(known, status, conclusion, details_url)
        return known

    def create_check_run(
        self,
        repository: Repository,
        sha: str,
        name: str,
        app: App,
        status: str,
        conclusion: str | None = None,
        details_url: str = "",
        *,
        external_id: str = "",
        output: CheckOutput | None = None,
    ) -> CheckRun:
        """Make a check run, in the App's suite for this commit; KeyError without the commit."""
        if sha not in repository.commits:
            raise KeyError(f"{repository.full_name} has no commit {sha}")
        run = CheckRun(
            id=self.next_id(),
            suite=self._suite(repository, app, sha, _branch_at(repository, sha)),
            name=name,
            status="completed" if conclusion else status,
            conclusion=conclusion,
            details_url=details_url,
            external_id=external_id,
            started_at=self.now(),
            completed_at=self.now() if conclusion else None,
            output=output or CheckOutput(),
        )
        self.check_runs.append(run)
        self._tell(run, created=True)
        return run

    def update_check_run(
        self,
        run: CheckRun,
        status: str | None = None,
        conclusion: str | None = None,
        details_url: str | None = None,
        *,
        output: CheckOutput | None = None,
    ) -> None:
        """Change a check run; a conclusion completes it."""
        was = run.status
        run.status = "completed" if conclusion else status or run.status
        run.conclusion = conclusion if run.status == "completed" else None
        run.completed_at = self.now() if run.status == "completed" else None
        run.details_url = details_url or run.details_url
        run.output = output or run.output
        run.suite.updated_at = self.now()
        if run.status == "completed" and was != "completed":
            self._tell(run, created=False)

    def _checking_apps(self, repository: Repository) -> Iterable[App]:
        installation = self.installation_for(repository)
        if installation and installation.permissions.get("checks") == "write":
            yield installation.app
        if repository.connected:
            yield self.app_named(DEPOT_APP)

    def _suite(self, repository: Repository, app: App, sha: str, branch: str | None) -> CheckSuite:
        for suite in self.suites_of(repository, sha):
            if suite.app is app:
                return suite
        suite = CheckSuite(self.next_id(), repository, app, sha, branch, self.now(), self.now())
        self.check_suites.append(suite)
        return suite

    def _tell(self, run: CheckRun, *, created: bool) -> None:
        app = run.suite.app
        if app is not self.bot_app and not self.check_run_webhooks:
            return
        if created:
            self.emit(CheckRunChanged("created", run, self.bot_user(app)))
        if run.status == "completed":
            self.emit(CheckRunChanged("completed", run, self.bot_user(app)))


def _branch_at(repository: Repository, sha: str) -> str | None:
    # A head in a fork is on no branch here; GitHub then says null.
    return next((name for name, tip in repository.branches.items() if tip == sha), None)


def _latest(newest_first: list[CheckRun]) -> list[CheckRun]:
    kept: dict[tuple[int, str], CheckRun] = {}
    for run in newest_first:
        kept.setdefault((run.suite.id, run.name), run)
    return list(kept.values())
