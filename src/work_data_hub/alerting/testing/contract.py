"""What every sink must do. A plug-in's tests run it over their own:

class TestDingTalk(SinkContract):  # for a machine's payload: DeliveryContract
    @pytest.fixture
    def rig(self) -> Iterator[Rig]:
        with DingTalkServer() as server:
            yield Rig(sink=..., taken=server.texts, secrets=["..."], faults={...})
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..errors import DeliveryError, Reason
from ..sink import AlertSink, Deadline, Purpose, Receipt, SharesItsPace
from .samples import resolved, sample_incident, sample_notification

ENOUGH_S = 5.0
SHORT_S = 0.3

HOSTILE = "<!channel> & <b> ``` *x* _y_ {{ 7 * 7 }} ${HOME} \x1b[31mred\x1b[0m \u202ecba\ud800\x00"
HOSTILE_AS_READ = "<!channel> & <b>"


@dataclass(frozen=True)
class Rig:
    """A sink, and the other side that it talks to.

    taken: the texts that the other side has now, as a person reads them, one a message.
    secrets: the values of its configuration that must not show.
    faults: for each reason that can come about, what makes the next exchange end so.
    """

    sink: AlertSink
    taken: Callable[[], Sequence[str]]
    secrets: Sequence[str] = ()
    faults: Mapping[Reason, Callable[[], None]] = field(default_factory=dict)


class DeliveryContract:
    """What every sink promises, also one that hands data to a machine.

    Subclass it with a fixture `rig`. Every test is one promise.
    """

    def test_an_episode_is_told_from_its_opening_to_its_end(self, rig: Rig) -> None:
        opened = sample_notification()
        receipt = rig.sink.deliver(opened, deadline=Deadline(ENOUGH_S))
        if rig.sink.can_edit:
            assert receipt.values, "a message that can be edited has a receipt"
            update = replace(opened, key="2", purpose=Purpose.UPDATE, previous=receipt)
            receipt = rig.sink.deliver(update, deadline=Deadline(ENOUGH_S))
            assert len(rig.taken()) == 1, "an update is silent"
        over = resolved(opened, receipt if receipt.values else None)
        rig.sink.deliver(over, deadline=Deadline(ENOUGH_S))
        assert len(rig.taken()) == (1 if rig.sink.can_edit else 2)

    def test_a_receipt_is_text_that_a_store_can_keep(self, rig: Rig) -> None:
        receipt = rig.sink.deliver(sample_notification(), deadline=Deadline(ENOUGH_S))
        assert all(isinstance(text, str) for pair in receipt.values.items() for text in pair)

    def test_a_receipt_of_somebody_else_begins_a_new_message(self, rig: Rig) -> None:
        strange = sample_notification(Purpose.RESOLVE, previous=Receipt({"other": "sink"}))
        rig.sink.deliver(strange, deadline=Deadline(ENOUGH_S))
        assert len(rig.taken()) == 1

    def test_an_over_long_text_is_delivered(self, rig: Rig) -> None:
        long = dict.fromkeys(
            ("summary", "error", "changes", "log_excerpt", "x"), "错误 & <x> " * 6000
        )
        incident = sample_incident(annotations=long, labels={"partition": "p" * 60_000})
        rig.sink.deliver(sample_notification(Purpose.OPEN, incident), deadline=Deadline(ENOUGH_S))
        assert len(rig.taken()) == 1

    def test_a_group_of_hundreds_is_delivered(self, rig: Rig) -> None:
        group = [sample_incident(labels={"partition": f"2024-{n}"}) for n in range(500)]
        rig.sink.deliver(sample_notification(Purpose.OPEN, *group), deadline=Deadline(ENOUGH_S))
        assert rig.taken()

    def test_each_failure_has_its_reason(self, rig: Rig) -> None:
        for reason in rig.faults:
            assert self._failure(rig, reason).reason is reason

    def test_no_secret_shows_in_an_error(self, rig: Rig) -> None:
        for reason in rig.faults:
            failure = self._failure(rig, reason)
            shown = "".join(traceback.format_exception(failure)) + repr(failure) + failure.detail
            shown += repr(failure.__context__) + repr(failure.__cause__)
            assert not [secret for secret in rig.secrets if secret in shown]

    def test_no_secret_shows_in_its_repr(self, rig: Rig) -> None:
        assert not [secret for secret in rig.secrets if secret in repr(rig.sink)]

    def test_no_secret_shows_in_the_key_of_its_pace(self, rig: Rig) -> None:
        key = rig.sink.pace_key if isinstance(rig.sink, SharesItsPace) else ""
        assert isinstance(key, str)
        assert not [secret for secret in rig.secrets if secret in key]

    def test_after_a_failure_it_works_again(self, rig: Rig) -> None:
        for done, reason in enumerate(rig.faults, 1):
            self._failure(rig, reason)
            rig.sink.deliver(sample_notification(), deadline=Deadline(ENOUGH_S))
            assert len(rig.taken()) >= done

    def test_no_exchange_outlasts_its_deadline(self, rig: Rig) -> None:
        for reason in (Reason.TIMEOUT, Reason.DROPPED):
            if reason in rig.faults:
                began = time.monotonic()
                self._failure(rig, reason)
                assert time.monotonic() - began < SHORT_S + 1

    def test_several_threads_may_deliver_at_once(self, rig: Rig) -> None:
        failures: list[BaseException] = []

        def deliver() -> None:
            try:
                rig.sink.deliver(sample_notification(), deadline=Deadline(ENOUGH_S))
            except DeliveryError as err:
                failures.append(err)

        threads = [threading.Thread(target=deliver) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert len(rig.taken()) == len(threads)

    @staticmethod
    def _failure(rig: Rig, reason: Reason) -> DeliveryError:
        rig.faults[reason]()
        try:
            rig.sink.deliver(sample_notification(), deadline=Deadline(SHORT_S))
        except DeliveryError as err:
            return err
        raise AssertionError(f"{reason}: the sink said that it was delivered")


class SinkContract(DeliveryContract):
    """What a sink that speaks to people promises on top."""

    def test_it_says_what_happened_and_where(self, rig: Rig) -> None:
        rig.sink.deliver(sample_notification(), deadline=Deadline(ENOUGH_S))
        (text,) = rig.taken()
        assert "trustee_performance_multi_file_job" in text
        assert "the warehouse refused the connection" in text

    def test_it_speaks_chinese_when_told_to(self, rig: Rig) -> None:
        rig.sink.deliver(sample_notification(language="zh"), deadline=Deadline(ENOUGH_S))
        assert "运行失败" in rig.taken()[0]

    def test_what_is_over_is_marked_so(self, rig: Rig) -> None:
        opened = sample_notification()
        receipt = rig.sink.deliver(opened, deadline=Deadline(ENOUGH_S))
        over = resolved(opened, receipt if receipt.values else None)
        rig.sink.deliver(over, deadline=Deadline(ENOUGH_S))
        assert "✅" in rig.taken()[-1]

    def test_a_group_of_hundreds_is_one_message_that_counts_them(self, rig: Rig) -> None:
        group = [sample_incident(labels={"partition": f"2024-{n}"}) for n in range(500)]
        rig.sink.deliver(sample_notification(Purpose.OPEN, *group), deadline=Deadline(ENOUGH_S))
        (text,) = rig.taken()
        assert "500" in text

    def test_hostile_text_is_only_text(self, rig: Rig) -> None:
        names = ("summary", "error", "log_excerpt", "next_step", "owner", "run_url", HOSTILE)
        incident = sample_incident(
            annotations=dict.fromkeys(names, HOSTILE), labels={"partition": HOSTILE_AS_READ}
        )
        rig.sink.deliver(sample_notification(Purpose.OPEN, incident), deadline=Deadline(ENOUGH_S))
        (text,) = rig.taken()
        assert HOSTILE_AS_READ in text
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "7 * 7" in text or "{{" not in text, "an alert's text is no template"
