"""The case study's numbers as tidy tables: several results side by side, told apart by a column ``case``."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evlib import flexibility as flex
from evlib.errors import InputError
from evlib.inputs.build_fleet import all_cohorts
from evlib.inputs.build_grid import build_grid_case
from evlib.results.accounts.driving_energy import drive_kwh_of

__all__ = [
    "COST_ITEMS",
    "cohort_positions",
    "cost_table",
    "domain_table",
    "driver_table",
    "feeder_table",
    "group_table",
    "side_by_side",
    "stations_table",
]

# Item in a result's table of costs -> item under which it is drawn.
COST_ITEMS = {
    "drivers: time and queue": "time and queue",
    "grid: import": "import",
    "grid: backup": "backup",
    "grid: curtailment": "curtailment",
    "grid: shedding": "shedding",
    "grid: overload": "overload and quadratic",
    "grid: backup quadratic": "overload and quadratic",
    "grid: import quadratic": "overload and quadratic",
    "grid: curtailment quadratic": "overload and quadratic",
    "grid: shedding quadratic": "overload and quadratic",
    "grid: vehicles": "vehicles",
    "drivers: electricity after the horizon": "bought after the horizon",
}


def side_by_side(results: dict, table: str) -> pd.DataFrame:
    """Stack the same table of several results.

    Parameters
    ----------
    results : dict of str -> Result
        Results by the name of their case.
    table : str
        Name of a result's table.

    Returns
    -------
    DataFrame
        The stacked tables, with ``case`` as first column.
    """
    parts = [result.tables[table].assign(case=case) for case, result in results.items()]
    combined = pd.concat(parts, ignore_index=True)
    return combined[["case", *combined.columns.drop("case")]]


def stations_table(results: dict) -> pd.DataFrame:
    """Vehicles and price at each station over the day.

    Parameters
    ----------
    results : dict of str -> Result

    Returns
    -------
    DataFrame
        ``case``, ``station``, ``step``, ``clock``, ``arrived_veh``, ``present_veh`` (plugged in or waiting),
        ``price_cny_kwh``.
    """
    table = side_by_side(results, "stations")
    table["present_veh"] = table["occupied_plugs"] + table["queue_veh"]
    return table[["case", "station", "step", "clock", "arrived_veh", "present_veh", "price_cny_kwh"]]


def domain_table(results: dict) -> pd.DataFrame:
    """Summed bounds of each station's vehicles over the day, and the power profile that the grid chose.

    Parameters
    ----------
    results : dict of str -> Result

    Returns
    -------
    DataFrame
        ``case``, ``station``, ``step``, ``clock``, ``lowest_mw``, ``highest_mw``, ``chosen_mw`` (meter side, charging
        positive), ``need_mwh``, ``most_mwh``, ``taken_mwh`` (battery side, since plug-in up to the end of the step,
        including vehicles that have left).

    Notes
    -----
    Summed bounds are an outer approximation (`evlib.flexibility.summed_bounds`): the power bounds hold for each step by
    itself, so not every profile between them can be delivered.
    """
    parts = [_domains(result).assign(case=case) for case, result in results.items()]
    combined = pd.concat(parts, ignore_index=True)
    return combined[["case", *combined.columns.drop("case")]]


def feeder_table(results: dict) -> pd.DataFrame:
    """Lowest AC voltage of each bus, and highest AC loading of the line that feeds it.

    Parameters
    ----------
    results : dict of str -> Result

    Returns
    -------
    DataFrame
        ``case``, ``bus``, ``lowest_pu``, ``highest_loading`` (share of the rating; nan for the root).
    """
    lines, buses = (side_by_side(results, name) for name in ("lines", "buses"))
    lines["bus"] = lines["line"].str.split("-").str[1].astype(int)  # a line is named after its two buses
    loading = lines.groupby(["case", "bus"], sort=False)["ac_loading"].max().rename("highest_loading")
    voltage = buses.groupby(["case", "bus"], sort=False)["ac_voltage_pu"].min().rename("lowest_pu")
    return voltage.to_frame().join(loading).reset_index()


def cost_table(results: dict) -> pd.DataFrame:
    """Costs by the items that are drawn; they sum to time and queue, the grid's cost, and energy after the horizon.

    Parameters
    ----------
    results : dict of str -> Result

    Returns
    -------
    DataFrame
        ``case``, ``item`` (a value of `COST_ITEMS`), ``cost_cny``. Drivers' electricity bill is a payment, so it is
        left out.

    Raises
    ------
    InputError
        The items of a case do not add up to its total.
    """
    costs = side_by_side(results, "costs")
    total = costs[costs["item"] == "society: time and queue plus grid"].set_index("case")["cost_cny"]
    costs = costs.assign(item=costs["item"].map(COST_ITEMS)).dropna(subset="item")
    costs = costs.groupby(["case", "item"], sort=False)["cost_cny"].sum().reset_index()
    missing = (costs.groupby("case")["cost_cny"].sum() - total).abs()
    if missing.max() > 1e-6 * total.max():
        case = missing.idxmax()
        raise InputError(f"costs of {case}: items add up to {missing[case]:.3g} CNY off the total; an item is unknown")
    return costs


def group_table(results: dict) -> pd.DataFrame:
    """Mean cost of a vehicle by origin and class.

    Parameters
    ----------
    results : dict of str -> Result
        Results of runs with vehicles.

    Returns
    -------
    DataFrame
        ``case``, ``group`` ("origin, class"), ``time_cny_veh`` (time and queue, as experienced),
        ``electricity_cny_veh`` (least electricity cost V at the plug-in step).
    """
    paths = side_by_side(results, "paths")
    paths["group"] = paths["origin"] + ", " + paths["vehicle_class"].str.replace("_", " ")
    vehicles, time, cost = (paths[name] for name in ("departures_veh", "experienced_time_cny", "experienced_cost_cny"))
    paths["time_cny_veh"], paths["electricity_cny_veh"] = vehicles * time, vehicles * (cost - time)
    columns = ["time_cny_veh", "electricity_cny_veh"]
    sums = paths.groupby(["case", "group"], sort=False)[["departures_veh", *columns]].sum()
    return sums[columns].div(sums["departures_veh"], axis=0).reset_index()


def driver_table(result, origin: str, clock: str) -> pd.DataFrame:
    """What drivers are shown when they depart from an origin: the cheapest path of each class to each station.

    Parameters
    ----------
    result : Result
    origin : str
    clock : str
        Time of departure, the start of a decision step, ``HH:MM``.

    Returns
    -------
    DataFrame
        ``vehicle_class``, ``station``, ``path``, ``road_min``, ``waiting_min``, ``time_cny``, ``electricity_cny``,
        ``toll_cny`` and ``rent_cny`` (where the day asks for them, see :mod:`evlib.results.accounts.payments`),
        ``total_cny`` (by the scenario's signal), ``best`` (whether the class has no cheaper station), sorted by class
        and station. Electricity is the least cost V at the announced prices.

    Raises
    ------
    InputError
        An origin or a time at which nobody may depart.
    """
    paths, signal = result.tables["paths"], result.scenario.switches.signal
    for column, value in (("origin", origin), ("clock", clock)):
        if value not in set(paths[column]):
            known = ", ".join(dict.fromkeys(paths[column]))
            raise InputError(f"{column} {value!r}: nobody departs there; must be one of {known}")
    departing = paths[(paths["origin"] == origin) & (paths["clock"] == clock)]
    cost, paid = f"{signal}_cost_cny", {}
    departing = departing.assign(total_cny=departing[cost])
    if "payments" in result.tables:
        payments = result.tables["payments"].loc[departing.index, ["toll_cny", "rent_cny"]]
        departing = departing.join(payments).assign(total_cny=departing[cost] + payments.sum(axis=1))
        paid = {name: departing[name] for name in payments}
    cheapest = departing.loc[departing.groupby(["vehicle_class", "station"], sort=False)["total_cny"].idxmin()]
    table = cheapest[["vehicle_class", "station", "path"]].assign(
        road_min=cheapest[f"{signal}_road_min"],
        waiting_min=cheapest[f"{signal}_waiting_min"],
        time_cny=cheapest[f"{signal}_time_cny"],
        electricity_cny=cheapest[cost] - cheapest[f"{signal}_time_cny"],
        **{name: values.loc[cheapest.index] for name, values in paid.items()},
        total_cny=cheapest["total_cny"],
    )
    least = table.groupby("vehicle_class", sort=False)["total_cny"].transform("min")
    order = {member.name: place for place, member in enumerate(result.scenario.fleet.classes)}
    table = table.assign(best=table["total_cny"] == least)
    return table.sort_values("vehicle_class", key=lambda name: name.map(order), kind="stable", ignore_index=True)


def cohort_positions(scenario, cohorts: pd.DataFrame, shape: tuple[int, ...]) -> np.ndarray:
    """Position of each row of a result's cohort table among all cohorts, which have a shape as in `all_cohorts`."""
    axes = [
        cohorts[column].map({member.name: index for index, member in enumerate(members)}).to_numpy(dtype=int)
        for column, members in (("station", scenario.stations), ("vehicle_class", scenario.fleet.classes))
    ]
    axes += [cohorts[column].to_numpy(dtype=int) for column in ("soc_type", "plug_in_step")]
    return np.ravel_multi_index(axes, shape)


def _domains(result) -> pd.DataFrame:
    """Bounds and chosen profile of one result, as `domain_table` stacks them."""
    scenario, table = result.scenario, result.tables["cohorts"]
    case = build_grid_case(scenario)
    cohorts = all_cohorts(scenario, case.terminal_price_cny_kwh, result.charging, drive_kwh_of(result))
    fleet, step_h, n_steps = scenario.fleet, case.step_h, case.n_steps
    parts = []
    for station, profile in result.tables["stations"].groupby("station", sort=False):
        rows = table[table["station"] == station]
        columns = dict.fromkeys(["lowest_mw", "highest_mw", "need_mwh", "most_mwh"], np.zeros(n_steps))
        if len(rows):
            domain = cohorts.domain.take(cohort_positions(scenario, rows, cohorts.shape))
            first_usable = rows["plug_in_step"].to_numpy(dtype=int) + 1
            bounds = flex.summed_bounds(domain, rows["vehicles_veh"], first_usable, n_steps)
            columns["lowest_mw"], columns["highest_mw"] = -bounds.discharge_max_kw / 1e3, bounds.charge_max_kw / 1e3
            columns["need_mwh"] = bounds.energy_need_kwh[1:] / 1e3
            columns["most_mwh"] = bounds.energy_high_kwh[1:] / 1e3
        into, out = profile["charge_kw"].to_numpy(), profile["discharge_kw"].to_numpy()
        columns["chosen_mw"] = (into - out) / 1e3
        columns["taken_mwh"] = step_h * np.cumsum(fleet.eta_charge * into - out / fleet.eta_discharge) / 1e3
        parts.append(profile[["station", "step", "clock"]].assign(**columns))
    return pd.concat(parts, ignore_index=True)
