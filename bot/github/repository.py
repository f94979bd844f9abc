"""What the bot reads and writes in one repository."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec
from gidgethub.sansio import accept_format, format_url

from bot.core.events import Source
from bot.core.failures import BranchCommit
from bot.core.single_flight import SingleFlightCache
from bot.core.types import WORKFLOW_FOLDER, Head, Permission, RepoName, Sha
from bot.github.errors import (
    BadCredentials,
    Forbidden,
    GitHubError,
    GitHubUnavailable,
    Gone,
    NotFound,
    NotInstalled,
    TooLarge,
    translated_errors,
)
from bot.github.session import RAW, Id, Login, Session, Sessions, decode
from bot.parsing.workflow_file import BadWorkflow, Outline, outline
from bot.rules import repository_config

MAX_FILE = 128 * 1024
"""Characters of a file that we read; GitHub would give more (bot/github/README.md, "Reading
files")."""

_OVERSIZE = "#" * (MAX_FILE + 1)
"""Stands for the text of a file that is larger: its reader sees that it is too long."""

MAX_MESSAGE = 4000
"""Characters of a commit's message that are kept."""

MAX_COMMENTS = 3000
"""Comments that are looked through for a reply of ours."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which repository it is, and what it is called."""

    repo_id: int
    name: RepoName


class UnknownPerson(NotFound):
    """GitHub does not know somebody whose comment it has just sent."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request as GitHub shows it now."""

    number: int
    head: Head
    is_open: bool
    base_branch: str
    author: str
    """Login; empty for an App or a bot, and for a person who is gone."""


@dataclass(frozen=True, slots=True)
class PostedComment:
    comment_id: int
    body: str


class _Identity(msgspec.Struct):
    id: int
    full_name: str


class _Repo(msgspec.Struct):
    full_name: str


class _Ref(msgspec.Struct):
    sha: str
    ref: str
    repo: _Repo | None = None


class _User(msgspec.Struct):
    login: str = ""
    type: str = "User"


class _Parent(msgspec.Struct):
    sha: str


class _Message(msgspec.Struct):
    message: str = ""


class _Commit(msgspec.Struct):
    sha: str
    commit: _Message
    parents: list[_Parent] = []
    author: _User | None = None

    def of_branch(self) -> BranchCommit:
        return BranchCommit(
            sha=Sha(self.sha),
            author=self.author.login if self.author is not None else "",
            message=self.commit.message[:MAX_MESSAGE],
            parents=tuple(Sha(parent.sha) for parent in self.parents),
        )


class _Pull(msgspec.Struct):
    number: int
    state: str
    head: _Ref
    base: _Ref
    user: _User | None = None


class _Membership(msgspec.Struct):
    state: str


class _Role(msgspec.Struct):
    role_name: str = ""
    permission: str = ""


class _Entry(msgspec.Struct):
    name: str
    type: str
    size: int = 0


class _File(msgspec.Struct):
    filename: str
    previous_filename: str = ""

    @property
    def names(self) -> list[str]:
        return [name for name in (self.filename, self.previous_filename) if name]


class _Suite(msgspec.Struct):
    created_at: datetime | None = None


class _Suites(msgspec.Struct):
    check_suites: list[_Suite]


class _Comment(msgspec.Struct):
    id: int
    body: str | None = None
    user: Login | None = None


@dataclass(frozen=True, slots=True)
class Caches:
    """What was read lately, of all repositories."""

    roles: SingleFlightCache[tuple[RepoName, str], Permission]
    """By login in lower case."""
    memberships: SingleFlightCache[tuple[str, str], bool]
    """By team, as `org/team`, and login in lower case."""
    configs: SingleFlightCache[RepoName, tuple[tuple[str, str], ...]]
    folders: SingleFlightCache[tuple[RepoName, Sha], Mapping[str, int]]
    """File names with their sizes in bytes."""
    files: SingleFlightCache[tuple[RepoName, Sha, str], str]
    outlines: SingleFlightCache[str, Outline | str]
    """By the digest of a file's text: its outline, or why it has none."""
    commits: SingleFlightCache[tuple[RepoName, str], tuple[BranchCommit, ...]]
    """By branch: its newest commits."""


async def _outline(text: str) -> Outline | str:
    # Anybody may have written it: it is read in a thread, and nothing waits for that.
    try:
        return await asyncio.to_thread(outline, text)
    except BadWorkflow as wrong:
        return str(wrong)


def _entries(answer: Any) -> list[_Entry]:
    """What is in a folder; nothing when it is a file. Raises GitHubUnavailable for anything else,
    such as an empty folder, which Git does not keep."""
    if isinstance(answer, dict):
        decode(answer, _Entry)
        return []
    if entries := decode(answer, list[_Entry]):
        return entries
    raise GitHubUnavailable("not understood: an empty folder")


def _is_whole(text: str, size: int) -> bool:
    """Whether it is all of a file of so many bytes; if it has more, it is another version."""
    # What was no UTF-8 is U+FFFD now, of another size.
    length = len(text.encode(errors="replace"))
    return length >= size or len(text) > MAX_FILE or "\ufffd" in text


class Repository:
    """What the bot reads and writes in one repository. Each request raises GitHubError.

    Right after a push or a comment GitHub may not know everywhere what its webhook has just named
    (bot/github/README.md, "What a webhook has just named"). So what is not there raises NotFound,
    and is not kept, until it is *absent*: the path for which that counts by now.
    """

    def __init__(
        self,
        sessions: Sessions,
        caches: Caches,
        repo: RepoName,
        installation: int | None,
        *,
        absent: str = "",
    ) -> None:
        self._sessions = sessions
        self._caches = caches
        self._repo = repo
        self._installation = installation
        self._absent = absent
        self._was_redirected = False
        self._vars = dict(zip(("owner", "repo"), repo.split("/", 1), strict=True))

    @property
    def was_redirected(self) -> bool:
        """Whether GitHub has redirected a request: the repository has another name now."""
        return self._was_redirected

    async def identity(self) -> Identity:
        """The repository's id, which stays, and its name now."""
        found = decode(await self._get("/repos/{owner}/{repo}"), _Identity)
        return Identity(found.id, RepoName(found.full_name))

    async def pull_request(self, number: int) -> PullRequest:
        """The pull request now (docs.github.com/rest/pulls, "Get a pull request")."""
        pull = decode(
            await self._get("/repos/{owner}/{repo}/pulls/{number}", number=str(number)), _Pull
        )
        return PullRequest(
            number=pull.number,
            head=Head(
                sha=Sha(pull.head.sha),
                branch=pull.head.ref,
                repo=RepoName(pull.head.repo.full_name) if pull.head.repo else None,
                base=RepoName(pull.base.repo.full_name) if pull.base.repo else self._repo,
            ),
            is_open=pull.state == "open",
            base_branch=pull.base.ref,
            author=pull.user.login if pull.user is not None and pull.user.type == "User" else "",
        )

    async def commits(self, branch: str) -> tuple[BranchCommit, ...]:
        """The newest commits that can be reached from a branch, the newest first; one page."""
        return await self._caches.commits.get(
            (self._repo, branch), lambda: self._fetch_commits(branch)
        )

    async def _fetch_commits(self, branch: str) -> tuple[BranchCommit, ...]:
        answer = await self._get(
            "/repos/{owner}/{repo}/commits{?sha,per_page}", sha=branch, per_page="100"
        )
        if not (found := decode(answer, list[_Commit])):
            raise GitHubUnavailable("not understood: a branch without commits")
        return tuple(commit.of_branch() for commit in found)

    async def permission(self, login: str) -> Permission:
        """A person's role here; somebody whom GitHub does not know has none, once that counts."""
        try:
            return await self._caches.roles.get(
                (self._repo, login.lower()), lambda: self._fetch_permission(login)
            )
        except NotFound as error:
            if self._is_absent(error):
                return Permission.NONE
            unknown = UnknownPerson(str(error))
            unknown.what = error.what
            raise unknown from error

    async def _fetch_permission(self, login: str) -> Permission:
        answer = await self._get(
            "/repos/{owner}/{repo}/collaborators/{login}/permission", login=login
        )
        role = decode(answer, _Role)
        if not role.permission and not role.role_name:
            raise GitHubUnavailable("not understood: no role, not even none")
        return Permission.from_role(role.role_name, role.permission)

    async def is_in_team(self, team: str, login: str) -> bool:
        """Whether a person is in a team, `org/team`. Of a team that it does not have, or does not
        show, GitHub says the same as of one that the person is not in."""
        return await self._caches.memberships.get(
            (team.lower(), login.lower()), lambda: self._fetch_membership(team, login)
        )

    async def _fetch_membership(self, team: str, login: str) -> bool:
        organisation, _, slug = team.partition("/")
        try:
            answer = await self._get(
                "/orgs/{organisation}/teams/{slug}/memberships/{login}",
                organisation=organisation,
                slug=slug,
                login=login,
            )
        except NotFound:
            return False
        return decode(answer, _Membership).state == "active"

    async def workflow_names(self, sha: Sha) -> tuple[str, ...]:
        """The file names in `.depot/workflows` at a commit, sorted; empty without that folder."""
        return tuple(await self._workflow_files(sha))

    async def _workflow_files(self, sha: Sha) -> Mapping[str, int]:
        try:
            return await self._caches.folders.get(
                (self._repo, sha), lambda: self._fetch_workflow_files(sha)
            )
        except NotFound as error:
            if not self._is_absent(error):
                raise
            return {}

    async def _fetch_workflow_files(self, sha: Sha) -> Mapping[str, int]:
        entries = await self._fetch_folder(sha, WORKFLOW_FOLDER)
        return {
            entry.name: entry.size
            for entry in sorted(entries, key=lambda entry: entry.name)
            if entry.type == "file" and entry.name.endswith((".yml", ".yaml"))
        }

    async def _fetch_folder(self, sha: Sha | None, path: str) -> list[_Entry]:
        """What is in a folder; nothing when it is a file."""
        answer = await self._get(
            "/repos/{owner}/{repo}/contents{/path*}{?ref}", path=path.split("/"), ref=sha
        )
        return _entries(answer)

    async def workflow_outline(self, sha: Sha, name: str) -> Outline:
        """A workflow file's jobs and inputs at a commit; raises BadWorkflow."""
        size = (await self._workflow_files(sha)).get(name, 0)
        text = await self.workflow_text(sha, name) if size <= MAX_FILE else None
        if text is None:
            raise BadWorkflow("too large")
        if not _is_whole(text, size):
            self._caches.files.forget((self._repo, sha, name))
            raise await self._in_part(name)
        digest = sha256(text.encode(errors="replace")).hexdigest()
        found = await self._caches.outlines.get(digest, lambda: _outline(text))
        if isinstance(found, str):
            raise BadWorkflow(found)
        return found

    async def workflow_text(self, sha: Sha, name: str) -> str | None:
        """A workflow file's text at a commit; none when it is too large to read."""
        if "/" in name:
            raise NotFound(name)  # a path could lead anywhere in GitHub's API
        text = await self._caches.files.get(
            (self._repo, sha, name), lambda: self._fetch_text(sha, f"{WORKFLOW_FOLDER}/{name}")
        )
        return text if len(text) <= MAX_FILE else None

    async def _fetch_text(self, sha: Sha | None, path: str) -> str:
        try:
            answer = await self._get(
                "/repos/{owner}/{repo}/contents{/path*}{?ref}",
                accept=RAW,
                path=path.split("/"),
                ref=sha,
            )
        except TooLarge:
            return _OVERSIZE
        if isinstance(answer, str):
            return answer
        if answer is None:
            return ""  # gidgethub has no body for an empty file
        _entries(answer)
        return repr(answer)  # it is no file

    async def config_texts(self) -> tuple[tuple[str, str], ...]:
        """The repository's config on its default branch: path and text of each file there is."""
        return await self._caches.configs.get(self._repo, self.config_texts_at)

    async def config_texts_at(self, sha: Sha | None = None) -> tuple[tuple[str, str], ...]:
        """The same at a commit. Without a config there are no rules, so that it is not there counts
        only when two different reads agree: that of the file, and that of its folder. A text that
        lacks its end may lack rules, so the folder has to agree with its size, too."""
        listed, texts = await asyncio.gather(
            self._file_sizes(sha, repository_config.FOLDER),
            asyncio.gather(
                *(self._text_if_there(sha, path) for path in repository_config.PATHS),
            ),
        )
        read = dict(zip(repository_config.PATHS, texts, strict=True))
        for path, text in read.items():
            if text is None and path in listed:
                raise GitHubUnavailable(f"{path} is listed, and not found")
            if text is not None and not _is_whole(text, listed.get(path, 0)):
                raise await self._in_part(path)
        return tuple((path, text) for path, text in read.items() if text is not None)

    async def _in_part(self, path: str) -> GitHubUnavailable:
        """Of a file there is only the beginning: it is to be sent anew."""
        session, _ = await self._access()
        session.forget_answers()
        return GitHubUnavailable(f"only the beginning of {path}")

    async def _text_if_there(self, sha: Sha | None, path: str) -> str | None:
        try:
            return await self._fetch_text(sha, path)
        except NotFound:
            return None

    async def _file_sizes(self, sha: Sha | None, folder: str) -> Mapping[str, int]:
        """The paths of what is in a folder, with sizes in bytes; none when it is not there."""
        try:
            entries = await self._fetch_folder(sha, folder)
        except NotFound:
            return {}
        return {f"{folder}/{entry.name}": entry.size for entry in entries}

    async def changed_paths(self, number: int) -> list[str]:
        """The files that a pull request changes, at most the first 300."""
        files: list[str] = []
        for page in range(1, 4):
            answer = await self._get(
                "/repos/{owner}/{repo}/pulls/{number}/files{?per_page,page}",
                number=str(number),
                per_page="100",
                page=str(page),
            )
            found = decode(answer, list[_File])
            files += [name for file in found for name in file.names]
            if len(found) < 100:
                break
        return files

    async def oldest_check_suite(self, sha: Sha) -> float | None:
        """When GitHub first opened a check suite for a commit; none when it has none, or when the
        bot may not see them, once that counts."""
        try:
            answer = await self._get(
                "/repos/{owner}/{repo}/commits/{sha}/check-suites{?per_page}",
                sha=sha,
                per_page="100",
            )
        except (NotFound, Forbidden) as error:
            if not self._is_absent(error):
                raise
            return None
        times = [s.created_at for s in decode(answer, _Suites).check_suites if s.created_at]
        return min(times).timestamp() if times else None

    async def react(self, source: Source, comment_id: int, content: str = "eyes") -> None:
        """Put a reaction on a comment, 👀 or another by GitHub's name for it. A review's own text
        takes none."""
        kind = {Source.ISSUE_COMMENT: "issues", Source.REVIEW_COMMENT: "pulls"}.get(source)
        if kind is not None:
            await self._send(
                "post",
                f"/repos/{{owner}}/{{repo}}/{kind}/comments/{{id}}/reactions",
                {"content": content},
                id=str(comment_id),
            )

    async def comment(self, number: int, body: str) -> int:
        """Write a comment under a pull request; its id."""
        answer = await self._send(
            "post",
            "/repos/{owner}/{repo}/issues/{number}/comments",
            {"body": body},
            number=str(number),
        )
        return decode(answer, Id).id

    async def edit_comment(self, comment_id: int, body: str) -> None:
        """Replace a comment's text; raises NotFound when it is gone from where the bot may look."""
        try:
            answer = await self._send(
                "patch",
                "/repos/{owner}/{repo}/issues/comments/{id}",
                {"body": body},
                id=str(comment_id),
            )
        except Gone:
            raise
        except NotFound as error:
            await self._check_visible(error)
            raise
        if decode(answer, Id).id != comment_id:
            raise GitHubUnavailable("not understood: another comment was edited")

    async def _check_visible(self, missing: NotFound) -> None:
        """Raises Forbidden when not only that is missing, but the whole repository."""
        try:
            await self.identity()
        except NotFound:
            raise Forbidden("the repository is not shown to the bot") from missing

    async def own_comments(self, number: int, since: float) -> AsyncIterator[PostedComment]:
        """The bot's own comments under a pull request, written or changed since *since*."""
        login = await self._sessions.login()
        moment = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        session, token = await self._access()
        seen = 0
        with self._errors():
            async for item in session.getiter(
                "/repos/{owner}/{repo}/issues/{number}/comments{?since,per_page}",
                {**self._vars, "number": str(number), "since": moment, "per_page": "100"},
                oauth_token=token,
            ):
                seen += 1
                if seen > MAX_COMMENTS:
                    break
                comment = decode(item, _Comment)
                if comment.user is not None and comment.user.login == login:
                    yield PostedComment(comment.id, comment.body or "")

    async def _access(self) -> tuple[Session, str | None]:
        if self._installation is None:
            self._installation = await self._sessions.installation(self._repo)
        try:
            return await self._sessions.access(self._installation)
        except NotInstalled:
            new = await self._sessions.new_installation(self._repo)
            if new == self._installation:
                raise
            self._installation = new
            return await self._sessions.access(new)

    async def _get(self, url: str, *, accept: str = accept_format(), **variables: Any) -> Any:
        session, token = await self._access()
        try:
            if any(value in (".", "..") for value in variables.values()):
                raise NotFound(url)  # such a step in a path leads somewhere else
            with self._errors(), self._watching(session):
                return await session.getitem(
                    url, {**self._vars, **variables}, oauth_token=token, accept=accept
                )
        except GitHubError as error:
            error.what = format_url(url, {**self._vars, **variables}, base_url="")
            raise

    async def _send(self, method: str, url: str, data: Any, **variables: str) -> Any:
        session, token = await self._access()
        with self._errors(), self._watching(session):
            return await getattr(session, method)(
                url, {**self._vars, **variables}, data=data, oauth_token=token
            )

    @contextmanager
    def _watching(self, session: Session) -> Iterator[None]:
        """Notice that a request is redirected; of several side by side, all count as such."""
        before = session.redirects
        try:
            yield
        finally:
            self._was_redirected |= session.redirects > before

    def _is_absent(self, error: GitHubError) -> bool:
        """Whether what was asked for counts as absent by now."""
        return bool(error.what) and error.what == self._absent

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with translated_errors():
                yield
        except BadCredentials:
            self._sessions.forget_token(self._installation)
            raise
