"""What is wrong with an instance, or with alerting itself -> an Alert. Identity is decided here.

None has a time of its own or an event key: each stands as long as it is so.
"""

from __future__ import annotations

from collections.abc import Mapping

from .. import locations
from ..alerting.alert import ALERTNAME, SEVERITY, Alert, Severity
from ..alerting.render import local_time
from ..alerting.troubles import CONFIG_INVALID, DISPATCH_LAG, ROUND_FAILING
from .daemons import Down

DAEMON_DOWN = "DaemonDown"

# What people notice when it is down, in English and in Chinese.
_WITHOUT = {
    "SENSOR": ("no sensor runs", "传感器都不运行"),
    "SCHEDULER": ("no schedule starts a run", "定时任务不会启动运行"),
    "QUEUED_RUN_COORDINATOR": ("queued runs do not start", "排队的运行不会开始"),
    "BACKFILL": ("backfills stand still", "回填停滞"),
    "ASSET": ("automation conditions start nothing", "自动化条件不会触发任何运行"),
    "MONITORING": ("runs whose worker died stay as started", "工作进程已死的运行仍显示为进行中"),
    "EVENT_LOG_CONSUMER": ("failed runs are not retried", "失败的运行不会重试"),
    "FRESHNESS": ("freshness is not evaluated", "不再评估新鲜度"),
}


def daemon_down(found: Down) -> Alert:
    since, since_zh = "has never run", "从未运行过"
    if found.beat_at:
        at = local_time(found.beat_at)
        since, since_zh = f"has not beaten since {at}", f"自 {at} 起没有心跳"
    without, without_zh = _WITHOUT.get(found.name, ("", ""))
    return _alert(
        {ALERTNAME: DAEMON_DOWN, "daemon": found.name},
        Severity.CRITICAL,
        {
            "summary": ": ".join(filter(None, (f"Dagster's daemon {found.name} {since}", without))),
            "summary_zh": "：".join(
                filter(None, (f"Dagster 守护进程 {found.name} {since_zh}", without_zh))
            ),
            "last_heartbeat": found.beat_at.isoformat() if found.beat_at else "",
        },
    )


def dispatch_lag(receiver: str, integration: str, *, waits_s: float, count: int) -> Alert:
    """receiver, integration: empty for what nobody has even routed."""
    what = f"{integration} of receiver {receiver} takes what it is sent, but {count} wait"
    if not integration:
        what = f"{count} alerts have not been looked at"
    return _alert(
        {ALERTNAME: DISPATCH_LAG, "receiver": receiver, "integration": integration},
        Severity.CRITICAL,
        {
            "summary": f"{what}, the oldest for {waits_s / 60:.0f} min: is a dispatcher at work?",
            "summary_zh": f"{count} 条到期通知未发出，最久已等 {waits_s / 60:.0f} 分钟："
            "发送进程在运行吗？",
        },
    )


def config_invalid(file: str, problem: str) -> Alert:
    """file: its name alone; several hosts have it at several places."""
    return _alert(
        {ALERTNAME: CONFIG_INVALID, "file": file},
        Severity.CRITICAL,
        {
            "summary": f"{file} was changed and cannot be used; what it said before goes on",
            "summary_zh": f"{file} 改动后无法使用，仍按改动前的内容发送",
            "error": problem,
        },
    )


def round_failing(name: str, *, fails_s: float, error: str) -> Alert:
    """error: empty where it raises nothing: its turn does not end."""
    minutes = f"{fails_s / 60:.0f}"
    told = [f"wdh serve: its {name} has failed for {minutes} min", error]
    told_zh = [f"wdh serve 的 {name} 已连续失败 {minutes} 分钟", error]
    if not error:
        told = [f"wdh serve: a turn of its {name} has not ended for {minutes} min"]
        told_zh = [f"wdh serve 的 {name} 有一轮已 {minutes} 分钟没有结束"]
    return _alert(
        {ALERTNAME: ROUND_FAILING, "round": name},
        Severity.CRITICAL,
        {
            "summary": ": ".join(told),
            "summary_zh": "：".join(told_zh),
            "error": error,
        },
    )


def _alert(labels: Mapping[str, str], severity: Severity, annotations: Mapping[str, str]) -> Alert:
    told = {**annotations, "runbook_url": locations.runbook_url(labels[ALERTNAME])}
    filled = {name: text for name, text in told.items() if text}
    kept = {name: value for name, value in labels.items() if value}
    return Alert({**kept, SEVERITY: severity}, filled, identity=tuple(kept))
