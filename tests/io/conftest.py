from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from work_data_hub.io.loader.warehouse_loader import Warehouse

from .landing import Landing


@pytest.fixture(params=["sqlite", "postgresql"])
def warehouse_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty warehouse of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'warehouse.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def warehouse(warehouse_url: str) -> Iterator[Warehouse]:
    with Warehouse.open(warehouse_url) as opened:
        yield opened


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    """A folder where workbooks land."""
    root = tmp_path / "landing"
    root.mkdir()
    return Landing(root)
