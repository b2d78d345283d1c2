"""`wdh`: the command line of both halves, the pipeline and the alert router."""

from __future__ import annotations

import sys

import typer

from .alerts import alerts_app
from .files import files_app, quarantine_app, sources_app
from .run import demo, run, sample_data
from .serve import serve

app = typer.Typer(
    name="wdh",
    help="WorkDataHub: load the trustees' workbooks, and tell the right person when it fails.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(run)
app.add_typer(files_app)
app.add_typer(quarantine_app)
app.command("sample-data")(sample_data)
app.add_typer(sources_app)
app.add_typer(alerts_app)
app.command()(serve)
app.command(hidden=True)(demo)


def main() -> None:
    """Run a command. A user's mistake is one clear sentence and exit code 1, no traceback."""
    try:
        app()
    except Exception as err:
        if not _is_users_to_mend(err):
            raise
        print(f"wdh: {err}", file=sys.stderr)  # noqa: T201
        sys.exit(1)


def _is_users_to_mend(err: Exception) -> bool:
    """Errors whose text says what to do: configuration, files, warehouse, router."""
    from ..alerting.errors import AlertingError
    from ..domain.errors import InputError
    from ..io.errors import PipelineError
    from ..strict_yaml import ConfigError
    from .errors import Mistake

    return isinstance(err, (Mistake, ConfigError, PipelineError, AlertingError, InputError))
