"""Totals that others keep in the router's store: they add up, are bounded, and never fall."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from work_data_hub.alerting.store.totals import OVERFLOWED, Latest, Tally, Total

pytestmark = pytest.mark.both_databases


def runs(job: str, status: str = "success") -> Total:
    return Total("runs", ("sales", job), status)


def test_what_two_processes_add_adds_up_and_outlives_them(scene: Any) -> None:
    one, other = scene.router().store, scene.router().store
    assert one.totals() == Tally()
    one.add_up(Tally({runs("nightly"): 2, runs("nightly", "failure"): 1}), most={})
    other.add_up(Tally({runs("nightly"): 0.5}), most={})
    one.close()
    assert scene.router().store.totals().totals == {
        runs("nightly"): 2.5,
        runs("nightly", "failure"): 1,
    }


def test_of_two_values_the_later_one_is_kept_whoever_writes_last(scene: Any) -> None:
    store = scene.router().store
    of = runs("nightly")
    for value, at in [(7.0, 100.0), (9.0, 90.0)]:
        store.add_up(Tally(latest={of: Latest(value, at)}), most={})
    assert store.totals().latest == {of: Latest(7.0, 100.0)}
    store.add_up(Tally(latest={of: Latest(8.0, 101.0)}), most={})
    assert store.totals().latest == {of: Latest(8.0, 101.0)}


def test_nothing_is_added_where_another_process_moved_the_cursor(scene: Any) -> None:
    store = scene.router().store
    added = Tally({runs("nightly"): 1})
    assert store.add_up(added, most={}, cursor="t", value="1", expected=None)
    assert not store.add_up(added, most={}, cursor="t", value="2", expected=None)
    assert not store.add_up(added, most={}, cursor="t", value="2", expected="0")
    assert store.totals().totals == {runs("nightly"): 1}
    assert store.get_cursor("t") == "1"


def test_of_many_that_add_from_the_same_place_one_does(scene: Any) -> None:
    stores = [scene.router().store for _ in range(6)]
    stores[0].get_cursor("t")
    added: list[bool] = []
    start = threading.Barrier(len(stores))

    def count(store: Any) -> None:
        start.wait()
        tally = Tally({runs("nightly"): 1})
        added.append(store.add_up(tally, most={}, cursor="t", value="1", expected=None))

    threads = [threading.Thread(target=count, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(added) == [False] * 5 + [True]
    assert stores[0].totals().totals == {runs("nightly"): 1}


def test_one_name_too_many_is_other_and_counted_so(scene: Any) -> None:
    store = scene.router().store
    most = {"runs": 2}
    store.add_up(Tally({runs("a"): 1, runs("b"): 1}), most=most)
    late = Latest(1.0, 1.0)
    store.add_up(
        Tally({runs("c"): 3, runs("d"): 1, runs("a"): 1}, {runs("c"): late, runs("a"): late}),
        most=most,
    )
    other = Total("runs", ("other", "other"), "success")
    found = store.totals()
    assert found.totals == {
        runs("a"): 2,
        runs("b"): 1,
        other: 4,
        Total(OVERFLOWED, ("runs",)): 4,
    }
    store.add_up(Tally({runs("d"): 1, runs("b", "failure"): 1}), most=most)
    assert store.totals().totals[other] == 5
    assert store.totals().totals[runs("b", "failure")] == 1
    assert list(found.latest) == [runs("a")]
