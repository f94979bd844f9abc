"""What people write under issues and pull requests."""

from bot.demo.simulators.github.events import Commented, ReviewCommented, Reviewed
from bot.demo.simulators.github.model import (
    App,
    Comment,
    Issue,
    PullRequest,
    Reaction,
    Repository,
    Review,
    ReviewComment,
    ReviewState,
    User,
    Version,
)
from bot.demo.simulators.github.pulls import Pulls, as_typed


class Threads(Pulls):
    """The whole world: conversations on top of pull requests, checks and repositories."""

    def lock(self, repo: str, number: int) -> None:
        """Lock the conversation."""
        self.thread(repo, number).locked = True

    def unlock(self, repo: str, number: int) -> None:
        """Unlock the conversation."""
        self.thread(repo, number).locked = False

    # Comments

    def comment(self, repo: str, number: int, login: str, body: str) -> Comment:
        """Someone writes in the browser, which sends CRLF line ends."""
        return self.add_comment(self.thread(repo, number), self.user(login), as_typed(body))

    def edit_comment(self, comment: Comment, body: str, *, by: str | None = None) -> None:
        """Someone, by default its author, edits a comment in the browser."""
        sender = self.user(by) if by else comment.author
        self.change_comment(comment, sender, as_typed(body))

    def delete_comment(self, comment: Comment, *, by: str | None = None) -> None:
        """Someone, by default its author, deletes a comment."""
        self.remove_comment(comment, self.user(by) if by else comment.author)

    def add_comment(
        self, issue: Issue, author: User, body: str, via_app: App | None = None
    ) -> Comment:
        """A comment with exactly this text, as the API makes it."""
        comment = Comment(
            id=self.next_id(),
            issue=issue,
            author=author,
            created_at=self.now(),
            versions=[Version(self.now(), body)],
            via_app=via_app,
        )
        issue.comments.append(comment)
        issue.updated_at = self.now()
        self.emit(Commented("created", comment, author))
        return comment

    def change_comment(self, comment: Comment, sender: User, body: str) -> None:
        """Give a comment another text; the same text again is no event."""
        previous = comment.body
        if body == previous:
            return
        comment.versions.append(Version(self.now(), body))
        comment.issue.updated_at = self.now()
        self.emit(Commented("edited", comment, sender, previous_body=previous))

    def remove_comment(self, comment: Comment, sender: User) -> None:
        """Take a comment away for good."""
        comment.issue.comments.remove(comment)
        self.emit(Commented("deleted", comment, sender))

    # Reviews

    def review(
        self,
        repo: str,
        number: int,
        login: str,
        body: str = "",
        state: ReviewState = "commented",
        *,
        commit_id: str | None = None,
    ) -> Review:
        """Submit a review of the head, or of an older commit that the reviewer still looked at."""
        review = self._new_review(self.pull(repo, number), login, body, state, commit_id)
        self.emit(Reviewed(review, review.author))
        return review

    def review_comment(
        self,
        repo: str,
        number: int,
        login: str,
        body: str,
        path: str,
        *,
        commit_id: str | None = None,
        in_reply_to: ReviewComment | None = None,
    ) -> ReviewComment:
        """Comment on a line of the diff: GitHub makes a review around a single comment. A reply in
        a thread is on the thread's commit."""
        if in_reply_to is not None:
            commit_id = in_reply_to.commit_id
        pull = self.pull(repo, number)
        review = self._new_review(pull, login, "", "commented", commit_id)
        comment = ReviewComment(
            id=self.next_id(),
            review=review,
            author=review.author,
            body=as_typed(body),
            path=path,
            commit_id=review.commit_id,
            created_at=self.now(),
            in_reply_to=in_reply_to,
        )
        pull.review_comments.append(comment)
        self.emit(Reviewed(review, review.author))
        self.emit(ReviewCommented(comment, comment.author))
        return comment

    def _new_review(
        self, pull: PullRequest, login: str, body: str, state: ReviewState, commit_id: str | None
    ) -> Review:
        review = Review(
            id=self.next_id(),
            pull=pull,
            author=self.user(login),
            body=as_typed(body),
            state=state,
            commit_id=commit_id or pull.head_sha,
            submitted_at=self.now(),
        )
        pull.reviews.append(review)
        pull.updated_at = self.now()
        return review

    def react(
        self, subject: Comment | ReviewComment, user: User, content: str
    ) -> tuple[Reaction, bool]:
        """Someone's reaction, and whether it is a new one."""
        for known in subject.reactions:
            if known.user is user and known.content == content:
                return known, False
        reaction = Reaction(self.next_id(), user, content, self.now())
        subject.reactions.append(reaction)
        return reaction, True

    # Looking

    def comments(self, repo: str, number: int) -> list[Comment]:
        """The conversation as it stands, oldest first; a copy."""
        return list(self.thread(repo, number).comments)

    def find_comment(self, repository: Repository, comment_id: int) -> Comment | None:
        """The comment with this id, if this repository has it."""
        comments = (one for issue in repository.issues.values() for one in issue.comments)
        return next((one for one in comments if one.id == comment_id), None)

    def find_review_comment(self, repository: Repository, comment_id: int) -> ReviewComment | None:
        """The review comment with this id, if this repository has it."""
        pulls = (one for one in repository.issues.values() if isinstance(one, PullRequest))
        comments = (comment for pull in pulls for comment in pull.review_comments)
        return next((one for one in comments if one.id == comment_id), None)

    def reactions(self, subject: Comment | ReviewComment) -> list[Reaction]:
        """The reactions to a comment, oldest first; a copy."""
        return list(subject.reactions)
