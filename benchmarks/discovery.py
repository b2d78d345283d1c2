"""Discovery over a large landing folder, against the limit: a bare recursive os.scandir.

100,000 files in 100 folders, 1 % of them ours. The rest are workbooks too, with other names: the
worst case, where every name has to be held against the pattern.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import Figure, medians

FILES = 100_000
FOLDERS = 100
MONTHS = [(year, month) for year in range(2015, 2025) for month in range(1, 13)]
# Of the files in each folder, every how manieth is ours.
EVERY = 100


def figures() -> list[Figure]:
    """Discovery against a bare scan, and a tick with nothing new against discovery."""
    from dagster import DagsterInstance, build_sensor_context

    from work_data_hub.config.settings import get_settings
    from work_data_hub.io.connectors.file_connector import DataSourceConnector
    from work_data_hub.io.loader.ledger import Ledger
    from work_data_hub.io.loader.warehouse_loader import Warehouse
    from work_data_hub.orchestration.sensors import trustee_new_files_sensor

    with tempfile.TemporaryDirectory() as folder, _landing_folder(Path(folder)) as landing:
        files = DataSourceConnector().discover("trustee_performance")
        assert len(files) == len(MONTHS)
        with Warehouse.open(get_settings().warehouse_url) as warehouse:
            Ledger(warehouse).enter(seen=files)
        instance = DagsterInstance.ephemeral()

        def tick() -> None:
            context = build_sensor_context(instance=instance, cursor=str(time.time()))
            skipped = trustee_new_files_sensor(context)
            assert "nothing new" in str(skipped)

        bare, discovery, one_tick = medians(
            [
                lambda: bare_scan(landing),
                lambda: DataSourceConnector().discover("trustee_performance"),
                tick,
            ]
        )
    return [
        Figure(
            f"discovery over {FILES:,} files, 1 % matching, against a bare scandir",
            discovery / bare,
            "x",
            2.0,
            note=f"{discovery * 1000:.0f} ms, bare {bare * 1000:.0f} ms",
        ),
        Figure(
            "a tick of the file sensor with nothing new, against discovery",
            one_tick / discovery,
            "x",
            1.5,
            note=f"{one_tick * 1000:.0f} ms",
        ),
    ]


def bare_scan(folder: Path | str) -> int:
    """The number of files below the folder: the least that any discovery has to do."""
    count = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                count += bare_scan(entry.path)
            else:
                count += 1
    return count


@contextmanager
def _landing_folder(folder: Path) -> Iterator[Path]:
    """Files to discover, and the environment that points to them."""
    landing = folder / "landing"
    for i in range(FILES):
        inside = landing / f"托管机构{i % FOLDERS:03}"
        if i < FOLDERS:
            inside.mkdir(parents=True)
        year, month = MONTHS[i % len(MONTHS)]
        name = "投资组合明细表" if (i // FOLDERS) % EVERY else "受托业绩报告"
        (inside / f"{year}_{month:02}_{name}_{i}.xlsx").touch()
    before = dict(os.environ)
    os.environ |= {"WDH_DATA_BASE_DIR": str(landing), "WDH_STATE_DIR": str(folder / "state")}
    try:
        yield landing
    finally:
        os.environ.clear()
        os.environ |= before
