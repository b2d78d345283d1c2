"""What a case of bad times is: what goes wrong while runs fail, and what is to be said of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .scene import EVERY_S, FAILURES, Scene

BAD_FOR_S = 5.0
# So far apart, every tick of a sensor under the daemon has some failures to tell.
APART_S = 1.0
# Makes runs fail and spoils something meanwhile. Gives from when each partition was due to be told:
# from its event, or where the case says so from when it could be told at all.
Act = Callable[[Scene], dict[str, float]]
Spoil = Callable[[Scene], None]


@dataclass(frozen=True)
class Case:
    """stock: why a stock sensor has no part in it; empty where it has. by_design: of its delay.

    starts: whether it starts itself what the setting names.
    """

    what: str
    act: Act
    stock: str = ""
    by_design: str = ""
    starts: bool = False


def beside(spoil: Spoil, *, every_s: float = EVERY_S) -> Act:
    """Runs fail one after another; after a third of them the bad time begins."""

    def act(scene: Scene) -> dict[str, float]:
        def run() -> None:
            time.sleep(FAILURES * every_s / 3)
            spoil(scene)

        with ThreadPoolExecutor(1) as pool:
            spoilt = pool.submit(run)
            failed_at = scene.one_after_another(every_s=every_s)
            spoilt.result()
        return failed_at

    return act
