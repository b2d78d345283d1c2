"""The counter: each alert once as firing, once as resolved, however often it is told of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from work_data_hub.alerting.redact import Redactor
from work_data_hub.alerting.sink import Deadline, Incident, Purpose, Receipt, Status
from work_data_hub.alerting.sinks.prometheus import PROMETHEUS
from work_data_hub.alerting.testing import sample_incident, sample_notification

FIRING = ("RunFailed", "critical", "firing")
RESOLVED = ("RunFailed", "critical", "resolved")


class Teller:
    """Tells one sink of one episode, its receipts kept as a store keeps them."""

    def __init__(self, **config: Any) -> None:
        given = PROMETHEUS.model.model_validate(config)
        self.sink = PROMETHEUS.build(given, redact=Redactor(), http=None)
        self.receipt: Receipt | None = None

    def tell(self, purpose: Purpose, *incidents: Incident) -> dict[tuple[str, ...], int]:
        told = sample_notification(purpose, *incidents, previous=self.receipt)
        receipt = self.sink.deliver(told, deadline=Deadline(1))
        self.receipt = Receipt(dict(receipt.values))
        return dict(receipt.counts)


def partition(name: str) -> Incident:
    return sample_incident(labels={"partition": name})


def over(incident: Incident) -> Incident:
    ended = incident.started_at + timedelta(hours=1)
    return replace(incident, status=Status.RESOLVED, resolved_at=ended)


def test_an_alert_counts_once_however_often_it_is_told_of() -> None:
    teller, one = Teller(), partition("a")
    assert teller.tell(Purpose.OPEN, one) == {FIRING: 1}
    assert teller.tell(Purpose.UPDATE, replace(one, event_count=7)) == {}
    assert teller.tell(Purpose.NOTICE, one) == {}
    assert teller.tell(Purpose.RESOLVE, over(one)) == {RESOLVED: 1}


def test_only_what_is_new_in_a_group_is_added() -> None:
    teller = Teller()
    one, two, three = map(partition, "abc")
    assert teller.tell(Purpose.OPEN, one) == {FIRING: 1}
    assert teller.tell(Purpose.NOTICE, two, three, one) == {FIRING: 2}
    assert teller.tell(Purpose.UPDATE, two, three, over(one)) == {RESOLVED: 1}
    assert teller.tell(Purpose.RESOLVE, *map(over, (two, three, one))) == {RESOLVED: 2}


def test_an_alert_that_comes_back_is_another_one() -> None:
    teller, one = Teller(), partition("a")
    again = replace(one, started_at=one.started_at + timedelta(hours=2))
    teller.tell(Purpose.OPEN, one)
    assert teller.tell(Purpose.NOTICE, again) == {FIRING: 1}
    assert teller.tell(Purpose.RESOLVE, over(again)) == {RESOLVED: 1}


def test_what_came_and_went_untold_counts_as_both() -> None:
    assert Teller().tell(Purpose.RESOLVE, over(partition("a"))) == {FIRING: 1, RESOLVED: 1}


def test_each_severity_counts_by_itself() -> None:
    info = sample_incident(labels={"severity": "info", "alertname": "StepSucceeded"})
    assert Teller().tell(Purpose.OPEN, partition("a"), info) == {
        FIRING: 1,
        ("StepSucceeded", "info", "firing"): 1,
    }


def test_the_end_is_not_counted_where_it_is_not_wanted() -> None:
    teller, one = Teller(send_resolved=False), partition("a")
    assert teller.tell(Purpose.OPEN, one) == {FIRING: 1}
    assert teller.tell(Purpose.UPDATE, over(one)) == {}


def test_a_name_that_is_a_novel_is_cut() -> None:
    (counted,) = Teller().tell(Purpose.OPEN, sample_incident(labels={"alertname": "x" * 9_999}))
    assert len(counted[0]) == 100
