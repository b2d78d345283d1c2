"""What makes a whole file unusable, however good its rows are. A bad row is data, not an error.

InputError
├── MissingColumns   a column that must be there is not
└── DoubledColumn   two columns claim the same meaning (收益率 twice, or 年 beside year)
"""

from __future__ import annotations

from collections.abc import Sequence


class InputError(Exception):
    """Root of the tree: the rows cannot be understood as a table of records.

    in_chinese: the same sentence as its text.
    """

    in_chinese: str


class MissingColumns(InputError):
    """Columns that must be there are not. `missing` and `found` are headings as people see them."""

    def __init__(self, missing: Sequence[str], found: Sequence[str]) -> None:
        self.missing = tuple(missing)
        self.found = tuple(found)
        there = ", ".join(self.found) or "none"
        super().__init__(f"missing columns: {', '.join(self.missing)}; the headings are: {there}")
        self.in_chinese = (
            f"缺少列：{'、'.join(self.missing)}；现有列：{'、'.join(self.found) or '无'}"
        )


class DoubledColumn(InputError):
    """Two columns mean the same, and nothing says which one counts."""

    def __init__(self, meaning: str, headings: Sequence[str]) -> None:
        self.meaning = meaning
        self.headings = tuple(headings)
        both = " and ".join(repr(heading) for heading in self.headings)
        super().__init__(f"{meaning} stands in more than one column: {both}; leave one of them")
        self.in_chinese = f"{meaning} 出现在多列中：{'、'.join(self.headings)}；请只保留一列"
