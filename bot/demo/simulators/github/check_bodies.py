"""Records to JSON bodies: check suites and check runs."""

from bot.demo.simulators.github.bodies import Json, iso, iso_or_none, node_id
from bot.demo.simulators.github.git_bodies import GitBodies, signature
from bot.demo.simulators.github.model import CheckRun, CheckSuite, PullRequest, Repository


class CheckBodies(GitBodies):
    """What Apps say about commits."""

    def check_suite(self, suite: CheckSuite) -> Json:
        """`check-suite`."""
        repository = suite.repository
        runs = self.world.runs_of(repository, suite.head_sha)
        own = [run for run in runs if run.suite is suite]
        status, conclusion = _sum_up(own)
        commit = repository.commits[suite.head_sha]
        url = f"{self.repository_url(repository)}/check-suites/{suite.id}"
        return {
            "id": suite.id,
            "node_id": node_id("CS", suite.id),
            "head_branch": suite.head_branch,
            "head_sha": suite.head_sha,
            "status": status,
            "conclusion": conclusion,
            "url": url,
            "before": commit.parents[0] if commit.parents else "0" * 40,
            "after": suite.head_sha,
            "pull_requests": self._pulls_at(suite),
            "app": self.app(suite.app),
            "repository": self.repository(repository),
            "created_at": iso(suite.created_at),
            "updated_at": iso(suite.updated_at),
            "head_commit": {
                "id": commit.sha,
                "tree_id": commit.tree_sha,
                "message": commit.message,
                "timestamp": iso(commit.date),
                "author": signature(commit),
                "committer": signature(commit),
            },
            "latest_check_runs_count": len(own),
            "check_runs_url": f"{url}/check-runs",
        }

    def check_run(self, run: CheckRun) -> Json:
        """`check-run`."""
        suite = run.suite
        url = f"{self.repository_url(suite.repository)}/check-runs/{run.id}"
        page = f"{self.web}/{suite.repository.full_name}/runs/{run.id}"
        return {
            "id": run.id,
            "name": run.name,
            "node_id": node_id("CR", run.id),
            "head_sha": suite.head_sha,
            "external_id": run.external_id,
            "url": url,
            "html_url": page,
            "details_url": run.details_url or page,
            "status": run.status,
            "conclusion": run.conclusion,
            "started_at": iso(run.started_at),
            "completed_at": iso_or_none(run.completed_at),
            "output": {
                "title": run.output.title,
                "summary": run.output.summary,
                "text": run.output.text,
                "annotations_count": 0,
                "annotations_url": f"{url}/annotations",
            },
            "check_suite": {"id": suite.id},
            "app": self.app(suite.app),
            "pull_requests": self._pulls_at(suite),
        }

    def event_check_run(self, run: CheckRun) -> Json:
        """`check-run` as the webhook carries it, with more of its suite."""
        suite = self.check_suite(run.suite)
        for left_out in ("head_commit", "latest_check_runs_count", "check_runs_url"):
            del suite[left_out]
        return {**self.check_run(run), "check_suite": suite}

    def _pulls_at(self, suite: CheckSuite) -> list[Json]:
        # GitHub leaves out pull requests whose head lies in a fork.
        return [
            self._minimal_pull(pull)
            for pull in suite.repository.issues.values()
            if isinstance(pull, PullRequest)
            and not pull.from_fork
            and pull.state == "open"
            and pull.head_sha == suite.head_sha
        ]

    def _minimal_pull(self, pull: PullRequest) -> Json:
        home = pull.repository
        return {
            "id": pull.id,
            "number": pull.number,
            "url": f"{self.repository_url(home)}/pulls/{pull.number}",
            "head": self._minimal_end(pull.head_branch, pull.head_sha, pull.head_repository),
            "base": self._minimal_end(pull.base_branch, pull.base_sha, home),
        }

    def _minimal_end(self, ref: str, sha: str, repository: Repository) -> Json:
        repo = {
            "id": repository.id,
            "url": self.repository_url(repository),
            "name": repository.name,
        }
        return {"ref": ref, "sha": sha, "repo": repo}


def _sum_up(runs: list[CheckRun]) -> tuple[str, str | None]:
    statuses = {run.status for run in runs}
    if not statuses:
        return "queued", None
    if statuses != {"completed"}:
        return "in_progress" if statuses & {"in_progress", "completed"} else "queued", None
    conclusions = {run.conclusion for run in runs}
    worst = ("failure", "timed_out", "action_required", "cancelled", "success", "neutral")
    return "completed", next((one for one in worst if one in conclusions), "skipped")
