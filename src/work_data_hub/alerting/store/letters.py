"""Dead letters in an operator's hands: told after all, or dropped."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, delete, select, update

from .. import troubles
from ..telling import told_from_text, told_to_text
from .conversations import *  # noqa
