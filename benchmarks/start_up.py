"""What it costs to start: Dagster loading our definitions, and `wdh alerts check`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Figure, medians

ROOT = Path(__file__).parents[1]


def figures() -> list[Figure]:
    """Seconds of whole processes, the bare interpreter's start included on both sides."""
    with tempfile.TemporaryDirectory() as home:
        env = {"PATH": os.environ["PATH"], "HOME": home, "WDH_STATE_DIR": home}

        def python(*arguments: str) -> None:
            command = [sys.executable, *arguments]
            subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True)

        ours, dagster, check = medians(
            [
                lambda: python("-c", "import work_data_hub.orchestration.repository"),
                lambda: python("-c", "import dagster"),
                lambda: python("-m", "work_data_hub.cli", "alerts", "check"),
            ],
            rounds=9,
        )
    note = f"{ours:.2f} s against {dagster:.2f} s"
    return [
        Figure(
            "import orchestration.repository / import dagster", ours / dagster, "x", 1.2, note=note
        ),
        Figure("wdh alerts check, whole process", check, "s", 0.5),
    ]
