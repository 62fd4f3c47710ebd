"""Quantities that prose may quote, each computed from the committed tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.folders import RESULTS

__all__ = ["COUNTS", "FRACTIONS", "QUANTITIES", "Quantity", "count_words", "fraction_words", "table"]

FRACTIONS = {
    "next to nothing": 0.0,
    "a tenth": 1 / 10,
    "a fifth": 1 / 5,
    "a quarter": 1 / 4,
    "three tenths": 3 / 10,
    "a third": 1 / 3,
    "two fifths": 2 / 5,
    "half": 1 / 2,
    "three fifths": 3 / 5,
    "two thirds": 2 / 3,
    "seven tenths": 7 / 10,
    "three quarters": 3 / 4,
    "four fifths": 4 / 5,
    "nine tenths": 9 / 10,
    "all": 1.0,
}
VEHICLES = 1200
COUNTS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True)
class Quantity:
    """A number that prose may quote.

    Attributes
    ----------
    value : callable
        Takes `table` and returns the number.
    form : str or callable
        A format specification such as ``",.0f"``, or a function to text.
    """

    value: Callable[[Callable[[str], pd.DataFrame]], float]
    form: str | Callable[[float], str] = ",.0f"


def table(name: str) -> pd.DataFrame:
    """A committed table of ``data/results``."""
    return pd.read_csv(RESULTS / f"{name}.csv", comment="#")


def fraction_words(value: float) -> str:
    """A share in words, by the nearest simple fraction.

    Raises
    ------
    InputError
        No simple fraction lies within 0.04: give a number.

    Examples
    --------
    >>> fraction_words(0.599)
    'three fifths'
    """
    word, nearest = min(FRACTIONS.items(), key=lambda item: abs(item[1] - value))
    if not abs(nearest - value) <= 0.04:
        raise InputError(f"share {value:.3g}: no simple fraction is within 0.04 of it; quote a number of per cent")
    return word


def percent(value: float) -> str:
    """A share as a whole number of per cent, without its sign."""
    return f"{100 * value:.0f}"


def whole(value: float) -> str:
    """A number without decimals; 0 has no sign.

    Examples
    --------
    >>> whole(-0.3), whole(-1.6)
    ('0', '-2')
    """
    return f"{round(value) + 0:,d}"


def hundreds(value: float) -> str:
    """A number to the next hundred."""
    return f"{round(value, -2):,.0f}"


def count_words(value: float) -> str:
    """A count in words up to twelve, in digits beyond.

    Examples
    --------
    >>> count_words(0), count_words(73)
    ('none', '73')
    """
    return COUNTS[int(value)] if value < len(COUNTS) else f"{value:,.0f}"


def _cell(rows: pd.DataFrame, column: str, **where) -> float:
    for key, value in where.items():
        rows = rows[rows[key] == value]
    if len(rows) != 1:
        raise InputError(f"{column} where {where}: {len(rows)} rows; must be one")
    return float(rows[column].iloc[0])


def _run(run: str, column: str = "total_cny", form: str = ",.0f") -> Quantity:
    return Quantity(lambda table: _cell(table("runs_nguyen"), column, run=run), form)


def _total(table, strategy: str, charging: str = "v2g", follow: float = 1.0) -> float:
    return _cell(table("waterfall_nguyen"), "total_cny", strategy=strategy, charging=charging, follow=follow)


def _step(before: tuple[str, str], after: tuple[str, str], form=fraction_words) -> Quantity:
    """Share of one step in what all steps together save, V2G as the last one."""

    def value(table) -> float:
        whole = _total(table, "shortest_path", "smart") - _total(table, "coordinated")
        return (_total(table, *before) - _total(table, *after)) / whole

    return Quantity(value, form)


def _step_cny(before: tuple[str, str], after: tuple[str, str]) -> Quantity:
    """What one step saves [CNY]."""
    return Quantity(lambda table: _total(table, *before) - _total(table, *after))


def _less(column: str) -> Quantity:
    """By how much a cost of the day on nearest stations is lower when coordinated [%]."""

    def value(table) -> float:
        old, new = (_cell(table("runs_nguyen"), column, run=run) for run in ("nearest", "coordinated"))
        return 100 * (1 - new / old)

    return Quantity(value)


def _saved(before: str, after: str) -> Quantity:
    """Difference of two runs' totals, to the next hundred [CNY]."""

    def value(table) -> float:
        return _cell(table("runs_nguyen"), "total_cny", run=before) - _cell(
            table("runs_nguyen"), "total_cny", run=after
        )

    return Quantity(value, hundreds)


def _followers(share: float, strategy: str = "coordinated") -> Quantity:
    """What some bring, of what all bring who follow the coordinated signal."""

    def value(table) -> float:
        nearest = _total(table, "shortest_path")
        return (nearest - _total(table, strategy, follow=share)) / (nearest - _total(table, "coordinated"))

    return Quantity(value, fraction_words)


def _payments_veh(share: float) -> Quantity:
    """Tolls and rents of a coordinated day [CNY per vehicle of the base case's]."""

    def value(table) -> float:
        rows, where = table("waterfall_nguyen"), {"strategy": "coordinated", "charging": "v2g", "follow": share}
        return sum(_cell(rows, f"{name}_cny", **where) for name in ("tolls", "rents")) / VEHICLES

    return Quantity(value)


def _beyond_storage(table) -> float:
    """Share of the settled draws in which nearest stations' queues do not fit on the roads."""
    return float((_settled(table)["nearest_beyond_storage"] > 1).mean())


def _settled(table) -> pd.DataFrame:
    draws = table("ensemble_nguyen")
    return draws[(draws["draw"] > 0) & draws["error"].isna() & (draws["coordinated_settled"] == 1)]


def _band(column: str, level: float) -> Quantity:
    return Quantity(lambda table: float(np.quantile(_settled(table)[column].dropna(), level)))


def _step_band(before: str, after: str, level: float) -> Quantity:
    """Quantile over settled draws of one step's share in what coordination saves, where that is 1 % of the cost or more."""

    def value(table) -> float:
        draws = _settled(table)
        saved = draws["nearest_total_cny"] - draws["coordinated_total_cny"]
        share = (draws[f"{before}_total_cny"] - draws[f"{after}_total_cny"]) / saved
        share = share[saved > 0.01 * draws["nearest_total_cny"]]
        return 100 * float(np.quantile(share, level))

    return Quantity(value, whole)


def _information(table) -> float:
    """Share of the settled draws in which knowing roads and queues brings a tenth or more of the saving."""
    draws = _settled(table)
    whole = draws["nearest_total_cny"] - draws["coordinated_total_cny"]
    return float((draws["nearest_total_cny"] - draws["informed_total_cny"] >= 0.1 * whole).mean())


# The steps of the waterfall in the base case, and in draws of the ensemble, whose vehicles always may discharge.
STEPS = {
    "information": (("shortest_path", "smart"), ("informed", "smart")),
    "prices": (("informed", "smart"), ("user", "smart")),
    "tolls": (("user", "smart"), ("coordinated", "smart")),
    "v2g": (("coordinated", "smart"), ("coordinated", "v2g")),
}
STEPS_OF_DRAWS = {
    "information": ("nearest", "informed"),
    "prices": ("informed", "user"),
    "tolls": ("user", "coordinated"),
}
LEVELS = {"low": 0.05, "median": 0.5, "high": 0.95}
QUANTITIES = {
    **{f"step_{name}_cny": _step_cny(*step) for name, step in STEPS.items()},
    **{f"percent_of_{name}": _step(*step, percent) for name, step in STEPS.items()},
    **{f"share_of_{name}": _step(*step) for name, step in STEPS.items()},
    **{
        f"draws_{name}_{end}": _step_band(*step, level)
        for name, step in STEPS_OF_DRAWS.items()
        for end, level in LEVELS.items()
    },
    "coordinated_cny": _run("coordinated"),
    "users_cny": _run("users"),
    "nearest_at_once_cny": _run("nearest, uncontrolled"),
    "moves_saved_cny": Quantity(lambda table: float(table("moves_nguyen")["saved_cny"].sum()), ".0f"),
    "excess_cny_veh": _run("coordinated", "excess_cny_veh", ".1g"),
    "relative_gap": _run("coordinated", "relative_gap", ".1g"),
    "users_relative_gap": _run("users", "relative_gap", ".1g"),
    "price_gap": _run("coordinated", "price_gap", ".0e"),
    "time_saved_percent": _less("time_queue_cny"),
    "grid_saved_percent": _less("grid_cny"),
    "coordination_saves": _saved("nearest", "coordinated"),
    "timing_saves": _saved("coordinated, uncontrolled", "coordinated, smart"),
    "share_by_one_in_five": _followers(0.2),
    "share_by_one_in_five_unpaid": _followers(0.2, "user"),
    "payments_one_in_five": _payments_veh(0.2),
    "nearest_smart_cny": _run("nearest, smart"),
    "draws_beyond_storage": Quantity(_beyond_storage, fraction_words),
    "draws": Quantity(lambda table: float((table("ensemble_nguyen")["draw"] > 0).sum())),
    "draws_settled": Quantity(lambda table: float(len(_settled(table)))),
    "draws_a3_low": _band("a3_local", 0.05),
    "draws_a3_median": _band("a3_local", 0.5),
    "draws_a3_high": _band("a3_local", 0.95),
    "draws_by_information": Quantity(_information, fraction_words),
    "draws_all_stations": Quantity(
        lambda table: float((_settled(table)["verdict_a11"] == "reproduced").sum()), count_words
    ),
    "draws_voltages": Quantity(
        lambda table: float((_settled(table)["verdict_a14"] == "reproduced").sum()), count_words
    ),
}
