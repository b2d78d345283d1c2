"""The rules that Prometheus is given, and the list of metrics: tested against what there is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml
from dagster import DagsterInstance

from work_data_hub.alerting.metrics import StoreCollector
from work_data_hub.alerting.redact import Redactor
from work_data_hub.alerting.store.store import Store
from work_data_hub.config.settings import get_settings
from work_data_hub.observability.collector import DagsterCollector
from work_data_hub.observability.self_metrics import LinksCollector, RoundsCollector
from work_data_hub.orchestration.metrics import pipeline_collector

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
CASES = RULES.with_name("rules_test.yml")
# Those of another part of the product that Prometheus can tell when the router cannot.
SHARED_PAGES = {"DispatchLag.md"}
METRIC = re.compile(r"\b(?:dagster|wdh)_[a-z_0-9]+")
ROW = re.compile(r"^\| `((?:dagster|wdh)_\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)


def rules(kind: str) -> list[Any]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def cases() -> list[Any]:
    found: list[Any] = yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]
    return found


def families(tmp_path: Path) -> dict[str, tuple[str, str]]:
    """Of all collectors of `wdh serve`: type and label names by the name that is documented."""
    store = Store(f"sqlite:///{tmp_path / 'alerts.db'}")
    with DagsterInstance.ephemeral() as instance:
        collectors: list[Any] = [
            StoreCollector(store),
            DagsterCollector(instance, store=store, dagster_url="http://127.0.0.1:1"),
            pipeline_collector(get_settings()),
            RoundsCollector(lambda: []),
            LinksCollector(Redactor()),
        ]
        described = [family for each in collectors for family in each.describe()]
    names = {"counter": "{}_total"}
    return {
        names.get(f.type, "{}").format(f.name): (f.type, ", ".join(getattr(f, "_labelnames", ())))
        for f in described
    }


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        ["promtool", *arguments], capture_output=True, check=False, cwd=RULES.parent
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_prometheus_takes_the_rules() -> None:
    promtool("check", "rules", RULES.name)


def test_each_alert_fires_when_it_should_and_not_before() -> None:
    promtool("test", "rules", CASES.name)


def test_each_alert_has_a_case() -> None:
    fired = {
        check["alertname"]
        for case in cases()
        for check in case["alert_rule_test"]
        if check["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in rules("alert")}


def test_each_recording_rule_has_a_case() -> None:
    recorded = {
        check["expr"].partition("{")[0]
        for case in cases()
        for check in case.get("promql_expr_test", ())
        if check["exp_samples"]
    }
    assert recorded == {rule["record"] for rule in rules("record")}


def test_each_alert_says_what_where_what_to_do_and_how_grave_it_is() -> None:
    for rule in rules("alert"):
        assert set(rule["annotations"]) == {"summary", "summary_zh", "next_step", "runbook"}
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["for"]
        assert re.search(r"[\u4e00-\u9fff]", rule["annotations"]["summary_zh"])


def test_each_alert_has_a_runbook_page() -> None:
    pages = {rule["annotations"]["runbook"] for rule in rules("alert")} - SHARED_PAGES
    missing = [page for page in pages if not (ROOT / "docs" / "runbooks" / page).exists()]
    assert missing == []


def test_every_metric_of_a_rule_is_one_that_there_is(tmp_path: Path) -> None:
    known = set(families(tmp_path)) | {rule["record"].split(":")[1] for rule in rules("record")}
    used = {
        name.removesuffix("_bucket")
        for rule in [*rules("alert"), *rules("record")]
        for name in METRIC.findall(rule["expr"])
    }
    assert sorted(used - known) == []


def test_the_list_of_metrics_is_that_of_the_collectors(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    documented = {
        name: (kind, set(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in ROW.findall(text)
    }
    made = {
        name: (kind, {label for label in labels.split(", ") if label})
        for name, (kind, labels) in families(tmp_path).items()
    }
    assert documented == made
