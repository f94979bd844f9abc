"""Accounts, Apps, repositories and commits of the simulated GitHub."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from bot.demo.simulators.github.events import Event, InstallationChanged
from bot.demo.simulators.github.model import (
    COARSE_PERMISSION,
    AccountType,
    App,
    Commit,
    Installation,
    Repository,
    Role,
    User,
    commit_sha,
)

InstallationAction = Literal[
    "created", "deleted", "suspend", "unsuspend", "new_permissions_accepted"
]
Files = Mapping[str, str]
Changes = Mapping[str, str | None]
"""Paths and their new text; None removes the file."""


class World:
    """The state that everything else stands on. Names are looked up regardless of case."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.bot_app: App | None = None
        """The App that our bot runs as; None while the bot is a plain account with a token."""
        self.repositories: dict[str, Repository] = {}
        self.moved: dict[str, Repository] = {}
        self.teams: dict[str, frozenset[str]] = {}
        """Logins in lower case, by team: `org/team`."""
        """Repositories by the names they had before."""
        self.installations: list[Installation] = []
        self._users: dict[str, User] = {}
        self._apps: dict[str, App] = {}
        self._ids: Iterator[int] = itertools.count(1001)
        self._listeners: list[Callable[[Event], None]] = []

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Tell `listener` of everything that happens from now on."""
        self._listeners.append(listener)

    def emit(self, event: Event) -> None:
        """Tell the listeners what happened."""
        for listener in self._listeners:
            listener(event)

    def next_id(self) -> int:
        """A number that nothing else here has; later things have higher ones."""
        return next(self._ids)

    # Accounts and Apps

    def user(self, login: str, type: AccountType | None = None) -> User:
        """The account of this name, made when it is not there yet."""
        known = self._users.get(login.lower())
        if known is None:
            type = type or ("Bot" if login.endswith("[bot]") else "User")
            known = User(self.next_id(), login, type, created_at=self.now())
            self._users[login.lower()] = known
        elif type is not None and known.type != type:
            raise ValueError(f"{login} is already a {known.type}")
        return known

    def find_user(self, login: str) -> User | None:
        """The account of this name, if there is one."""
        return self._users.get(login.lower())

    def register_app(
        self,
        app_id: int,
        slug: str,
        *,
        permissions: Mapping[str, str],
        events: tuple[str, ...] = (),
        owner: str = "depot",
        name: str | None = None,
        url: str = "https://depot.dev",
    ) -> App:
        """Make an App known; its bot account is `<slug>[bot]`."""
        self.user(f"{slug}[bot]")
        app = App(
            id=app_id,
            slug=slug,
            name=name or slug.replace("-", " ").title(),
            owner=self.user(owner),
            permissions=dict(permissions),
            events=list(events),
            created_at=self.now(),
            url=url,
        )
        self._apps[slug] = app
        return app

    def app_named(self, slug: str) -> App:
        """The App with this slug; Apps that only post checks are made as they are named."""
        if slug not in self._apps:
            # 219785 is the id of "Depot Code Access" on github.com.
            app_id = 219785 if slug == "depot-code-access" else self.next_id()
            self.register_app(app_id, slug, permissions={"checks": "write", "metadata": "read"})
        return self._apps[slug]

    def bot_user(self, app: App) -> User:
        """The account under which an App acts."""
        return self.user(f"{app.slug}[bot]")

    # Installations of the bot's App

    def install(self, owner: str, *, only: tuple[str, ...] | None = None) -> Installation:
        """Install the bot's App on an account: on all repositories, or on those named."""
        if self.bot_app is None:
            raise ValueError("no App to install: this GitHub has a bot account with a token")
        account = self.user(owner)
        known = self.installation_of(account)
        if known is not None:
            known.repositories = None if only is None else set(only)
            return known
        installation = Installation(
            id=self.next_id(),
            app=self.bot_app,
            account=account,
            permissions=dict(self.bot_app.permissions),
            events=list(self.bot_app.events),
            created_at=self.now(),
            repositories=None if only is None else set(only),
        )
        self.installations.append(installation)
        self._installation_changed("created", installation)
        return installation

    def uninstall(self, owner: str) -> None:
        """Remove the bot's App from an account; its tokens stop working."""
        installation = self._installed_on(owner)
        self._installation_changed("deleted", installation)
        self.installations.remove(installation)

    def suspend(self, owner: str) -> None:
        """Suspend the bot's App on an account."""
        installation = self._installed_on(owner)
        installation.suspended_at = self.now()
        self._installation_changed("suspend", installation)

    def unsuspend(self, owner: str) -> None:
        """Lift a suspension."""
        installation = self._installed_on(owner)
        installation.suspended_at = None
        self._installation_changed("unsuspend", installation)

    def change_app(self, *, permissions: Mapping[str, str], events: tuple[str, ...] = ()) -> None:
        """Have the bot's App ask for other permissions, and for other events when given. Where it
        is installed already the owner has to accept them first."""
        if self.bot_app is None:
            raise ValueError("no App to change: this GitHub has a bot account with a token")
        self.bot_app.permissions = dict(permissions)
        self.bot_app.events = list(events) or self.bot_app.events

    def accept(self, owner: str) -> None:
        """An owner accepts what the bot's App asks for by now."""
        installation = self._installed_on(owner)
        installation.permissions = dict(installation.app.permissions)
        installation.events = list(installation.app.events)
        self._installation_changed("new_permissions_accepted", installation)

    def installation_of(self, account: User) -> Installation | None:
        """The bot's installation on this account, if there is one."""
        return next((one for one in self.installations if one.account is account), None)

    def installation_for(self, repository: Repository) -> Installation | None:
        """The bot's installation that reaches this repository, if there is one."""
        return next((one for one in self.installations if one.covers(repository)), None)

    def repositories_of(self, installation: Installation) -> tuple[Repository, ...]:
        """All repositories that an installation reaches."""
        return tuple(one for one in self.repositories.values() if installation.covers(one))

    def _installed_on(self, owner: str) -> Installation:
        installation = self.installation_of(self.user(owner))
        if installation is None:
            raise KeyError(f"the App is not installed on {owner}")
        return installation

    def _installation_changed(
        self,
        action: InstallationAction,
        installation: Installation,
    ) -> None:
        reached = self.repositories_of(installation)
        self.emit(InstallationChanged(action, installation, reached, installation.account))

    # Repositories and who may do what in them

    def repository(
        self,
        full_name: str,
        files: Files | None = None,
        *,
        private: bool = False,
        internal: bool = False,
        default_branch: str = "main",
        connected: bool = True,
        installed: bool = True,
    ) -> Repository:
        """Make a repository with one commit, and install the bot's App on its owner."""
        owner_login, _, name = full_name.partition("/")
        if full_name.lower() in self.repositories:
            raise ValueError(f"{full_name} is already there")
        repository = Repository(
            id=self.next_id(),
            owner=self.user(owner_login),
            name=name,
            private=private,
            internal=internal,
            default_branch=default_branch,
            created_at=self.now(),
            connected=connected,
        )
        self.repositories[full_name.lower()] = repository
        if installed and self.bot_app is not None and not self.installation_of(repository.owner):
            self.install(owner_login)
        first = {"README.md": f"# {name}\n"} if files is None else files
        self.write_commit(repository, default_branch, first, "First commit", repository.owner)
        return repository

    def fork(self, repo: str, owner: str) -> Repository:
        """Copy a repository to another account, without installing the App there."""
        origin = self.repository_named(repo)
        fork = Repository(
            id=self.next_id(),
            owner=self.user(owner),
            name=origin.name,
            private=origin.private,
            default_branch=origin.default_branch,
            created_at=self.now(),
            fork_of=origin,
            connected=False,
            pushed_at=origin.pushed_at,
            branches=dict(origin.branches),
            commits=dict(origin.commits),
        )
        self.repositories[fork.full_name.lower()] = fork
        return fork

    def rename(self, repo: str, name: str) -> Repository:
        """Rename a repository; requests under its old name are redirected."""
        repository = self.repositories.pop(repo.lower())
        repository.name = name
        self.repositories[repository.full_name.lower()] = repository
        self.moved[repo.lower()] = repository
        return repository

    def _known(self, repo: str) -> Repository | None:
        """The repository that has this name, or had it before."""
        return self.repositories.get(repo.lower()) or self.moved.get(repo.lower())

    def repository_named(self, full_name: str) -> Repository:
        """The repository that has this name, or had it before; KeyError when there is none."""
        found = self._known(full_name)
        if found is None:
            raise KeyError(full_name)
        return found

    def role(self, repo: str, login: str, role: str, *, base: str = "read") -> None:
        """Give someone a role: one of GitHub's, or a custom name that builds on `base`."""
        repository = self.repository_named(repo)
        user = self.user(login)
        repository.roles[user.login] = Role(role, role if role in COARSE_PERMISSION else base)

    def team(self, name: str, *logins: str) -> None:
        """Put people into a team, `org/team`."""
        for login in logins:
            self.user(login)
        self.teams[name.lower()] = frozenset(login.lower() for login in logins)

    def role_of(self, repository: Repository, user: User) -> Role:
        """What someone may do: as given, all to the owner, reading to anyone if it is public."""
        if user is repository.owner:
            return Role("admin", "admin")
        implied = "none" if repository.private else "read"
        return repository.roles.get(user.login, Role(implied, implied))

    def association(self, repository: Repository, user: User) -> str:
        """`author_association`, which says less than one would like."""
        if user is repository.owner:
            return "OWNER"
        if user.login not in repository.roles:
            return "NONE"
        return "MEMBER" if repository.owner.type == "Organization" else "COLLABORATOR"

    # Commits

    def write_commit(
        self,
        repository: Repository,
        branch: str,
        changes: Changes,
        message: str,
        author: User,
        *,
        parent: str | None = None,
    ) -> Commit:
        """Put a commit on a branch: on `parent`, else its tip, else the default branch's."""
        tip = repository.branches.get(branch) or repository.branches.get(repository.default_branch)
        parent = parent or tip
        old = repository.commits[parent].files if parent else {}
        merged: dict[str, str | None] = {**old, **changes}
        files = {path: text for path, text in merged.items() if text is not None}
        parents = (parent,) if parent else ()
        sha = commit_sha(files, parents, author.login, message)
        commit = Commit(sha, files, parents, message, author, date=self.now())
        repository.commits.setdefault(sha, commit)
        repository.borrowed.discard(sha)
        repository.branches[branch] = sha
        repository.pushed_at = self.now()
        return commit

    def resolve(self, repository: Repository, ref: str) -> Commit | None:
        """The commit behind a branch, a full or abbreviated sha, or `refs/pull/N/head`."""
        sha = repository.branches.get(ref.removeprefix("refs/").removeprefix("heads/"), ref)
        if sha in repository.commits:
            return repository.commits[sha]
        long_enough = len(ref) >= 7
        matches = [one for one in repository.commits if long_enough and one.startswith(ref)]
        return repository.commits[matches[0]] if len(matches) == 1 else None

    def ancestors(self, repository: Repository, sha: str) -> list[str]:
        """A commit and all that came before it, nearest first."""
        seen: dict[str, None] = {}
        queue = [sha]
        while queue:
            current = queue.pop(0)
            if current not in seen:
                seen[current] = None
                queue.extend(repository.commits[current].parents)
        return list(seen)

    def files_at(self, repo: str, sha: str) -> Mapping[str, str] | None:
        """The files of a commit as read in this repository; None: no such repository or commit.

        Heads of pull requests from forks can be read in the base, as on GitHub.
        """
        repository = self._known(repo)
        commit = repository.commits.get(sha) if repository else None
        return commit.files if commit else None

    def branch_head(self, repo: str, ref: str) -> str | None:
        """The commit that a branch stands at; `HEAD` is the default branch."""
        repository = self._known(repo)
        if repository is None:
            return None
        return repository.branches.get(repository.default_branch if ref == "HEAD" else ref)

    def from_fork(self, repo: str, sha: str) -> bool:
        """Whether the commit is in the repository only through a fork's pull request."""
        repository = self._known(repo)
        return repository is not None and sha in repository.borrowed

    def connected(self, repo: str) -> bool:
        """Whether Depot's own App reaches this repository."""
        repository = self._known(repo)
        return repository is not None and repository.connected
