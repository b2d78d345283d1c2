"""The walk through the landing folder: every file whose name is wanted, with its stat.

Only wanted files are looked at; of the others nothing but the name is read. What vanishes during
the walk was not there. What cannot be read is an error, for nobody knows what is missed.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from unicodedata import normalize

from ...config.data_sources import Discovery
from ..errors import LandingFolderMissing, LandingFolderUnreadable

NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
WINDOWS_LINK_IN_A_CIRCLE = 1921  # ERROR_CANT_RESOLVE_FILENAME, in place of ELOOP
Month = tuple[int, int]


@dataclass(frozen=True)
class LandedFile:
    """A wanted file. `relative_path` is to the landing folder, with slashes on any platform."""

    path: str
    relative_path: str
    name: str
    month: Month
    status: os.stat_result


@dataclass(frozen=True)
class _Folder:
    path: str
    prefix: str  # of the relative paths in it: "" or "2024/V1/"
    depth: int


def landed_files(
    root: str, *, rules: Discovery, month_of: Callable[[str], Month | None]
) -> Iterator[LandedFile]:
    """The files under `root`, in no particular order.

    Where links are followed, each folder is walked once: by its own path where it has one.
    Raises LandingFolderMissing, LandingFolderUnreadable.
    """
    walk = _Walk(rules, month_of)
    folders = [_Folder(root, "", 0)]
    links: list[_Folder] = []
    seen: set[tuple[int, int] | str] = set()
    while folders or links:
        if not folders:
            links.sort(key=lambda link: link.prefix, reverse=True)
        folder = folders.pop() if folders else links.pop()
        try:
            if rules.follow_symlinks:
                if (identity := _identity(folder.path)) in seen:
                    continue
                seen.add(identity)
            wanted = walk.read(folder, folders, links)
        except (FileNotFoundError, NotADirectoryError) as err:
            if folder.path == root:
                raise LandingFolderMissing(root) from err
            continue
        except OSError as err:
            raise LandingFolderUnreadable(folder.path, err.strerror or str(err)) from err
        for entry, month in wanted:
            if not _is_utf8(entry.path):
                shown = os.fsencode(entry.path).decode(errors="replace")
                raise LandingFolderUnreadable(shown, "its name is not UTF-8; rename it")
            status = _status(entry.path)
            if status is not None and stat.S_ISREG(status.st_mode):
                yield LandedFile(entry.path, folder.prefix + entry.name, entry.name, month, status)


class _Walk:
    def __init__(self, rules: Discovery, month_of: Callable[[str], Month | None]) -> None:
        self._follow = rules.follow_symlinks
        self._max_depth = rules.max_depth
        self._extensions = rules.extensions
        self._month_of = month_of
        self._ignored = _any_of(rules.ignored_names)
        self._excluded = _any_of((*rules.excluded_directories, *rules.ignored_names))

    def read(
        self, folder: _Folder, folders: list[_Folder], links: list[_Folder]
    ) -> list[tuple[os.DirEntry[str], Month]]:
        """The wanted entries of one folder; the folders in it are added to the two lists."""
        wanted = []
        follow, month_of = self._follow, self._month_of
        with os.scandir(folder.path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    self._add(entry, folder, folders)
                elif follow and entry.is_symlink() and _is_folder(entry.path):
                    self._add(entry, folder, links)
                elif (month := month_of(entry.name)) and self._counts(entry):
                    wanted.append((entry, month))
        return wanted

    def _add(self, entry: os.DirEntry[str], folder: _Folder, to: list[_Folder]) -> None:
        if folder.depth < self._max_depth and not self._excluded(_plain(entry.name)):
            to.append(_Folder(entry.path, f"{folder.prefix}{entry.name}/", folder.depth + 1))

    def _counts(self, entry: os.DirEntry[str]) -> bool:
        return (
            entry.name.lower().endswith(self._extensions)
            and not self._ignored(_plain(entry.name))
            and (self._follow or not entry.is_symlink())
        )


def _is_utf8(path: str) -> bool:
    """Whether it can be written down: neither database nor message holds another name."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(name: str) -> str:
    return normalize("NFC", name).casefold()


def _any_of(globs: tuple[str, ...]) -> Callable[[str], re.Match[str] | None]:
    """A test for names in their plain form. No glob: no name."""
    return re.compile("|".join(translate(_plain(glob)) for glob in globs) or r"(?!)").match


def _identity(path: str) -> tuple[int, int] | str:
    """What tells folders apart. Some file systems number nothing; there it is the real path."""
    status = os.stat(path)  # noqa: PTH116  raises what os.scandir would
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)


def _is_folder(path: str) -> bool:
    status = _status(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def _status(path: str) -> os.stat_result | None:
    """None where nothing is: it has vanished, or it is a link that leads nowhere or in a circle.

    Not the DirEntry's own, which has no inode on Windows.
    """
    try:
        return os.stat(path)  # noqa: PTH116  a Path for each file costs more than its stat
    except OSError as err:
        if err.errno in NOTHING_THERE or getattr(err, "winerror", None) == WINDOWS_LINK_IN_A_CIRCLE:
            return None
        raise LandingFolderUnreadable(path, err.strerror or str(err)) from err
