"""What befalls Dagster's daemon and code server, our sensor in them beside the stock one."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from ..dagster_processes import OUR_SENSOR, STOCK_SENSOR, wait_for
from .case import APART_S, BAD_FOR_S, Act, Case, Spoil, beside
from .scene import Scene, Setting
from .telling import OURS, STOCK

SETTING = Setting(serve=0, our_sensor=True)
# The daemon ends a tick after this long; shipped it is 60 s.
TICK_S = 3
# As a chat's server takes for a message, so that a tick can be met in the middle.
TAKES_S = 0.3


def publishing_raises(scene: Scene) -> None:
    """In the stock sensor its body does; in ours the store takes no incident."""
    flag = scene.folder / "raises"
    flag.touch()
    with scene.store_connection() as connection:
        connection.execute(
            "CREATE TRIGGER raises BEFORE INSERT ON alert_incidents"
            " BEGIN SELECT RAISE(ABORT, 'a bug in what publishes'); END"
        )
        time.sleep(2 * BAD_FOR_S)
        connection.execute("DROP TRIGGER raises")
    flag.unlink()


def tick_too_long(scene: Scene) -> None:
    """The receiver is slow: what one tick has to tell takes longer than a tick may."""
    scene.receiver.takes_s = TICK_S / 2
    time.sleep(4 * TICK_S)
    scene.receiver.takes_s = 0.0


def with_short_ticks(spoil: Spoil) -> Act:
    def act(scene: Scene) -> dict[str, float]:
        scene.dagster.kill("daemon")
        scene.start_daemon(DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS=str(TICK_S))
        failed_at = beside(spoil, every_s=APART_S)(scene)
        scene.dagster.kill("daemon")
        scene.start_daemon()
        return failed_at

    return act


def code_server_killed(scene: Scene) -> None:
    _killed_in_a_tick(scene, "code server")
    scene.dagster.start_code_server()


def daemon_killed(scene: Scene) -> None:
    _killed_in_a_tick(scene, "daemon")
    scene.start_daemon()


def _killed_in_a_tick(scene: Scene, name: str) -> None:
    """While messages of both sensors are on their way, and of the stock one's tick one is told."""
    scene.receiver.takes_s = TAKES_S
    told = len(scene.told_by(STOCK))
    wait_for(lambda: len(scene.told_by(STOCK)) > told, "a tick tells something")
    scene.receiver.stall()
    wait_for(lambda: _arrived(scene), "messages of both sensors hang")
    scene.dagster.kill(name)
    scene.receiver.takes_s = 0.0
    scene.receiver.flows.set()
    time.sleep(BAD_FOR_S)


def _arrived(scene: Scene) -> bool:
    return {OURS, STOCK} <= scene.receiver.arrived.keys()


def weekend(scene: Scene) -> dict[str, float]:
    """The daemon is down from Friday evening to Monday morning; due from its start."""
    scene.dagster.kill("daemon")
    now, count = datetime.now(UTC), 100
    names = [scene.partition(n) for n in range(count)]
    for number, name in enumerate(names):
        scene.fails(name, at=now - timedelta(hours=62) * (1 - number / count))
    started = time.time()
    scene.start_daemon()
    return dict.fromkeys(names, started)


def sensors_stopped(scene: Scene) -> dict[str, float]:
    """Both are switched off and on again; due from then."""
    for name in (STOCK_SENSOR, OUR_SENSOR):
        scene.dagster.switch(name, on=False)
    time.sleep(BAD_FOR_S)  # a tick under way comes to its end
    failed = scene.one_after_another()
    for name in (STOCK_SENSOR, OUR_SENSOR):
        scene.dagster.switch(name, on=True)
    return dict.fromkeys(failed, time.time())


CASES = (
    Case("in the daemon: a quiet day", Scene.one_after_another),
    Case("in the daemon: publishing raises for 10 s", beside(publishing_raises, every_s=APART_S)),
    Case(
        "in the daemon: a tick past its limit",
        with_short_ticks(tick_too_long),
        by_design=f"the limit is {TICK_S} s here, 60 s shipped",
    ),
    Case("in the daemon: code server killed mid-tick", beside(code_server_killed, every_s=APART_S)),
    Case("in the daemon: daemon killed mid-tick", beside(daemon_killed, every_s=APART_S)),
    Case("in the daemon: sensors stopped", sensors_stopped, by_design="from their start"),
    Case("in the daemon: down for a weekend", weekend, by_design="from its start"),
)
