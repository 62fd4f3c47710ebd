"""What a run comes to: the costs and the summary that two runs are compared by."""

from __future__ import annotations

import numpy as np
import pandas as pd


def _costs(run, signals, electricity_cny) -> pd.DataFrame:
    _, time_cny, _ = signals["experienced"]
    departures = run.loading.departures_veh
    late_cny = float((run.late_veh * electricity_cny[:, :, -1]).sum())
    items = {f"grid: {name.replace('_', ' ')}": value for name, value in run.dispatch.costs_cny.items()}
    items["drivers: time and queue"] = float((departures * time_cny).sum())
    items["drivers: electricity"] = float((run.sizes_veh * run.vehicle_cny).sum()) + late_cny
    items["drivers: electricity after the horizon"] = late_cny
    items["society: time and queue plus grid"] = items["drivers: time and queue"] + items["grid: total"] + late_cny
    return pd.DataFrame({"item": list(items), "cost_cny": list(items.values())})


def _summary(run, tables) -> pd.DataFrame:
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
