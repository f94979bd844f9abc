"""The alerts and the dashboard that operators take over: Prometheus reads them, and each metric in
them is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bot.ops.metrics import TABLE
from tests.support.promtool import promtool

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "config" / "alerts.yml"
DASHBOARD = ROOT / "config" / "grafana-dashboard.json"
CASES = Path(__file__).parent / "alerts_test.yml"

NOT_OURS = {"process_resident_memory_bytes"}
"""Every Prometheus client for Python has them."""

VARIABLES = {"$__rate_interval": "5m", "$instance": ".*", "$job": ".*"}
"""What Grafana puts into an expression."""


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def expressions() -> Iterator[str]:
    """What the panels show, as Grafana would ask for it."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            expression = target["expr"]
            for variable, value in VARIABLES.items():
                expression = expression.replace(variable, value)
            yield expression


def named(expression: str) -> set[str]:
    """The metrics in an expression."""
    found = set(re.findall(r"\b(?:depot_bot|process)_\w+", expression))
    return {re.sub(r"(?<=_seconds)_(bucket|count|sum)$", "", name) for name in found}


def test_prometheus_takes_the_alerts() -> None:
    assert f"{len(rules())} rules found" in promtool("check", "rules", ALERTS)


def test_each_alert_goes_off_when_it_should_and_only_then() -> None:
    promtool("test", "rules", CASES)
    *_, bad = yaml.safe_load(CASES.read_text())["tests"]
    (asked,) = bad["promql_expr_test"]
    assert [one["labels"] for one in asked["exp_samples"]] == [
        f'{{alertname="{rule["alert"]}"}}' for rule in rules()
    ]


def test_prometheus_can_answer_what_the_dashboard_asks(tmp_path: Path) -> None:
    asked = [{"record": f"panel:{at}", "expr": one} for at, one in enumerate(expressions())]
    assert len(asked) > 15
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": asked}]}))
    promtool("check", "rules", file)


def test_what_they_name_is_there() -> None:
    ours = {metric.name for metric in TABLE}
    in_alerts = {name for rule in rules() for name in named(rule["expr"])}
    in_panels = {name for expression in expressions() for name in named(expression)}
    assert in_alerts <= ours
    assert in_panels - NOT_OURS <= ours
    # And nothing is measured that nobody sees.
    assert ours - in_panels == set()


def test_the_words_of_the_alerts_name_what_is_there() -> None:
    code = "".join(path.read_text() for path in (ROOT / "bot").rglob("*.py"))
    for rule in rules():
        text = rule["annotations"]["description"]
        assert named(text) <= {metric.name for metric in TABLE}
        for event in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", text):
            assert f'"{event}"' in code, event
