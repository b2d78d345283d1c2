"""data_sources.yml: what is shipped, and how each fault is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from work_data_hub.config.data_sources import Selection, load_data_sources
from work_data_hub.config.settings import SHIPPED_DATA_SOURCES
from work_data_hub.strict_yaml import ConfigError

GOOD = r"""domains:
  trustee_performance:
    pattern: '(?P<year>20\d{2})_(?P<month>\d{2})_受托业绩'
    select: all
    sheet: 受托业绩
    table: trustee_performance
    pk: [report_date, plan_code]
    required_columns: [计划代码]
    validation:
      min_rows: 10
    discovery:
      max_depth: 2
      extensions: [.XLSX]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data_sources.yml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_the_shipped_file_says_what_product_and_loader_rely_on() -> None:
    domain = load_data_sources(SHIPPED_DATA_SOURCES).domain("trustee_performance")
    assert domain.select is Selection.LATEST_BY_YEAR_MONTH_AND_VERSION
    assert domain.sheet == 0
    assert domain.table == "trustee_performance"
    assert domain.pk == ("report_date", "plan_code", "company_code")
    assert domain.required_columns == (
        *("年", "月", "计划代码", "公司代码"),
        *("收益率", "净值", "规模"),
    )
    assert domain.validation.max_refused_share == 0.5
    assert domain.discovery.excluded_directories == ("backup", "bak", "archive", "old", "temp")
    assert domain.discovery.ignored_names == ("~$*", ".*", "*.tmp", "*.part")
    assert domain.discovery.extensions == (".xlsx", ".xlsm")


def test_what_the_shipped_file_says_of_discovery_is_also_the_default(file: Path) -> None:
    shipped = load_data_sources(SHIPPED_DATA_SOURCES).domain("trustee_performance")
    text = GOOD[: GOOD.index("    validation")]
    file.write_text(text, encoding="utf-8")
    own = load_data_sources(file).domain("trustee_performance")
    assert own.discovery == shipped.discovery
    assert own.validation == shipped.validation


def test_a_domains_values_are_read(file: Path) -> None:
    domain = load_data_sources(file).domain("trustee_performance")
    assert domain.select is Selection.ALL
    assert domain.sheet == "受托业绩"
    assert domain.pk == ("report_date", "plan_code")
    assert domain.required_columns == ("计划代码",)
    assert domain.validation.min_rows == 10
    assert domain.discovery.max_depth == 2
    assert domain.discovery.extensions == (".xlsx",)
    assert domain.file_pattern.month_of("2024_11_受托业绩.xlsx") == (2024, 11)


def test_an_unknown_domain_is_an_error_that_names_the_known_ones(file: Path) -> None:
    with pytest.raises(ConfigError, match="domains: has no 'pensions'; it has trustee_performance"):
        load_data_sources(file).domain("pensions")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("select: all", "select: newest", "4: domains.trustee_performance.select: .*'all'"),
        ("select: all", "selekt: all", "4: domains.trustee_performance.selekt: is not known"),
        (r"'(?P<year>", r"'((?P<year>", "3: .*pattern: is not a regular expression"),
        ("?P<month>", "?P<monat>", r"3: .*pattern: has no group \(\?P<month>"),
        ("sheet: 受托业绩", "sheet: -1", "5: .*sheet: is a sheet's number, from 0, or its name"),
        ("sheet: 受托业绩", "sheet: true", "5: .*sheet: is a sheet's number, from 0, or its name"),
        ("sheet: 受托业绩", "sheet: 1.5", "5: .*sheet: is a sheet's number, from 0, or its name"),
        ("sheet: 受托业绩", "sheet: ' '", "5: .*sheet: is a sheet's number, from 0, or its name"),
        ("    table: trustee_performance\n", "", "2: .*table: is missing"),
        ("table: trustee_performance", "table: ''", "6: .*table: "),
        ("table: trustee_performance", "table:", "6: .*table: "),
        ("pk: [report_date, plan_code]", "pk: []", "7: .*pk: "),
        ("pk: [report_date, plan_code]", "pk: report_date", "7: .*pk: "),
        ("report_date, plan_code", "plan_code, plan_code", "7: .*pk: names plan_code more than"),
        ("min_rows: 10", "min_rows: -1", "10: .*validation.min_rows: "),
        ("min_rows: 10", "max_refused_share: 2", "10: .*validation.max_refused_share: "),
        ("min_rows: 10", "min_row: 1", "10: .*validation.min_row: is not known here"),
        ("max_depth: 2", "max_depth: deep", "12: .*discovery.max_depth: "),
        ("[.XLSX]", "[xlsx]", "13: .*discovery.extensions: 'xlsx' is not an extension"),
        ("[.XLSX]", "[]", "13: .*discovery.extensions: "),
        ("select: all", "pattern: twice", "4: .*pattern: stands twice, first in line 3"),
        ("select: all", "select: &a all", "4: aliases and anchors"),
        ("domains:\n", "domains: {}\nother:\n", "1: domains: "),
    ],
)
def test_each_fault_is_told_with_file_line_and_key(
    file: Path, old: str, new: str, told: str
) -> None:
    assert old in GOOD
    file.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"data_sources\.yml:{told}"):
        load_data_sources(file)


def test_a_missing_file_is_an_error_that_names_it_and_nothing_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WDH_DATA_SOURCES_CONFIG", str(tmp_path / "absent.yml"))
    with pytest.raises(ConfigError, match=r"absent\.yml: cannot be read"):
        load_data_sources()


def test_the_file_that_the_environment_names_is_used(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WDH_DATA_SOURCES_CONFIG", str(file))
    assert load_data_sources().domain("trustee_performance").select is Selection.ALL


def test_a_changed_file_is_read_again_even_with_its_old_mtime_and_size(file: Path) -> None:
    before = file.stat()
    assert load_data_sources(file).domain("trustee_performance").validation.min_rows == 10
    file.write_text(GOOD.replace("min_rows: 10", "min_rows: 20"), encoding="utf-8")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert load_data_sources(file).domain("trustee_performance").validation.min_rows == 20
    assert file.stat().st_mtime_ns == before.st_mtime_ns


def test_an_unchanged_file_is_read_once(file: Path) -> None:
    assert load_data_sources(file) is load_data_sources(file)
