"""From the nearest station to the coordinated day, one kind of information or incentive at a time: what each is worth."""

from __future__ import annotations

import math

import pandas as pd

from evlib.errors import InputError
from evlib.results.accounts.payments import payments_cny
from evlib.results.accounts.road_storage import largest_factor

__all__ = ["LADDERS", "STEPS", "waterfall_row", "waterfall_table"]

# What drivers know or face more than on the step before, and the strategy that has it.
STEPS = {
    "nearest": "shortest_path",
    "information": "informed",
    "time of use": "informed_tou",
    "local prices": "user",
    "tolls and rents": "coordinated",
}
_SMART, _V2G = ([(step, name, charging) for step, name in STEPS.items()] for charging in ("smart", "v2g"))
# Steps with strategy and charging, V2G as the last one or the first.
LADDERS = {
    "V2G last": (*_SMART, ("V2G", "coordinated", "v2g")),
    "V2G first": (("nearest", "shortest_path", "smart"), ("V2G", "shortest_path", "v2g"), *_V2G[1:]),
}
_COSTS = {
    "time_queue_cny": "drivers: time and queue",
    "grid_cny": "grid: total",
    "after_horizon_cny": "drivers: electricity after the horizon",
    "total_cny": "society: time and queue plus grid",
}
_MEASURES = ("excess_cny_veh", "relative_gap", "price_gap", "own_excess_cny_veh")


def waterfall_row(result) -> dict:
    """The numbers of one run from which the waterfall is read, with its certificate.

    Parameters
    ----------
    result : Result
        Of a strategy of `STEPS`, or ``snapshot``.

    Returns
    -------
    dict
        ``follow`` (share of drivers who follow the signal), ``strategy``, ``charging``; costs [CNY]; ``tolls_cny`` and
        ``rents_cny``, which are transfers and in no total; ``driven_mwh``; ``excess_cny_veh``, ``relative_gap``,
        ``price_gap``, ``own_excess_cny_veh`` from the certificate (nan where a strategy has none); ``converged`` (1 or
        0; nan for a strategy that is defined without an equilibrium); ``beyond_storage`` (vehicles over room on the worst
        road that has too many; 0 if all fit, nan if the room is not known); ``unsettled_cny``, the excess of all
        followers.

    Raises
    ------
    InputError
        A coordinated run without tolls.
    """
    scenario, certificate = result.scenario, result.certificate
    if result.strategy == "coordinated" and scenario.switches.objective != "system":
        raise InputError(
            f"switches.objective: {scenario.switches.objective!r}; must be 'system', or strategy 'coordinated' has no tolls"
        )
    costs = result.tables["costs"].set_index("item")["cost_cny"]
    follow, vehicles = scenario.fleet.compliance, float(result.tables["paths"]["departures_veh"].sum())
    settles = result.strategy not in ("shortest_path", "snapshot")
    measures = {name: getattr(certificate, name) if settles else math.nan for name in _MEASURES}
    energy = result.tables.get("energy")
    return {
        "follow": follow,
        "strategy": result.strategy,
        "charging": result.charging,
        **{name: float(costs[item]) for name, item in _COSTS.items()},
        **payments_cny(result),
        "driven_mwh": 0.0 if energy is None else float(energy["driven_kwh"].sum()) / 1000,
        **measures,
        "converged": float(certificate.converged) if settles else math.nan,
        "beyond_storage": largest_factor(certificate),
        "unsettled_cny": measures["excess_cny_veh"] * follow * vehicles if settles else 0.0,
    }


def waterfall_table(runs: pd.DataFrame, ladder: str = "V2G last") -> pd.DataFrame:
    """Value of each step: how much less the day costs than on the step before.

    Parameters
    ----------
    runs : DataFrame
        Rows of :func:`waterfall_row`, for one or more shares of followers.
    ladder : {"V2G last", "V2G first"}
        Order of the steps; the value of a step depends on what is there already.

    Returns
    -------
    DataFrame
        ``follow``, ``step``, ``strategy``, ``charging``, ``total_cny``, ``value_cny`` (total before less total; nan on
        the first step), ``share`` of what all steps save, ``payments_cny`` (tolls and rents, in no total),
        ``relative_gap``, ``price_gap``, ``converged``, ``beyond_storage`` (of this run), ``unsettled_cny`` (of both
        runs).

    Raises
    ------
    InputError
        An unknown ladder; a run that is missing or there twice.

    Notes
    -----
    Values add up to the difference between the first day and the last one. ``unsettled_cny`` tells how far both runs
    are from settled, in what drivers could save; it is no bound on the error of a value.
    """
    if ladder not in LADDERS:
        raise InputError(f"ladder {ladder!r}; must be one of {', '.join(LADDERS)}")
    parts = [_of_share(runs[runs["follow"] == share], share, ladder) for share in sorted(runs["follow"].unique())]
    return pd.concat(parts, ignore_index=True)


def _of_share(runs: pd.DataFrame, share: float, ladder: str) -> pd.DataFrame:
    chosen = []
    for step, strategy, charging in LADDERS[ladder]:
        found = runs[(runs["strategy"] == strategy) & (runs["charging"] == charging)]
        if len(found) != 1:
            raise InputError(f"runs: {len(found)} of {strategy}, {charging}, with {share:g} following; must be one")
        chosen.append(found.iloc[0].to_dict() | {"step": step})
    table = pd.DataFrame(chosen)
    table["value_cny"] = -table["total_cny"].diff()
    table["share"] = table["value_cny"] / table["value_cny"].sum()
    table["payments_cny"] = table["tolls_cny"] + table["rents_cny"]
    table["unsettled_cny"] = table["unsettled_cny"].rolling(2, min_periods=1).sum()
    columns = ["follow", "step", "strategy", "charging", "total_cny", "value_cny", "share", "payments_cny"]
    return table[[*columns, "relative_gap", "price_gap", "converged", "beyond_storage", "unsettled_cny"]]
