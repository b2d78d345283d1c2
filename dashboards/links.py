"""Where a panel leads: Dagster's pages, the runbooks, the other dashboards."""

from __future__ import annotations

from dataclasses import dataclass

from grafana_foundation_sdk.models import dashboard

# Their values are addresses, so they stand in a link as they are.
DAGSTER = "${dagster:raw}"
RUNBOOKS = "${runbooks:raw}"


@dataclass(frozen=True)
class Link:
    """In a link of a table's cell, ${__data.fields["Title"]} is the value in that row's column."""

    title: str
    url: str

    def for_data(self) -> dashboard.DashboardLink:
        return dashboard.DashboardLink(
            title=self.title,
            type_val=dashboard.DashboardLinkType.LINK,
            icon="",
            tooltip="",
            url=self.url,
            tags=[],
            target_blank=True,
        )


RUNS_OF_JOB = Link("Runs in Dagster", f'{DAGSTER}/runs?q[0]=job:${{__data.fields["Job"]}}')
# Its title says where the page is, should nobody answer at that address.
RUNBOOK = Link(
    'What to do: docs/runbooks/${__data.fields["Alert"]}.md',
    f'{RUNBOOKS}/${{__data.fields["Alert"]}}.md',
)
