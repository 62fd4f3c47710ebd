"""Fleets, price families and a toy grid for comparisons of flexible domains; all drawn with fixed seeds."""

from __future__ import annotations

from dataclasses import replace

import cvxpy as cp
import numpy as np

from evlib import load_scenario
from evlib.flexibility import Fleet, uncontrolled, vehicle_domain
from evlib.grid.grid_case import GridCase
from evlib.inputs.build_fleet import all_cohorts
from evlib.inputs.build_grid import build_grid_case
from evlib.inputs.build_roads import origin_demand
from evlib.inputs.charging_sessions import read_sessions, session_vehicles

__all__ = ["FAMILIES", "FLEETS", "drawn_fleet", "feeder_fleet", "price_draw", "rising_grid", "station_fleet"]

FLEETS = ("private", "three classes", "charging only", "lossless", "individual", "measured")
FAMILIES = ("tariff", "surplus", "volatile")
N_STEPS = 96
N_SINGLE = 200
# Rise of the marginal cost from no charging to the peak of the uncontrolled profile.
RISE_CNY_KWH = 0.1


def drawn_fleet(n: int, seed: int = 1) -> tuple[GridCase, Fleet]:
    """Different single vehicles at the base case's stations: classes and departures as there, all else within +-30 %.

    Parameters
    ----------
    n : int
        Vehicles.
    seed : int

    Returns
    -------
    case : GridCase
        The base case's grid.
    fleet : Fleet
        Each a cohort of one.
    """
    scenario = load_scenario("nguyen")
    case, fleet, random = build_grid_case(scenario), scenario.fleet, np.random.default_rng(seed)
    demand = origin_demand(scenario).sum(axis=0)
    picked = random.choice(demand.size, n, p=(demand / demand.sum()).ravel())
    member, depart = np.divmod(picked, demand.shape[1])

    def by_class(name, spread=0.3):
        return np.array([getattr(item, name) for item in fleet.classes])[member] * random.uniform(
            1 - spread, 1 + spread, n
        )

    plug_in = np.minimum(depart + random.integers(2, 6, n), N_STEPS - 2)
    stay = np.maximum(np.round(by_class("stay_min") / scenario.time.step_min).astype(int), 2)
    battery = by_class("battery_kwh")
    domain, _ = vehicle_domain(
        battery_kwh=battery,
        charge_kw=by_class("charge_kw"),
        discharge_kw=by_class("discharge_kw"),
        soc_arrival=by_class("soc_arrival"),
        soc_min=fleet.soc_min,
        soc_max=fleet.soc_max,
        gain_kwh=by_class("gain_share") * battery,
        n_stay_steps=stay,
        n_cut_steps=np.clip(plug_in + stay - N_STEPS, 0, stay - 1),
        **_shared(scenario, case),
    )
    station = random.integers(0, len(case.stations), n)
    return case, Fleet(domain, np.ones(n), station, plug_in + 1, len(case.stations), N_STEPS)


def feeder_fleet(n: int) -> tuple[GridCase, Fleet]:
    """`drawn_fleet` on a feeder that grows with it.

    A feeder n / 1,200 times as large in load, ratings, farms and limits, with impedances and slopes smaller by the same
    factor, is the base feeder in per unit of an n / 1,200 times larger base; each vehicle weighs 1,200 / n in it.
    """
    case, fleet = drawn_fleet(n)
    return case, replace(fleet, size_veh=np.full(n, load_scenario("nguyen").fleet.vehicles / n))


def station_fleet(name: str) -> Fleet:
    """One station's vehicles over the horizon of the base case, 20 to 400 cohorts.

    ``private``, ``three classes``: the base case's cohorts, one and all classes, plugging in every third step;
    ``charging only`` and ``lossless``: the latter without discharging, without losses and wear; ``individual``: 200
    different vehicles; ``measured``: 200 fast-charging sessions, by their hour of arrival.
    """
    if name == "individual":
        fleet = drawn_fleet(N_SINGLE, seed=2)[1]
        return replace(fleet, station=np.zeros(fleet.n, dtype=int), n_stations=1)
    scenario = load_scenario("nguyen")
    case = build_grid_case(scenario)
    if name == "measured":
        return _measured(scenario, case)
    if name == "lossless":
        scenario = scenario.replace({"fleet.eta_charge": 1.0, "fleet.eta_discharge": 1.0, "fleet.wear_cny_kwh": 0.0})
    charging = "smart" if name == "charging only" else "v2g"
    no_way = np.zeros((len(scenario.stations), len(scenario.fleet.classes), 1))  # domains are compared, not ways
    cohorts = all_cohorts(scenario, case.terminal_price_cny_kwh, charging, no_way)
    at_station = (cohorts.station == 0) & (cohorts.plug_in_step % 3 == 0) & (cohorts.plug_in_step < N_STEPS - 2)
    if name == "private":
        at_station &= cohorts.vehicle_class == 0
    share = np.array([item.share for item in scenario.fleet.classes])[cohorts.vehicle_class]
    fleet = Fleet(cohorts.domain, 10 * share, np.zeros(cohorts.domain.n), cohorts.plug_in_step + 1, 1, N_STEPS)
    return fleet.take(at_station)


def _measured(scenario, case) -> Fleet:
    sessions, _ = read_sessions()
    start = int(scenario.time.start_clock.split(":")[0])
    minute = sessions["arrival"].dt.hour * 60 + sessions["arrival"].dt.minute - 60 * start
    step = (minute // scenario.time.step_min).astype(int)
    inside = sessions[(step >= 0) & (step < N_STEPS - 2)].index[:N_SINGLE]
    vehicles = session_vehicles(sessions.loc[inside], step_min=scenario.time.step_min)
    plug_in, stay = step.loc[inside].to_numpy(), vehicles["n_stay_steps"]
    cut = np.clip(plug_in + stay - N_STEPS, 0, stay - 1)
    domain, _ = vehicle_domain(**vehicles, n_cut_steps=cut, **_shared(scenario, case))
    return Fleet(domain, np.ones(domain.n), np.zeros(domain.n), plug_in + 1, 1, N_STEPS)


def _shared(scenario, case) -> dict:
    fleet = scenario.fleet
    return dict(
        eta_charge=fleet.eta_charge,
        eta_discharge=fleet.eta_discharge,
        wear_cny_kwh=fleet.wear_cny_kwh,
        unserved_cny_kwh=scenario.prices.unserved_cny_kwh,
        terminal_price_cny_kwh=case.terminal_price_cny_kwh,
        step_h=scenario.time.step_min / 60.0,
    )


def price_draw(family: str, seed: int) -> np.ndarray:
    """Prices of a day, shape (96,) [CNY/kWh].

    ``tariff``: the base case's two blocks, their levels and the change-over drawn; ``surplus``: the tariff with two
    spells of 1 to 2 h at -0.5 CNY/kWh, as where wind is curtailed; ``volatile``: mean-reverting around 0.55 with a
    standard deviation of 0.2 and a correlation of 0.8 from step to step.
    """
    random, step = np.random.default_rng([seed, FAMILIES.index(family)]), np.arange(N_STEPS)
    if family == "volatile":
        price, noise = np.empty(N_STEPS), random.normal(0.0, 0.2, N_STEPS)
        price[0] = noise[0]
        for k in range(1, N_STEPS):
            price[k] = 0.8 * price[k - 1] + 0.6 * noise[k]
        return 0.55 + price
    price = np.where(step < random.integers(36, 60), random.uniform(0.35, 0.5), random.uniform(0.55, 0.8))
    if family == "surplus":
        for _ in range(2):
            begin = random.integers(6, 80)
            price = np.where((step >= begin) & (step < begin + random.integers(12, 25)), -0.5, price)
    return price


def rising_grid(fleet: Fleet, price_cny_kwh: np.ndarray):
    """A grid whose marginal cost is a price that rises by 0.1 CNY/kWh up to the uncontrolled peak of one station.

    Returns
    -------
    build : callable
        From a `StationLoad` to the problem [thousand CNY].
    cost_cny : callable
        From a profile, shape (K,) [kW], to its cost without the vehicles' own.
    """
    step_h = fleet.domain.step_h
    peak_mw = fleet.station_kw(uncontrolled(fleet.domain).power_kw).max() / 1000.0
    slope = RISE_CNY_KWH / peak_mw

    def build(station_load):
        power = cp.reshape(station_load.power_mw, (fleet.n_steps,), order="C")
        grid = step_h * (price_cny_kwh @ power + slope / 2 * cp.sum_squares(power))
        return cp.Problem(cp.Minimize(grid + station_load.cost_kcny), station_load.constraints), power

    def cost_cny(profile_kw):
        return step_h * float(price_cny_kwh @ profile_kw + slope / 2000.0 * (profile_kw**2).sum())

    return build, cost_cny
