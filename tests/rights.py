"""Tests of what may not be read or written do not run with root's rights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

NOBODY = 65_534


@contextmanager
def nobodys_rights() -> Iterator[None]:
    """Root may read and write anywhere, so where the tests run as root they are nobody here."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
