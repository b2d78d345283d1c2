"""How the router logs of itself: one line an outcome, the event first, then its fields."""

from __future__ import annotations

import logging
from typing import Any

import structlog


def logger(name: str) -> Any:
    """A structlog logger over the standard one of this name."""
    return structlog.wrap_logger(
        logging.getLogger(name),
        processors=[structlog.processors.KeyValueRenderer(key_order=["event"])],
    )
