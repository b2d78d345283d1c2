"""data_sources.yml: which files are whose, and where their rows go.

Broken configuration is a strict_yaml.ConfigError that names file, line and key.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from ..strict_yaml import Document, read, validate
from .file_pattern import FilePattern


class Selection(StrEnum):
    """Which of the matching files count."""

    LATEST_BY_YEAR_MONTH = "latest_by_year_month"  # the one file of the newest month
    LATEST_BY_MTIME = "latest_by_mtime"  # the one file written last
    # One file for each month: the highest V<n> folder under 数据采集, else the newest.
    LATEST_BY_YEAR_MONTH_AND_VERSION = "latest_by_year_month_and_version"
    ALL = "all"


def _usable_pattern(source: str) -> str:
    FilePattern(source)
    return source


def _sheet(value: object) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and value.strip():
        return value
    raise ValueError("is a sheet's number, from 0, or its name")


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"names {', '.join(doubled)} more than once")
    return names


def _dotted(extensions: tuple[str, ...]) -> tuple[str, ...]:
    for extension in extensions:
        if not extension.startswith(".") or len(extension) < 2:
            raise ValueError(f"{extension!r} is not an extension such as .xlsx")
    return tuple(extension.lower() for extension in extensions)


Name = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Name, ...], AfterValidator(_distinct)]


class _Section(BaseModel):
    # Built at first use: a sensor module imports this at start-up.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Validation(_Section):
    """The limits that the data-quality sensor and the loader hold a file against."""

    min_rows: int = Field(default=1, ge=0)
    max_file_age_days: int = Field(default=45, ge=1)
    max_refused_share: float = Field(default=0.5, ge=0, le=1)


class Discovery(_Section):
    """Where to look. Names are compared without regard to case; `*` and `?` are wildcards.

    max_depth: folders below the landing folder; 0 is the landing folder alone.
    follow_symlinks: for links to files and to folders alike.
    """

    extensions: Annotated[Names, AfterValidator(_dotted), Field(min_length=1)] = (".xlsx", ".xlsm")
    excluded_directories: Names = ("backup", "bak", "archive", "old", "temp")
    ignored_names: Names = ("~$*", ".*", "*.tmp", "*.part")
    max_depth: int = Field(default=10, ge=0)
    follow_symlinks: bool = False


class DomainConfig(_Section):
    """One domain: its files, its table, its limits."""

    pattern: Annotated[str, AfterValidator(_usable_pattern)]
    select: Selection = Selection.LATEST_BY_YEAR_MONTH_AND_VERSION
    sheet: Annotated[int | str, BeforeValidator(_sheet)] = 0
    table: Name
    pk: Annotated[Names, Field(min_length=1)]
    required_columns: Names = ()
    validation: Validation = Validation()
    discovery: Discovery = Discovery()

    @cached_property
    def file_pattern(self) -> FilePattern:
        return FilePattern(self.pattern)


class _Sources(_Section):
    domains: Annotated[dict[str, DomainConfig], Field(min_length=1)]


class DataSources:
    """The configured domains, by name."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.domains = validate(document, _Sources).domains

    def domain(self, name: str) -> DomainConfig:
        """Raises ConfigError, naming the known ones, when there is no such domain."""
        if name not in self.domains:
            known = ", ".join(sorted(self.domains))
            raise self._document.error(("domains",), f"has no {name!r}; it has {known}")
        return self.domains[name]


def load_data_sources(path: Path | None = None) -> DataSources:
    """The file, read again whenever it has changed.

    path: WDH_DATA_SOURCES_CONFIG, else the one in the package, when not given.
    Raises ConfigError.
    """
    if path is None:
        from .settings import get_settings

        path = get_settings().data_sources_config
    try:
        status = path.stat()
    except OSError:
        return DataSources(read(path))  # says what is wrong with it
    return _read(path, (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino))


@lru_cache(maxsize=8)
def _read(path: Path, _identity: tuple[int, ...]) -> DataSources:
    return DataSources(read(path))
