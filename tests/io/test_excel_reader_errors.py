"""What is no readable workbook says so in one sentence, and what to do."""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from work_data_hub.io.errors import FileUnreadable
from work_data_hub.io.readers.excel_reader import read_excel

from .workbooks import HEADINGS, write_workbook

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.fixture
def good(tmp_path: Path) -> bytes:
    chance = random.Random(3)
    rows = [(2024, 11, f"P{n}", "C", chance.random(), chance.random() + 1, n) for n in range(500)]
    return write_workbook(tmp_path / "good.xlsx", [HEADINGS, *rows]).read_bytes()


def other_zip(_: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("notes.txt", "no workbook")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda good: b"", "is empty (0 bytes); ask for it again"),
        (lambda good: good[: len(good) // 2], "is cut short or damaged"),
        (lambda good: good[:1], "is no .xlsx workbook, whatever its name says"),
        (lambda good: b"PK\x03\x04", "is cut short or damaged"),
        (lambda good: "年,月\n2024,11\n".encode(), "is no .xlsx workbook, whatever its name says"),
        (lambda good: b"<html><table></table></html>", "open it in Excel and save it as .xlsx"),
        (lambda good: b"%PDF-1.7", "is no .xlsx workbook"),
        (lambda good: OLE, "is an old .xls workbook; open it in Excel and save it as .xlsx"),
        (lambda good: OLE + "EncryptedPackage".encode("utf-16-le"), "is protected by a password"),
        (other_zip, "so it is no Excel workbook; save it as .xlsx"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_workbook_says_what_it_is_and_what_to_do(
    tmp_path: Path, good: bytes, spoil: Callable[[bytes], bytes], sentence: str
) -> None:
    path = tmp_path / "2024_11_受托业绩.xlsx"
    path.write_bytes(spoil(good))
    with pytest.raises(FileUnreadable) as refused:
        read_excel(path)
    assert str(path) in str(refused.value)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
    assert re.search(r"[\u4e00-\u9fff].*；请", refused.value.in_chinese)


def test_a_missing_file_is_unreadable_and_named(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match=r"gone\.xlsx: cannot be opened: No such file"):
        read_excel(tmp_path / "gone.xlsx")


@pytest.mark.parametrize("sheet", [1, -1, 7, "Sheet9"])
def test_a_missing_sheet_is_refused_with_the_sheets_there_are(
    tmp_path: Path, sheet: int | str
) -> None:
    sheets = {"业绩": [HEADINGS], "隐藏": [HEADINGS]}
    path = write_workbook(tmp_path / "w.xlsx", sheets=sheets, hidden=["隐藏"])
    with pytest.raises(FileUnreadable, match=f"has no sheet {sheet!r}; .* sheets are: 业绩$"):
        read_excel(path, sheet)


def test_a_flipped_bit_never_becomes_another_number(good: bytes) -> None:
    """calamine reads on: without the checksum one file in eight gives other figures."""
    whole = read_excel("good.xlsx", content=good)
    chance = random.Random(5)
    outcomes = set()
    for _ in range(60):
        spoilt = bytearray(good)
        spoilt[chance.randrange(len(good))] ^= 1 << chance.randrange(8)
        try:
            assert read_excel("good.xlsx", content=bytes(spoilt)).equals(whole)
            outcomes.add("harmless")
        except FileUnreadable:
            outcomes.add("refused")
    assert outcomes == {"harmless", "refused"}


def test_no_way_of_cutting_a_workbook_short_is_read(good: bytes) -> None:
    for length in range(0, len(good), 97):
        with pytest.raises(FileUnreadable):
            read_excel("good.xlsx", content=good[:length])


def test_a_part_with_a_dtd_is_refused(tmp_path: Path, good: bytes) -> None:
    bomb = b'<!DOCTYPE lolz [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "xl/workbook.xml":
                content = content.replace(b"<workbook", bomb + b"<workbook", 1)
            new.writestr(name, content)
    with pytest.raises(FileUnreadable, match=r"declares a DTD in its part xl/workbook\.xml"):
        read_excel("bomb.xlsx", content=buffer.getvalue())


@pytest.mark.parametrize("part", ["xl/styles.xml", "xl/sharedStrings.xml"])
def test_a_part_that_the_workbook_names_and_lacks_makes_it_unreadable(
    good: bytes, part: str
) -> None:
    """Without its styles 5.5% would be 0.055 of nobody knows what."""
    renamed = good.replace(part.encode(), part.replace("xl/", "xx/").encode())
    with pytest.raises(FileUnreadable):
        read_excel("good.xlsx", content=renamed)
