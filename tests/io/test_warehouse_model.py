"""Any files in any order: the table ends as a dictionary that follows the rules would."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from work_data_hub.domain.cell_text import text_frame
from work_data_hub.domain.trustee_performance.service import process
from work_data_hub.io.connectors.discovered_file import DiscoveredFile
from work_data_hub.io.file_load import FilePlan, FileRows, load_file
from work_data_hub.io.loader.warehouse_loader import Warehouse

from .landing import DOMAIN, HEADINGS, NOW, TABLE, TODAY, config, table_rows

Keys = frozenset[tuple[str, int]]  # plan code and month of its row


@dataclass
class Model:
    """key -> the file it came from."""

    table: dict[tuple[str, int], DiscoveredFile] = field(default_factory=dict)

    def load(self, file: DiscoveredFile, keys: Keys) -> tuple[int, int, int]:
        """loaded, superseded, left over."""
        mine = {k for k in keys if k not in self.table or self.table[k].order <= file.order}
        self.table |= dict.fromkeys(mine, file)
        left = [
            k
            for k, source in self.table.items()
            if k not in mine
            and ((source.month == file.month and source.order < file.order) or source == file)
        ]
        return len(mine), len(keys) - len(mine), len(left)


def plan(file: DiscoveredFile, keys: Keys, sha256: str) -> FilePlan:
    rows = [
        dict(zip(HEADINGS, ("2024", str(month), code, "C1", "5%", "1.5", "9"), strict=True))
        for code, month in keys
    ]
    frame = text_frame(rows)
    outcome = process(frame, file.metadata["relative_path"], today=TODAY, processed_at=NOW)
    return FilePlan(FileRows(file, 0, sha256, frame, 0.0), outcome, config().pk, 0.0)


files = st.builds(
    lambda month, version, mtime, name: DiscoveredFile(
        DOMAIN,
        f"/landing/V{version}/{month}-{name}",
        2024,
        month,
        {"modified_time": mtime, "version": version, "relative_path": f"{month}/{version}/{name}"},
    ),
    month=st.integers(10, 11),
    version=st.integers(0, 1),
    mtime=st.just(100.0),
    name=st.sampled_from("ab"),
)
row_keys = st.frozensets(st.tuples(st.sampled_from("PQRS"), st.integers(10, 11)), max_size=6)


@settings(max_examples=40, deadline=None)
@given(loads=st.lists(st.tuples(files, row_keys), max_size=6))
def test_the_newest_file_that_has_a_key_has_the_row(
    loads: list[tuple[DiscoveredFile, Keys]],
) -> None:
    model = Model()
    with Warehouse.open("sqlite://") as warehouse:
        for number, (file, keys) in enumerate(loads):
            ready = plan(file, keys, sha256=str(number))
            options: dict[str, Any] = {"table": TABLE, "pk": config().pk, "run_id": str(number)}
            planned = load_file(warehouse, ready, plan_only=True, now=NOW, **options)
            report = load_file(warehouse, ready, now=NOW, **options)
            counts = (report.loaded, report.superseded, report.left_over)
            assert counts == model.load(file, keys)
            assert counts == (planned.loaded, planned.superseded, planned.left_over)
        if loads:
            found = table_rows(warehouse, "plan_code, report_date, data_source")
            assert found == sorted(
                (code, f"2024-{month}-01", source.metadata["relative_path"])
                for (code, month), source in model.table.items()
            )
