"""The value of coordination, discharging, information and compliance, each with what drivers could still gain."""

from __future__ import annotations

import math

import pandas as pd

from evlib.errors import InputError

__all__ = ["rounded", "run_row", "values_table"]

_COSTS = {
    "time_queue_cny": "drivers: time and queue",
    "grid_cny": "grid: total",
    "after_horizon_cny": "drivers: electricity after the horizon",
    "bill_cny": "drivers: electricity",
    "total_cny": "society: time and queue plus grid",
}
GROUP = "cost of "


def run_row(result, name: str) -> dict:
    """The numbers of one run from which values are computed.

    Parameters
    ----------
    result : Result
        Of a run with vehicles.
    name : str
        Name of the run.

    Returns
    -------
    dict
        ``run``, ``strategy``, ``charging``, ``objective``, ``signal``, ``compliance``; costs [CNY] as in the table
        ``costs`` (``total_cny``: time and queue, grid, and energy bought after the horizon); ``excess_cny_veh``,
        ``relative_gap``, ``price_gap``, ``converged``; ``worst_excess_cny_veh``, the largest excess of an origin or a
        class, plus the waiting that rents do not explain, which cannot be assigned to anyone; ``unsettled_cny``, the
        excess times the vehicles that follow the signal, and 0 for a run that does not coordinate, as its state is
        fixed by definition; ``driver_cny_veh``, the mean cost of a vehicle as experienced (time, queue and
        electricity), and the same by origin and class in columns ``cost of ...``.
    """
    scenario, certificate, paths = result.scenario, result.certificate, result.tables["paths"]
    costs = result.tables["costs"].set_index("item")["cost_cny"]
    coordinated = result.strategy in ("user", "coordinated")
    paid = paths["departures_veh"] * paths["experienced_cost_cny"]
    group = paths["origin"] + ", " + paths["vehicle_class"].str.replace("_", " ")
    by_group = paid.groupby(group, sort=False).sum() / paths["departures_veh"].groupby(group, sort=False).sum()
    vehicles = paths["departures_veh"].sum()
    objective = {"user": "user", "coordinated": scenario.switches.objective}.get(result.strategy, "")
    row = {
        "run": name,
        "strategy": result.strategy,
        "charging": result.charging,
        "objective": objective,
        "signal": scenario.switches.signal,
        "compliance": scenario.fleet.compliance,
        "vehicles_veh": vehicles,
    }
    row |= {label: costs[item] for label, item in _COSTS.items()}
    row |= {
        key: getattr(certificate, key) if coordinated else math.nan
        for key in ("excess_cny_veh", "relative_gap", "price_gap")
    }
    row["converged"] = int(certificate.converged) if coordinated else ""
    parts = (
        [getattr(certificate, f"excess_cny_veh_by_{grouping}") for grouping in ("origin", "class")]
        if coordinated
        else []
    )
    worst = max((value for part in parts for value in part.values()), default=math.nan)
    row["worst_excess_cny_veh"] = worst + (
        0.0 if math.isnan(certificate.rent_gap_cny_veh) else certificate.rent_gap_cny_veh
    )
    follow = scenario.fleet.compliance * vehicles
    row["unsettled_cny"] = row["excess_cny_veh"] * follow if coordinated else 0.0
    row["driver_cny_veh"] = paid.sum() / vehicles
    return row | {f"{GROUP}{name} [CNY/veh]": cost for name, cost in by_group.items()}


def rounded(value: float, uncertainty: float, unit: str = "CNY") -> str:
    """A number without digits finer than its uncertainty.

    Parameters
    ----------
    value : float
    uncertainty : float
        Not negative. 0 means that the number is exact, so four digits are shown.
    unit : str
        "1" for a ratio.

    Returns
    -------
    str

    Raises
    ------
    InputError
        A negative or undefined uncertainty.

    Examples
    --------
    >>> rounded(12345.678, 3.2), rounded(0.0123, 0.04, "CNY/veh"), rounded(1.0347, 0.0021, "1")
    ('12,346 ± 4 CNY', 'not distinguishable from 0 (± 0.04 CNY/veh)', '1.035 ± 0.003')
    """
    if not uncertainty >= 0:
        raise InputError(f"uncertainty {uncertainty}; must be 0 or more")
    unit_text = "" if unit == "1" else f" {unit}"
    if uncertainty == 0:
        places = max(0, 3 - math.floor(math.log10(abs(value)))) if value else 0
        return f"{value:,.{places}f}{unit_text}"
    decade = math.floor(math.log10(uncertainty))
    step = 10.0**decade
    one_digit = math.ceil(uncertainty / step - 1e-9) * step  # rounded up to one digit
    places = max(0, -math.floor(math.log10(one_digit)))
    if abs(value) <= uncertainty:
        return f"not distinguishable from 0 (± {one_digit:,.{places}f}{unit_text})"
    return f"{round(value / step) * step:,.{places}f} ± {one_digit:,.{places}f}{unit_text}"


def values_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Compute the values from one table of runs.

    Parameters
    ----------
    runs : DataFrame
        Rows of :func:`run_row`, named as in :data:`study.experiments.strategy_runs.RUNS`.

    Returns
    -------
    DataFrame
        ``value_of``, ``is`` (which runs are compared, and by what measure), ``value``, ``unit``, ``uncertainty``,
        ``shown``.

    Notes
    -----
    The uncertainty is the sum, over both runs, of what drivers could still gain by changing paths at the prices and
    times of the run. It tells how far the two runs are from settled. It is no bound on total costs, as an equilibrium
    is no optimum, and says nothing about how well the model represents reality. ``shown`` marks runs that have not
    converged.
    """
    by = runs.set_index("run")
    rows = []

    unsettled_runs = set(by.index[by["converged"] == 0])

    def add(value_of, run_names, definition, value, unit, uncertainty):
        shown = rounded(value, uncertainty, unit) + (", not settled" if unsettled_runs & set(run_names) else "")
        rows.append((value_of, definition, value, unit, uncertainty, shown))

    def difference(value_of, first, second, column="total_cny", unit="CNY"):
        share = 1.0 if unit == "CNY" else 1.0 / by.loc[first, "vehicles_veh"]
        unsettled = by.loc[[first, second], "unsettled_cny"].sum() * share
        definition = f"{'total cost' if unit == 'CNY' else 'cost of a driver'}, {first} less {second}"
        pair = first, second
        add(value_of, pair, definition, by.loc[first, column] - by.loc[second, column], unit, unsettled)

    difference("coordination", "nearest", "coordinated")
    difference("talking more than once", "snapshot", "coordinated")
    totals, gaps = by.loc[["users", "coordinated"], "total_cny"], by.loc[["users", "coordinated"], "unsettled_cny"]
    anarchy = totals["users"] / totals["coordinated"]
    pair = "users", "coordinated"
    add("anarchy, its price", pair, "total cost, users over coordinated", anarchy, "1", anarchy * (gaps / totals).sum())
    difference("discharging", "coordinated, smart", "coordinated")
    difference("discharging, nearest station", "nearest, smart", "nearest")
    difference("smart charging", "coordinated, uncontrolled", "coordinated, smart")
    difference("smart charging, nearest station", "nearest, uncontrolled", "nearest, smart")
    difference("foresight for a driver", "users, told the present", "users", "driver_cny_veh", "CNY/veh")
    difference("foresight for all", "users, told the present", "users")
    coordination_cny = by.loc["nearest", "total_cny"] - by.loc["coordinated", "total_cny"]
    for name, run in by[by["compliance"] < 1].sort_values("compliance", ascending=False).iterrows():
        share = (by.loc["nearest", "total_cny"] - run["total_cny"]) / coordination_cny
        unsettled = (run["unsettled_cny"] + share * by.loc["coordinated", "unsettled_cny"]) / coordination_cny
        pair = name, "coordinated"
        add(f"{run['compliance']:.0%} following", pair, f"share of coordination's value, {name}", share, "1", unsettled)
    for column in [name for name in by if name.startswith(GROUP)]:
        group = column.removeprefix(GROUP).removesuffix(" [CNY/veh]")
        for name in ("coordinated", "users"):
            gain = by.loc["nearest", column] - by.loc[name, column]
            worst = by.loc[name, "worst_excess_cny_veh"]  # that of the group itself is not measured
            add(f"gain of {group}", (name,), f"cost of a driver, nearest less {name}", gain, "CNY/veh", worst)
    return pd.DataFrame(rows, columns=["value_of", "is", "value", "unit", "uncertainty", "shown"])
