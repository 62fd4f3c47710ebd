"""The energy of driving in a run's accounts: what vehicles depart with, use on the way, take up and leave with."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evlib.coordination.one_day import Run
from evlib.traffic.arrival_levels import plug_ins
from evlib.traffic.path_times import plug_in_shares

__all__ = ["arrival_table", "drive_kwh_of", "driving_tables", "energy_table"]


def driving_tables(run: Run) -> dict[str, pd.DataFrame]:
    """The tables ``energy`` and ``arrivals`` of a run; none where driving takes no energy."""
    if run.network.arrival_levels is None:
        return {}
    arriving = _arriving_veh(run)
    return {"energy": energy_table(run, arriving), "arrivals": arrival_table(run, arriving)}


def energy_table(run: Run, arriving_veh: np.ndarray) -> pd.DataFrame:
    """Account of battery energy by class, from departure to the end of the stay.

    Parameters
    ----------
    run : Run
    arriving_veh : ndarray, shape (n_stations, n_classes, n_levels)
        All vehicles that plug in, within the horizon or after it [veh].

    Returns
    -------
    DataFrame
        ``vehicle_class``, ``vehicles_veh``, ``way_km`` (all ways to stations), energies on the battery's side [kWh]:
        ``departure_kwh``, ``driven_kwh`` (on the way, from the flows), ``arrival_kwh`` (from the cohorts),
        ``residual_kwh`` (departure less driven less arrival: 0 up to rounding), ``charged_kwh``, ``discharged_kwh``,
        ``after_horizon_kwh`` (bought by vehicles that are still plugged in or plug in then), ``unserved_kwh``.
    """
    network, cohorts, domain = run.network, run.cohorts, run.cohorts.domain
    levels, energy = network.arrival_levels, run.departure_kwh
    vehicles = run.loading.departures_veh.sum(axis=2)
    used = (arriving_veh * levels.drive_kwh).sum(axis=(0, 2))
    departure, driven = vehicles.sum(axis=0) * energy, (vehicles * levels.path_kwh).sum(axis=0)
    arrival = arriving_veh.sum(axis=(0, 2)) * energy - used

    def by_class(per_vehicle):
        return np.bincount(cohorts.vehicle_class, run.sizes_veh * per_vehicle, len(network.classes))

    late_kwh, late_unserved_kwh = _late_kwh(run)
    return pd.DataFrame(
        {
            "vehicle_class": network.classes,
            "vehicles_veh": vehicles.sum(axis=0),
            "way_km": (vehicles * network.path_km[:, None]).sum(axis=0),
            "departure_kwh": departure,
            "driven_kwh": driven,
            "arrival_kwh": arrival,
            "residual_kwh": departure - driven - arrival,
            "charged_kwh": by_class(domain.step_h * domain.eta_charge * run.schedule.charge_kw.sum(axis=1)),
            "discharged_kwh": by_class(domain.step_h / domain.eta_discharge * run.schedule.discharge_kw.sum(axis=1)),
            "after_horizon_kwh": by_class(run.schedule.terminal_kwh) + late_kwh,
            "unserved_kwh": by_class(run.schedule.unserved_kwh) + late_unserved_kwh,
        }
    )


def _late_kwh(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Energy that vehicles which plug in after the horizon buy, and what their stay leaves unserved [kWh], by class."""
    cohorts, domain = run.cohorts, run.cohorts.domain
    n_stations, n_classes, n_kinds, n_steps = cohorts.shape
    most = domain.charge_step_kwh * (run.network.stay_steps[cohorts.vehicle_class] - 1)
    shape = (n_stations, n_classes, n_kinds // cohorts.n_levels, cohorts.n_levels, n_steps)
    late = run.late_veh.reshape(n_stations, n_classes, cohorts.n_levels)

    def of_all(per_vehicle):
        return (late * per_vehicle.reshape(shape)[..., 0].mean(axis=2)).sum(axis=(0, 2))

    bought = np.minimum(domain.target_kwh, most)
    return of_all(bought), of_all(domain.target_kwh - bought)


def arrival_table(run: Run, arriving_veh: np.ndarray) -> pd.DataFrame:
    """Levels of energy used on the way, by station and class.

    Parameters
    ----------
    run : Run
    arriving_veh : ndarray, shape (n_stations, n_classes, n_levels)
        [veh].

    Returns
    -------
    DataFrame
        ``station``, ``vehicle_class``, ``level``, ``drive_kwh_veh`` (used on the way by a vehicle), ``vehicles_veh``.
    """
    network = run.network
    station, member, level = (index.reshape(-1) for index in np.indices(network.drive_kwh.shape))
    return pd.DataFrame(
        {
            "station": np.array(network.stations)[station],
            "vehicle_class": np.array(network.classes)[member],
            "level": level,
            "drive_kwh_veh": network.drive_kwh.reshape(-1),
            "vehicles_veh": arriving_veh.reshape(-1),
        }
    )


def _arriving_veh(run: Run) -> np.ndarray:
    plugged = plug_ins(run.loading, plug_in_shares(run.loading)).sum(axis=-1)
    return plugged.reshape(run.network.drive_kwh.shape)


def drive_kwh_of(result) -> np.ndarray | None:
    """Energy used on the way by level of arrival [kWh], shape (n_stations, n_classes, n_levels); None if there is none.

    Parameters
    ----------
    result : Result
    """
    if "arrivals" not in result.tables:
        return None
    scenario, table = result.scenario, result.tables["arrivals"]
    shape = (len(scenario.stations), len(scenario.fleet.classes), -1)
    return table["drive_kwh_veh"].to_numpy().reshape(shape)
