"""What happens to alerts in `alertmanager`: a configuration, and a timetable of half a minute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

CONFIG = """
route:
  receiver: team
  group_by: [alertname, case]
  group_wait: 1s
  group_interval: 2s
  repeat_interval: 1h
  routes:
    - {{matchers: ['case="reminders"'], repeat_interval: 5s}}
    - {{matchers: ['case="mute"'], mute_time_intervals: [before]}}
    - {{matchers: ['case="active"'], active_time_intervals: [after]}}
    - {{matchers: ['case="never"'], active_time_intervals: [long_ago]}}
    - {{matchers: ['case="quiet end"'], receiver: quiet}}
    - {{matchers: ['case="alone"'], group_by: ['...']}}
    - {{matchers: ['case="both"'], receiver: other, continue: true}}
    - {{matchers: ['case="both"']}}
receivers:
  - {{name: team, webhook_configs: [{{url: "{url}", send_resolved: true}}]}}
  - {{name: other, webhook_configs: [{{url: "{url}", send_resolved: true}}]}}
  - {{name: quiet, webhook_configs: [{{url: "{url}", send_resolved: false}}]}}
inhibit_rules:
  - source_matchers: ['alertname="Source"']
    target_matchers: ['alertname="Target"']
    equal: [case]
time_intervals:
  - {{name: before, time_intervals: [{{times: [{{start_time: '{early}', end_time: '{minute}'}}]}}]}}
  - {{name: after, time_intervals: [{{times: [{{start_time: '{minute}', end_time: '{late}'}}]}}]}}
  - {{name: long_ago, time_intervals: [{{years: ['2001']}}]}}
"""


class Verb(StrEnum):
    FIRE = "fire"
    RESOLVE = "resolve"
    SILENCE = "silence"
    EXPIRE = "expire"


@dataclass(frozen=True)
class Step:
    """At so many seconds something happens to the alerts of these labels, or to a silence."""

    at_s: float
    verb: Verb
    labels: Mapping[str, str]


def fires(at_s: float, case: str, job: str = "a", alertname: str = "RunFailed") -> Step:
    return Step(at_s, Verb.FIRE, {"alertname": alertname, "case": case, "job": job})


def over(at_s: float, case: str, job: str = "a", alertname: str = "RunFailed") -> Step:
    return Step(at_s, Verb.RESOLVE, {"alertname": alertname, "case": case, "job": job})


def silence(at_s: float, case: str, **more: str) -> Step:
    return Step(at_s, Verb.SILENCE, {"case": case, **more})


def expire(at_s: float, case: str, **more: str) -> Step:
    return Step(at_s, Verb.EXPIRE, {"case": case, **more})


# Groups are told 1 s after their first alert, and every 2 s from then on: what happens here does
# so between two of these ticks.
STEPS = (
    *(fires(0.0, "group", job) for job in "abc"),
    fires(0.5, "group", "d"),
    fires(4.0, "group", "e"),
    *(over(12.0, "group", job) for job in "abcde"),
    fires(0.0, "one over", "a"),
    fires(0.0, "one over", "b"),
    over(4.0, "one over", "a"),
    fires(8.0, "one over", "c"),
    over(12.0, "one over", "b"),
    over(12.0, "one over", "c"),
    fires(0.0, "came and went in a told group", "a"),
    fires(4.0, "came and went in a told group", "b"),
    over(4.5, "came and went in a told group", "b"),
    over(12.0, "came and went in a told group", "a"),
    fires(0.0, "reminders"),
    over(16.0, "reminders"),
    fires(0.0, "inhibition", alertname="Source"),
    fires(0.5, "inhibition", alertname="Target"),
    over(6.0, "inhibition", alertname="Source"),
    over(12.0, "inhibition", alertname="Target"),
    silence(0.0, "silenced"),
    fires(0.5, "silenced"),
    expire(8.0, "silenced"),
    over(14.0, "silenced"),
    fires(0.0, "silenced later"),
    silence(4.0, "silenced later"),
    over(8.0, "silenced later"),
    expire(14.0, "silenced later"),
    fires(0.0, "silenced in part"),
    fires(4.0, "silenced in part", "b"),
    silence(3.9, "silenced in part", job="b"),
    over(10.0, "silenced in part"),
    over(10.0, "silenced in part", "b"),
    fires(0.0, "again"),
    over(4.0, "again"),
    fires(10.0, "again"),
    over(14.0, "again"),
    fires(0.0, "flaps"),
    over(4.0, "flaps"),
    fires(4.5, "flaps"),
    over(10.0, "flaps"),
    fires(0.0, "came and went"),
    over(0.5, "came and went"),
    fires(0.0, "quiet end"),
    over(4.0, "quiet end"),
    fires(10.0, "quiet end"),
    fires(0.0, "alone", "a"),
    fires(0.0, "alone", "b"),
    over(6.0, "alone", "a"),
    fires(0.0, "both"),
    over(6.0, "both"),
    fires(0.0, "same again"),
    fires(4.0, "same again"),
    fires(0.0, "mute"),
    fires(0.0, "active"),
    fires(0.0, "never"),
)
