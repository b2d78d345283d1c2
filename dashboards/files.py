"""The state of the data in one line: on the overview, and at the head of the dashboard Data."""

from __future__ import annotations

from .look import BAD, GOOD, WARNING, steps
from .panels import Drawn, Size, Words, number
from .promql import gained, latest, or_zero
from .queries import now, over_time

SIZE = Size(6, 4)
# StaleFile: max_file_age_days of data_sources.yml as shipped.
MAX_AGE_S = 45 * 86_400


def newest_file(domains: str = "") -> Drawn:
    """domains: matchers, here and below; empty for all."""
    newest = latest("wdh_newest_file_timestamp_seconds", "domain", match=domains)
    return number(
        Words(
            "Age of the newest file",
            "In the landing folder, of the domain where it is oldest.",
            "落地目录中最新文件的年龄（取最旧的业务域）。",
            none="no file",
        ),
        now(f"time() - min({newest})"),
        size=SIZE,
        unit="s",
        colors=steps("text", {MAX_AGE_S: WARNING}),
        decimals=1,
    )


def rows_loaded(domains: str = "") -> Drawn:
    match = ",".join(filter(None, (domains, 'outcome="loaded"')))
    loaded = gained("wdh_rows_total", "domain", match=match)
    return number(
        Words("Rows loaded", "Within the time shown.", "所选时间内入库的行数。"),
        now(or_zero(f"sum({loaded})")),
        size=SIZE,
    )


def quarantined(domains: str = "") -> Drawn:
    rows = latest("wdh_quarantine_open_rows", "domain", match=domains)
    return number(
        Words(
            "Rows in quarantine",
            "Refused, and neither replayed nor replaced by a newer file: `wdh quarantine list`.",
            "隔离区中尚未处理的行：`wdh quarantine list`。",
        ),
        over_time(or_zero(f"sum({rows})")),
        size=SIZE,
        colors=steps(GOOD, {1: WARNING}),
        with_history=True,
    )


def failed_files(domains: str = "") -> Drawn:
    match = ",".join(filter(None, (domains, 'state=~"failed|refused"')))
    bad = latest("wdh_files", "domain", "state", match=match)
    return number(
        Words(
            "Files not taken",
            "Failed, or refused until their content changes: `wdh files`.",
            "失败或被拒收的文件数：`wdh files`。",
        ),
        over_time(or_zero(f"sum({bad})")),
        size=SIZE,
        colors=steps(GOOD, {1: BAD}),
        with_history=True,
    )
