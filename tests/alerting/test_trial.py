"""A receiver that is tried out: each of its integrations answers for itself, within a deadline."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from work_data_hub.alerting.errors import DeliveryError, Reason
from work_data_hub.alerting.sink import Deadline, Notification, Receipt
from work_data_hub.alerting.testing import RecordingSink
from work_data_hub.alerting.trial import try_out


class Hanging(RecordingSink):
    """Comes back when it is let go, whatever its deadline."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def deliver(self, notification: Notification, *, deadline: Deadline) -> Receipt:
        self.let_go.wait()
        return super().deliver(notification, deadline=deadline)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    sink = Hanging()
    yield sink
    sink.let_go.set()


def test_one_that_hangs_is_not_waited_for_and_holds_up_no_other(hanging: Hanging) -> None:
    well = RecordingSink()
    refusing = RecordingSink(DeliveryError(Reason.REJECTED, "no"))
    came = try_out(
        {"hanging[0]": hanging, "well[0]": well, "refusing[0]": refusing},
        "team",
        language="en",
        describe=lambda err: f"described {err}",
        deadline_s=0.1,
        overrun_s=0.1,
    )
    assert list(came) == ["hanging[0]", "well[0]", "refusing[0]"]
    assert str(came["hanging[0]"]) == "timeout: the sink does not keep its deadline"
    assert isinstance(came["well[0]"], Receipt)
    assert str(came["refusing[0]"]) == "rejected: described rejected: no"
    assert well.delivered[0].incidents[0].labels["alertname"] == "Test"
