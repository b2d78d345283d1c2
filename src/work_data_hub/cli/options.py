"""Options that more than one command takes."""

from __future__ import annotations

from getpass import getuser
from typing import Annotated

import typer


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # a container that runs under a number
        return "somebody"


Json = Annotated[bool, typer.Option("--json", help="One JSON document instead of tables.")]
By = Annotated[
    str, typer.Option("--by", help="Who you are; default: the user name.", default_factory=_user)
]
Comment = Annotated[str, typer.Option("--comment", help="Why.")]
Domain = Annotated[str, typer.Option("--domain", help="A domain of data_sources.yml.")]
