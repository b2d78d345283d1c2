"""The router of a process that stays: over alerts.yml as it is now, or as it last was sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..alerting import AlertRouter
from ..alerting.errors import ConfigError
from ..alerting.logs import logger

log = logger(__name__)


@dataclass(frozen=True)
class _Stamp:
    """What changes when a file does, also when it is replaced by one of the same age."""

    modified_ns: int
    size: int
    inode: int


class LiveRouter:
    """Rereads alerts.yml when it changes; goes on with the old one while the new one is bad.

    `refresh` is for one thread; `router` may be read in any, afresh for each piece of work.
    """

    def __init__(
        self,
        path: Path,
        store_url: str,
        *,
        load: Callable[[Path, str], AlertRouter] = AlertRouter.from_file,
    ) -> None:
        """Raises ConfigError where alerts.yml is bad from the start."""
        self.path = path
        self._url = store_url
        self._load = load
        self._stamp = _stamp(path)
        self.router = load(path, store_url)
        self.problem: ConfigError | None = None

    def refresh(self) -> None:
        """Take up what changed. `problem` says why it could not be; None when all is well."""
        stamp = _stamp(self.path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            fresh = self._load(self.path, self._url)
        except ConfigError as err:
            self.problem = err
            log.warning("config.invalid", file=str(self.path), faults=len(err.faults))
            return
        self.problem = None
        old, self.router = self.router, fresh
        old.close()
        log.info("config.reloaded", file=str(self.path), digest=fresh.config.digest)

    def close(self) -> None:
        self.router.close()


def _stamp(path: Path) -> _Stamp | None:
    """None where there is no such file: then what is built in is used."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return _Stamp(found.st_mtime_ns, found.st_size, found.st_ino)
