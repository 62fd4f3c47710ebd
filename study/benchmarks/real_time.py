"""How fast a day in real time is planned anew, how much memory it takes, and what it costs beside the day-ahead plan."""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import replace
from pathlib import Path

from evlib import load_scenario
from evlib.coordination.real_time.perfect import perfect_day
from evlib.coordination.real_time.run import real_time
from evlib.files import write_text

__all__ = ["DAY", "measure_real_time"]

DAY = "2020-07-15"


def measure_real_time() -> tuple[float, float, float, float]:
    """The base case on its own day, with real forecasts and whole vehicles, signal ``promised``.

    Returns
    -------
    replan_s : float
        The longest step after the first: plan, signal and dispatch, wall time [s]. There are 300 s.
    real_time_day_s : float
        All 96 steps [s].
    real_time_over_day_ahead : float
        Total cost over that of the same day with perfect foresight.
    peak_gib : float
        Peak memory of this process [GiB].
    """
    scenario = load_scenario("nguyen")
    run = real_time(scenario, signal="promised", day=DAY)
    perfect = perfect_day(replace(run.day, signal="predicted"))
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return (
        max(run.replan_s[1:]),
        sum(run.replan_s),
        run.accounts["total_cny"] / perfect.total_cny,
        peak_gib,
    )


if __name__ == "__main__":
    write_text(Path(sys.argv[1]), json.dumps(measure_real_time()))
