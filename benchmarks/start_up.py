"""What it costs to start: Dagster loading our definitions, and `wdh alerts check`."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Figure, medians

ROOT = Path(__file__).parents[1]
ROUNDS = 9


def figures() -> list[Figure]:
    """Imports in a new process each, without the interpreter's own start and end."""
    with tempfile.TemporaryDirectory() as home:
        env = {"PATH": os.environ["PATH"], "HOME": home, "WDH_STATE_DIR": home}

        def python(*arguments: str) -> str:
            command = [sys.executable, *arguments]
            done = subprocess.run(
                command, cwd=ROOT, env=env, check=True, capture_output=True, text=True
            )
            return done.stdout

        def import_s(module: str) -> float:
            clock = "import time; start = time.perf_counter()"
            return float(
                python("-c", f"{clock}; import {module}; print(time.perf_counter() - start)")
            )

        modules = ("work_data_hub.orchestration.repository", "dagster")
        rounds = [[import_s(module) for module in modules] for _ in range(ROUNDS)]
        ours, dagster = (statistics.median(times) for times in zip(*rounds, strict=True))
        (check,) = medians(
            [lambda: python("-m", "work_data_hub.cli", "alerts", "check")], rounds=ROUNDS
        )
    note = f"{ours:.2f} s against {dagster:.2f} s"
    ratio = ours / dagster
    return [
        Figure("import orchestration.repository / import dagster", ratio, "x", 1.2, note=note),
        Figure("wdh alerts check, whole process", check, "s", 0.5),
    ]
