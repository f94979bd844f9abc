"""Records to JSON bodies: commits, differences and contents."""

import base64
import difflib
from collections.abc import Mapping
from urllib.parse import quote

from bot.demo.simulators.github.bodies import Bodies, Json, iso
from bot.demo.simulators.github.model import Commit, Repository, blob_sha, tree_sha

# Above this, a file's content is left out of the JSON; only the raw media type has it.
_INLINE_LIMIT = 1024 * 1024


class GitBodies(Bodies):
    """What is in a repository."""

    def commit(self, repository: Repository, commit: Commit) -> Json:
        """`commit`."""
        url = f"{self.repository_url(repository)}/commits/{commit.sha}"
        page = f"{self.web}/{repository.full_name}/commit"
        person = _person(commit)
        api_commits = f"{self.repository_url(repository)}/commits"
        return {
            "sha": commit.sha,
            "node_id": f"C_{commit.sha[:20]}",
            "commit": {
                "author": person,
                "committer": person,
                "message": commit.message,
                "tree": {
                    "sha": commit.tree_sha,
                    "url": f"{self.repository_url(repository)}/git/trees/{commit.tree_sha}",
                },
                "url": f"{self.repository_url(repository)}/git/commits/{commit.sha}",
                "comment_count": 0,
                "verification": {
                    "verified": False,
                    "reason": "unsigned",
                    "signature": None,
                    "payload": None,
                    "verified_at": None,
                },
            },
            "url": url,
            "html_url": f"{page}/{commit.sha}",
            "comments_url": f"{url}/comments",
            "author": self.user(commit.author),
            "committer": self.user(commit.author),
            "parents": [
                {
                    "sha": parent,
                    "url": f"{api_commits}/{parent}",
                    "html_url": f"{page}/{parent}",
                }
                for parent in commit.parents
            ],
        }

    def full_commit(self, repository: Repository, commit: Commit) -> Json:
        """`commit` with its files, as for a single one."""
        parent = commit.parents[0] if commit.parents else None
        old = repository.commits[parent].files if parent else {}
        files = self.diff(repository, commit.sha, old, commit.files)
        added = sum(entry["additions"] for entry in files)
        removed = sum(entry["deletions"] for entry in files)
        stats = {"total": added + removed, "additions": added, "deletions": removed}
        return {**self.commit(repository, commit), "stats": stats, "files": files}

    def diff(
        self, repository: Repository, sha: str, old: Mapping[str, str], new: Mapping[str, str]
    ) -> list[Json]:
        """`diff-entry` for each file that differs."""
        paths = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
        return [self._diff_entry(repository, sha, path, old, new) for path in paths]

    def _diff_entry(
        self,
        repository: Repository,
        sha: str,
        path: str,
        old: Mapping[str, str],
        new: Mapping[str, str],
    ) -> Json:
        status = "added" if path not in old else "removed" if path not in new else "modified"
        hunks = hunks_of(old.get(path, ""), new.get(path, ""))
        added = sum(line.startswith("+") for line in hunks)
        removed = sum(line.startswith("-") for line in hunks)
        page = f"{self.web}/{repository.full_name}"
        quoted = quote(path)
        return {
            "sha": blob_sha(new.get(path, old.get(path, ""))),
            "filename": path,
            "status": status,
            "additions": added,
            "deletions": removed,
            "changes": added + removed,
            "blob_url": f"{page}/blob/{sha}/{quoted}",
            "raw_url": f"{page}/raw/{sha}/{quoted}",
            "contents_url": f"{self.repository_url(repository)}/contents/{quoted}?ref={sha}",
            "patch": "\n".join(hunks),
        }

    def file(self, repository: Repository, ref: str, path: str, text: str) -> Json:
        """`content-file`."""
        data = text.encode()
        large = len(data) > _INLINE_LIMIT
        return {
            **self._entry(repository, ref, path, "file", len(data), blob_sha(text)),
            "content": "" if large else base64.encodebytes(data).decode(),
            "encoding": "none" if large else "base64",
        }

    def folder(
        self, repository: Repository, ref: str, path: str, files: Mapping[str, str]
    ) -> list[Json]:
        """`content-directory`: what lies directly in a folder, folders as one entry each."""
        prefix = f"{path}/" if path else ""
        inside = {name[len(prefix) :]: text for name, text in files.items()}
        entries = []
        for name in sorted({rest.partition("/")[0] for rest in inside}):
            here = prefix + name
            if name in inside:
                text = inside[name]
                size, sha, kind = len(text.encode()), blob_sha(text), "file"
            else:
                below = {k: v for k, v in inside.items() if k.startswith(f"{name}/")}
                size, sha, kind = 0, tree_sha(below), "dir"
            entries.append(self._entry(repository, ref, here, kind, size, sha))
        return entries

    def _entry(
        self, repository: Repository, ref: str, path: str, kind: str, size: int, sha: str
    ) -> Json:
        api = self.repository_url(repository)
        page = f"{self.web}/{repository.full_name}"
        at = f"{quote(ref)}/{quote(path)}"
        own = f"{api}/contents/{quote(path)}?ref={quote(ref)}"
        git = f"{api}/git/{'blobs' if kind == 'file' else 'trees'}/{sha}"
        html = f"{page}/{'blob' if kind == 'file' else 'tree'}/{at}"
        return {
            "name": path.rpartition("/")[2],
            "path": path,
            "sha": sha,
            "size": size,
            "url": own,
            "html_url": html,
            "git_url": git,
            "download_url": f"{page}/raw/{at}" if kind == "file" else None,
            "type": kind,
            "_links": {"self": own, "git": git, "html": html},
        }


def hunks_of(old: str, new: str) -> list[str]:
    """The lines of a unified diff, without its file names."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="")
    return list(lines)[2:]


def signature(commit: Commit) -> Json:
    """Who made a commit, as git has it."""
    login = commit.author.login
    return {"name": login, "email": f"{login}@users.noreply.github.com"}


def _person(commit: Commit) -> Json:
    return {**signature(commit), "date": iso(commit.date)}
