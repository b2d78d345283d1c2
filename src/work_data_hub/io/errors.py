"""What can go wrong between the landing folder and the warehouse.

PipelineError
├── LandingFolderMissing      there is no landing folder (also a FileNotFoundError)
├── LandingFolderUnreadable   a folder in it, or a file's entry, cannot be looked at
├── FileUnreadable            one workbook cannot be read; the others can
└── WarehouseError            the warehouse cannot be used
    ├── TableDoesNotFit       the data table has another shape; the text shows both
    └── RowsRefusedByTable    the table does not take this file's rows; it takes others

A broken configuration is strict_yaml.ConfigError. The text of each is one sentence that says what
to do. Each is made from its parts, so that it survives pickling.
"""

from __future__ import annotations


class PipelineError(Exception):
    """Root of the tree."""


class LandingFolderMissing(PipelineError, FileNotFoundError):
    """The landing folder is not there. An empty one is no error."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self.folder = folder

    def __str__(self) -> str:
        return (
            f"the landing folder {self.folder} is not there; "
            "create or mount it, or set WDH_DATA_BASE_DIR"
        )


class LandingFolderUnreadable(PipelineError):
    """Something under the landing folder cannot be looked at, so nobody knows what is missed."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return (
            f"{self.path} cannot be read: {self.problem}; "
            "give this process the right to read it, or exclude it in data_sources.yml"
        )


class FileUnreadable(PipelineError):
    """One workbook cannot be read. `problem` says why, and what to do; `in_chinese` says it too."""

    def __init__(self, path: str, problem: str, in_chinese: str) -> None:
        super().__init__(path, problem, in_chinese)
        self.path = path
        self.problem = problem
        self.in_chinese = in_chinese

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class WarehouseError(PipelineError):
    """The warehouse cannot be used: down, read-only, or a table that does not fit."""


class RowsRefusedByTable(WarehouseError):
    """The table does not take a value of this file: too long, out of range, a constraint.

    said: the database's own words.
    """

    def __init__(self, sentence: str, said: str) -> None:
        super().__init__(sentence, said)
        self.said = said

    def __str__(self) -> str:
        return str(self.args[0])


class TableDoesNotFit(WarehouseError):
    """The data table has another shape than the rows that are to be loaded."""
