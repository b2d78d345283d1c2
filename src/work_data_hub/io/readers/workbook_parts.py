"""What the parts of an .xlsx say beside its cells: its sheets, and which styles change a text.

An .xlsx is a zip of XML (ECMA-376). calamine reads the cells; it does not tell number formats,
and the sheets' order comes from here too, so that hidden ones are not counted.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from xml.etree import ElementTree

from ..errors import FileUnreadable
from .number_formats import BUILT_IN, Shown, shown

# What zipfile raises over damaged bytes.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError)
# Index of a style, the `s` of a cell.
Styles = Mapping[int, Shown]
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True)
class Sheet:
    """name: as on its tab. part: its path in the zip. hidden: also when very hidden."""

    name: str
    part: str
    hidden: bool


@dataclass(frozen=True)
class _Relation:
    """One part that the workbook names. kind: worksheet, styles, sharedStrings ..."""

    key: str
    kind: str
    part: str


# A month has 100,000 rows of some ten columns; the rectangle of this many cells takes 0.6 GB.
MAX_CELLS = 20_000_000
_HEAD_BYTES = 8_192
_DIMENSION = re.compile(rb'<dimension\s+ref="[A-Z]+\d+:([A-Z]+)(\d+)"')


class Workbook:
    """The zip of one workbook. Raises FileUnreadable for everything that is none."""

    def __init__(self, path: str, content: bytes) -> None:
        self.path = path
        if why := _not_a_workbook(content):
            raise FileUnreadable(path, *why)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, NotImplementedError, ValueError):
            problem = "is cut short or damaged; ask for it again, or copy it again"
            in_chinese = "不完整或已损坏；请重新索取，或重新复制"
            raise FileUnreadable(path, problem, in_chinese) from None
        self._relations = tuple(self._read_relations())
        self.sheets = tuple(self._read_sheets())

    def part(self, name: str) -> bytes:
        """One part, unpacked."""
        try:
            return self._zip.read(name)
        except KeyError:
            problem = f"lacks its part {name}, so it is no Excel workbook; save it as .xlsx"
            in_chinese = f"缺少部件 {name}，不是 Excel 工作簿；请另存为 .xlsx"
            raise FileUnreadable(self.path, problem, in_chinese) from None
        except _DAMAGE as err:
            problem = f"is damaged in its part {name}; ask for it again"
            in_chinese = f"部件 {name} 已损坏；请重新索取"
            raise FileUnreadable(self.path, problem, in_chinese) from err
        except RuntimeError as err:  # zipfile's word for an encrypted member
            problem = "is protected by a password; remove it"
            raise FileUnreadable(self.path, problem, "有密码保护；请去掉密码") from err

    def unpack(self, sheet: Sheet) -> bytes:
        """The XML of a sheet, checked against its checksum, as are the texts its cells share.

        calamine does not look at the checksums: of 300 files with one flipped bit it read 35 with
        other numbers in them.
        """
        for name in self._parts_of("sharedStrings"):
            self.part(name)
        return self.part(sheet.part)

    def with_sheet(self, sheet: Sheet, *xml: bytes | memoryview) -> bytes:
        """A workbook with these pieces in the place of the sheet's XML, and no other sheet."""
        kept = ["_rels/.rels", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"]
        kept += [*self._parts_of("sharedStrings"), *self._parts_of("styles")]
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as made:
            for name in kept:
                made.writestr(name, self.part(name))
            with made.open(sheet.part, "w") as part:
                for piece in xml:
                    part.write(piece)
        return content.getvalue()

    def refuse_oversize(self, sheet: Sheet) -> None:
        """Raises FileUnreadable where a stray cell far out makes the sheet too large to hold.

        calamine makes room for the whole rectangle that the cells span, and ends the process where
        there is no room. Excel notes the rectangle at the head of a sheet.
        """
        try:
            with self._zip.open(sheet.part) as stream:
                head = stream.read(_HEAD_BYTES)
        except (KeyError, RuntimeError, *_DAMAGE):
            return  # `unpack` says what is wrong with it
        written = _DIMENSION.search(head)
        if written is None:
            return
        columns, rows = _column_number(written[1].decode()), int(written[2])
        if columns * rows > MAX_CELLS:
            corner = f"{written[1].decode()}{rows}"
            raise FileUnreadable(
                self.path,
                f"has a stray cell far out: its sheet reaches to {corner}; delete the empty rows"
                " and columns in Excel and save it",
                f"有一个单元格远在数据之外，工作表延伸到 {corner}；"
                "请在 Excel 中删除空行和空列后保存",
            )

    def sheet(self, sheet: int | str) -> Sheet:
        """A sheet by name, or by its number among the visible ones, from 0."""
        visible = [s for s in self.sheets if not s.hidden]
        if isinstance(sheet, int) and 0 <= sheet < len(visible):
            return visible[sheet]
        for candidate in self.sheets:
            if candidate.name == sheet:
                return candidate
        names = [s.name for s in visible]
        raise FileUnreadable(
            self.path,
            f"has no sheet {sheet!r}; its visible sheets are: {', '.join(names) or 'none'}",
            f"没有工作表 {sheet!r}；可见的工作表有：{'、'.join(names) or '无'}",
        )

    def _read_sheets(self) -> Iterator[Sheet]:
        parts = {r.key: r.part for r in self._relations if r.kind == "worksheet"}
        for element in self._xml("xl/workbook.xml").iter():
            if not element.tag.endswith("}sheet"):
                continue
            key = next((v for k, v in element.attrib.items() if k.endswith("}id")), "")
            if key not in parts:
                continue  # a chart sheet has no cells
            hidden = element.get("state", "visible") != "visible"
            yield Sheet(element.get("name", ""), parts[key], hidden)

    def _read_relations(self) -> Iterator[_Relation]:
        for element in self._xml("xl/_rels/workbook.xml.rels"):
            # Targets are relative to xl/, or absolute with a slash.
            target = posixpath.join("/xl", element.get("Target", ""))
            yield _Relation(
                key=element.get("Id", ""),
                kind=element.get("Type", "").rpartition("/")[2],
                part=posixpath.normpath(target).lstrip("/"),
            )

    def _parts_of(self, kind: str) -> list[str]:
        return [relation.part for relation in self._relations if relation.kind == kind]

    @cached_property
    def styles(self) -> Styles:
        """The cell styles whose number format changes what a person reads."""
        part = next(iter(self._parts_of("styles")), None)
        if part is None:
            return {}
        root = self._xml(part)
        codes = BUILT_IN | {
            element.get("numFmtId", ""): element.get("formatCode", "")
            for element in root.iter()
            if element.tag.endswith("}numFmt")
        }
        cell_styles = next((e for e in root.iter() if e.tag.endswith("}cellXfs")), ())
        formats = (codes.get(style.get("numFmtId", ""), "") for style in cell_styles)
        found = {index: shown(code) for index, code in enumerate(formats)}
        return {index: how for index, how in found.items() if how is not None}

    def _xml(self, name: str) -> ElementTree.Element:
        content = self.part(name)
        if b"<!DOCTYPE" in content:
            problem = f"declares a DTD in its part {name}; no Excel does"
            in_chinese = f"部件 {name} 中声明了 DTD，Excel 不会这样写"
            raise FileUnreadable(self.path, problem, in_chinese)
        try:
            return ElementTree.fromstring(content)  # noqa: S314
        except (ElementTree.ParseError, LookupError, ValueError):
            problem, in_chinese = f"is damaged in its part {name}", f"部件 {name} 已损坏"
            raise FileUnreadable(self.path, problem, in_chinese) from None


def _column_number(letters: str) -> int:
    """A is 1, XFD 16,384."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _not_a_workbook(content: bytes) -> tuple[str, str] | None:
    """Why it is none, in English and in Chinese."""
    if not content:
        return "is empty (0 bytes); ask for it again", "是空文件（0 字节）；请重新索取"
    if content.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in content:
            return (
                "is protected by a password; open it in Excel and save it without one",
                "有密码保护；请用 Excel 打开，去掉密码后保存",
            )
        return (
            "is an old .xls workbook; open it in Excel and save it as .xlsx",
            "是旧的 .xls 工作簿；请用 Excel 打开并另存为 .xlsx",
        )
    if not content.startswith(b"PK"):
        return (
            "is no .xlsx workbook, whatever its name says; open it in Excel and save it as .xlsx",
            "无论文件名如何，都不是 .xlsx 工作簿；请用 Excel 打开并另存为 .xlsx",
        )
    return None
