"""Options that more than one command takes."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON document instead of tables.")]
Domain = Annotated[str, typer.Option("--domain", help="A domain of data_sources.yml.")]
