"""`wdh serve` for ten minutes at a hundred times a day's rate: does it hold ever more memory?"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.finished_runs import an_instance, broken, ends, made_run, nightly
from benchmarks.measure import Figure
from benchmarks.receiver import receiver
from benchmarks.serving import serving

LASTS_S = float(os.environ.get("WDH_BENCH_LEAK_S", "600"))
RUNS_A_DAY, FAIL_OF_TEN, TIMES = 1_000, 2, 100
EVERY_S = 86_400 / RUNS_A_DAY / TIMES
SCRAPED_EVERY_S = 15.0
CONFIG = """
route: {{receiver: team, group_by: [alertname, partition], group_wait: 0s, group_interval: 1s}}
receivers: [{{name: team, webhook_configs: [{{url: "{url}"}}]}}]
"""


def figures() -> list[Figure]:
    """Runs succeed and fail, incidents open and close; it is scraped all the while."""
    with tempfile.TemporaryDirectory() as folder, receiver() as url:
        config = Path(folder, "alerts.yml")
        config.write_text(CONFIG.format(url=url), encoding="utf-8")
        samples: list[tuple[float, float]] = []
        with an_instance(Path(folder)) as instance:
            environ = {"WDH_ALERTS_CONFIG": str(config)}
            with serving(Path(folder, "home"), environ) as process:
                begun = time.monotonic()
                number, scraped_at = 0, begun
                while (passed_s := time.monotonic() - begun) < LASTS_S:
                    failed = number % 10 < FAIL_OF_TEN
                    tags = {"dagster/partition": f"p{number % 50}"}
                    run = made_run(instance, broken if failed else nightly, tags)
                    ends(instance, run, at=datetime.now(UTC), failed=failed)
                    number += 1
                    samples.append((passed_s, process.rss_mib))
                    if time.monotonic() - scraped_at > SCRAPED_EVERY_S:
                        process.scrape()
                        scraped_at = time.monotonic()
                    time.sleep(max(0.0, begun + number * EVERY_S - time.monotonic()))
    _, middle, last = (
        statistics.median(mib for at, mib in samples if n <= at / LASTS_S * 3 < n + 1)
        for n in range(3)
    )
    return [
        Figure(
            f"wdh serve, {LASTS_S / 60:.0f} min at {TIMES} days' rate: RSS, last / middle third",
            last / middle,
            "x",
            1.03,
            note=f"{last:.1f} MiB, {middle:.1f} MiB; {number:,} runs",
        )
    ]
