"""The report that the board reads. It says nothing of alerts, and is watched all the same."""

from dagster import Definitions, job, op


@op
def open_template() -> str:
    raise RuntimeError("the template was moved")


@op
def fill_in(template: str) -> None:
    del template


@job(tags={"owner": "reports@example.com"})
def board_report() -> None:
    fill_in(open_template())


defs = Definitions(jobs=[board_report])
