"""One table of what an animated day shows: roads, stations and feeder in every step, nearest beside coordinated."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from evlib import load_scenario
from evlib.folders import RESULTS
from evlib.solve_scenario import solve
from study.experiments.provenance import run_hash, write_table

__all__ = ["DAYS", "DAY_FILE", "steps_of", "table_of_days", "write"]

DAY_FILE = "day_nguyen.csv"
# What a panel is called -> strategy and charging.
DAYS = {
    "nearest station, charging at once": ("shortest_path", "uncontrolled"),
    "coordinated, V2G": ("coordinated", "v2g"),
}
# Table of a result -> its column of names, what is kept of it, and to how many digits it is seen.
_SHOWN = {
    "arcs": ("arc", {"occupancy_over_capacity": 3}),
    "stations": ("station", {"occupied_plugs": 1, "queue_veh": 1, "net_kw": 0, "price_cny_kwh": 3}),
    "farms": ("farm", {"curtailed_kw": 0}),
    "buses": ("bus", {"ac_voltage_pu": 4}),
    "lines": ("line", {"ac_loading": 3}),
    "dispatch": ("zone", {"backup_kw": 0, "shed_kw": 0}),
}


def steps_of(result) -> pd.DataFrame:
    """One row for each step, one column for each element and quantity.

    Parameters
    ----------
    result : Result

    Returns
    -------
    DataFrame
        ``clock``, then columns such as ``arc 1-5 occupancy_over_capacity``: vehicles on a road over those that it holds
        at capacity without delay [1]; ``station c1 queue_veh``; ``bus 7 ac_voltage_pu``; rounded to what can be seen.
    """
    clock = result.tables["dispatch"].drop_duplicates("step").set_index("step")["clock"]
    columns = {"clock": clock}
    for table, (name, quantities) in _SHOWN.items():
        rows = result.tables[table]
        if table == "arcs":
            rows = rows[rows["kind"] == "road"]
        for quantity, digits in quantities.items():
            wide = rows.pivot(index="step", columns=name, values=quantity).reindex(clock.index)
            for element in dict.fromkeys(rows[name]):
                values = wide[element].round(digits) + 0.0  # adding zero turns -0.0 into 0.0
                columns[f"{name} {element} {quantity}"] = values
    return pd.DataFrame(columns)


def table_of_days(scenario, days: dict = DAYS, *, cache: bool = True) -> pd.DataFrame:
    """Solve the days and put their steps below each other, with ``day`` as first column.

    Parameters
    ----------
    scenario : Scenario
    days : dict of str -> (str, str)
        Name of a day -> strategy and charging.
    cache : bool
        Read and write the cache of solved cases.

    Returns
    -------
    DataFrame
    """
    parts = []
    for day, (strategy, charging) in days.items():
        steps = steps_of(solve(scenario, strategy, charging, cache=cache))
        steps.insert(0, "day", day)
        parts.append(steps)
    return pd.concat(parts, ignore_index=True)


def write(folder: Path = RESULTS) -> Path:
    """Solve both days of the base case and write the table (half a minute)."""
    scenario, code = load_scenario("nguyen"), run_hash(__name__)
    notes = (
        f"scenario: nguyen {scenario.hash}",
        "arc: vehicles on it over those that it holds at capacity without delay; voltages and loadings of the AC flow",
    )
    return write_table(DAY_FILE, table_of_days(scenario), code, notes, folder=folder)
