"""A run as tidy tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evlib.assignment.path_costs import Drivers, path_costs, time_costs
from evlib.coordination.one_day import Run
from evlib.results.accounts.driving_energy import driving_tables
from evlib.results.summary import cost_table, summary_table
from evlib.traffic.path_times import plug_in_shares, travel_times

__all__ = ["rent_table", "tables_of"]


def tables_of(run: Run, drivers: Drivers) -> dict[str, pd.DataFrame]:
    """Make all tables of a run.

    Parameters
    ----------
    run : Run
    drivers : Drivers
        Their values of time; the tables contain both signals, whichever the drivers receive.

    Returns
    -------
    dict of str -> DataFrame
    """
    signals = {signal: _signal(run, drivers, signal) for signal in ("experienced", "instantaneous")}
    tables = {
        "arcs": _arcs(run),
        "stations": _stations(run),
        "paths": _paths(run, signals),
        "cohorts": _cohorts(run),
        "schedules": _schedules(run),
        "dispatch": _dispatch(run),
        "farms": _farms(run),
        "buses": _buses(run),
        "lines": _lines(run),
        "prices": _prices(run),
        "price_parts": _price_parts(run),
        "costs": cost_table(run, signals["experienced"][1], drivers.fee_of_paths(run.network.path_station)),
    }
    tables |= driving_tables(run)
    return tables | {"summary": summary_table(run, tables)}


def _signal(run: Run, drivers: Drivers, signal: str):
    """Travel times, time cost and unit flow travel cost of every path under one signal."""
    times, network = travel_times(run.loading, signal), run.network
    time_cny = time_costs(times, drivers.vot_cny_h, drivers.queue_cny_h)
    shares = plug_in_shares(run.loading)
    levels = network.arrival_levels
    fee = drivers.fee_of_paths(network.path_station)
    return times, time_cny, path_costs(time_cny + fee, run.electricity_cny, shares, network.path_station, levels)


def _grid(time, steps, names: dict, **columns) -> pd.DataFrame:
    """Long table with one row for each name (outer) and step (inner)."""
    n_names = len(next(iter(names.values())))
    table = {label: np.repeat(values, len(steps)) for label, values in names.items()}
    table["step"] = np.tile(steps, n_names)
    table["clock"] = np.tile(time.clock(steps), n_names)
    return pd.DataFrame(table | {name: np.asarray(column).reshape(-1) for name, column in columns.items()})


def _arcs(run) -> pd.DataFrame:
    network, loading = run.network, run.loading
    time = network.time
    every = slice(None, None, time.substeps)
    entered = np.diff(loading.all_entered_veh[:, every], axis=1)
    left = np.diff(loading.all_left_veh[:, every], axis=1)
    delay = loading.exit_min - loading.time_min
    travel = (delay[:, :-1] + delay[:, 1:]) / 2
    travel = travel.reshape(len(delay), -1, time.substeps).mean(axis=2)
    present = loading.vehicles_veh[:, every][:, :-1]
    capacity = network.capacity_veh_min[:, None]
    room = capacity * network.free_flow_min[:, None]
    return _grid(
        time,
        np.arange(entered.shape[1]),
        {"arc": network.arc_name, "kind": network.arc_kind},
        entered_veh=entered,
        left_veh=left,
        vehicles_veh=present,
        travel_min=travel,
        inflow_over_capacity=entered / (capacity * time.step_min),
        occupancy_over_capacity=np.divide(present, room, out=np.full_like(present, np.nan), where=room > 0),
    )


def _stations(run) -> pd.DataFrame:
    network, loading, case = run.network, run.loading, run.case
    time, n_steps = network.time, run.case.n_steps
    every = slice(None, None, time.substeps)
    steps = slice(0, n_steps)
    whole = run.sizes_veh[:, None]
    return _grid(
        time,
        np.arange(n_steps),
        {"station": network.stations},
        arrived_veh=np.diff(loading.arrived_veh.sum(axis=1)[:, every], axis=1)[:, steps],
        plugged_in_veh=np.diff(loading.plugged_veh.sum(axis=1)[:, every], axis=1)[:, steps],
        occupied_plugs=loading.occupied_plugs[:, every][:, steps],
        queue_veh=loading.queue_veh[:, every][:, steps],
        charge_kw=run.cohorts.station_kw(whole * run.schedule.charge_kw),
        discharge_kw=run.cohorts.station_kw(whole * run.schedule.discharge_kw),
        net_kw=run.dispatch.station_kw,
        price_cny_kwh=run.dispatch.price_cny_kwh[case.station_bus],
    )


def _paths(run, signals) -> pd.DataFrame:
    network, loading = run.network, run.loading
    shape = loading.departures_veh.shape
    path, member, step = (index.reshape(-1) for index in np.indices(shape))
    clock = np.array(network.time.clock(np.arange(shape[2])))
    table = {
        "path": np.array([network.path_label(p) for p in range(shape[0])])[path],
        "origin": np.array(network.origins)[network.path_origin[path]],
        "station": np.array(network.stations)[network.path_station[path]],
        "vehicle_class": np.array(network.classes)[member],
        "step": step,
        "clock": clock[step],
        "departures_veh": loading.departures_veh.reshape(-1),
    }
    for signal, (times, time_cny, cost_cny) in signals.items():
        table[f"{signal}_road_min"] = times.road_min[path, step]
        table[f"{signal}_waiting_min"] = times.waiting_min[path, step]
        if network.goes_on:
            table[f"{signal}_onward_min"] = times.onward_min[path, member, step]
        table[f"{signal}_time_cny"] = time_cny.reshape(-1)
        table[f"{signal}_cost_cny"] = cost_cny.reshape(-1)
    return pd.DataFrame(table)


def _cohorts(run) -> pd.DataFrame:
    cohorts, schedule, domain = run.cohorts, run.schedule, run.cohorts.domain
    rows = run.occupied
    size = run.sizes_veh[rows]
    prices = cohorts.cohort_prices(run.dispatch.price_cny_kwh[run.case.station_bus])
    step_h = domain.step_h
    names = {
        "station": np.array(run.network.stations)[cohorts.station[rows]],
        "vehicle_class": np.array(run.network.classes)[cohorts.vehicle_class[rows]],
        "soc_type": cohorts.soc_type[rows],
        "plug_in_step": cohorts.plug_in_step[rows],
        "usable_steps": domain.n_usable[rows],
    }
    per_vehicle = {
        "target_kwh": domain.target_kwh,
        "charged_kwh": step_h * schedule.charge_kw.sum(axis=1),
        "discharged_kwh": step_h * schedule.discharge_kw.sum(axis=1),
        "terminal_kwh": schedule.terminal_kwh,
        "unserved_kwh": schedule.unserved_kwh,
        "payment_cny": step_h * (prices * schedule.power_kw).sum(axis=1),
        "wear_cny": domain.wear_cny_kwh * step_h * schedule.discharge_kw.sum(axis=1),
        "terminal_cny": domain.terminal_price_cny_kwh / domain.eta_charge * schedule.terminal_kwh,
        "unserved_cny": domain.unserved_cny_kwh * schedule.unserved_kwh,
        "least_cost_cny": run.vehicle_cny,
    }
    whole = {name: size * values[rows] for name, values in per_vehicle.items()}
    return pd.DataFrame(names | {"vehicles_veh": size} | whole)


def _schedules(run) -> pd.DataFrame:
    cohorts, schedule = run.cohorts, run.schedule
    row, age = np.nonzero(cohorts.domain.active[run.occupied])
    cohort = np.flatnonzero(run.occupied)[row]
    return pd.DataFrame(
        {
            "station": np.array(run.network.stations)[cohorts.station[cohort]],
            "vehicle_class": np.array(run.network.classes)[cohorts.vehicle_class[cohort]],
            "soc_type": cohorts.soc_type[cohort],
            "plug_in_step": cohorts.plug_in_step[cohort],
            "step": cohorts.plug_in_step[cohort] + 1 + age,
            "charge_kw_veh": schedule.charge_kw[cohort, age],
            "discharge_kw_veh": schedule.discharge_kw[cohort, age],
            "energy_kwh_veh": schedule.energy_kwh[cohort, age + 1],
        }
    )


def _dispatch(run) -> pd.DataFrame:
    case, dispatch = run.case, run.dispatch
    zones = (*case.zones, "trunk")
    bus_zone = np.where(case.bus_zone < 0, len(case.zones), case.bus_zone)

    def by_zone(values, zone):
        return np.array([values[zone == z].sum(axis=0) for z in range(len(zones))])

    outside = np.zeros((1, case.n_steps))
    available = by_zone(case.available_kw, case.farm_zone)
    curtailed = by_zone(dispatch.curtailed_kw, case.farm_zone)
    tie = dispatch.branch_kw[case.tie]
    return _grid(
        run.network.time,
        np.arange(case.n_steps),
        {"zone": zones},
        load_kw=by_zone(case.load_kw, bus_zone),
        shed_kw=by_zone(dispatch.shed_kw, bus_zone),
        available_kw=available,
        curtailed_kw=curtailed,
        backup_kw=np.vstack([dispatch.backup_kw, outside]),
        vehicles_kw=by_zone(dispatch.station_kw, bus_zone[case.station_bus]),
        tie_kw=np.vstack([tie, dispatch.import_kw - dispatch.export_kw]),
        tie_overload_kw=np.vstack([dispatch.tie_overload_kw, outside]),
        surplus_kw=np.vstack([case.surplus_kw(), outside]),
        deficit_kw=np.vstack([case.deficit_kw(), outside]),
    )


def _farms(run) -> pd.DataFrame:
    case = run.case
    zone = np.array(case.zones)[case.farm_zone]
    return _grid(
        run.network.time,
        np.arange(case.n_steps),
        {"farm": case.farms, "zone": zone},
        available_kw=case.available_kw,
        curtailed_kw=run.dispatch.curtailed_kw,
    )


def _buses(run) -> pd.DataFrame:
    case, dispatch = run.case, run.dispatch
    return _grid(
        run.network.time,
        np.arange(case.n_steps),
        {"bus": case.feeder.bus},
        load_kw=case.load_kw,
        shed_kw=dispatch.shed_kw,
        voltage_pu=dispatch.voltage_pu,
        ac_voltage_pu=run.power_flow.voltage_pu,
        price_cny_kwh=dispatch.price_cny_kwh,
    )


def _lines(run) -> pd.DataFrame:
    feeder, flow = run.case.feeder, run.power_flow
    ac_kva = np.hypot(flow.branch_kw, flow.branch_kvar)
    rating_kva = np.where(np.isfinite(run.case.rating_kva), run.case.rating_kva, np.nan)  # nan: not limited
    return _grid(
        run.network.time,
        np.arange(run.case.n_steps),
        {
            "line": [
                f"{a}-{b}" for a, b in zip(feeder.bus[feeder.branch_from], feeder.bus[feeder.branch_to], strict=True)
            ],
            "rating_kva": rating_kva,
        },
        active_kw=run.dispatch.branch_kw,
        reactive_kvar=run.dispatch.branch_kvar,
        ac_kva=ac_kva,
        ac_loading=ac_kva / rating_kva[:, None],
        ac_loss_kw=flow.loss_kw,
        overload_kva=run.dispatch.line_overload_kva,
    )


def _prices(run) -> pd.DataFrame:
    case = run.case
    return _grid(
        run.network.time,
        np.arange(case.n_steps),
        {"station": (*case.stations, "root"), "bus": case.feeder.bus[[*case.station_bus, 0]]},
        price_cny_kwh=run.dispatch.price_cny_kwh[[*case.station_bus, 0]],
        import_price_cny_kwh=np.broadcast_to(case.tariff_cny_kwh, case.load_kw.shape)[[*case.station_bus, 0]],
    )


def _price_parts(run) -> pd.DataFrame:
    """Parts of the dispatch's own prices; where others were announced, also what these differ by."""
    case, parts = run.case, run.dispatch.price_parts_cny_kwh
    if run.announced:
        parts = parts | {"announced_beyond": run.dispatch.price_cny_kwh - sum(parts.values())}
    return _grid(
        run.network.time,
        np.arange(case.n_steps),
        {"station": case.stations, "bus": case.feeder.bus[case.station_bus]},
        **{f"{name}_cny_kwh": values[case.station_bus] for name, values in parts.items()},
    )


def rent_table(network, rent_cny: np.ndarray) -> pd.DataFrame:
    """Table of the rent of one plug for one step, by station [CNY].

    Parameters
    ----------
    network : Network
    rent_cny : ndarray, shape (n_stations, K)
        [CNY].

    Returns
    -------
    DataFrame
        ``station``, ``step``, ``clock``, ``rent_cny``.
    """
    return _grid(network.time, np.arange(rent_cny.shape[1]), {"station": network.stations}, rent_cny=rent_cny)
