"""Records to JSON bodies: accounts, repositories and Apps.

Every key that GitHub's schema requires is there; values that the simulation has no notion of are
what a young, quiet repository would show.
"""

import base64
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from bot.demo.simulators.github.model import App, Installation, Repository, Role, User
from bot.demo.simulators.github.threads import Threads

Json = dict[str, Any]

_USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}

_REPOSITORY_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def iso(time: float) -> str:
    """A time as GitHub writes it: UTC, whole seconds."""
    return datetime.fromtimestamp(int(time), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_or_none(time: float | None) -> str | None:
    """The same for what may not have happened yet."""
    return None if time is None else iso(time)


def node_id(kind: str, number: int) -> str:
    """An opaque id in the style of GitHub's GraphQL ids."""
    return f"{kind}_{base64.urlsafe_b64encode(b'%010d' % number).decode().rstrip('=')}"


class Bodies:
    """Everything that is not part of a conversation."""

    def __init__(self, world: Threads, *, api_url: str, web_url: str) -> None:
        self.world = world
        self.api = api_url.rstrip("/")
        self.web = web_url.rstrip("/")

    # Accounts

    def user(self, user: User) -> Json:
        """`simple-user`."""
        url = f"{self.api}/users/{quote(user.login)}"
        return {
            "login": user.login,
            "id": user.id,
            "node_id": node_id("U", user.id),
            "avatar_url": f"https://avatars.githubusercontent.com/u/{user.id}?v=4",
            "gravatar_id": "",
            "url": url,
            "html_url": self._profile(user),
            **{key: url + path for key, path in _USER_LINKS.items()},
            "type": user.type,
            "user_view_type": "public",
            "site_admin": False,
        }

    def _profile(self, user: User) -> str:
        if user.type == "Bot":
            return f"{self.web}/apps/{user.login.removesuffix('[bot]')}"
        return f"{self.web}/{user.login}"

    def public_user(self, user: User) -> Json:
        """`public-user`."""
        empty = ("company", "location", "email", "hireable", "bio", "twitter_username")
        return {
            **self.user(user),
            **dict.fromkeys(empty),
            "name": user.login,
            "blog": "",
            "public_repos": 0,
            "public_gists": 0,
            "followers": 0,
            "following": 0,
            "created_at": iso(user.created_at),
            "updated_at": iso(user.created_at),
        }

    def private_user(self, user: User) -> Json:
        """`private-user`: what one sees of oneself."""
        counts = (
            "private_gists",
            "total_private_repos",
            "owned_private_repos",
            "disk_usage",
            "collaborators",
        )
        return {
            **self.public_user(user),
            **dict.fromkeys(counts, 0),
            "two_factor_authentication": True,
        }

    def organization(self, user: User) -> Json:
        """`organization-simple-webhooks`."""
        url = f"{self.api}/orgs/{user.login}"
        links = ("repos", "events", "hooks", "issues")
        return {
            "login": user.login,
            "id": user.id,
            "node_id": node_id("O", user.id),
            "url": url,
            **{f"{name}_url": f"{url}/{name}" for name in links},
            "members_url": f"{url}/members{{/member}}",
            "public_members_url": f"{url}/public_members{{/member}}",
            "avatar_url": f"https://avatars.githubusercontent.com/u/{user.id}?v=4",
            "description": None,
        }

    def permission(self, user: User, role: Role) -> Json:
        """`repository-collaborator-permission`."""
        ladder = ("read", "triage", "write", "maintain", "admin")
        reached = ladder.index(role.base) if role.base in ladder else -1
        names = ("pull", "triage", "push", "maintain", "admin")
        return {
            "permission": role.permission,
            "role_name": role.name,
            "user": {
                **self.user(user),
                "permissions": {name: reached >= step for step, name in enumerate(names)},
                "role_name": role.name,
            },
        }

    # Repositories

    def repository(self, repository: Repository) -> Json:
        """`repository`, as pull requests and webhooks carry it."""
        url = self.repository_url(repository)
        page = f"{self.web}/{repository.full_name}"
        host = self.web.partition("://")[2]
        open_issues = sum(one.state == "open" for one in repository.issues.values())
        forks = sum(one.fork_of is repository for one in self.world.repositories.values())
        return {
            "id": repository.id,
            "node_id": node_id("R", repository.id),
            "name": repository.name,
            "full_name": repository.full_name,
            "private": repository.visibility != "public",
            "owner": self.user(repository.owner),
            "html_url": page,
            "description": None,
            "fork": repository.fork_of is not None,
            "url": url,
            **{key: url + path for key, path in _REPOSITORY_LINKS.items()},
            "created_at": iso(repository.created_at),
            "updated_at": iso(repository.pushed_at),
            "pushed_at": iso(repository.pushed_at),
            "git_url": f"git://{host}/{repository.full_name}.git",
            "ssh_url": f"git@{host}:{repository.full_name}.git",
            "clone_url": f"{page}.git",
            "svn_url": page,
            "mirror_url": None,
            "homepage": None,
            "language": None,
            "license": None,
            "size": 1,
            "stargazers_count": 0,
            "watchers_count": 0,
            "watchers": 0,
            "forks_count": forks,
            "forks": forks,
            "open_issues_count": open_issues,
            "open_issues": open_issues,
            "has_issues": True,
            "has_projects": True,
            "has_downloads": True,
            "has_wiki": True,
            "has_pages": False,
            "has_discussions": False,
            "archived": False,
            "disabled": False,
            "allow_forking": True,
            "is_template": False,
            "web_commit_signoff_required": False,
            "topics": [],
            "visibility": repository.visibility,
            "default_branch": repository.default_branch,
        }

    def repository_url(self, repository: Repository) -> str:
        """Where the API has this repository."""
        return f"{self.api}/repos/{repository.full_name}"

    def full_repository(self, repository: Repository) -> Json:
        """`full-repository`, with the origin of a fork."""
        origin = repository.fork_of
        family = {} if origin is None else dict.fromkeys(("parent", "source"), origin)
        return {
            **self.repository(repository),
            "subscribers_count": 0,
            "network_count": 0,
            **{key: self.repository(one) for key, one in family.items()},
        }

    def brief_repository(self, repository: Repository) -> Json:
        """What the `installation` webhook says of each repository."""
        return {
            "id": repository.id,
            "node_id": node_id("R", repository.id),
            "name": repository.name,
            "full_name": repository.full_name,
            "private": repository.visibility != "public",
        }

    # Apps

    def app(self, app: App) -> Json:
        """`integration`."""
        return {
            "id": app.id,
            "slug": app.slug,
            "client_id": app.client_id,
            "node_id": node_id("A", app.id),
            "owner": self.user(app.owner),
            "name": app.name,
            "description": "",
            "external_url": app.url,
            "html_url": f"{self.web}/apps/{app.slug}",
            "created_at": iso(app.created_at),
            "updated_at": iso(app.created_at),
            "permissions": app.permissions,
            "events": app.events,
        }

    def own_app(self, app: App) -> Json:
        """What the App sees of itself."""
        return {**self.app(app), "installations_count": len(self.world.installations)}

    def installation(self, installation: Installation) -> Json:
        """`installation`."""
        url = f"{self.api}/app/installations/{installation.id}"
        account = installation.account
        suspended = installation.suspended_at is not None
        is_organisation = account.type == "Organization"
        of = f"organizations/{account.login}/" if is_organisation else ""
        return {
            "id": installation.id,
            "client_id": installation.app.client_id,
            "account": self.user(account),
            "repository_selection": "all" if installation.repositories is None else "selected",
            "access_tokens_url": f"{url}/access_tokens",
            "repositories_url": f"{self.api}/installation/repositories",
            "html_url": f"{self.web}/{of}settings/installations/{installation.id}",
            "app_id": installation.app.id,
            "app_slug": installation.app.slug,
            "target_id": account.id,
            "target_type": "Organization" if is_organisation else "User",
            "permissions": installation.permissions,
            "events": installation.events,
            "created_at": iso(installation.created_at),
            "updated_at": iso(installation.created_at),
            "single_file_name": None,
            "has_multiple_single_files": False,
            "single_file_paths": [],
            "suspended_by": self.user(account) if suspended else None,
            "suspended_at": iso_or_none(installation.suspended_at),
        }
