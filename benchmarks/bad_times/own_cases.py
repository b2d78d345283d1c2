"""What befalls `wdh serve` and its store, of which a stock sensor has neither."""

from __future__ import annotations

import time

from .case import BAD_FOR_S, Case, Spoil, beside
from .scene import Scene, Setting

SETTING = Setting(stock=False)
MINUTE_S = 60.0
NO_PROCESS, NO_STORE = "has no such process", "has no such store"


def serve_killed(scene: Scene) -> None:
    scene.kill_serve()
    time.sleep(BAD_FOR_S)
    scene.start_serve()


def one_of_two_killed(scene: Scene) -> dict[str, float]:
    scene.start_serve()
    return beside(Scene.kill_serve)(scene)


def store_away(for_s: float) -> Spoil:
    def spoil(scene: Scene) -> None:
        with scene.store_connection() as connection:
            connection.execute("BEGIN EXCLUSIVE")
            time.sleep(for_s)
            connection.execute("ROLLBACK")

    return spoil


CASES = (
    Case("wdh serve is killed, started again after 5 s", beside(serve_killed), stock=NO_PROCESS),
    Case("one of two wdh serve is killed", one_of_two_killed, stock=NO_PROCESS),
    Case("the store is down for 5 s", beside(store_away(BAD_FOR_S)), stock=NO_STORE),
    Case("the store is down for 60 s", beside(store_away(MINUTE_S)), stock=NO_STORE),
)
