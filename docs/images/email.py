"""Makes email.png and email-zh.png: `.venv/bin/python -m docs.images.email`, with chromium.

Nothing in them is drawn. Under `dagster dev` a month of the example's prices is loaded, its file
goes away, the image changes, the month is loaded again: they show the mail that comes of it.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.alerting.mail_server import MailServer
from tests.observability.dagster_dev import DagsterDev, dagster_dev, wait_until

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples" / "another-team"
WIDTH_AND_HEIGHT = "820,720"
PATIENCE_S = 300.0

ALERTS = """
global: {smtp_from: wdh@example.com, smtp_smarthost: '<<', smtp_require_tls: false}
route:
  receiver: english
  group_by: [alertname, job]
  group_wait: 0s
  routes:
    - {receiver: english, continue: true}
    - {receiver: chinese}
receivers:
  - name: english
    email_configs: [{to: en@example.com}]
  - name: chinese
    language: zh
    email_configs: [{to: zh@example.com}]
"""
ENVIRONMENT = {
    "WDH_DAGSTER_URL": "https://dagster.example.com",
    "WDH_RUNBOOK_URL": "https://wiki.example.com/runbooks",
    "WDH_TELL_SUCCESSES": "monthly_prices",
}


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="prices-") as name,
        MailServer(starttls=False) as server,
    ):
        project = Path(shutil.copytree(EXAMPLE, Path(name, "project")))
        code = project / "prices.py"
        adopted = code.read_text(encoding="utf-8")
        code.write_text(adopted.replace("_definitions()", "_definitions(interval_s=1)"))
        (project / "alerts.yml").write_text(ALERTS.replace("<<", server.smarthost))
        home = Path(name, "home")
        home.mkdir()
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        prices = project / "2024-11.csv"
        prices.write_text("price\n1.1\n1.2\n")
        environ = {**ENVIRONMENT, "PRICES_DIR": str(project)}
        with dagster_dev(project / "workspace.yaml", home, environ) as dagster:
            load(dagster, image="prices:1.4")
            wait_until(lambda: len(server.mails) == 2, seconds=PATIENCE_S, what="it succeeds")
            prices.unlink()
            load(dagster, image="prices:1.5")
            wait_until(lambda: len(server.mails) == 4, seconds=PATIENCE_S, what="it fails")
        for mail in server.mails[2:]:
            language = mail.recipients[0].partition("@")[0]
            page = Path(name, f"{language}.html")
            page.write_text(mail.html, encoding="utf-8")
            shoot(page, HERE / ("email.png" if language == "en" else f"email-{language}.png"))


def load(dagster: DagsterDev, *, image: str) -> None:
    tags = {"dagster/partition": "2024-11-01", "dagster/image": image}
    dagster.launch("monthly_prices", location="prices", tags=tags)


def shoot(page: Path, picture: Path) -> None:
    browser = ("chromium", "--headless", "--no-sandbox", "--hide-scrollbars")
    size = f"--window-size={WIDTH_AND_HEIGHT}"
    command = [*browser, size, f"--screenshot={picture}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603


if __name__ == "__main__":
    main()
