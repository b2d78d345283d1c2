"""`wdh serve` says in a sentence why it does not start."""

from __future__ import annotations

from pathlib import Path

import pytest

from work_data_hub.cli.errors import Mistake
from work_data_hub.cli.serve import address_of, dagster_instance, sources_of_pipeline
from work_data_hub.config.settings import get_settings
from work_data_hub.io.loader.warehouse_loader import Warehouse
from work_data_hub.observability.sources import SourceCollector, SourceReader


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        ("[::1]:9464", ("::1", 9464)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
    ],
)
def test_it_listens_where_it_is_told(listen: str, address: tuple[str, int]) -> None:
    assert address_of(listen) == address


@pytest.mark.parametrize("listen", ["9464", ":9464", "127.0.0.1", "127.0.0.1:http", "a:65536"])
def test_an_address_that_is_none_is_a_sentence(listen: str) -> None:
    with pytest.raises(Mistake, match="write HOST:PORT"):
        address_of(listen)


def test_without_dagster_home_it_says_what_to_set() -> None:
    with pytest.raises(Mistake, match="DAGSTER_HOME is not set"):
        dagster_instance({})


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="there is no such directory"):
        dagster_instance({"DAGSTER_HOME": str(tmp_path / "nowhere")})


def test_a_directory_in_which_dagster_never_ran_is_refused_and_left_as_it_is(
    tmp_path: Path,
) -> None:
    with pytest.raises(Mistake, match="holds no Dagster instance"):
        dagster_instance({"DAGSTER_HOME": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


def test_a_storage_that_does_not_answer_is_a_sentence_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://dagster:hunter2@127.0.0.1:1/dagster"
    (tmp_path / "dagster.yaml").write_text(f"storage: {{postgres: {{postgres_url: '{url}'}}}}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with pytest.raises(Mistake, match="cannot be read: OperationalError") as raised:
        dagster_instance({"DAGSTER_HOME": str(tmp_path)})
    assert "hunter2" not in str(raised.value)


def test_a_pipeline_that_comes_after_it_has_its_metrics_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WDH_STATE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    settings = get_settings()
    sources = sources_of_pipeline(settings)

    def domains() -> set[str]:
        """Read by a collector of its own, so nothing is old."""
        families = SourceCollector(map(SourceReader, sources)).collect()
        samples = (sample for family in families for sample in family.samples)
        return {sample.labels["domain"] for sample in samples if sample.name == "wdh_rows_total"}

    assert domains() == set()
    with Warehouse.open(settings.warehouse_url) as warehouse, warehouse.writing():
        pass
    assert domains() == {"trustee_performance"}
