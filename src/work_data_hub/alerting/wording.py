"""The words of a message, in English and in Chinese. Every word that we choose stands here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .alert import Severity
from .sink import NoticeCause


@dataclass(frozen=True)
class Words:
    """One language. `{}` takes the value; names of labels and annotations map to what is shown.

    code: an annotation `summary_<code>` is shown in place of `summary`; so for `next_step` and
    `changes`.
    """

    code: str
    severities: Mapping[Severity, str]
    alerts: Mapping[str, str]
    names: Mapping[str, str]
    causes: Mapping[NoticeCause, str]
    resolved: str
    open_count: str
    open_and_resolved: str
    separator: str
    colon: str
    error: str
    log: str
    changes: str
    changed_since: str
    nothing_changed: str
    never_succeeded: str
    definition_changed: str
    changed: str
    absent: str
    tag: str
    next_step: str
    others: str
    more: str
    open_run: str
    runbook: str
    source: str
    started: str
    happened: str
    ended: str
    duration: str
    times: str
    day: str
    hour: str
    minute: str
    second: str
    zone: str
    cut: str
    incident: str
    acknowledged: str
    silence: str


EN = Words(
    code="en",
    severities={
        Severity.CRITICAL: "Critical",
        Severity.WARNING: "Warning",
        Severity.INFO: "Info",
    },
    alerts={
        "RunFailed": "Run failed",
        "StepFailed": "Step failed",
        "RunSucceeded": "Run succeeded",
        "StepSucceeded": "Step succeeded",
        "ZeroRows": "No rows",
        "TooFewRows": "Too few rows",
        "MissingColumns": "Columns missing",
        "StaleFile": "File too old",
        "UnreadableFile": "File unreadable",
        "RowsRefused": "Too many rows refused",
        "AmbiguousPercent": "Percent or fraction?",
        "LandingFolderMissing": "Landing folder missing",
        "DeadLetters": "Notification given up",
        "SinkFailing": "Channel takes nothing",
        "SinkParked": "Channel refuses our credentials",
        "DispatchLag": "What is due is not told",
        "ConfigInvalid": "Configuration cannot be used",
        "RoundFailing": "A part of alerting fails",
        "DaemonDown": "Dagster's daemon is down",
        "Watchdog": "Alerting is alive",
    },
    names={
        "job": "Job",
        "step": "Step",
        "partition": "Partition",
        "schedule": "Schedule",
        "sensor": "Sensor",
        "asset_key": "Asset",
        "check": "Check",
        "domain": "Domain",
        "file": "File",
        "files": "Files",
        "location": "Code location",
        "owner": "Owner",
        "team": "Team",
        "run_id": "Run",
        "error_class": "Error class",
        "reason": "Reason",
        "root_run_id": "First attempt",
        "attempt": "Attempt",
        "backfill": "Backfill",
        "assets": "Assets",
        "found_by": "Found by",
        "receiver": "Receiver",
        "integration": "Integration",
        "daemon": "Daemon",
        "last_heartbeat": "Last heartbeat",
        "round": "Part",
        "undelivered": "Not told",
        "dead_letter": "Dead letter",
        "group": "Group",
        "wdh_receiver": "Told through",
    },
    causes={
        NoticeCause.NEW_INCIDENT: "New",
        NoticeCause.RAISED_SEVERITY: "Raised",
        NoticeCause.REMINDER: "Still open",
    },
    resolved="Resolved",
    open_count="{} open",
    open_and_resolved="{} open, {} resolved",
    separator=" · ",
    colon=": ",
    error="Error",
    log="End of the log",
    changes="Changed since the last success",
    changed_since="Compared with the success of {}:",
    nothing_changed="Code, run config and tags are those of the success of {}.",
    never_succeeded="No earlier success of this job and partition is known.",
    definition_changed="job definition: changed",
    changed="changed",
    absent="(none)",
    tag="tag",
    next_step="What to do",
    others="Also in this group",
    more="and {} more",
    open_run="Open run",
    runbook="Runbook",
    source="Source",
    started="Since",
    happened="At",
    ended="Resolved at",
    duration="Lasted",
    times="Times",
    day="{} d",
    hour="{} h",
    minute="{} min",
    second="{} s",
    zone="Asia/Shanghai",
    cut="[… {} characters cut …]",
    incident="Incident",
    acknowledged="Acknowledged by",
    silence="To silence it",
)

ZH = Words(
    code="zh",
    severities={
        Severity.CRITICAL: "严重",
        Severity.WARNING: "警告",
        Severity.INFO: "通知",
    },
    alerts={
        "RunFailed": "运行失败",
        "StepFailed": "步骤失败",
        "RunSucceeded": "运行成功",
        "StepSucceeded": "步骤成功",
        "ZeroRows": "文件没有数据行",
        "TooFewRows": "数据行过少",
        "MissingColumns": "缺少必需列",
        "StaleFile": "文件过旧",
        "UnreadableFile": "文件无法读取",
        "RowsRefused": "被拒绝的行过多",
        "AmbiguousPercent": "百分比口径不明",
        "LandingFolderMissing": "落地目录不存在",
        "DeadLetters": "通知已放弃",
        "SinkFailing": "通知渠道不可用",
        "SinkParked": "通知渠道拒绝凭据",
        "DispatchLag": "到期通知未发出",
        "ConfigInvalid": "告警配置无法使用",
        "RoundFailing": "告警进程部分失效",
        "DaemonDown": "Dagster 守护进程停止",
        "Watchdog": "告警系统正常",
    },
    names={
        "job": "作业",
        "step": "步骤",
        "partition": "分区",
        "schedule": "调度",
        "sensor": "传感器",
        "asset_key": "资产",
        "check": "检查",
        "domain": "数据域",
        "file": "文件",
        "files": "文件",
        "location": "代码位置",
        "owner": "负责人",
        "team": "团队",
        "run_id": "运行",
        "error_class": "错误类型",
        "reason": "原因",
        "root_run_id": "首次尝试",
        "attempt": "第几次尝试",
        "backfill": "回填",
        "assets": "资产",
        "found_by": "发现者",
        "receiver": "接收者",
        "integration": "渠道",
        "daemon": "守护进程",
        "last_heartbeat": "最后心跳",
        "round": "部分",
        "undelivered": "未送达内容",
        "dead_letter": "死信编号",
        "group": "分组",
        "wdh_receiver": "经由",
    },
    causes={
        NoticeCause.NEW_INCIDENT: "新增",
        NoticeCause.RAISED_SEVERITY: "升级",
        NoticeCause.REMINDER: "仍未恢复",
    },
    resolved="已恢复",
    open_count="{} 个未恢复",
    open_and_resolved="{} 个未恢复，{} 个已恢复",
    separator=" · ",
    colon="：",
    error="错误",
    log="日志末尾",
    changes="与上次成功相比的变化",
    changed_since="与 {} 的成功运行相比：",
    nothing_changed="代码、运行配置和标签与 {} 的成功运行相同。",
    never_succeeded="该作业和分区此前没有成功记录。",
    definition_changed="作业定义：已改变",
    changed="已改变",
    absent="（无）",
    tag="标签",
    next_step="处理办法",
    others="同组其他告警",
    more="另有 {} 个",
    open_run="打开运行",
    runbook="处理手册",
    source="来源",
    started="开始于",
    happened="时间",
    ended="恢复于",
    duration="持续",
    times="次数",
    day="{} 天",
    hour="{} 小时",
    minute="{} 分",
    second="{} 秒",
    zone="北京时间",
    cut="[…… 省略 {} 个字符 ……]",
    incident="告警编号",
    acknowledged="确认人",
    silence="如需静默",
)

LANGUAGES: Mapping[str, Words] = {words.code: words for words in (EN, ZH)}
