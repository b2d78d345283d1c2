"""Each schedule: whether it is on, how its last tick went, when it is due."""

from __future__ import annotations

from .look import BAD, OF_STATUS, WARNING, coloured, steps
from .panels import Drawn, Size, Words
from .promql import LOCATION, latest
from .queries import rows
from .tables import Column, rows_of

SCHEDULE = ("location", "schedule_name")
# Below zero it is late; ScheduleMissed opens at 300 s.
DUE_IN = steps(BAD, {-300: WARNING, -120: "text"})


def schedules_table(size: Size) -> Drawn:
    ticked = latest("dagster_schedule_last_tick_status", *SCHEDULE, "status", match=LOCATION)
    last = latest("dagster_schedule_last_tick_timestamp_seconds", *SCHEDULE, match=LOCATION)
    due = latest("dagster_schedule_next_tick_timestamp_seconds", *SCHEDULE, match=LOCATION)
    return rows_of(
        Words(
            "Schedules",
            "Whether each is on, how its last tick went, when it is due; below zero it is late.",
            "各调度是否开启、上次触发结果、距下次触发还有多久（负数为晚点）。",
            none="no schedule",
        ),
        [
            Column("schedule_name", "Schedule"),
            Column("location", "Location"),
            Column("status", "State", mappings=coloured(OF_STATUS), width=90),
            Column("tick", "Last tick", mappings=coloured(OF_STATUS), width=90),
            Column("Value #C", "Ticked", unit="dateTimeFromNow", width=140, none="never"),
            Column(
                "Value #D",
                "Due in",
                unit="s",
                thresholds=DUE_IN.build(),
                width=110,
            ),
        ],
        rows(latest("dagster_schedule_status", *SCHEDULE, "status", match=LOCATION)),
        # The status of the tick beside that of the schedule.
        rows(f'sum without (status) (label_replace({ticked}, "tick", "$1", "status", "(.*)"))'),
        rows(f"1000 * {last}"),
        rows(f"{due} - time()"),
        size=size,
        sort="Due in",
    )
