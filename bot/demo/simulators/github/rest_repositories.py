"""REST endpoints of repositories: who may do what, files, commits and branches."""

from urllib.parse import quote

from bot.demo.simulators.github.bodies import Json
from bot.demo.simulators.github.http import Answer, ApiError, Call, Endpoint, not_found, page
from bot.demo.simulators.github.model import Commit, Repository


def get_repository(call: Call) -> Answer:
    return Answer(call.bodies.full_repository(call.repository))


def get_permission(call: Call) -> Answer:
    asker = call.principal
    if asker.token is None and not call.world.role_of(call.repository, call.user).can_write:
        raise ApiError(403, "Must have push access to view collaborator permission.")
    user = call.world.find_user(call.params["login"])
    if user is None:
        raise ApiError(404, f"{call.params['login']} is not a user")
    return Answer(call.bodies.permission(user, call.world.role_of(call.repository, user)))


def get_membership(call: Call) -> Answer:
    team, login = f"{call.params['org']}/{call.params['team']}".lower(), call.params["login"]
    members = call.world.teams.get(team, frozenset())
    user = call.world.find_user(login)
    if user is None or user.login.lower() not in members:
        return Answer(status=404, raw=b"")  # as GitHub's description has it
    body = {
        "url": f"{call.bodies.api}/orgs/{team.replace('/', '/teams/')}/memberships/{user.login}",
        "role": "member",
        "state": "active",
    }
    return Answer(body)


def get_root(call: Call) -> Answer:
    return _contents(call, "")


def get_contents(call: Call) -> Answer:
    return _contents(call, call.params["path"].strip("/"))


def _contents(call: Call, path: str) -> Answer:
    repository = call.repository
    ref = call.query.get("ref") or repository.default_branch
    commit = call.world.resolve(repository, ref)
    if commit is None:
        raise ApiError(404, f"No commit found for the ref {ref}")
    if path in commit.files:
        return _file(call, ref, path, commit.files[path])
    prefix = f"{path}/" if path else ""
    inside = {name: text for name, text in commit.files.items() if name.startswith(prefix)}
    if not inside:
        raise not_found()
    return Answer(call.bodies.folder(repository, ref, path, inside))


def _file(call: Call, ref: str, path: str, text: str) -> Answer:
    accept = call.headers.get("accept", "")
    if accept.startswith("application/vnd.github.") and "raw" in accept:
        media_type = "application/vnd.github.raw+json; charset=utf-8"
        return Answer(raw=text.encode(), media_type=media_type)
    return Answer(call.bodies.file(call.repository, ref, path, text))


def get_commit(call: Call) -> Answer:
    commit = commit_of(call, call.params["ref"])
    return Answer(call.bodies.full_commit(call.repository, commit))


def list_commits(call: Call) -> Answer:
    """The commits that can be reached from a branch or commit, the newest first."""
    repository = call.repository
    ref = call.query.get("sha") or repository.default_branch
    tip = call.world.resolve(repository, ref)
    if tip is None:
        raise not_found()
    found = [repository.commits[sha] for sha in call.world.ancestors(repository, tip.sha)]
    shown, links = page(call, sorted(found, key=lambda commit: -commit.date))
    return Answer([call.bodies.commit(repository, one) for one in shown], headers=links)


def commit_of(call: Call, ref: str) -> Commit:
    """The commit that a path names; GitHub answers 422 for what cannot be one."""
    commit = call.world.resolve(call.repository, ref)
    if commit is None:
        raise ApiError(422, f"No commit found for SHA: {ref}")
    return commit


def get_branch_ref(call: Call) -> Answer:
    repository, name = call.repository, call.params["branch"]
    sha = repository.branches.get(name)
    if sha is None:
        raise not_found()
    api = call.bodies.repository_url(repository)
    body = {
        "ref": f"refs/heads/{name}",
        "node_id": f"REF_{sha[:12]}",
        "url": f"{api}/git/refs/heads/{quote(name)}",
        "object": {"type": "commit", "sha": sha, "url": f"{api}/git/commits/{sha}"},
    }
    return Answer(body)


def compare(call: Call) -> Answer:
    repository = call.repository
    ends = call.params["basehead"].split("...")
    if len(ends) != 2:
        raise not_found()
    base, head = (_end(call, end) for end in ends)
    shared = call.world.merge_base(repository, base.sha, head.sha)
    if shared is None:
        raise not_found()
    ahead = call.world.commits_between(repository, base.sha, head.sha)
    behind = call.world.commits_between(repository, head.sha, base.sha)
    shown, links = page(call, ahead)
    body: Json = {
        **_comparison_links(call, f"{ends[0]}...{ends[1]}"),
        "base_commit": call.bodies.commit(repository, base),
        "merge_base_commit": call.bodies.commit(repository, repository.commits[shared]),
        "status": _relation(len(ahead), len(behind)),
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": [call.bodies.commit(repository, one) for one in shown],
        "files": call.bodies.diff(
            repository, head.sha, repository.commits[shared].files, head.files
        ),
    }
    return Answer(body, headers=links)


def _end(call: Call, text: str) -> Commit:
    owner, _, ref = text.rpartition(":")
    source: Repository | None = call.repository
    if owner:
        source = next(
            (
                one
                for one in call.world.repositories.values()
                if one.owner.login.lower() == owner.lower()
                and call.repository in (one, one.fork_of)
            ),
            None,
        )
    commit = call.world.resolve(source, ref) if source else None
    if commit is None or commit.sha not in call.repository.commits:
        raise not_found()
    return commit


def _comparison_links(call: Call, basehead: str) -> dict[str, str]:
    ends = quote(basehead, safe="/:")
    page_url = f"{call.bodies.web}/{call.repository.full_name}/compare/{ends}"
    return {
        "url": f"{call.bodies.repository_url(call.repository)}/compare/{ends}",
        "html_url": page_url,
        "permalink_url": page_url,
        "diff_url": f"{page_url}.diff",
        "patch_url": f"{page_url}.patch",
    }


def _relation(ahead: int, behind: int) -> str:
    if ahead and behind:
        return "diverged"
    return "ahead" if ahead else "behind" if behind else "identical"


_REPO = "/repos/{owner}/{repo}"
_READ_METADATA = {"metadata": "read"}
_READ_CONTENTS = {"contents": "read"}

ENDPOINTS = (
    Endpoint("GET", _REPO, get_repository, needs=_READ_METADATA),
    Endpoint(
        "GET",
        _REPO + "/collaborators/{login}/permission",
        get_permission,
        needs=_READ_METADATA,
    ),
    Endpoint(
        "GET",
        "/orgs/{org}/teams/{team}/memberships/{login}",
        get_membership,
        needs={"members": "read"},
    ),
    Endpoint("GET", _REPO + "/contents", get_root, needs=_READ_CONTENTS),
    Endpoint("GET", _REPO + "/contents/{path:path}", get_contents, needs=_READ_CONTENTS),
    Endpoint("GET", _REPO + "/git/ref/heads/{branch:path}", get_branch_ref, needs=_READ_CONTENTS),
    Endpoint("GET", _REPO + "/compare/{basehead:path}", compare, needs=_READ_CONTENTS),
    Endpoint("GET", _REPO + "/commits", list_commits, needs=_READ_CONTENTS),
    Endpoint("GET", _REPO + "/commits/{ref:path}", get_commit, needs=_READ_CONTENTS),
)
