"""Workflow YAML to jobs: keys, needs, matrices, local reusable workflows."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import yaml

FOLDER = ".depot/workflows/"

_STEP_KEYS = frozenset(
    [
        "id",
        "if",
        "name",
        "uses",
        "run",
        "with",
        "env",
        "shell",
        "working-directory",
        "continue-on-error",
        "timeout-minutes",
    ]
)
_EVENT_GUARD = re.compile(r"github\.event_name\s*==\s*['\"](\w+)['\"]")


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step of a job, as far as logs, errors and artifacts need it."""

    step_id: str
    name: str
    run: str
    uploads: str
    """The artifact this step uploads, empty for other steps."""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One job, or one cell of a matrix."""

    key: str
    """Unique in its workflow: `test`, `call:test`, `test:matrix-0`."""
    family: str
    """The key without the cell: all cells of a matrix share it, and one check on GitHub."""
    name: str
    check_name: str
    needs: tuple[str, ...] = ()
    """Keys of the jobs that come first, cells spelt out."""
    events: frozenset[str] = frozenset()
    """The triggers its `if:` asks for; empty when it runs on all."""
    continue_on_error: bool = False
    empty_matrix: bool = False
    """A matrix without cells: the job is skipped."""
    labels: tuple[str, ...] = ()
    steps: tuple[StepSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One declared input of a `workflow_dispatch`."""

    kind: str = "string"
    required: bool = False
    has_default: bool = False
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkflowSpec:
    """A compiled workflow file; with `error` set, one that does not compile."""

    file: str
    """What job keys are prefixed with: `ci.yml`, `_inline_0.yaml`."""
    path: str
    """The path in the repository; empty for YAML sent along."""
    name: str = ""
    error: str = ""
    jobs: tuple[JobSpec, ...] = ()
    inputs: Mapping[str, InputSpec] | None = None
    """Declared inputs; None when the workflow has no `workflow_dispatch`."""


class DoesNotCompile(Exception):
    """A workflow file that Depot would not run, with the place and the reason."""


@dataclass(slots=True)
class _Source:
    files: Mapping[str, str]
    depth: int = 0


def bare(path: str) -> str:
    """`ci.yml` for `.depot/workflows/ci.yml`."""
    return path.rpartition("/")[2]


def workflow_paths(files: Mapping[str, str]) -> list[str]:
    """The workflow files of a commit."""
    return sorted(
        path
        for path in files
        if path.startswith(FOLDER)
        and "/" not in path.removeprefix(FOLDER)
        and path.endswith((".yml", ".yaml"))
    )


def compile_file(files: Mapping[str, str], path: str) -> WorkflowSpec:
    """Compile a file of the repository; a missing one is a workflow that does not compile."""
    if path not in files:
        return WorkflowSpec(bare(path), path, error=f"workflow file not found: {path}")
    return compile_text(files[path], file=bare(path), path=path, files=files)


def compile_text(text: str, *, file: str, path: str, files: Mapping[str, str]) -> WorkflowSpec:
    """Compile YAML; `files` are the commit's, for reusable workflows."""
    empty = WorkflowSpec(file, path)
    try:
        tree = _parse(text)
        empty = replace(empty, name=_text(tree.get("name")))
        jobs = tuple(_jobs(tree, _Source(files)))
        return replace(empty, jobs=jobs, inputs=_dispatch_inputs(tree))
    except DoesNotCompile as error:
        return replace(empty, error=str(error))


@lru_cache(maxsize=100)
def _parse(text: str) -> Mapping[Any, Any]:
    try:
        tree = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DoesNotCompile(f"line {line}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise DoesNotCompile(f"not YAML: {error}") from None
    if not isinstance(tree, dict):
        raise DoesNotCompile("a workflow is a mapping")
    return tree


def _jobs(tree: Mapping[Any, Any], source: _Source) -> Iterator[JobSpec]:
    raw = tree.get("jobs")
    if not isinstance(raw, dict) or not raw:
        raise DoesNotCompile("jobs: at least one job is needed")
    groups = {str(key): list(_job(str(key), job, source)) for key, job in raw.items()}
    wanted = {str(key): _needs(str(key), job, groups) for key, job in raw.items()}
    _refuse_circles(wanted)
    for key, group in groups.items():
        outer = tuple(spec.key for need in wanted[key] for spec in groups[need])
        for spec in group:
            yield replace(spec, needs=spec.needs or outer)


def _job(key: str, job: object, source: _Source) -> Iterator[JobSpec]:
    if not isinstance(job, dict):
        raise DoesNotCompile(f"jobs.{key}: a job is a mapping")
    if "uses" in job:
        yield from _reused(key, job, source)
        return
    if not isinstance(job.get("steps"), list):
        raise DoesNotCompile(f"jobs.{key}: 'steps' or 'uses' is needed")
    name = _text(job.get("name")) or key
    spec = JobSpec(
        key=key,
        family=key,
        name=name,
        check_name=name,
        events=_guard(job),
        continue_on_error=job.get("continue-on-error") is True,
        labels=_labels(job.get("runs-on")),
        steps=tuple(_step(key, i, step) for i, step in enumerate(job["steps"])),
    )
    yield from _cells(spec, job)


def _reused(key: str, job: Mapping[Any, Any], source: _Source) -> Iterator[JobSpec]:
    path = _text(job["uses"])
    if not path.startswith("./"):
        raise DoesNotCompile(f"jobs.{key}: workflows of other repositories are not supported")
    text = source.files.get(path.removeprefix("./"))
    if text is None:
        raise DoesNotCompile(f"jobs.{key}: no such workflow: {path}")
    if source.depth == 4:
        raise DoesNotCompile(f"jobs.{key}: reusable workflows are nested too deeply")
    for inner in _jobs(_parse(text), _Source(source.files, source.depth + 1)):
        yield replace(
            inner,
            key=f"{key}:{inner.key}",
            family=f"{key}:{inner.family}",
            check_name=f"{key} / {inner.check_name}",
            needs=tuple(f"{key}:{need}" for need in inner.needs),
            events=inner.events or _guard(job),
        )


def _cells(spec: JobSpec, job: Mapping[Any, Any]) -> Iterator[JobSpec]:
    strategy = job.get("strategy")
    matrix = strategy.get("matrix") if isinstance(strategy, dict) else None
    if not isinstance(matrix, dict):
        yield spec
        return
    cells = _matrix(matrix)
    if not cells:
        yield replace(spec, empty_matrix=True)
    for index, cell in enumerate(cells):
        label = ", ".join(str(value) for value in cell.values())
        yield replace(spec, key=f"{spec.key}:matrix-{index}", name=f"{spec.name} ({label})")


def _matrix(matrix: Mapping[Any, Any]) -> list[dict[str, Any]]:
    axes = {str(k): v for k, v in matrix.items() if k not in ("include", "exclude")}
    lists = [value if isinstance(value, list) else [value] for value in axes.values()]
    cells = [dict(zip(axes, values, strict=True)) for values in itertools.product(*lists)]
    cells = [c for c in cells if not any(e.items() <= c.items() for e in _maps(matrix, "exclude"))]
    extra = _maps(matrix, "include")
    return ([cell for cell in cells if cell] if axes else []) + extra


def _maps(matrix: Mapping[Any, Any], key: str) -> list[dict[str, Any]]:
    value = matrix.get(key)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _needs(key: str, job: Mapping[Any, Any], groups: Mapping[str, object]) -> list[str]:
    raw = job.get("needs", [])
    needs = [str(need) for need in (raw if isinstance(raw, list) else [raw])]
    for need in needs:
        if need not in groups:
            raise DoesNotCompile(f"jobs.{key}.needs: unknown job '{need}'")
    return needs


def _refuse_circles(needs: Mapping[str, list[str]]) -> None:
    done: set[str] = set()
    while ready := {
        key for key, first in needs.items() if key not in done and done.issuperset(first)
    }:
        done |= ready
    if left := sorted(needs.keys() - done):
        raise DoesNotCompile(f"jobs.{left[0]}.needs: the jobs wait for each other")


def _step(key: str, index: int, step: object) -> StepSpec:
    place = f"jobs.{key}.steps[{index}]"
    if not isinstance(step, dict):
        raise DoesNotCompile(f"{place}: a step is a mapping")
    for name in step:
        if name not in _STEP_KEYS:
            raise DoesNotCompile(f"{place}: unknown key '{name}'")
    uses = _text(step.get("uses"))
    options = step.get("with") if isinstance(step.get("with"), dict) else {}
    uploads = uses.startswith("actions/upload-artifact")
    return StepSpec(
        step_id=_text(step.get("id")),
        name=_text(step.get("name")),
        run=_text(step.get("run")).strip() or uses,
        uploads=(_text(options.get("name")) or "artifact") if uploads and options else "",
    )


def _guard(job: Mapping[Any, Any]) -> frozenset[str]:
    return frozenset(_EVENT_GUARD.findall(_text(job.get("if"))))


def _labels(raw: object) -> tuple[str, ...]:
    return tuple(str(label) for label in raw) if isinstance(raw, list) else (_text(raw),)


def _dispatch_inputs(tree: Mapping[Any, Any]) -> Mapping[str, InputSpec] | None:
    # YAML 1.1 reads the bare word `on` as true.
    on = tree.get("on", tree.get(True))
    if not isinstance(on, dict):
        named = on if isinstance(on, list) else [on]
        return {} if "workflow_dispatch" in named else None
    if "workflow_dispatch" not in on:
        return None
    event = on["workflow_dispatch"]
    raw = event.get("inputs") if isinstance(event, dict) else None
    return {str(k): _input(v) for k, v in raw.items()} if isinstance(raw, dict) else {}


def _input(raw: object) -> InputSpec:
    if not isinstance(raw, dict):
        return InputSpec()
    options = raw.get("options")
    return InputSpec(
        kind=_text(raw.get("type")) or "string",
        required=raw.get("required") is True,
        has_default="default" in raw,
        options=tuple(str(o) for o in options) if isinstance(options, list) else (),
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)
