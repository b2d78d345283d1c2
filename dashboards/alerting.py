"""Alerting: what was told where, how fast, what is stuck, and whether the exporter is well."""

from __future__ import annotations

from . import variables
from .board import Board, Row
from .exporter import build, errors, feed_lag, overflow, scrape_time, sources
from .links import RUNBOOK
from .look import BAD, GOOD, OF_DELIVERY, OF_SEVERITY, WARNING, coloured, limit, steps
from .panels import Drawn, Size, Words, bars, lines, number, spread
from .promql import RECEIVER, STEP, buckets, gained, latest, or_zero, quantile
from .queries import counts, now, over_time, rows
from .tables import Column, rows_of

INTEGRATION = ("integration", "receiver")
NAME = "{{receiver}} {{integration}}"


def alerting() -> Board:
    return Board(
        "alerting",
        "WorkDataHub / Alerting",
        "What was told where, how fast, what is stuck. 告警：告诉了谁、多快、有什么卡住。",
        [
            variables.source(),
            variables.receiver(),
            variables.dagster(),
            variables.runbooks(),
        ],
        [
            Row("Stuck · 卡住", [_lag(), _unrouted(), _pending(), _dead(), _parked(), _twice()]),
            Row("Told · 已通知", [_told(), _deliveries(), _reasons()]),
            Row("How fast · 多快", [_p(0.5), _p(0.99), _spread(), _waiting()]),
            Row("Each integration · 各渠道", [_integrations()]),
            Row("The exporter itself · 导出器自身", [feed_lag(), sources(), scrape_time()]),
            Row("Its bounds and errors · 上限与错误", [errors(), overflow(), build()]),
        ],
    )


def _lag() -> Drawn:
    return number(
        Words(
            "Dispatch lag",
            "For how long the oldest incident or notification that is due has been waiting. It"
            " stays near zero while a dispatcher runs; DispatchLag opens when it does not.",
            "最久未投递的通知已等待多久；正常接近零，否则触发 DispatchLag。",
            none="no alert store",
        ),
        over_time("max(wdh_notifications_oldest_pending_seconds)"),
        size=Size(4, 4),
        unit="s",
        colors=steps(GOOD, {60: WARNING, 300: BAD}),
        with_history=True,
    )


def _unrouted() -> Drawn:
    return number(
        Words(
            "Not yet looked at",
            "Incidents that no dispatcher has looked at since they last changed.",
            "变化后尚无调度器处理的事件数。",
            none="no alert store",
        ),
        over_time("max(wdh_incidents_unrouted)"),
        size=Size(4, 4),
        colors=steps("text", {1: WARNING}),
        with_history=True,
    )


def _pending() -> Drawn:
    return _sum(
        "Due, not told",
        "wdh_notifications_pending",
        "Groups of which an integration should have heard by now.",
        "已到期但尚未投递的通知组。",
        WARNING,
    )


def _dead() -> Drawn:
    return _sum(
        "Dead letters",
        "wdh_dead_letters",
        "Notifications that were given up: `wdh alerts dead-letters list`. Each waits to be"
        " replayed or dropped.",
        "放弃投递的通知，等待重发或丢弃。",
        BAD,
    )


def _parked() -> Drawn:
    return _sum(
        "Parked",
        "wdh_integration_parked",
        "Integrations that are sent nothing until an operator acts: credentials were refused.",
        "因凭据被拒而停用、等待人工处理的渠道。",
        BAD,
    )


def _sum(title: str, metric: str, en: str, zh: str, color: str) -> Drawn:
    return number(
        Words(title, en, zh),
        over_time(or_zero(f"sum({latest(metric, *INTEGRATION, match=RECEIVER)})")),
        size=Size(4, 4),
        colors=steps(GOOD, {1: color}),
        with_history=True,
    )


def _twice() -> Drawn:
    twice = gained("wdh_notifications_ambiguous_total", *INTEGRATION, match=RECEIVER)
    return number(
        Words(
            "Perhaps told twice",
            "Attempts within the time shown of which nobody knows whether they arrived; they were"
            " tried again.",
            "不知是否送达、因而重试的次数（可能重复通知）。",
        ),
        now(or_zero(f"sum({twice})")),
        size=Size(4, 4),
        colors=steps("text", {1: WARNING}),
    )


def _told() -> Drawn:
    def told(status: str) -> str:
        match = f'{RECEIVER},status="{status}"'
        return gained("wdh_alerts_total", "alertname", "severity", "receiver", match=match)

    return rows_of(
        Words(
            "What was told, and to whom",
            "Alerts that receivers with `prometheus_configs` were told of within the time shown:"
            " when they opened, and when they were over.",
            "所选时间内通知过的告警：触发与恢复各计一次。",
            none="nothing was told",
        ),
        [
            Column("alertname", "Alert", link=RUNBOOK),
            Column("severity", "Severity", mappings=coloured(OF_SEVERITY), width=95),
            Column("receiver", "Receiver"),
            Column("Value #A", "Opened", width=85),
            Column("Value #B", "Over", width=75),
        ],
        rows(told("firing")),
        rows(told("resolved")),
        size=Size(10),
        sort="Opened",
        descending=True,
    )


def _deliveries() -> Drawn:
    outcomes = gained("wdh_notifications_total", *INTEGRATION, "outcome", match=RECEIVER, over=STEP)
    return bars(
        Words(
            "Attempts, and what came of them",
            "delivered; failed: will be tried again; dead: given up.",
            "投递结果：成功、失败待重试、放弃。",
            none="nothing was sent",
        ),
        over_time(f"sum by (outcome) ({outcomes})", "{{outcome}}"),
        size=Size(8),
        colors=OF_DELIVERY,
    )


def _reasons() -> Drawn:
    failures = gained(
        "wdh_notification_failures_total", *INTEGRATION, "reason", match=RECEIVER, over=STEP
    )
    return bars(
        Words(
            "Why attempts failed",
            "By reason: rate_limited and unavailable pass by themselves; credentials and"
            " bad_request do not.",
            "失败原因；限流与不可用会自行恢复，凭据或请求错误不会。",
            none="no attempt failed",
        ),
        over_time(f"sum by (reason) ({failures})", "{{reason}}"),
        size=Size(6),
        limit=limit(1, WARNING),
    )


def _p(share: float) -> Drawn:
    return number(
        Words(
            f"Exchange, p{share * 100:g}",
            f"{share:.0%} of the exchanges with Slack, mail servers and the like took less than"
            " this, within the time shown.",
            f"{share:.0%} 的投递交互耗时低于此值。",
            none="nothing was sent",
        ),
        now(quantile(share, "wdh_notification_latency_seconds", *INTEGRATION, match=RECEIVER)),
        size=Size(4),
        unit="s",
        colors=steps("text", {5: WARNING}),
        decimals=None,
    )


def _spread() -> Drawn:
    took = buckets("wdh_notification_latency_seconds", *INTEGRATION, match=RECEIVER, over=STEP)
    return spread(
        Words(
            "Time of the exchanges",
            "How many exchanges took how long.",
            "投递交互的耗时分布。",
            none="nothing was sent",
        ),
        counts(f"sum by (le) ({took})"),
        size=Size(8),
    )


def _waiting() -> Drawn:
    return lines(
        Words(
            "Dispatch lag over time",
            "For how long the oldest notification that was due had been waiting.",
            "投递滞后随时间的变化。",
            none="no alert store",
        ),
        over_time("max(wdh_notifications_oldest_pending_seconds)", "oldest"),
        size=Size(8),
        unit="s",
        colors={"oldest": WARNING},
        limit=limit(300, BAD),
    )


def _integrations() -> Drawn:
    def attempts(outcome: str) -> str:
        match = f'{RECEIVER},outcome="{outcome}"'
        return gained("wdh_notifications_total", *INTEGRATION, match=match)

    def gauge(metric: str) -> str:
        return latest(metric, *INTEGRATION, match=RECEIVER)

    red, orange = steps("text", {1: BAD}).build(), steps("text", {1: WARNING}).build()
    return rows_of(
        Words(
            "Integrations",
            "Each integration of alerts.yml: what it was sent within the time shown, and what it"
            " waits for now. `wdh alerts check` names those that are off.",
            "alerts.yml 中每个渠道：所选时间内的投递结果与当前积压。",
            none="alerts.yml has no integration",
        ),
        [
            Column("receiver", "Receiver"),
            Column("integration", "Integration"),
            Column("Value #A", "Delivered"),
            Column("Value #B", "Failed", thresholds=orange),
            Column("Value #C", "Given up", thresholds=red),
            Column("Value #D", "Due, not told", thresholds=orange),
            Column("Value #E", "Dead letters", thresholds=red),
            Column("Value #F", "Parked", thresholds=red),
        ],
        *(rows(attempts(outcome)) for outcome in OF_DELIVERY),
        rows(gauge("wdh_notifications_pending")),
        rows(gauge("wdh_dead_letters")),
        rows(gauge("wdh_integration_parked")),
        size=Size(24, 7),
        sort="Receiver",
    )
