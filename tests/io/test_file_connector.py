"""Which files are found in a landing folder, which of them count, and what is an error."""

from __future__ import annotations

import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from work_data_hub.config.data_sources import Discovery, Selection
from work_data_hub.io.connectors.discovered_file import DiscoveredFile
from work_data_hub.io.connectors.file_connector import DataSourceConnector, version_of
from work_data_hub.io.connectors.landing_folder import landed_files
from work_data_hub.io.connectors.selection import selected
from work_data_hub.io.errors import FileUnreadable, LandingFolderMissing, LandingFolderUnreadable
from work_data_hub.strict_yaml import ConfigError

from ..rights import nobodys_rights

DOMAIN = "trustee_performance"
CONFIG = r"""domains:
  trustee_performance:
    pattern: '^(?P<year>20\d{{2}})[-_]?(?P<month>0?[1-9]|1[0-2]).*受托业绩'
    select: {select}
    table: t
    pk: [report_date]
    discovery: {{{discovery}}}
"""


class LandingFolder:
    """A folder with files in it, and what discovery finds there."""

    def __init__(self, root: Path, config: Path) -> None:
        self.root = root
        self.config = config

    def put(self, name: str, *, mtime: float = 1_700_000_000.0, text: str = "x") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        os.utime(path, (mtime, mtime))
        return path

    def discover(self, *, select: str = "all", discovery: str = "") -> list[DiscoveredFile]:
        self.config.write_text(CONFIG.format(select=select, discovery=discovery), encoding="utf-8")
        return DataSourceConnector(self.config).discover(DOMAIN)

    def found(self, *, select: str = "all", discovery: str = "") -> list[str]:
        """The relative paths, in the order in which they are found."""
        files = self.discover(select=select, discovery=discovery)
        return [file.metadata["relative_path"] for file in files]


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LandingFolder:
    root = tmp_path / "landing"
    root.mkdir()
    monkeypatch.setenv("WDH_DATA_BASE_DIR", str(root))
    return LandingFolder(root, tmp_path / "data_sources.yml")


# --- what is found ------------------------------------------------------------------------------


def test_an_empty_folder_is_no_error(landing: LandingFolder) -> None:
    assert landing.discover() == []


def test_a_file_is_found_with_all_that_is_known_without_opening_it(landing: LandingFolder) -> None:
    path = landing.put("甲公司/2024_11_受托业绩报告.xlsx", mtime=1_700_000_000.25, text="1234567")
    [file] = landing.discover()
    status = path.stat()
    assert file == DiscoveredFile(
        domain=DOMAIN,
        path=str(path),
        year=2024,
        month=11,
        metadata={
            "modified_time": 1_700_000_000.25,
            "size": 7,
            "ctime": status.st_ctime,
            "inode": status.st_ino,
            "version": 0,
            "filename": "2024_11_受托业绩报告.xlsx",
            "relative_path": "甲公司/2024_11_受托业绩报告.xlsx",
        },
    )
    assert isinstance(file.metadata["modified_time"], float)


def test_files_of_other_names_and_extensions_are_left_alone(landing: LandingFolder) -> None:
    for name in ("2024_11_投资.xlsx", "2024_11_受托业绩.csv", "2024_11_受托业绩", "受托业绩.xlsx"):
        landing.put(name)
    landing.put("2024_10_受托业绩.XLSX")
    assert landing.found() == ["2024_10_受托业绩.XLSX"]


@pytest.mark.parametrize("folder", ["backup", "BAK", "Archive", "old", "temp", "a/b/Backup/c"])
def test_excluded_folders_are_left_out_with_all_that_is_in_them(
    landing: LandingFolder, folder: str
) -> None:
    landing.put(f"{folder}/2024_11_受托业绩.xlsx")
    landing.put("a/oldest/2024_10_受托业绩.xlsx")
    assert landing.found() == ["a/oldest/2024_10_受托业绩.xlsx"]


def test_names_that_editors_and_copies_leave_behind_are_ignored(landing: LandingFolder) -> None:
    pattern_takes_them = r"(?P<year>20\d{2})_(?P<month>\d{1,2})"
    for name in ("~$2024_11.xlsx", ".2024_11.xlsx", "2024_11.TMP", "2024_11.part", "~$2024_1.tmp"):
        landing.put(name)
    landing.put(".snapshot/2024_11.xlsx")
    landing.put("upload.part/2024_11.xlsx")
    landing.put("2024_11.xlsx")
    landing.config.write_text(
        CONFIG.format(select="all", discovery="extensions: [.xlsx, .tmp, .part]").replace(
            r"^(?P<year>20\d{2})[-_]?(?P<month>0?[1-9]|1[0-2]).*受托业绩", pattern_takes_them
        ),
        encoding="utf-8",
    )
    found = DataSourceConnector(landing.config).discover(DOMAIN)
    assert [file.metadata["relative_path"] for file in found] == ["2024_11.xlsx"]


def test_folders_are_searched_to_max_depth(landing: LandingFolder) -> None:
    for folder in ("", "1/", "1/2/", "1/2/3/"):
        landing.put(f"{folder}2024_11_受托业绩.xlsx")
    assert len(landing.found(discovery="max_depth: 0")) == 1
    assert len(landing.found(discovery="max_depth: 2")) == 3
    assert len(landing.found(discovery="max_depth: 3")) == 4


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_as_macos_keeps_them_are_found_all_the_same(
    landing: LandingFolder, form: Literal["NFC", "NFD"]
) -> None:
    name = unicodedata.normalize(form, "2024_11_受托业绩_Gérance_ガイド.xlsx")
    landing.put(f"{unicodedata.normalize(form, 'Données')}/{name}")
    landing.put(f"{unicodedata.normalize(form, 'Réserve')}/{name}")
    # The excluded name is NFC, whatever the folder's is.
    [found] = landing.found(discovery="excluded_directories: [réserve]")
    assert unicodedata.normalize("NFC", found) == "Données/2024_11_受托业绩_Gérance_ガイド.xlsx"


def test_a_folder_that_is_called_like_a_file_is_searched_not_taken(landing: LandingFolder) -> None:
    landing.put("2024_11_受托业绩.xlsx/2024_10_受托业绩.xlsx")
    assert landing.found() == ["2024_11_受托业绩.xlsx/2024_10_受托业绩.xlsx"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_no_file(landing: LandingFolder) -> None:
    os.mkfifo(landing.root / "2024_11_受托业绩.xlsx")
    assert landing.found() == []


def test_a_found_file_survives_pickling_between_steps(landing: LandingFolder) -> None:
    import pickle

    landing.put("2024_11_受托业绩.xlsx")
    files = landing.discover()
    assert pickle.loads(pickle.dumps(files)) == files
    assert len({*files, *landing.discover()}) == 1


def test_a_file_named_by_its_path_is_described_as_discovery_finds_it(
    landing: LandingFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.put("数据采集/V2/2024_11_受托业绩.xlsx")
    [found] = landing.discover()
    connector = DataSourceConnector(landing.config)
    assert connector.describe(DOMAIN, found.path) == found
    monkeypatch.chdir(landing.root / "数据采集")
    assert connector.describe(DOMAIN, "V1/../V2/2024_11_受托业绩.xlsx") == found


def test_a_file_outside_the_landing_folder_keeps_its_whole_path(
    landing: LandingFolder, tmp_path: Path
) -> None:
    landing.discover()
    file = tmp_path / "2024_11_受托业绩.xlsx"
    file.touch()
    described = DataSourceConnector(landing.config).describe(DOMAIN, file)
    assert described.metadata["relative_path"] == file.as_posix()


def test_a_file_that_is_gone_is_described_by_its_name(landing: LandingFolder) -> None:
    landing.discover()
    path = landing.root / "V1" / "2024_11_受托业绩.xlsx"
    described = DataSourceConnector(landing.config).describe(DOMAIN, path)
    assert (described.path, described.year, described.month) == (str(path), 2024, 11)
    assert described.metadata == {
        "modified_time": 0.0,
        "version": 0,
        "filename": "2024_11_受托业绩.xlsx",
        "relative_path": "V1/2024_11_受托业绩.xlsx",
    }


def test_a_path_whose_name_holds_no_month_is_an_error_that_names_it(
    landing: LandingFolder,
) -> None:
    landing.discover()
    with pytest.raises(FileUnreadable, match=r"受托业绩\.xlsx: its name holds no month"):
        DataSourceConnector(landing.config).describe(DOMAIN, "受托业绩.xlsx")


def test_a_sensor_module_can_import_the_connector_and_nothing_heavy_comes_with_it() -> None:
    heavy = ("polars", "fastexcel", "sqlalchemy", "pydantic_settings", "dagster")
    program = (
        "import sys, work_data_hub.io.connectors.file_connector\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


# --- which count --------------------------------------------------------------------------------


def test_the_newest_comes_first_by_year_month_version_and_mtime(landing: LandingFolder) -> None:
    landing.put("2023_12_受托业绩.xlsx", mtime=9_000)
    landing.put("2024_2_受托业绩.xlsx", mtime=1_000)
    landing.put("数据采集/V2/2024_2_受托业绩.xlsx", mtime=10)
    landing.put("数据采集/V10/2024_2_受托业绩.xlsx", mtime=1)
    landing.put("2024_02_受托业绩.xlsx", mtime=2_000)
    landing.put("2024_10_受托业绩.xlsx", mtime=5)
    assert landing.found() == [
        "2024_10_受托业绩.xlsx",
        "数据采集/V10/2024_2_受托业绩.xlsx",
        "数据采集/V2/2024_2_受托业绩.xlsx",
        "2024_02_受托业绩.xlsx",
        "2024_2_受托业绩.xlsx",
        "2023_12_受托业绩.xlsx",
    ]


def test_latest_by_year_month_is_the_one_file_of_the_newest_month(landing: LandingFolder) -> None:
    landing.put("2024_11_受托业绩.xlsx", mtime=1)
    landing.put("2024_10_受托业绩.xlsx", mtime=2)
    landing.put("甲/2024_11_受托业绩.xlsx", mtime=3)
    assert landing.found(select="latest_by_year_month") == ["甲/2024_11_受托业绩.xlsx"]


def test_latest_by_mtime_is_the_one_file_written_last(landing: LandingFolder) -> None:
    landing.put("2024_11_受托业绩.xlsx", mtime=1)
    landing.put("2024_10_受托业绩.xlsx", mtime=2)
    assert landing.found(select="latest_by_mtime") == ["2024_10_受托业绩.xlsx"]


def test_the_shipped_selection_is_one_file_for_each_month(landing: LandingFolder) -> None:
    landing.put("2024_9_受托业绩.xlsx", mtime=1)
    landing.put("2024_09_受托业绩数据.xlsx", mtime=2)
    landing.put("2024_10_受托业绩.xlsx", mtime=99)
    landing.put("数据采集/V1/2024_10_受托业绩.xlsx", mtime=50)
    landing.put("数据采集/V2/2024_10_受托业绩.xlsx", mtime=1)
    landing.put("2024_11_受托业绩.xlsx", mtime=1)
    assert landing.found(select="latest_by_year_month_and_version") == [
        "2024_11_受托业绩.xlsx",
        "数据采集/V2/2024_10_受托业绩.xlsx",
        "2024_09_受托业绩数据.xlsx",
    ]


@pytest.mark.parametrize("select", list(Selection))
def test_every_selection_of_nothing_is_nothing(landing: LandingFolder, select: str) -> None:
    assert landing.found(select=select) == []


def test_an_unknown_selection_is_a_configuration_error(landing: LandingFolder) -> None:
    landing.put("2024_11_受托业绩.xlsx")
    with pytest.raises(ConfigError, match=r":4: domains\.trustee_performance\.select: "):
        landing.discover(select="newest")


def test_an_unknown_domain_is_a_configuration_error(landing: LandingFolder) -> None:
    landing.discover()
    with pytest.raises(ConfigError, match="has no 'pensions'; it has trustee_performance"):
        DataSourceConnector(landing.config).discover("pensions")


FILES = st.lists(
    st.builds(
        lambda year, month, version, mtime, name: DiscoveredFile(
            DOMAIN, f"/{name}", year, month, {"version": version, "modified_time": mtime}
        ),
        year=st.integers(2023, 2024),
        month=st.integers(1, 3),
        version=st.integers(0, 2),
        mtime=st.sampled_from([1.0, 2.0]),
        name=st.text("ab", min_size=1, max_size=3),
    ),
    max_size=8,
    unique_by=lambda file: file.path,
)


@given(files=FILES, shuffled=st.randoms())
def test_what_is_selected_does_not_hang_on_the_order_of_the_folder(
    files: list[DiscoveredFile], shuffled: random.Random
) -> None:
    again = list(files)
    shuffled.shuffle(again)
    for selection in Selection:
        assert selected(files, selection) == selected(again, selection)


@given(files=FILES)
def test_the_shipped_selection_keeps_each_month_once_and_the_best_of_it(
    files: list[DiscoveredFile],
) -> None:
    kept = selected(files, Selection.LATEST_BY_YEAR_MONTH_AND_VERSION)
    months = [(file.year, file.month) for file in kept]
    assert months == sorted({(file.year, file.month) for file in files}, reverse=True)
    for file in kept:
        rivals = [one for one in files if (one.year, one.month) == (file.year, file.month)]
        assert file.order == max(rival.order for rival in rivals)


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("/data/数据采集/V2/2024_11.xlsx", 2),
        ("/data/数据采集/v12/2024_11.xlsx", 12),
        ("/data/数据采集/Ｖ３/2024_11.xlsx", 3),
        ("/data/数据采集/甲公司/V2/2024_11.xlsx", 2),
        ("/data/数据采集/V1/更正/V3/2024_11.xlsx", 3),
        (r"C:\data\数据采集\V2\2024_11.xlsx", 2),
        (r"\\server\share\数据采集\V2\2024_11.xlsx", 2),
        ("/data/数据采集/2024_11.xlsx", 0),
        ("/data/数据采集/V2.xlsx", 0),
        ("/data/数据采集/V2x/2024_11.xlsx", 0),
        ("/data/数据采集备份/V2/2024_11.xlsx", 0),
        ("/data/V2/2024_11.xlsx", 0),
        ("/data/V2/数据采集/2024_11.xlsx", 0),
    ],
)
def test_a_version_is_a_v_folder_under_the_collection_folder(path: str, version: int) -> None:
    assert version_of(path) == version


# --- what is an error, and what is not ----------------------------------------------------------


def test_a_missing_landing_folder_is_an_error_that_names_it(landing: LandingFolder) -> None:
    landing.root.rmdir()
    with pytest.raises(LandingFolderMissing, match=f"{landing.root} is not there") as caught:
        landing.discover()
    assert isinstance(caught.value, FileNotFoundError)
    assert caught.value.folder == str(landing.root)


def test_a_file_in_the_landing_folders_place_is_a_missing_folder(landing: LandingFolder) -> None:
    landing.root.rmdir()
    landing.root.write_text("")
    with pytest.raises(LandingFolderMissing):
        landing.discover()


def test_a_file_that_vanishes_between_listing_and_stat_was_not_there(tmp_path: Path) -> None:
    gone, stays = tmp_path / "gone.xlsx", tmp_path / "stays.xlsx"
    gone.touch()
    stays.touch()

    def month_of(_name: str) -> tuple[int, int]:
        gone.unlink(missing_ok=True)
        return 2024, 11

    found = landed_files(str(tmp_path), rules=Discovery(), month_of=month_of)
    assert [file.name for file in found] == ["stays.xlsx"]


def test_a_folder_that_vanishes_during_the_walk_was_not_there(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.xlsx").touch()
    (tmp_path / "a.xlsx").touch()

    def month_of(_name: str) -> tuple[int, int]:
        shutil.rmtree(tmp_path / "sub", ignore_errors=True)
        return 2024, 11

    found = landed_files(str(tmp_path), rules=Discovery(), month_of=month_of)
    assert [file.name for file in found] == ["a.xlsx"]


@pytest.fixture
def shared_landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LandingFolder]:
    """A landing folder that anybody may enter; pytest's own belong to the tests' user alone."""
    root = Path(tempfile.mkdtemp(prefix="landing-"))
    root.chmod(0o755)
    monkeypatch.setenv("WDH_DATA_BASE_DIR", str(root))
    folder = LandingFolder(root, tmp_path / "data_sources.yml")
    folder.discover()  # reads the configuration, which nobody may not
    yield folder
    for path in root.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(root)


needs_posix_rights = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no POSIX rights here")


def discover_nobodys_rights(folder: LandingFolder) -> list[DiscoveredFile]:
    from work_data_hub.config.data_sources import load_data_sources

    config = load_data_sources(folder.config).domain(DOMAIN)
    with nobodys_rights():
        landed = landed_files(
            str(folder.root), rules=config.discovery, month_of=config.file_pattern.month_of
        )
        return [DiscoveredFile(DOMAIN, file.path, *file.month) for file in landed]


@needs_posix_rights
def test_a_folder_that_cannot_be_listed_is_an_error_that_names_it(
    shared_landing: LandingFolder,
) -> None:
    locked = shared_landing.put("甲公司/2024_11_受托业绩.xlsx").parent
    locked.chmod(0o000)
    with pytest.raises(LandingFolderUnreadable, match="甲公司 cannot be read: Permission denied"):
        discover_nobodys_rights(shared_landing)


@needs_posix_rights
def test_the_landing_folder_itself_may_be_the_one_that_cannot_be_listed(
    shared_landing: LandingFolder,
) -> None:
    shared_landing.root.chmod(0o000)
    with pytest.raises(LandingFolderUnreadable) as caught:
        discover_nobodys_rights(shared_landing)
    assert caught.value.path == str(shared_landing.root)


@needs_posix_rights
def test_a_file_that_cannot_be_looked_at_is_an_error_but_only_if_it_is_wanted(
    shared_landing: LandingFolder,
) -> None:
    folder = shared_landing.put("甲公司/2024_11_其他.xlsx").parent
    folder.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IROTH)  # to be listed, not to be entered
    assert discover_nobodys_rights(shared_landing) == []
    folder.chmod(0o755)
    wanted = shared_landing.put("甲公司/2024_11_受托业绩.xlsx")
    folder.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IROTH)
    with pytest.raises(LandingFolderUnreadable) as caught:
        discover_nobodys_rights(shared_landing)
    assert caught.value.path == str(wanted)


@needs_posix_rights
def test_an_excluded_folder_that_cannot_be_listed_is_no_error(
    shared_landing: LandingFolder,
) -> None:
    shared_landing.put("backup/2024_11_受托业绩.xlsx").parent.chmod(0o000)
    assert discover_nobodys_rights(shared_landing) == []


# --- links --------------------------------------------------------------------------------------

FOLLOW = "follow_symlinks: true"


@pytest.fixture
def linked(landing: LandingFolder) -> LandingFolder:
    try:
        (landing.root / "probe").symlink_to(landing.root)
    except OSError:
        pytest.skip("no right to make links here")
    (landing.root / "probe").unlink()
    return landing


def test_links_are_left_alone_unless_they_are_to_be_followed(linked: LandingFolder) -> None:
    outside = linked.root.parent / "outside"
    outside.mkdir()
    (outside / "2024_11_受托业绩.xlsx").touch()
    (linked.root / "甲公司").symlink_to(outside)
    (linked.root / "2024_10_受托业绩.xlsx").symlink_to(outside / "2024_11_受托业绩.xlsx")
    assert linked.found() == []
    assert linked.found(discovery=FOLLOW) == [
        "甲公司/2024_11_受托业绩.xlsx",
        "2024_10_受托业绩.xlsx",
    ]


@pytest.mark.parametrize("discovery", ["", FOLLOW])
def test_a_loop_of_links_ends_and_finds_each_file_once_by_its_own_path(
    linked: LandingFolder, discovery: str
) -> None:
    linked.put("甲/乙/2024_11_受托业绩.xlsx")
    (linked.root / "甲" / "乙" / "上").symlink_to(linked.root)
    (linked.root / "甲" / "自己").symlink_to(linked.root / "甲")
    (linked.root / "0").symlink_to(linked.root / "甲" / "乙")
    assert linked.found(discovery=discovery) == ["甲/乙/2024_11_受托业绩.xlsx"]


def test_a_loop_of_links_outside_ends(linked: LandingFolder) -> None:
    outside = linked.root.parent / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep" / "2024_11_受托业绩.xlsx").touch()
    (outside / "deep" / "up").symlink_to(outside)
    for name in "hbdacgef":  # of many ways in, always the same one is taken
        (linked.root / name).symlink_to(outside)
    assert linked.found(discovery=FOLLOW) == ["a/deep/2024_11_受托业绩.xlsx"]


def test_a_link_that_leads_nowhere_or_to_itself_is_no_error(linked: LandingFolder) -> None:
    (linked.root / "2024_11_受托业绩.xlsx").symlink_to(linked.root / "absent")
    (linked.root / "2024_10_受托业绩.xlsx").symlink_to(linked.root / "2024_10_受托业绩.xlsx")
    assert linked.found() == []
    assert linked.found(discovery=FOLLOW) == []


def test_the_landing_folder_itself_may_be_a_link(
    linked: LandingFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked.put("2024_11_受托业绩.xlsx")
    link = linked.root.parent / "current"
    link.symlink_to(linked.root)
    monkeypatch.setenv("WDH_DATA_BASE_DIR", str(link))
    [file] = linked.discover()
    assert file.path == str(link / "2024_11_受托业绩.xlsx")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep names in Unicode")
def test_one_of_ours_with_a_name_that_is_not_utf8_is_named_and_not_passed_over(
    landing: LandingFolder,
) -> None:
    (landing.root / os.fsdecode(b"2024_11_\xff" + "受托业绩.xlsx".encode())).write_bytes(b"x")
    with pytest.raises(LandingFolderUnreadable, match="not UTF-8; rename it"):
        DataSourceConnector().discover("trustee_performance")
