"""`make env`: writes .env, the passwords of docker compose, once.

Its names begin with STACK_: `dagster dev` reads an .env of its directory into its environment, and
nothing here may change what it does.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

PASSWORDS = ("POSTGRES", "DAGSTER", "WAREHOUSE", "ALERTS", "GRAFANA")

BELOW = """\
# Grafana's user is admin.

# What is not set is off. `dagster dev` in this folder reads this file as well.
#SLACK_BOT_TOKEN=
#SLACK_CHANNEL=
#SLACK_WEBHOOK_URL=
#ALERT_WEBHOOK_URL=
#WATCHDOG_URL=
#ALERT_EMAIL_TO=
#SMTP_FROM=
#SMTP_SMARTHOST=
#SMTP_REQUIRE_TLS=
#SMTP_AUTH_USERNAME=
#SMTP_AUTH_PASSWORD=

# Every other setting: docs/deploy.md
#STACK_SAMPLE_DATA=false
#STACK_LANDING_FOLDER=/path/to/the/landing/folder
"""


def text() -> str:
    """A fresh file: hexadecimal passwords of 192 bits, which need no quoting in a URL."""
    lines = [f"STACK_{name}_PASSWORD={secrets.token_hex(24)}" for name in PASSWORDS]
    return (
        "# Made by `make env`: the passwords of docker compose. Keep it; it is made only once.\n"
        + ("\n".join(lines) + "\n" + BELOW)
    )


def write(path: Path) -> bool:
    """False when there is one, which stays as it is. Nobody but its owner may read it."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text())
    return True


def main(path: Path) -> None:
    said = "written, with new passwords" if write(path) else "is there already, and stays as it is"
    print(f"{path} {said}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ".env"))
