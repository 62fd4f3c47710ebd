"""Times of a day in real time as other programs write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

__all__ = ["stamp"]

NO_DAY = "2000-01-01"


def stamp(day, step: int) -> str:
    """Beginning of a step as ``YYYY-MM-DDTHH:MM:SSZ``.

    The clock of the scenario is written as if it were UTC. A day without a date is the first of January 2000.
    """
    time = day.base.network.time
    date = day.weather.label if re.fullmatch(r"\d{4}-\d{2}-\d{2}", day.weather.label) else NO_DAY
    moment = datetime.fromisoformat(date) + timedelta(minutes=time.start_min + step * time.step_min)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
