"""What the rivals of coordination cost, and how far its own totals and tolls can be trusted."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from evlib import load_scenario
from evlib.folders import RESULTS
from evlib.results.accounts.waterfall import waterfall_row, waterfall_table
from evlib.solve_scenario import solve
from study.experiments.fair_case.starts import spread_of_starts
from study.experiments.fair_case.toll_error import errors_of, toll_summary

__all__ = ["count_steps", "measure_informed", "measure_starts", "measure_tolls", "measure_waterfall"]


def measure_informed() -> tuple[float]:
    """Total cost of the base case's day with informed drivers, smart charging as on the waterfall [CNY]."""
    return (waterfall_row(solve(load_scenario("nguyen"), "informed", "smart"))["total_cny"],)


def measure_waterfall(folder: Path = RESULTS) -> tuple[float]:
    """How many steps of the committed waterfall have a value between two settled runs; nan before it was made."""
    file = folder / "waterfall_nguyen.csv"
    return (count_steps(pd.read_csv(file, comment="#")) if file.is_file() else math.nan,)


def measure_starts(folder: Path = RESULTS) -> tuple[float]:
    """Spread of totals over the committed starts, the larger of both objectives [CNY]; nan before it was made."""
    file = folder / "starts_nguyen.csv"
    if not file.is_file():
        return (math.nan,)
    return (float(spread_of_starts(pd.read_csv(file, comment="#"))["spread_cny"].max()),)


def measure_tolls() -> tuple[float]:
    """Error of tolls at the largest flows of the base case, coordinated anew, as a share of own time and queue cost."""
    return (toll_summary(errors_of(load_scenario("nguyen")))["toll_error_share"],)


def count_steps(runs: pd.DataFrame) -> int:
    """Steps, over all shares of followers, whose two runs have both converged or need not.

    Parameters
    ----------
    runs : DataFrame
        Rows of :func:`evlib.results.accounts.waterfall.waterfall_row`.
    """
    table = waterfall_table(runs)
    sound = table["converged"].fillna(1.0) == 1.0
    before = sound.groupby(table["follow"]).shift(fill_value=False)
    return int((sound & before).sum())
