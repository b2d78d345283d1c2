"""A warehouse that cannot be used says why and what to do, and never its password."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from work_data_hub.io.errors import WarehouseError
from work_data_hub.io.loader import warehouse_loader
from work_data_hub.io.loader.ledger import Ledger
from work_data_hub.io.loader.warehouse_loader import Warehouse

from ..rights import nobodys_rights
from .landing import DOMAIN, Landing, load, row


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that anybody can enter; pytest's own cannot be."""
    folder = Path(tempfile.mkdtemp(prefix="wdh-state-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_read_only_state_directory_is_named(open_folder: Path, landing: Landing) -> None:
    file = landing.workbook("a.xlsx", [row("A")])
    (open_folder / "state").mkdir(mode=0o555)
    with Warehouse.open(f"sqlite:///{open_folder}/state/warehouse.db") as warehouse:
        ledger = Ledger(warehouse)
        assert ledger.entries(DOMAIN) == {}
        with nobodys_rights(), pytest.raises(WarehouseError) as caught:
            ledger.enter(seen=[file])
    assert f"{open_folder}/state/warehouse.db cannot be written" in str(caught.value)
    assert "check that its folder can be written to" in str(caught.value)


def test_a_state_directory_that_cannot_be_made_is_named(open_folder: Path) -> None:
    (open_folder / "file").write_text("")
    url = f"sqlite:///{open_folder}/file/state/warehouse.db"
    with Warehouse.open(url) as warehouse, pytest.raises(WarehouseError, match="file/state"):
        Ledger(warehouse).enter()


def test_a_file_that_is_no_database_is_an_error_also_for_a_reader(tmp_path: Path) -> None:
    (tmp_path / "warehouse.db").write_text("no database at all, but long enough for one" * 99)
    with (
        Warehouse.open(f"sqlite:///{tmp_path}/warehouse.db") as warehouse,
        pytest.raises(WarehouseError, match="cannot be read: file is not a database"),
    ):
        Ledger(warehouse).entries(DOMAIN)


def test_a_server_that_is_down_is_named_without_its_password(landing: Landing) -> None:
    file = landing.workbook("a.xlsx", [row("A")])
    with Warehouse.open("postgresql://wdh:hunter2@127.0.0.1:1/dw") as warehouse:
        with pytest.raises(WarehouseError, match="check that the server runs") as caught:
            load(warehouse, file)
        assert "127.0.0.1:1/dw" in str(caught.value)
        assert "hunter2" not in str(caught.value)
        with pytest.raises(WarehouseError, match="cannot be read"):
            Ledger(warehouse).entries(DOMAIN)


def test_a_writer_that_waits_too_long_says_so(
    warehouse: Warehouse, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse_loader, "WRITER_WAIT_S", 0.05)
    sentence = "lock timeout" if warehouse.is_postgres else "database is locked"
    with (
        Warehouse.open(warehouse_url) as other,
        warehouse.writing(),
        pytest.raises(WarehouseError, match=sentence),
    ):
        Ledger(other).enter()


def test_a_reader_does_not_wait_for_a_writer(warehouse: Warehouse, warehouse_url: str) -> None:
    Ledger(warehouse).enter()
    with Warehouse.open(warehouse_url) as other, other.writing():
        assert Ledger(warehouse).entries(DOMAIN) == {}


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("not a url with secret", "WDH_WAREHOUSE_URL is no database URL"),
        ("mysql://u:secret@h/d", "SQLite or PostgreSQL, not mysql"),
        ("postgresql+psycopg2://u:secret@h/d", "as postgresql://, without a driver"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_being_shown(url: str, sentence: str) -> None:
    with pytest.raises(WarehouseError, match=sentence) as caught:
        Warehouse.open(url)
    assert "secret" not in str(caught.value)
