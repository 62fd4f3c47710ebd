"""The cohorts of a scenario: one for every station, class, type and step, with the domain of one vehicle of each."""

from __future__ import annotations

import numpy as np

from evlib.flexibility.domain import vehicle_domain
from evlib.flexibility.fleet import Fleet
from evlib.inputs.build_roads import build_network
from evlib.inputs.scenario import Scenario

__all__ = ["all_cohorts"]


def all_cohorts(scenario: Scenario, terminal_price_cny_kwh: float, charging: str = "v2g", drive_kwh=None) -> Fleet:
    """Build the cohorts of a scenario, with the domain of one vehicle of each.

    Parameters
    ----------
    scenario : Scenario
    terminal_price_cny_kwh : float
        Price of energy bought after the horizon [CNY/kWh].
    charging : {"uncontrolled", "smart", "v2g"}
        Discharging is possible with ``v2g`` only.
    drive_kwh : ndarray, shape (n_stations, n_classes, n_levels), optional
        Energy used on the way by level of arrival [kWh], see :mod:`evlib.traffic.arrival_levels`; by default that of the
        scenario's network.

    Returns
    -------
    Fleet
        One vehicle of each cohort; cohorts in C order of (station, class, type, level, plug-in step).

    Notes
    -----
    Vehicles that plug in during step k are available from step k + 1 to k + L - 1, so that every vehicle of the cohort
    can follow the schedule. A stay that passes the horizon is cut there; the energy that its remaining steps could
    charge may be bought at the terminal price. Each class has two types, ``soc_type_offset`` below and above the mean
    state of charge on departure (one type if the offset is 0). The way takes some of it, and the driver wants to leave
    with the same energy whatever the way: what the way takes adds to the gain. Who departs with more than ``soc_max`` may
    keep it. Nobody charges or discharges faster than
    the station's plugs allow.
    """
    fleet, time = scenario.fleet, scenario.time
    offset = fleet.soc_type_offset
    offsets = np.array([-offset, offset]) if offset > 0 else np.array([0.0])
    drive_kwh = _drive_kwh(scenario) if drive_kwh is None else drive_kwh
    n_levels = drive_kwh.shape[2]
    shape = (len(scenario.stations), len(fleet.classes), len(offsets) * n_levels, time.n_steps)
    station, member, kind, step = (index.reshape(-1) for index in np.indices(shape))
    soc_type, used_kwh = kind // n_levels, drive_kwh[station, member, kind % n_levels]

    def by_class(field):
        return np.array([getattr(item, field) for item in fleet.classes])[member]

    def at_most(power_kw):
        plug_kw = scenario.tables.station_plug_kw
        return power_kw if plug_kw is None else np.minimum(power_kw, plug_kw[station])

    departure = by_class("soc_arrival") + offsets[soc_type]
    stay = np.round(by_class("stay_min") / time.step_min).astype(int)
    cut = np.clip(step + stay - time.n_steps, 0, stay - 1)
    domain, adjustments = vehicle_domain(
        battery_kwh=by_class("battery_kwh"),
        charge_kw=at_most(by_class("charge_kw")),
        discharge_kw=at_most(by_class("discharge_kw")) * (charging == "v2g"),
        soc_arrival=departure - used_kwh / by_class("battery_kwh"),
        soc_min=fleet.soc_min,
        soc_max=np.maximum(fleet.soc_max, departure),
        gain_kwh=by_class("gain_share") * by_class("battery_kwh") + used_kwh,
        n_stay_steps=stay,
        n_cut_steps=cut,
        eta_charge=fleet.eta_charge,
        eta_discharge=fleet.eta_discharge,
        wear_cny_kwh=fleet.wear_cny_kwh,
        unserved_cny_kwh=scenario.prices.unserved_cny_kwh,
        terminal_price_cny_kwh=terminal_price_cny_kwh,
        step_h=time.step_min / 60.0,
    )
    ones = np.ones(domain.n)
    return Fleet(domain, ones, station, step + 1, shape[0], shape[3], member, kind, adjustments, n_levels)


def _drive_kwh(scenario: Scenario) -> np.ndarray:
    if any(member.drive_kwh_km for member in scenario.fleet.classes):
        return build_network(scenario).drive_kwh
    return np.zeros((len(scenario.stations), len(scenario.fleet.classes), 1))
