"""Ours beside a running Alertmanager: the same configuration, alerts and clock, in real time.

Compared is what a webhook receiver got: group by group, one notification after another, each with
its status, its alerts and what they have in common; and when it came.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from benchmarks.alert_scenario import CONFIG, STEPS, Step, Verb, fires
from benchmarks.dispatching import dispatching
from benchmarks.measure import Figure
from benchmarks.payloads import Heard, payload_receiver
from benchmarks.running_alertmanager import Alertmanager, alertmanager, is_installed
from work_data_hub.alerting import Alert, AlertRouter

# A minute begins so long after the start: time intervals are of whole minutes.
MINUTE_AFTER_S = (8.0, 40.0)
SHORTEST_S = 30.0
AFTER_THE_MINUTE_S = 6.0
APART_S = 1.0
# The first alert of a process loads a database; it is fired before the clock starts.
WARM_UP = "warm up"

# What ours does otherwise, and docs/alerts-yml.md says so.
BY_DESIGN = {
    "came and went": "an alert that is over before it was told is told as over: none is lost",
}


# By receiver, case and all labels of the group.
Key = tuple[str, str, str]
Groups = dict[Key, list[Heard]]


def figures() -> list[Figure]:
    """How many cases were told otherwise, and how far apart in time the same was told."""
    if not is_installed():
        raise SystemExit("prometheus-alertmanager is not installed; .ci/run does it")
    ours, theirs = _told_by_both()
    keys = sorted(ours.keys() | theirs.keys())
    unlike = [key for key in keys if _contents(ours[key]) != _contents(theirs[key])]
    found = sorted({case for _, case, _ in unlike})
    findings = [case for case in found if case not in BY_DESIGN]
    for key in (key for key in unlike if key[1] in findings):
        _show(key, ours[key], theirs[key])
    apart_s = max(
        abs(one.at - other.at)
        for key in keys
        if key not in unlike
        for one, other in zip(ours[key], theirs[key], strict=True)
    )
    meant = "; ".join(f"{case}: {BY_DESIGN[case]}" for case in found if case in BY_DESIGN)
    cases = {step.labels["case"] for step in STEPS}
    told = sum(map(len, theirs.values()))
    return [
        Figure(
            "told otherwise than by Alertmanager",
            len(findings),
            "cases",
            0,
            note=f"of {len(cases)}, {told} notifications. {', '.join(findings)} By design: {meant}",
        ),
        Figure("the same told, at most apart", apart_s, "s", APART_S),
    ]


class Side(Protocol):
    def do(self, step: Step) -> None: ...


@dataclass
class _Theirs:
    peer: Alertmanager
    silences: dict[str, str] = field(default_factory=dict)

    def do(self, step: Step) -> None:
        match step.verb:
            case Verb.FIRE:
                self.peer.fire(step.labels)
            case Verb.RESOLVE:
                self.peer.resolve(step.labels)
            case Verb.SILENCE:
                self.silences[str(step.labels)] = self.peer.silence(step.labels)
            case Verb.EXPIRE:
                self.peer.expire(self.silences[str(step.labels)])


@dataclass
class _Ours:
    router: AlertRouter
    silences: dict[str, str] = field(default_factory=dict)

    def do(self, step: Step) -> None:
        from work_data_hub.alerting.silences import Silence, matchers_for
        from work_data_hub.alerting.store.desk import Desk

        now = datetime.now(UTC)
        desk = Desk(self.router.store.database)
        match step.verb:
            case Verb.FIRE:
                self.router.publish(Alert(step.labels))
            case Verb.RESOLVE:
                self.router.resolve(step.labels)
            case Verb.SILENCE:
                asked = Silence("", matchers_for(step.labels), now, now + timedelta(hours=1))
                self.silences[str(step.labels)] = desk.add_silence(asked, at=now).id
            case Verb.EXPIRE:
                desk.expire_silence(self.silences[str(step.labels)], at=now)


def _told_by_both() -> tuple[Groups, Groups]:
    minute_in_s = _until_the_minute()
    minute = datetime.now(UTC) + timedelta(seconds=minute_in_s + 0.5)
    times = {
        "early": f"{minute - timedelta(minutes=3):%H:%M}",
        "minute": f"{minute:%H:%M}",
        "late": f"{minute + timedelta(minutes=3):%H:%M}",
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        to_us, to_them = (stack.enter_context(payload_receiver()) for _ in range(2))
        peer = stack.enter_context(alertmanager(CONFIG.format(url=to_them.url, **times)))
        router = stack.enter_context(dispatching(CONFIG.format(url=to_us.url, **times), folder))
        ends_after_s = max(SHORTEST_S, minute_in_s + AFTER_THE_MINUTE_S)
        _play([_Theirs(peer), _Ours(router)], ends_after_s)
        return _by_group(to_us.heard), _by_group(to_them.heard)


def _until_the_minute() -> float:
    """Seconds until a minute begins; waits until that is neither too soon nor too far off."""
    soonest_s, latest_s = MINUTE_AFTER_S
    while not soonest_s <= (left_s := 60 - time.time() % 60) <= latest_s:
        time.sleep(0.1)
    return left_s


def _play(sides: Sequence[Side], ends_after_s: float) -> None:
    for side in sides:
        side.do(fires(0.0, WARM_UP))
    begun = time.monotonic()
    for step in sorted(STEPS, key=lambda step: step.at_s):
        time.sleep(max(0.0, begun + step.at_s - time.monotonic()))
        for side in sides:
            side.do(step)
    time.sleep(max(0.0, begun + ends_after_s - time.monotonic()))


def _by_group(heard: Sequence[Heard]) -> Groups:
    groups: Groups = defaultdict(list)
    for one in heard:
        labels = one.payload["groupLabels"]
        if labels["case"] != WARM_UP:
            groups[one.payload["receiver"], labels["case"], json.dumps(labels)].append(one)
    return groups


def _contents(heard: Sequence[Heard]) -> list[dict[str, Any]]:
    """What is compared: not the times, nor what names the one that sent it."""
    return [
        {
            **{name: one.payload[name] for name in ("status", "groupLabels", "commonLabels")},
            "alerts": sorted(
                (
                    {name: alert[name] for name in ("status", "labels")}
                    for alert in one.payload["alerts"]
                ),
                key=json.dumps,
            ),
        }
        for one in heard
    ]


def _show(key: Key, ours: Sequence[Heard], theirs: Sequence[Heard]) -> None:
    """What either told of a group, for whoever wants to know why they differ."""
    first = min(one.at for one in (*ours, *theirs))
    for name, heard in (("ours", ours), ("Alertmanager", theirs)):
        told = " | ".join(
            f"+{one.at - first:.1f} s "
            + " ".join(f"{a['labels']['job']} {a['status']}" for a in one.payload["alerts"])
            for one in heard
        )
        print(f"{key[0]}, {key[1]}: {name}: {told or 'nothing'}", file=sys.stderr)
