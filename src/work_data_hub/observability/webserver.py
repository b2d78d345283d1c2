"""What only Dagster's webserver knows: which code locations load, and what is scheduled in them."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from ..alerting.http import HttpSession
from ..alerting.sink import Deadline
from .dagster_api.instigators import Name

DEADLINE_S = 10.0
# A thousand schedules and sensors are some 300 kB.
MAX_ANSWER_BYTES = 8 << 20

QUERY = """
query WdhWorkspace {
  workspaceOrError {
    __typename
    ... on PythonError { message }
    ... on Workspace {
      locationEntries {
        name
        locationOrLoadError {
          __typename
          ... on RepositoryLocation {
            repositories {
              schedules { name cronSchedule executionTimezone scheduleState { status } }
              sensors { name sensorState { status } }
            }
          }
        }
      }
    }
  }
}
"""


class WebserverError(Exception):
    """It did not answer, or with something else than what was asked."""


@dataclass(frozen=True)
class ScheduleCode:
    """A schedule as its code has it. running: its switch, or where nobody touched it the code."""

    cron: tuple[str, ...]
    timezone: str
    running: bool


@dataclass(frozen=True)
class Workspace:
    """load_errors: of each code location whether it fails to load; none that is still loading."""

    load_errors: Mapping[str, bool] = field(default_factory=dict)
    schedules: Mapping[Name, ScheduleCode] = field(default_factory=dict)
    sensors: Mapping[Name, bool] = field(default_factory=dict)


@dataclass
class Webserver:
    """Asks the webserver at this URL, one exchange at a time."""

    url: str
    deadline_s: float = DEADLINE_S
    session: HttpSession = field(default_factory=HttpSession)

    def workspace(self) -> Workspace:
        """Raises WebserverError, or DeliveryError where nothing answers in time."""
        answer = self.session.post(
            f"{self.url.rstrip('/')}/graphql",
            json.dumps({"query": QUERY}).encode(),
            headers={"Content-Type": "application/json"},
            deadline=Deadline(self.deadline_s),
            max_bytes=MAX_ANSWER_BYTES,
        )
        if answer.status != HTTPStatus.OK:
            raise WebserverError(f"HTTP {answer.status}")
        try:
            said = json.loads(answer.body)["data"]["workspaceOrError"]
            if said["__typename"] != "Workspace":
                raise WebserverError(str(said.get("message") or said["__typename"])[:300])
            return _workspace(said["locationEntries"])
        except (ValueError, KeyError, TypeError) as err:
            raise WebserverError("its answer is not that of Dagster's webserver") from err


def _workspace(entries: Sequence[Mapping[str, Any]]) -> Workspace:
    loaded = [entry for entry in entries if entry["locationOrLoadError"] is not None]
    return Workspace(
        load_errors={
            entry["name"]: entry["locationOrLoadError"]["__typename"] != "RepositoryLocation"
            for entry in loaded
        },
        schedules={
            name: ScheduleCode(
                cron=_crons(schedule["cronSchedule"]),
                timezone=schedule["executionTimezone"] or "UTC",
                running=schedule["scheduleState"]["status"] == "RUNNING",
            )
            for name, schedule in _all(loaded, "schedules")
        },
        sensors={
            name: sensor["sensorState"]["status"] == "RUNNING"
            for name, sensor in _all(loaded, "sensors")
        },
    )


def _all(entries: Sequence[Mapping[str, Any]], kind: str) -> Iterator[tuple[Name, Any]]:
    for entry in entries:
        for repository in entry["locationOrLoadError"].get("repositories", ()):
            for one in repository[kind]:
                yield Name(entry["name"], one["name"]), one


def _crons(text: str) -> tuple[str, ...]:
    """Dagster writes several cron expressions as Python writes a list."""
    if not text.startswith("["):
        return (text,)
    return tuple(str(cron) for cron in ast.literal_eval(text))
