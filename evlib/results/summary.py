"""The totals of a run: its costs, and the summary by which two runs are compared."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evlib.coordination.one_day import Run

__all__ = ["cost_table", "summary_table"]


def cost_table(run: Run, time_cny: np.ndarray, fee_cny=0.0) -> pd.DataFrame:
    """Costs of the grid, of drivers and of both together.

    Parameters
    ----------
    run : Run
    time_cny : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Time and queue cost as experienced [CNY per vehicle].
    fee_cny : ndarray, shape (n_paths, n_classes, 1), or 0
        Fees of stations [CNY per vehicle]: payments, which are part of no total.

    Returns
    -------
    DataFrame
        ``item``, ``cost_cny``.
    """
    late_cny = float((run.late_veh * run.electricity_cny[..., -1]).sum())
    costs = {f"grid: {name.replace('_', ' ')}": value for name, value in run.dispatch.costs_cny.items()}
    costs["drivers: time and queue"] = float((run.loading.departures_veh * time_cny).sum())
    costs["drivers: electricity"] = float((run.sizes_veh * run.vehicle_cny).sum()) + late_cny
    costs["drivers: electricity after the horizon"] = late_cny
    costs["society: time and queue plus grid"] = costs["drivers: time and queue"] + costs["grid: total"] + late_cny
    if np.any(fee_cny):
        costs["drivers: fees to stations"] = float((run.loading.departures_veh * fee_cny).sum())
    return pd.DataFrame({"item": list(costs), "cost_cny": list(costs.values())})


def summary_table(run: Run, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The measures by which two results are compared, see :func:`evlib.results.result.compare`.

    Parameters
    ----------
    run : Run
    tables : dict of str -> DataFrame
        The run's other tables.

    Returns
    -------
    DataFrame
        ``measure``, ``unit``, ``value``.
    """
    loading, case, dispatch = run.loading, run.case, run.dispatch
    step_mwh = case.step_h / 1000.0
    paths, arcs = tables["paths"], tables["arcs"]
    vehicles = float(loading.departures_veh.sum())
    cost = dict(zip(tables["costs"]["item"], tables["costs"]["cost_cny"], strict=True))
    roads = arcs[arcs["kind"] == "road"].groupby("arc")["inflow_over_capacity"].max()
    weight = paths["departures_veh"] / vehicles if vehicles else paths["departures_veh"] * np.nan
    cohorts = tables["cohorts"]
    rows = [("vehicles", "veh", vehicles)]
    for c, name in enumerate(run.network.stations):
        rows.append((f"vehicles at {name}", "veh", float(loading.arrived_veh[c, :, -1].sum())))
    rows += [
        ("vehicles that plug in after the horizon", "veh", float(run.late_veh.sum())),
        ("mean time on the road", "min", float((weight * paths["experienced_road_min"]).sum(min_count=1))),
        ("mean time waiting", "min", float((weight * paths["experienced_waiting_min"]).sum(min_count=1))),
        ("largest queue", "veh", float(loading.queue_veh.max())),
        ("largest inflow over capacity", "1", float(roads.max())),
        ("roads above capacity", "1", float((roads > 1).sum())),
        ("time and queue cost", "CNY", cost["drivers: time and queue"]),
        ("drivers' electricity bill", "CNY", cost["drivers: electricity"]),
        *([("fees to stations", "CNY", fees)] if (fees := cost.get("drivers: fees to stations")) is not None else []),
        ("grid cost", "CNY", cost["grid: total"]),
        ("time and queue plus grid cost", "CNY", cost["society: time and queue plus grid"]),
        ("energy charged", "MWh", float(cohorts["charged_kwh"].sum() / 1000)),
        ("energy discharged", "MWh", float(cohorts["discharged_kwh"].sum() / 1000)),
        ("energy unserved", "MWh", float(cohorts["unserved_kwh"].sum() / 1000)),
        ("energy bought after the horizon", "MWh", float(cohorts["terminal_kwh"].sum() / 1000)),
        ("import", "MWh", float(dispatch.import_kw.sum() * step_mwh)),
        ("backup", "MWh", float(dispatch.backup_kw.sum() * step_mwh)),
        ("load shed", "MWh", float(dispatch.shed_kw.sum() * step_mwh)),
    ]
    if "energy" in tables:
        rows.append(("energy used on the way", "MWh", float(tables["energy"]["driven_kwh"].sum() / 1000)))
    for f, name in enumerate(case.farms):
        rows.append((f"curtailed at {name}", "MWh", float(dispatch.curtailed_kw[f].sum() * step_mwh)))
    rows += [
        ("renewable energy used", "MWh", float((case.available_kw - dispatch.curtailed_kw).sum() * step_mwh)),
        ("lowest voltage (AC)", "pu", float(run.power_flow.voltage_pu.min())),
        ("highest voltage (AC)", "pu", float(run.power_flow.voltage_pu.max())),
        ("highest line loading (AC)", "1", float(tables["lines"]["ac_loading"].max())),
        ("lowest price", "CNY/kWh", float(dispatch.price_cny_kwh.min())),
        ("highest price", "CNY/kWh", float(dispatch.price_cny_kwh.max())),
    ]
    return pd.DataFrame(rows, columns=["measure", "unit", "value"])
