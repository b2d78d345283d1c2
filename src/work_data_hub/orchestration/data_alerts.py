"""What is wrong with a file, as alerts: opened by a load or a probe, closed by the next good one.

A load speaks of each file it takes; the probe speaks of the newest file of its domain, whichever
that is by then. So a probe's alert is closed by the next probe that passes, and never closes what
a load found on another file.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from .. import locations
from ..alerting import Alert, Severity

if TYPE_CHECKING:
    from ..io.errors import LandingFolderMissing


class DataAlert(StrEnum):
    """The alertnames of the data itself."""

    ZERO_ROWS = "ZeroRows"
    TOO_FEW_ROWS = "TooFewRows"
    MISSING_COLUMNS = "MissingColumns"
    STALE_FILE = "StaleFile"
    UNREADABLE_FILE = "UnreadableFile"
    ROWS_REFUSED = "RowsRefused"
    AMBIGUOUS_PERCENT = "AmbiguousPercent"
    LANDING_FOLDER_MISSING = "LandingFolderMissing"


class FoundBy(StrEnum):
    """Who looked; a label, for the two close their alerts on different grounds."""

    LOAD = "load"
    PROBE = "probe"


# Nothing was loaded, or nothing can be: somebody has to act.
CRITICAL = {
    DataAlert.MISSING_COLUMNS,
    DataAlert.UNREADABLE_FILE,
    DataAlert.ROWS_REFUSED,
    DataAlert.LANDING_FOLDER_MISSING,
}
# What to do, in English and in Chinese.
NEXT_STEP = {
    DataAlert.ZERO_ROWS: (
        "Ask the trustee for a filled workbook, and put it in the same place.",
        "请受托人提供有数据的工作簿，放到同一位置。",
    ),
    DataAlert.TOO_FEW_ROWS: (
        "Compare with last month's file; ask the trustee if rows are missing.",
        "与上月文件核对；如有缺行，请受托人补齐。",
    ),
    DataAlert.MISSING_COLUMNS: (
        "Ask the trustee for the usual columns, or change required_columns in data_sources.yml.",
        "请受托人按惯用列提供，或修改 data_sources.yml 的 required_columns。",
    ),
    DataAlert.STALE_FILE: (
        "Ask the trustee for this month's file.",
        "请受托人提供本月文件。",
    ),
    DataAlert.UNREADABLE_FILE: (
        "Open it in Excel; save it anew or ask the trustee for it again.",
        "用 Excel 打开并另存，或请受托人重新提供。",
    ),
    DataAlert.ROWS_REFUSED: (
        "See `wdh quarantine list`; mend the file or the rule.",
        "查看 `wdh quarantine list`；修正文件或规则。",
    ),
    DataAlert.AMBIGUOUS_PERCENT: (
        "Ask the trustee whether returns are percent or fractions.",
        "请受托人确认收益率是百分数还是小数。",
    ),
    DataAlert.LANDING_FOLDER_MISSING: (
        "Mount or create the folder, or set WDH_DATA_BASE_DIR.",
        "挂载或创建该文件夹，或设置 WDH_DATA_BASE_DIR。",
    ),
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a file, in English and in Chinese."""

    kind: DataAlert
    summary: str
    summary_zh: str

    def annotations(self) -> dict[str, str]:
        """Chinese texts stand beside the English ones; the receiver's language chooses."""
        step, step_zh = NEXT_STEP[self.kind]
        return {
            "summary": self.summary,
            "summary_zh": self.summary_zh,
            "next_step": step,
            "next_step_zh": step_zh,
            "runbook_url": locations.runbook_url(self.kind.value),
        }


def alert_of(finding: Finding, *, domain: str, file: str, found_by: FoundBy) -> Alert:
    """file: relative to the landing folder."""
    kind = finding.kind
    identity = ["alertname", "domain", "found_by"] + (["file"] if found_by is FoundBy.LOAD else [])
    return Alert(
        {
            "alertname": kind.value,
            "severity": (Severity.CRITICAL if kind in CRITICAL else Severity.WARNING).value,
            "domain": domain,
            "file": file,
            "found_by": found_by.value,
        },
        finding.annotations(),
        identity=identity,
    )


def over_with(
    findings: Collection[Finding], *, domain: str, file: str, found_by: FoundBy
) -> list[Mapping[str, str]]:
    """The labels of what a look at a file has closed: all that it did not find again."""
    scope = {"domain": domain, "found_by": found_by.value}
    if found_by is FoundBy.LOAD:
        scope["file"] = file
    if not findings:
        return [scope]
    still = {finding.kind for finding in findings}
    closed = [kind for kind in DataAlert if kind not in still | {DataAlert.LANDING_FOLDER_MISSING}]
    return [{"alertname": kind.value, **scope} for kind in closed]


def landing_folder_missing(domain: str, err: LandingFolderMissing) -> Alert:
    """Its incident is the same whoever meets it: sensor, probe or run."""
    kind = DataAlert.LANDING_FOLDER_MISSING
    return Alert(
        {"alertname": kind.value, "severity": Severity.CRITICAL.value, "domain": domain},
        Finding(kind, str(err), f"数据文件夹 {err.folder} 不存在").annotations(),
    )


def landing_folder_found(domain: str) -> Mapping[str, str]:
    """The labels that close it."""
    return {"alertname": DataAlert.LANDING_FOLDER_MISSING.value, "domain": domain}


def publish(alerts: Sequence[Alert], *, resolved: Iterable[Mapping[str, str]] = ()) -> None:
    """A fast local insert. Raises AlertingError when it cannot be stored."""
    from ..observability.local_router import local_router

    router = local_router()
    for labels in resolved:
        router.resolve(labels)
    if alerts:
        router.publish_all(alerts)


def publish_from_run(
    alerts: Sequence[Alert], *, resolved: Iterable[Mapping[str, str]] = ()
) -> None:
    """As `publish`, but what cannot be stored goes to stderr: it must not fail the run."""
    from ..alerting.errors import AlertingError

    try:
        publish(alerts, resolved=resolved)
    except AlertingError as err:
        told = "; ".join(alert.annotations["summary"] for alert in alerts) or "nothing new"
        print(f"alerts not stored ({err}): {told}", file=sys.stderr)  # noqa: T201
