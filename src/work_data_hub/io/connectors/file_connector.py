"""Which files of a domain are in the landing folder."""

from __future__ import annotations

import os.path
import re
import unicodedata
from pathlib import Path

from ...config.data_sources import DomainConfig, load_data_sources
from ..errors import FileUnreadable
from .discovered_file import DiscoveredFile
from .landing_folder import LandedFile, landed_files
from .selection import selected

# Collected data lies in 数据采集/V1, 数据采集/V2 ...: a higher one replaces a lower one.
COLLECTION_FOLDER = "数据采集"
_VERSION = re.compile(r"v(\d+)", re.IGNORECASE)


class DataSourceConnector:
    """Finds the files of a domain as data_sources.yml describes them; opens none.

    config_path: another data_sources.yml than the settings name.
    """

    def __init__(self, config_path: str | Path | None = None) -> None:
        self._config_path = None if config_path is None else Path(config_path)

    def discover(self, domain: str) -> list[DiscoveredFile]:
        """The selected files, newest first (year, month, version, mtime); [] when there are none.

        Raises ConfigError (also for an unknown domain), LandingFolderMissing,
        LandingFolderUnreadable.
        """
        config, root = self._domain(domain)
        pattern = config.file_pattern
        landed = landed_files(str(root), rules=config.discovery, month_of=pattern.month_of)
        return selected([_discovered(domain, file) for file in landed], config.select)

    def describe(self, domain: str, path: str | Path) -> DiscoveredFile:
        """A file by its path, whether discovery would select it or not.

        One that is gone has modified_time 0 and no size, ctime or inode; reading it says so.
        Raises ConfigError, and FileUnreadable when its name holds no month.
        """
        config, root = self._domain(domain)
        file = Path(os.path.normpath(Path(path).expanduser().absolute()))
        month = config.file_pattern.month_of(file.name)
        if month is None:
            raise FileUnreadable(
                str(file),
                f"its name holds no month as {domain} writes it",
                f"文件名中没有 {domain} 约定写法的月份",
            )
        relative = (file.relative_to(root) if file.is_relative_to(root) else file).as_posix()
        try:
            status = file.stat()
        except (FileNotFoundError, NotADirectoryError):
            gone = {"modified_time": 0.0, **_named(str(file), file.name, relative)}
            return DiscoveredFile(domain, str(file), *month, gone)
        except OSError as err:
            problem = err.strerror or str(err)
            raise FileUnreadable(str(file), problem, f"无法查看：{problem}") from err
        return _discovered(domain, LandedFile(str(file), relative, file.name, month, status))

    def _domain(self, name: str) -> tuple[DomainConfig, Path]:
        """The domain as configured now, and the landing folder."""
        from ...config.settings import get_settings

        settings = get_settings()
        sources = load_data_sources(self._config_path or settings.data_sources_config)
        return sources.domain(name), settings.data_base_dir


def _discovered(domain: str, file: LandedFile) -> DiscoveredFile:
    seen = {
        "modified_time": file.status.st_mtime,
        "size": file.status.st_size,
        "ctime": file.status.st_ctime,
        "inode": file.status.st_ino,
        **_named(file.path, file.name, file.relative_path),
    }
    return DiscoveredFile(domain, file.path, *file.month, seen)


def _named(path: str, name: str, relative_path: str) -> dict[str, int | str]:
    return {"version": version_of(path), "filename": name, "relative_path": relative_path}


def version_of(path: str) -> int:
    """The n of the V<n> folder that the file lies in, somewhere under 数据采集; 0 for none."""
    folders = unicodedata.normalize("NFKC", path).replace("\\", "/").split("/")[:-1]
    if COLLECTION_FOLDER not in folders:
        return 0
    below = folders[folders.index(COLLECTION_FOLDER) + 1 :]
    versions = [match[1] for folder in below if (match := _VERSION.fullmatch(folder))]
    return int(versions[-1]) if versions else 0


__all__ = ["DataSourceConnector", "DiscoveredFile", "version_of"]
