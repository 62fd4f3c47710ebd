"""Days in real time on the hand-made case, whose plans take a fraction of a second: a distribution instead of two days."""

from __future__ import annotations

from pathlib import Path

from evlib import load_scenario
from evlib.folders import RESULTS, build_dir
from study.experiments.provenance import run_hash
from study.experiments.real_time_days import DAYS, SEEDS, table_of_days, write_days

__all__ = ["MINI_FILE", "REPLANS", "scenario_of_days", "write"]

MINI_FILE = "real_time_mini.csv"
# The rest of the day is planned anew in every step, until both gaps are small or after six iterations.
REPLANS = {
    "coordination.replan_every_steps": 1,
    "coordination.replan_iterations": 6,
    "coordination.replan_relative_gap": 5e-3,
    "coordination.replan_price_gap": 1e-3,
}


def scenario_of_days():
    """The hand-made case, and how far plans are worked out."""
    return load_scenario("mini").replace(REPLANS)


def write(folder: Path = RESULTS) -> Path:
    """Run a hundred days of the hand-made case and write the table; what was run by the same code is not run again."""
    scenario, code = scenario_of_days(), run_hash(__name__)
    table = table_of_days(scenario, DAYS, SEEDS, folder=build_dir() / "real_time_mini" / code[:16])
    every = "planned anew in every step of 5 min, at most 6 iterations until gaps of 5e-3 and 1e-3"
    return write_days(MINI_FILE, table, scenario, code, every, folder)
