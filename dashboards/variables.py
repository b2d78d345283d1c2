"""What a reader chooses at the top of a dashboard. The same name means the same on all of them."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from .queries import SOURCE

# As grafana/provisioning names it; an imported dashboard takes what the reader chooses.
SOURCE_UID = "prometheus"


def source() -> build.DatasourceVariable:
    return (
        build.DatasourceVariable("datasource")
        .label("Prometheus")
        .description("Where the metrics are. 指标所在的数据源。")
        .type("prometheus")
        .current(model.VariableOption(text="Prometheus", value=SOURCE_UID, selected=True))
    )


def location() -> build.QueryVariable:
    return _labels("location", "Code location", "代码位置", of="dagster_active_runs")


def job() -> build.QueryVariable:
    of = 'dagster_active_runs{location=~"$location"}'
    return _labels("job", "Job", "作业", of=of, label="job_name")


def domain() -> build.QueryVariable:
    return _labels("domain", "Domain", "业务域", of="wdh_files")


def receiver() -> build.QueryVariable:
    return _labels("receiver", "Receiver", "接收方", of="wdh_notifications_total")


def _labels(name: str, title: str, zh: str, *, of: str, label: str = "") -> build.QueryVariable:
    """Any number of the label's values; All also takes the series that have none."""
    query = f"label_values({of},{label or name})"
    everything = model.VariableOption(text=["All"], value=["$__all"], selected=True)
    return (
        build.QueryVariable(name)
        .label(title)
        .description(f"{title}. {zh}。")
        .datasource(SOURCE)
        .query({"qryType": 1, "query": query, "refId": f"variable-{name}"})
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(everything)
    )


def dagster() -> build.QueryVariable:
    return _address("dagster", "Dagster", "Dagster 网页", of="dagster_url")


def runbooks() -> build.QueryVariable:
    return _address("runbooks", "Runbooks", "值班手册", of="runbook_url")


def _address(name: str, title: str, zh: str, *, of: str) -> build.QueryVariable:
    """Where links lead, as `wdh serve` says at the end of the time shown: label_values would also
    give the addresses of before.
    """
    query = f"query_result(max by ({of}) (wdh_links_info))"
    return (
        build.QueryVariable(name)
        .label(title)
        .description(f"Where links lead, as `wdh serve` was told. {zh}地址。")
        .datasource(SOURCE)
        .query({"qryType": 3, "query": query, "refId": f"variable-{name}"})
        .regex(f'/{of}="([^"]+)"/')
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
    )
