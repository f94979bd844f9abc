"""`GetFailureDiagnosis`: nothing failed, one thing did, several did, or too many."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.demo.simulators.depot.calls import Caller
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.logs import log_of
from bot.demo.simulators.depot.messages import diagnosis as m
from bot.demo.simulators.depot.model import Attempt, Job, Run, Workflow
from bot.demo.simulators.depot.views import Views, attempt_conclusion, conclusion_of
from bot.demo.simulators.depot.wire import camel
from bot.demo.simulators.depot.world import Place, World

_Type = m.FailureDiagnosisTargetType
_State = m.FailureDiagnosisState
_Status = m.FailureDiagnosisResourceStatus
_Conclusion = m.FailureDiagnosisConclusion
_Kind = m.DrillDownCommandKind

_GROUPS = 10
_REPRESENTATIVES = 3
_LINES = 10
_PARTS = 20
_ATTEMPTS = 5
_LABEL_CHARS = 200
_LABELS = ("workflow_name", "workflow_path", "job_key", "job_display_name")
_LINE_CHARS = 500
_MESSAGE_CHARS = 2000
_TELLING = re.compile(r"fail|error|assert", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Failure:
    run: Run
    workflow: Workflow
    job: Job
    attempt: Attempt
    error_message: str
    diagnosis: str
    possible_fix: str


def diagnose(
    world: World, caller: Caller, request: m.GetFailureDiagnosisRequest
) -> m.GetFailureDiagnosisResponse:
    """`GetFailureDiagnosis`."""
    kind = _kind(request.target_type)
    place = _place(world, caller.org_id, kind, request.target_id)
    failures = _failures(world, place)
    status = _status_of(place)
    answer = _answer(world, kind, place, failures)
    return m.GetFailureDiagnosisResponse(
        org_id=caller.org_id,
        target=m.FailureDiagnosisTarget(
            target_id=request.target_id,
            target_type=kind,
            status=_status(status),
        ),
        context=_context(world, place),
        state=answer.state,
        empty_reason=answer.empty_reason,
        failure_groups=answer.failure_groups,
        representative_attempts=answer.representative_attempts,
        over_limit_breakdown=answer.over_limit_breakdown,
        bounds=_bounds(world, place, failures, answer),
        command_capabilities=m.FailureDiagnosisCommandCapabilities(summary_command_available=True),
    )


def _kind(raw: str | int) -> m.FailureDiagnosisTargetType:
    """The target's kind. An enum name nobody knows counts as none, a number does not."""
    kinds = list(_Type)
    if isinstance(raw, int) and raw not in range(len(kinds)):
        raise ConnectError("invalid_argument", f"Unsupported target_type: {raw}")
    known = kinds[raw] if isinstance(raw, int) else next((k for k in kinds if k == raw), kinds[0])
    if known is _Type.UNSPECIFIED:
        raise ConnectError("invalid_argument", "target_type is required")
    return known


def _place(world: World, org_id: str, kind: m.FailureDiagnosisTargetType, target_id: str) -> Place:
    if not target_id:
        raise ConnectError("invalid_argument", "target_id is required")
    if kind is _Type.RUN:
        return Place(world.find_run(org_id, target_id))
    if kind is _Type.WORKFLOW:
        return Place(*world.find_workflow(org_id, target_id))
    if kind is _Type.JOB:
        return Place(*world.find_job(org_id, target_id))
    return Place(*world.find_attempt(org_id, target_id))


def _failures(world: World, place: Place) -> list[_Failure]:
    """The failed attempts: the latest of each failed job, or the one that was asked about."""
    return [
        _failure(world, place.run, workflow, job, attempt)
        for workflow, job, attempt in place.run.tree()
        if place.workflow in (None, workflow)
        and place.job in (None, job)
        and attempt is (place.attempt or job.attempt)
        and attempt.status == "failed"
    ]


def _failure(world: World, run: Run, workflow: Workflow, job: Job, attempt: Attempt) -> _Failure:
    plan = world.played(run, workflow, job, attempt)
    return _Failure(
        run,
        workflow,
        job,
        attempt,
        error_message=plan.error_message or "",
        diagnosis=plan.diagnosis or "",
        possible_fix=plan.possible_fix or "",
    )


def _answer(
    world: World,
    kind: m.FailureDiagnosisTargetType,
    place: Place,
    failures: Sequence[_Failure],
) -> m.GetFailureDiagnosisResponse:
    if not failures:
        reason = m.FailureDiagnosisEmptyReason.NO_FAILURE_EVIDENCE
        return m.GetFailureDiagnosisResponse(state=_State.EMPTY, empty_reason=reason)
    if len(failures) > world.switches.diagnosis_cap:
        return m.GetFailureDiagnosisResponse(
            state=_State.OVER_LIMIT, over_limit_breakdown=_breakdown(world, kind, failures)
        )
    if len(failures) == 1:
        return m.GetFailureDiagnosisResponse(
            state=_State.FOCUSED_FAILURE,
            representative_attempts=(_as_message(world, failures[0]),),
        )
    return m.GetFailureDiagnosisResponse(
        state=_State.GROUPED_FAILURES, failure_groups=_groups(world, failures)
    )


def _groups(world: World, failures: Sequence[_Failure]) -> tuple[m.FailureGroup, ...]:
    alike: dict[str, list[_Failure]] = {}
    for failure in failures:
        alike.setdefault(failure.error_message, []).append(failure)
    largest_first = sorted(alike.values(), key=len, reverse=True)
    return tuple(_group(world, members) for members in largest_first[:_GROUPS])


def _group(world: World, members: Sequence[_Failure]) -> m.FailureGroup:
    first = members[0]
    of = "" if world.switches.fingerprint == "error" else first.run.run_id
    return m.FailureGroup(
        fingerprint=hashlib.sha256((of + first.error_message).encode()).hexdigest()[:16],
        source="error_message",
        count=len(members),
        error_message=first.error_message[:_MESSAGE_CHARS],
        error_message_truncated=len(first.error_message) > _MESSAGE_CHARS,
        error_message_original_length=len(first.error_message),
        diagnosis=first.diagnosis,
        possible_fix=first.possible_fix,
        representatives=tuple(_as_message(world, each) for each in members[:_REPRESENTATIVES]),
        omitted_representative_count=max(0, len(members) - _REPRESENTATIVES),
    )


def _breakdown(
    world: World, kind: m.FailureDiagnosisTargetType, failures: Sequence[_Failure]
) -> tuple[m.FailureDiagnosisBreakdownRow, ...]:
    smaller = _Type.WORKFLOW if kind is _Type.RUN else _Type.JOB
    parts = _parts(smaller, failures)
    return tuple(
        _part(world, smaller, key, members) for key, members in list(parts.items())[:_PARTS]
    )


def _parts(
    smaller: m.FailureDiagnosisTargetType, failures: Sequence[_Failure]
) -> dict[str, list[_Failure]]:
    """The failures by workflow, or by job."""
    parts: dict[str, list[_Failure]] = {}
    for failure in failures:
        by_workflow = smaller is _Type.WORKFLOW
        key = failure.workflow.workflow_id if by_workflow else failure.job.job_id
        parts.setdefault(key, []).append(failure)
    return parts


def _part(
    world: World, smaller: m.FailureDiagnosisTargetType, key: str, members: Sequence[_Failure]
) -> m.FailureDiagnosisBreakdownRow:
    first = members[0]
    if smaller is _Type.WORKFLOW:
        label, status = first.workflow.spec.name, first.workflow.status
        command = _command(_Kind.DIAGNOSE_WORKFLOW, key, label, "diagnose", "--workflow")
    else:
        label, status = Views(world).key(first.workflow, first.job), first.job.status
        command = _command(_Kind.DIAGNOSE_JOB, key, label, "diagnose", "--job")
    return m.FailureDiagnosisBreakdownRow(
        target_type=smaller,
        target_id=key,
        label=label,
        status=_status(status),
        failed_problem_candidate_count=len(members),
        next_commands=(command,),
    )


def _as_message(world: World, failure: _Failure) -> m.RepresentativeAttempt:
    views = Views(world)
    attempt = failure.attempt
    key = views.key(failure.workflow, failure.job)
    return m.RepresentativeAttempt(
        run_id=failure.run.run_id,
        **_names(views, failure.workflow, failure.job),
        attempt_id=attempt.attempt_id,
        attempt=attempt.number,
        job_status=_status(failure.job.status),
        job_conclusion=_conclusion(conclusion_of(failure.job)),
        attempt_status=_status(attempt.status),
        attempt_conclusion=_conclusion(attempt_conclusion(attempt)),
        error_message=failure.error_message[:_MESSAGE_CHARS],
        error_message_truncated=len(failure.error_message) > _MESSAGE_CHARS,
        error_message_original_length=len(failure.error_message),
        diagnosis=failure.diagnosis,
        possible_fix=failure.possible_fix,
        relevant_lines=_relevant_lines(world, failure),
        next_commands=(
            _command(_Kind.LOGS, attempt.attempt_id, key, "logs"),
            _command(_Kind.SUMMARY, attempt.attempt_id, key, "summary"),
        ),
    )


def _names(views: Views, workflow: Workflow, job: Job) -> dict[str, Any]:
    return {
        "workflow_id": workflow.workflow_id,
        "workflow_name": workflow.spec.name,
        "workflow_path": views.path(workflow),
        "job_id": job.job_id,
        "job_key": views.key(workflow, job),
        "job_display_name": views.label(job),
    }


def _relevant_lines(world: World, failure: _Failure) -> tuple[m.RelevantErrorLine, ...]:
    log = log_of(world, failure.run, failure.workflow, failure.job, failure.attempt)
    telling = [written for written in log if _TELLING.search(written.line.body)]
    return tuple(
        m.RelevantErrorLine(
            step_id=written.step.step_id,
            line_number=written.number,
            content=written.line.body[:_LINE_CHARS],
            content_truncated=len(written.line.body) > _LINE_CHARS,
            content_original_length=len(written.line.body),
        )
        for written in telling[-_LINES:]
    )


def _context(world: World, place: Place) -> m.FailureDiagnosisContext:
    run, workflow, job, attempt = place.run, place.workflow, place.job, place.attempt
    inside: dict[str, Any] = {}
    if workflow is not None:
        inside |= {
            "workflow_id": workflow.workflow_id,
            "workflow_name": workflow.spec.name,
            "workflow_path": Views(world).path(workflow),
            "workflow_status": _status(workflow.status),
        }
    if workflow is not None and job is not None:
        inside |= _names(Views(world), workflow, job)
        inside["job_status"] = _status(job.status)
        inside["job_conclusion"] = _conclusion(conclusion_of(job))
    if attempt is not None:
        inside |= {
            "attempt_id": attempt.attempt_id,
            "attempt": attempt.number,
            "attempt_status": _status(attempt.status),
            "attempt_conclusion": _conclusion(attempt_conclusion(attempt)),
        }
    too_long = [name for name in _LABELS if len(inside.get(name, "")) > _LABEL_CHARS]
    inside |= {name: inside[name][:_LABEL_CHARS] for name in too_long}
    return m.FailureDiagnosisContext(
        run_id=run.run_id,
        repo=run.repo,
        ref=run.ref,
        sha=run.sha,
        head_sha=run.head_sha,
        trigger=run.trigger,
        run_status=_status(run.status),
        truncated_context_fields=tuple(camel(name) for name in too_long),
        **inside,
    )


def _bounds(
    world: World, place: Place, failures: Sequence[_Failure], answer: m.GetFailureDiagnosisResponse
) -> m.FailureDiagnosisBounds:
    kinds = len({failure.error_message for failure in failures}) if len(failures) > 1 else 0
    shown = len(answer.failure_groups)
    parts = len(_parts(_Type.WORKFLOW if place.workflow is None else _Type.JOB, failures))
    omitted = max(0, parts - _PARTS) if answer.over_limit_breakdown else 0
    behind = {
        job.job_id
        for failure in failures
        for job in failure.workflow.behind(failure.job)
        if job.status == "skipped"
    }
    return m.FailureDiagnosisBounds(
        failed_problem_candidate_count=len(failures),
        failed_problem_candidate_cap=world.switches.diagnosis_cap,
        total_problem_job_count=len(failures),
        skipped_dependent_count=len(behind),
        total_failure_group_count=kinds,
        omitted_failure_group_count=kinds - shown,
        total_attempt_count=len(list(place.run.tree())),
        omitted_workflow_breakdown_count=omitted if place.workflow is None else 0,
        omitted_job_breakdown_count=0 if place.workflow is None else omitted,
        recent_attempt_limit=_ATTEMPTS,
        context_label_char_limit=_LABEL_CHARS,
        over_limit_workflow_breakdown_limit=_PARTS,
        over_limit_job_breakdown_limit=_PARTS,
        failure_group_limit=_GROUPS,
        representatives_per_group_limit=_REPRESENTATIVES,
        relevant_line_limit=_LINES,
        error_line_body_char_limit=_LINE_CHARS,
        error_message_char_limit=_MESSAGE_CHARS,
        truncated=kinds > shown,
    )


def _status_of(place: Place) -> str:
    lowest = place.attempt or place.job or place.workflow or place.run
    return lowest.status


def _command(
    kind: m.DrillDownCommandKind, target_id: str, label: str, *words: str
) -> m.DrillDownCommand:
    argv = ("depot", "ci", *words, target_id)
    return m.DrillDownCommand(kind=kind, argv=argv, target_id=target_id, label=label)


def _status(state: str) -> m.FailureDiagnosisResourceStatus:
    return _Status.__members__.get(state.upper(), _Status.UNSPECIFIED)


def _conclusion(word: str) -> m.FailureDiagnosisConclusion:
    return _Conclusion.__members__.get(word.upper(), _Conclusion.UNSPECIFIED)
