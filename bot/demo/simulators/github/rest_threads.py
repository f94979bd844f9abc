"""REST endpoints of pull requests, comments and reactions."""

from datetime import datetime

from bot.demo.simulators.github.bodies import iso
from bot.demo.simulators.github.http import (
    Answer,
    ApiError,
    Call,
    Endpoint,
    invalid,
    not_found,
    page,
)
from bot.demo.simulators.github.model import REACTIONS, Comment, Issue, PullRequest, ReviewComment

LONGEST_BODY = 65_536


def get_issue(call: Call) -> Answer:
    return Answer(call.bodies.issue(_issue(call)))


def get_pull(call: Call) -> Answer:
    return Answer(call.bodies.pull(_pull(call)))


def list_pulls(call: Call) -> Answer:
    wanted = call.query.get("state", "open")
    pulls = [
        issue
        for issue in reversed(call.repository.issues.values())
        if isinstance(issue, PullRequest) and wanted in {issue.state, "all"}
    ]
    shown, links = page(call, pulls)
    return Answer([call.bodies.listed_pull(one) for one in shown], headers=links)


def list_pull_files(call: Call) -> Answer:
    shown, links = page(call, call.bodies.pull_files(_pull(call)))
    return Answer(list(shown), headers=links)


def list_reviews(call: Call) -> Answer:
    shown, links = page(call, _pull(call).reviews)
    return Answer([call.bodies.rest_review(one) for one in shown], headers=links)


def list_review_comments(call: Call) -> Answer:
    shown, links = page(call, _pull(call).review_comments)
    return Answer([call.bodies.review_comment(one) for one in shown], headers=links)


def get_review_comment(call: Call) -> Answer:
    return Answer(call.bodies.review_comment(_review_comment(call)))


def list_comments(call: Call) -> Answer:
    shown, links = page(call, _since(call, _issue(call).comments))
    return Answer([call.bodies.comment(one) for one in shown], headers=links)


def list_repository_comments(call: Call) -> Answer:
    comments = _since(
        call, [one for issue in call.repository.issues.values() for one in issue.comments]
    )
    by_update = call.query.get("sort") == "updated"
    # GitHub looks at `direction` only when `sort` is given.
    descending = "sort" in call.query and call.query.get("direction") == "desc"
    comments.sort(
        key=lambda one: (one.updated_at if by_update else one.created_at, one.id),
        reverse=descending,
    )
    shown, links = page(call, comments)
    return Answer([call.bodies.comment(one) for one in shown], headers=links)


def _since(call: Call, comments: list[Comment]) -> list[Comment]:
    since = call.query.get("since")
    if since is None:
        return list(comments)
    try:
        earliest = iso(datetime.fromisoformat(since).timestamp())
    except ValueError:
        raise ApiError(422, "Invalid request.") from None
    return [one for one in comments if iso(one.updated_at) >= earliest]


def get_comment(call: Call) -> Answer:
    return Answer(call.bodies.comment(_comment(call)))


def create_comment(call: Call) -> Answer:
    issue = _issue(call)
    body = _body(call)
    if issue.locked:
        raise ApiError(403, "Unable to create comment because issue is locked.")
    comment = call.world.add_comment(issue, call.user, body, call.via_app)
    rendered = call.bodies.comment(comment)
    return Answer(rendered, 201, headers={"location": rendered["url"]})


def update_comment(call: Call) -> Answer:
    comment = _own_comment(call)
    call.world.change_comment(comment, call.user, _body(call))
    return Answer(call.bodies.comment(comment))


def delete_comment(call: Call) -> Answer:
    call.world.remove_comment(_own_comment(call), call.user)
    return Answer(status=204)


def _own_comment(call: Call) -> Comment:
    # Apps may moderate every comment; people their own, and all of them with write access.
    comment = _comment(call)
    may = call.principal.token is not None or comment.author is call.user
    if not may and not call.world.role_of(call.repository, call.user).can_write:
        raise ApiError(403, "Must have admin rights to Repository.")
    return comment


def _body(call: Call) -> str:
    body = call.json().get("body")
    if body is None:
        raise ApiError(422, 'Invalid request.\n\n"body" wasn\'t supplied.')
    if not isinstance(body, str):
        raise ApiError(422, f"Invalid request.\n\nFor 'properties/body', {body} is not a string.")
    if not body.strip():
        raise invalid("IssueComment", "body", "missing_field")
    if len(body) > LONGEST_BODY:
        message = f"Body is too long (maximum is {LONGEST_BODY} characters)"
        raise invalid("IssueComment", "data", "unprocessable", message)
    return body


def list_comment_reactions(call: Call) -> Answer:
    return _list_reactions(call, _comment(call))


def create_comment_reaction(call: Call) -> Answer:
    return _create_reaction(call, _comment(call))


def list_review_comment_reactions(call: Call) -> Answer:
    return _list_reactions(call, _review_comment(call))


def create_review_comment_reaction(call: Call) -> Answer:
    return _create_reaction(call, _review_comment(call))


def _list_reactions(call: Call, subject: Comment | ReviewComment) -> Answer:
    content = call.query.get("content")
    found = [one for one in subject.reactions if content in {None, one.content}]
    shown, links = page(call, found)
    return Answer([call.bodies.reaction(one) for one in shown], headers=links)


def _create_reaction(call: Call, subject: Comment | ReviewComment) -> Answer:
    content = call.json().get("content")
    if content not in REACTIONS:
        raise invalid("Reaction", "content", "invalid")
    reaction, new = call.world.react(subject, call.user, content)
    return Answer(call.bodies.reaction(reaction), 201 if new else 200)


def _issue(call: Call) -> Issue:
    issue = call.repository.issues.get(call.number("number"))
    if issue is None:
        raise not_found()
    return issue


def _pull(call: Call) -> PullRequest:
    issue = _issue(call)
    if not isinstance(issue, PullRequest):
        raise not_found()
    return issue


def _comment(call: Call) -> Comment:
    comment = call.world.find_comment(call.repository, call.number("comment_id"))
    if comment is None:
        raise not_found()
    return comment


def _review_comment(call: Call) -> ReviewComment:
    comment = call.world.find_review_comment(call.repository, call.number("comment_id"))
    if comment is None:
        raise not_found()
    return comment


_REPO = "/repos/{owner}/{repo}"
_PULL = _REPO + "/pulls/{number}"
_COMMENT = _REPO + "/issues/comments/{comment_id}"
_REVIEW_COMMENT = _REPO + "/pulls/comments/{comment_id}"
_READ_PULLS = {"pull_requests": "read"}
_WRITE_PULLS = {"pull_requests": "write"}
# The conversation of a pull request is an issue's, so either permission will do.
_READ = {"issues": "read", "pull_requests": "read"}
_WRITE = {"issues": "write", "pull_requests": "write"}

ENDPOINTS = (
    Endpoint("GET", _REPO + "/pulls", list_pulls, needs=_READ_PULLS),
    Endpoint("GET", _REVIEW_COMMENT, get_review_comment, needs=_READ_PULLS),
    Endpoint(
        "GET", _REVIEW_COMMENT + "/reactions", list_review_comment_reactions, needs=_READ_PULLS
    ),
    Endpoint(
        "POST", _REVIEW_COMMENT + "/reactions", create_review_comment_reaction, needs=_WRITE_PULLS
    ),
    Endpoint("GET", _PULL, get_pull, needs=_READ_PULLS),
    Endpoint("GET", _PULL + "/files", list_pull_files, needs=_READ_PULLS),
    Endpoint("GET", _PULL + "/reviews", list_reviews, needs=_READ_PULLS),
    Endpoint("GET", _PULL + "/comments", list_review_comments, needs=_READ_PULLS),
    Endpoint("GET", _REPO + "/issues/comments", list_repository_comments, needs=_READ),
    Endpoint("GET", _COMMENT, get_comment, needs=_READ),
    Endpoint("PATCH", _COMMENT, update_comment, needs=_WRITE),
    Endpoint("DELETE", _COMMENT, delete_comment, needs=_WRITE),
    Endpoint("GET", _COMMENT + "/reactions", list_comment_reactions, needs=_READ),
    Endpoint("POST", _COMMENT + "/reactions", create_comment_reaction, needs=_WRITE),
    Endpoint("GET", _REPO + "/issues/{number}", get_issue, needs=_READ),
    Endpoint("GET", _REPO + "/issues/{number}/comments", list_comments, needs=_READ),
    Endpoint("POST", _REPO + "/issues/{number}/comments", create_comment, needs=_WRITE),
)
