"""Records to JSON bodies: issues, pull requests, comments, reviews and reactions."""

from typing import Any
from urllib.parse import quote

from bot.demo.simulators.github.bodies import Json, iso, iso_or_none, node_id
from bot.demo.simulators.github.check_bodies import CheckBodies
from bot.demo.simulators.github.git_bodies import hunks_of
from bot.demo.simulators.github.model import (
    REACTIONS,
    Comment,
    Issue,
    Label,
    PullRequest,
    Reaction,
    Repository,
    Review,
    ReviewComment,
)

# The keys of a pull request that only a request for a single one shows.
_ONLY_ALONE = (
    "merged",
    "mergeable",
    "rebaseable",
    "mergeable_state",
    "merged_by",
    "comments",
    "review_comments",
    "maintainer_can_modify",
    "commits",
    "additions",
    "deletions",
    "changed_files",
)


class ThreadBodies(CheckBodies):
    """Conversations, on top of everything else."""

    def label(self, repository: Repository, label: Label) -> Json:
        """A label."""
        return {
            "id": label.id,
            "node_id": node_id("LA", label.id),
            "url": f"{self.repository_url(repository)}/labels/{quote(label.name)}",
            "name": label.name,
            "color": "ededed",
            "default": False,
            "description": "",
        }

    def issue(self, issue: Issue) -> Json:
        """`issue`; pull requests are marked by `pull_request`."""
        api = self.repository_url(issue.repository)
        url = f"{api}/issues/{issue.number}"
        marks = self._pull_marks(issue) if isinstance(issue, PullRequest) else {}
        return {
            "url": url,
            "repository_url": api,
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "html_url": self._page(issue),
            "id": issue.id,
            "node_id": node_id("I", issue.id),
            "number": issue.number,
            "title": issue.title,
            "user": self.user(issue.author),
            "labels": [self.label(issue.repository, one) for one in issue.labels],
            "state": issue.state,
            "state_reason": None,
            "locked": issue.locked,
            "assignee": None,
            "assignees": [],
            "milestone": None,
            "comments": len(issue.comments),
            "created_at": iso(issue.created_at),
            "updated_at": iso(issue.updated_at),
            "closed_at": iso_or_none(issue.closed_at),
            "author_association": self.world.association(issue.repository, issue.author),
            "active_lock_reason": None,
            **marks,
            "body": issue.body or None,
            "reactions": self.reaction_counts(url, []),
            "timeline_url": f"{url}/timeline",
            "performed_via_github_app": None,
        }

    def _page(self, issue: Issue) -> str:
        kind = "pull" if isinstance(issue, PullRequest) else "issues"
        return f"{self.web}/{issue.repository.full_name}/{kind}/{issue.number}"

    def _pull_marks(self, pull: PullRequest) -> Json:
        page = self._page(pull)
        return {
            "draft": pull.draft,
            "pull_request": {
                "url": self._pull_url(pull),
                "html_url": page,
                "diff_url": f"{page}.diff",
                "patch_url": f"{page}.patch",
                "merged_at": iso_or_none(pull.merged_at),
            },
        }

    def _pull_url(self, pull: PullRequest) -> str:
        return f"{self.repository_url(pull.repository)}/pulls/{pull.number}"

    def pull(self, pull: PullRequest) -> Json:
        """`pull-request`."""
        return {**self._pull_identity(pull), **self._pull_state(pull), **self._pull_size(pull)}

    def listed_pull(self, pull: PullRequest) -> Json:
        """The shorter form that review webhooks carry."""
        body = self.pull(pull)
        return {key: value for key, value in body.items() if key not in _ONLY_ALONE}

    def _pull_identity(self, pull: PullRequest) -> Json:
        api = self.repository_url(pull.repository)
        url, page = self._pull_url(pull), self._page(pull)
        issue = f"{api}/issues/{pull.number}"
        links = {
            "self": url,
            "html": page,
            "issue": issue,
            "comments": f"{issue}/comments",
            "review_comments": f"{url}/comments",
            "review_comment": f"{api}/pulls/comments{{/number}}",
            "commits": f"{url}/commits",
            "statuses": f"{api}/statuses/{pull.head_sha}",
        }
        return {
            "url": url,
            "id": pull.id,
            "node_id": node_id("PR", pull.id),
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "issue_url": issue,
            "commits_url": links["commits"],
            "review_comments_url": links["review_comments"],
            "review_comment_url": links["review_comment"],
            "comments_url": links["comments"],
            "statuses_url": links["statuses"],
            "number": pull.number,
            "_links": {name: {"href": link} for name, link in links.items()},
        }

    def _pull_state(self, pull: PullRequest) -> Json:
        is_open = pull.state == "open"
        return {
            "state": pull.state,
            "locked": pull.locked,
            "title": pull.title,
            "user": self.user(pull.author),
            "body": pull.body or None,
            "created_at": iso(pull.created_at),
            "updated_at": iso(pull.updated_at),
            "closed_at": iso_or_none(pull.closed_at),
            "merged_at": iso_or_none(pull.merged_at),
            "merge_commit_sha": pull.merge_sha,
            "assignee": None,
            "assignees": [],
            "requested_reviewers": [],
            "requested_teams": [],
            "labels": [self.label(pull.repository, one) for one in pull.labels],
            "milestone": None,
            "draft": pull.draft,
            "head": self._end(pull.head_repository, pull.head_branch, pull.head_sha),
            "base": self._end(pull.repository, pull.base_branch, pull.base_sha),
            "author_association": self.world.association(pull.repository, pull.author),
            "auto_merge": None,
            "active_lock_reason": None,
            "merged": pull.merged_at is not None,
            "mergeable": True if is_open else None,
            "rebaseable": True if is_open else None,
            "mergeable_state": ("draft" if pull.draft else "clean") if is_open else "unknown",
            "merged_by": self.user(pull.merged_by) if pull.merged_by else None,
        }

    def _end(self, repository: Repository, branch: str, sha: str) -> Json:
        return {
            "label": f"{repository.owner.login}:{branch}",
            "ref": branch,
            "sha": sha,
            "user": self.user(repository.owner),
            "repo": self.repository(repository),
        }

    def _pull_size(self, pull: PullRequest) -> Json:
        files = self.pull_files(pull)
        commits = self.world.commits_between(pull.repository, pull.base_sha, pull.head_sha)
        return {
            "comments": len(pull.comments),
            "review_comments": len(pull.review_comments),
            "maintainer_can_modify": pull.from_fork,
            "commits": len(commits),
            "additions": sum(entry["additions"] for entry in files),
            "deletions": sum(entry["deletions"] for entry in files),
            "changed_files": len(files),
        }

    def pull_files(self, pull: PullRequest) -> list[Json]:
        """`diff-entry` for each file that the pull request changes."""
        old, new = self.world.compared_files(pull)
        return self.diff(pull.repository, pull.head_sha, old, new)

    def comment(self, comment: Comment) -> Json:
        """`issue-comment`."""
        issue = comment.issue
        api = self.repository_url(issue.repository)
        url = f"{api}/issues/comments/{comment.id}"
        return {
            "url": url,
            "html_url": f"{self._page(issue)}#issuecomment-{comment.id}",
            "issue_url": f"{api}/issues/{issue.number}",
            "id": comment.id,
            "node_id": node_id("IC", comment.id),
            "user": self.user(comment.author),
            "created_at": iso(comment.created_at),
            "updated_at": iso(comment.updated_at),
            "body": comment.body,
            "author_association": self.world.association(issue.repository, comment.author),
            "reactions": self.reaction_counts(url, comment.reactions),
            "performed_via_github_app": self.app(comment.via_app) if comment.via_app else None,
        }

    def review(self, review: Review) -> Json:
        """`pull-request-review` in its webhook form: states are in lower case there."""
        page = f"{self._page(review.pull)}#pullrequestreview-{review.id}"
        pull_url = self._pull_url(review.pull)
        return {
            "id": review.id,
            "node_id": node_id("PRR", review.id),
            "user": self.user(review.author),
            "body": review.body or None,
            "commit_id": review.commit_id,
            "submitted_at": iso(review.submitted_at),
            "updated_at": iso(review.submitted_at),
            "state": review.state,
            "html_url": page,
            "pull_request_url": pull_url,
            "author_association": self.world.association(review.pull.repository, review.author),
            "_links": {"html": {"href": page}, "pull_request": {"href": pull_url}},
        }

    def rest_review(self, review: Review) -> Json:
        """`pull-request-review` in its REST form."""
        body = self.review(review)
        del body["updated_at"]
        return {**body, "body": review.body, "state": review.state.upper()}

    def review_comment(self, comment: ReviewComment) -> Json:
        """`pull-request-review-comment`; it always sits on the first line of the file's diff."""
        pull = comment.review.pull
        url = f"{self.repository_url(pull.repository)}/pulls/comments/{comment.id}"
        page = f"{self._page(pull)}#discussion_r{comment.id}"
        links = {"self": url, "html": page, "pull_request": self._pull_url(pull)}
        return {
            "url": url,
            "pull_request_review_id": comment.review.id,
            "id": comment.id,
            "node_id": node_id("PRRC", comment.id),
            "diff_hunk": self._hunk(pull, comment.path),
            "path": comment.path,
            "commit_id": comment.commit_id,
            "original_commit_id": comment.commit_id,
            **({"in_reply_to_id": comment.in_reply_to.id} if comment.in_reply_to else {}),
            "user": self.user(comment.author),
            "body": comment.body,
            "created_at": iso(comment.created_at),
            "updated_at": iso(comment.created_at),
            "html_url": page,
            "pull_request_url": links["pull_request"],
            "author_association": self.world.association(pull.repository, comment.author),
            "_links": {name: {"href": link} for name, link in links.items()},
            "reactions": self.reaction_counts(url, comment.reactions),
            "start_line": None,
            "original_start_line": None,
            "start_side": None,
            "line": 1,
            "original_line": 1,
            "side": "RIGHT",
            "original_position": 1,
            "position": 1,
            "subject_type": "line",
        }

    def _hunk(self, pull: PullRequest, path: str) -> str:
        old, new = self.world.compared_files(pull)
        return "\n".join(hunks_of(old.get(path, ""), new.get(path, ""))[:4])

    def reaction(self, reaction: Reaction) -> Json:
        """`reaction`."""
        return {
            "id": reaction.id,
            "node_id": node_id("REA", reaction.id),
            "user": self.user(reaction.user),
            "content": reaction.content,
            "created_at": iso(reaction.created_at),
        }

    def reaction_counts(self, url: str, reactions: list[Reaction]) -> dict[str, Any]:
        """`reaction-rollup`."""
        given = [one.content for one in reactions]
        counts = {content: given.count(content) for content in REACTIONS}
        return {"url": f"{url}/reactions", "total_count": len(given), **counts}
