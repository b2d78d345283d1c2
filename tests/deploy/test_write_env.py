"""`make env`: passwords, once, for docker compose and nothing else."""

from __future__ import annotations

import re
import stat
import sys
from pathlib import Path

import pytest

from deploy import write_env

ROOT = Path(__file__).parents[2]


def _settings(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    assert write_env.write(tmp_path / ".env")
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_it_is_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / ".env"
    path.write_text("STACK_GRAFANA_PASSWORD=mine\n", encoding="utf-8")
    write_env.main(path)
    assert path.read_text(encoding="utf-8") == "STACK_GRAFANA_PASSWORD=mine\n"
    assert "stays as it is" in capsys.readouterr().out


def test_each_password_is_long_its_own_and_fit_for_a_url(tmp_path: Path) -> None:
    write_env.write(tmp_path / "one")
    write_env.write(tmp_path / "two")
    passwords = [*_settings(tmp_path / "one").values(), *_settings(tmp_path / "two").values()]
    assert len(set(passwords)) == 2 * len(write_env.PASSWORDS)
    assert all(re.fullmatch("[0-9a-f]{48}", password) for password in passwords)


def test_it_has_every_password_that_compose_asks_for(tmp_path: Path) -> None:
    write_env.write(tmp_path / ".env")
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert set(_settings(tmp_path / ".env")) == set(re.findall(r"\$\{(\w+):\?", compose))


def test_it_names_every_variable_of_the_alerts_file_as_one_that_is_off(tmp_path: Path) -> None:
    write_env.write(tmp_path / ".env")
    commented = set(re.findall(r"^#(\w+)=", (tmp_path / ".env").read_text("utf-8"), re.MULTILINE))
    alerts = set(re.findall(r"\$\{([A-Z]\w+):-", (ROOT / "alerts.yml").read_text("utf-8")))
    assert {name for name in commented if not name.startswith("STACK_")} == alerts - {"NAME"}


def test_a_local_dagster_dev_which_reads_it_finds_nothing_in_it_to_obey(tmp_path: Path) -> None:
    write_env.write(tmp_path / ".env")
    names = set(_settings(tmp_path / ".env"))
    assert all(name.startswith("STACK_") for name in names)
    sources = (ROOT / "src").rglob("*.py")
    assert [path for path in sources if "STACK_" in path.read_text(encoding="utf-8")] == []
