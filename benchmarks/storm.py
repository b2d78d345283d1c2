"""A storm: thousands of alerts of a few jobs in one go, in a process of its own."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Figure
from benchmarks.receiver import count_of, receiver

ROOT = Path(__file__).parents[1]
ALERTS, JOBS = 10_000, 20
CONFIG = """
route: {{receiver: team, group_by: [job], group_wait: 0s, group_interval: 5m}}
receivers: [{{name: team, webhook_configs: [{{url: "{url}"}}]}}]
"""


def figures() -> list[Figure]:
    """How many notifications it comes to, and the most memory that the process held."""
    with tempfile.TemporaryDirectory() as folder, receiver() as url:
        Path(folder, "alerts.yml").write_text(CONFIG.format(url=url), encoding="utf-8")
        command = [sys.executable, "-m", "benchmarks.storm", folder]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        told = json.loads(done.stdout)
        come = count_of(url)
    assert told["delivered"] == come
    storm = f"{ALERTS:,} alerts of {JOBS} jobs in one go"
    return [
        Figure(f"{storm}: notifications", come, "", JOBS),
        Figure(f"{storm}: RSS", told["rss_mib"], "MiB", 200.0, note=f"{told['taken_s']:.1f} s"),
    ]


def main(folder: Path) -> None:
    """Publishes and tells; says how much memory that took."""
    from work_data_hub.alerting import Alert, AlertRouter

    router = AlertRouter.from_file(
        folder / "alerts.yml", f"sqlite:///{folder / 'alerts.db'}", environ={}
    )
    begun = time.perf_counter()
    router.publish_all(
        Alert(
            {
                "alertname": "RunFailed",
                "job": f"job{i % JOBS}",
                "partition": f"2024-{i}",
                "severity": "critical",
            },
            {"summary": "load: KeyError: 'plan'", "error": "  at line 12 of load.py\n" * 20},
            event_key=f"run_failed:{i}",
        )
        for i in range(ALERTS)
    )
    delivered = router.dispatch(until_idle=True)
    taken_s = time.perf_counter() - begun
    router.close()
    rss_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"delivered": delivered, "rss_mib": rss_mib, "taken_s": taken_s}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
