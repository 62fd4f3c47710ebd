"""The grid side of a scenario: loads, available wind and sun, tariff, limits and prices as arrays."""

from __future__ import annotations

import numpy as np

from evlib.errors import InputError
from evlib.grid.feeder import Feeder
from evlib.grid.grid_case import GridCase, GridOptions
from evlib.inputs.reading.local_clock import DAY_MIN, local_minutes
from evlib.inputs.scenario import Scenario
from evlib.traffic.time_grid import clock_to_min

__all__ = ["build_grid_case", "build_grid_options"]


def build_grid_case(scenario: Scenario) -> GridCase:
    """Build the arrays of a scenario's grid side.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    GridCase

    Raises
    ------
    InputError
        If ``renewable_swap`` finds no zone without a farm or no wind farm, or if the spike's zone has no load.

    Notes
    -----
    All loads follow one profile, active and reactive power alike. The spike is a raised cosine, spread over its zone's
    buses in proportion to their load. A backup generator stands at the bus of its zone's station, or else at the zone's
    first bus. Where feeders have tariffs of their own, what one of them feeds back saves others the lowest tariff.
    """
    grid, tables = scenario.grid, scenario.tables
    feeder = tables.feeder
    position = {int(bus): index for index, bus in enumerate(feeder.bus)}
    zones = tuple(zone.name for zone in grid.zones)
    bus_zone = np.full(feeder.n_bus, -1)
    for z, zone in enumerate(grid.zones):
        bus_zone[[position[bus] for bus in zone.buses]] = z
    station_bus = np.array([position[station.bus] for station in scenario.stations])
    backup_bus = [
        next((bus for bus in station_bus if bus_zone[bus] == z), int(np.flatnonzero(bus_zone == z)[0]))
        for z in range(len(zones))
    ]
    shape = tables.load_pu[None, :] * np.ones((feeder.n_bus, 1))
    factor = shape
    if grid.spike is not None:
        factor = shape + _spike_share(scenario, feeder, bus_zone == zones.index(grid.spike.zone))
    farm_bus = np.array([position[farm.bus] for farm in grid.farms], dtype=int)
    if scenario.switches.renewable_swap:
        farm_bus = _swapped(scenario, farm_bus, bus_zone, backup_bus)
    limits = [(zone.import_limit_mw, zone.export_limit_mw, zone.backup_mw) for zone in grid.zones]
    limits = np.array(limits).reshape(-1, 3) * 1000.0
    return GridCase(
        feeder=feeder,
        load_kw=feeder.load_kw[:, None] * factor,
        load_kvar=feeder.load_kvar[:, None] * factor,
        farms=tuple(farm.name for farm in grid.farms),
        farm_bus=farm_bus,
        farm_zone=bus_zone[farm_bus],
        available_kw=tables.available_pu * 1000.0 * np.array([farm.rating_mw for farm in grid.farms])[:, None],
        zones=zones,
        bus_zone=bus_zone,
        tie=tables.tie,
        import_limit_kw=limits[:, 0],
        export_limit_kw=limits[:, 1],
        backup_kw=limits[:, 2],
        backup_bus=np.array(backup_bus, dtype=int),
        stations=tuple(station.name for station in scenario.stations),
        station_bus=station_bus,
        rating_kva=tables.rating_mva * 1000.0,
        **_tariffs(scenario),
        step_h=scenario.time.step_min / 60.0,
    )


def _spike_share(scenario: Scenario, feeder: Feeder, inside: np.ndarray) -> np.ndarray:
    """Spike as a multiple of each bus's nominal load, shape (n_bus, K)."""
    spike, time = scenario.grid.spike, scenario.time
    nominal_kw = feeder.load_kw[inside].sum()
    if spike.peak_mw > 0 and nominal_kw <= 0:
        raise InputError(f"{scenario.file}: grid.spike.zone {spike.zone!r} has no load to raise; choose another zone")
    distance = np.abs(np.arange(time.n_steps) - spike.peak_step) * time.step_min / spike.half_width_min
    bump_kw = 1000.0 * spike.peak_mw * np.where(distance < 1, (1 + np.cos(np.pi * distance)) / 2, 0.0)
    return np.where(inside[:, None], bump_kw[None, :] / max(nominal_kw, 1e-9), 0.0)


def _swapped(scenario: Scenario, farm_bus, bus_zone, backup_bus) -> np.ndarray:
    """Move the smallest wind farm to the first zone without a farm: the article does not say which station has it."""
    farms = scenario.grid.farms
    empty = [z for z in range(len(scenario.grid.zones)) if not (bus_zone[farm_bus] == z).any()]
    wind = [index for index, farm in enumerate(farms) if farm.kind == "wind"]
    if not empty or not wind:
        raise InputError(f"{scenario.file}: switches.renewable_swap: needs a wind farm and a zone without a farm")
    smallest = min(wind, key=lambda index: farms[index].rating_mw)
    moved = farm_bus.copy()
    moved[smallest] = backup_bus[empty[0]]
    return moved


def _tariffs(scenario: Scenario) -> dict:
    """The lowest tariff of all feeders, and what some pay in addition."""
    tables, own = scenario.tables, {tariff.name: tariff.blocks for tariff in scenario.prices.feeder_tariffs or ()}
    common = _tariff(scenario, scenario.prices.import_tariff)
    if not own or tables.feeder_tariff is None:
        return {"import_price_cny_kwh": common}
    paid = np.array([_tariff(scenario, own[name]) if name in own else common for name in tables.feeder_tariff])
    lowest = paid.min(axis=0)
    more = (paid > lowest).any(axis=1)
    if not more.any():
        return {"import_price_cny_kwh": lowest}
    return {
        "import_price_cny_kwh": lowest,
        "tariff_branch": tables.feeder_branch[more],
        "surcharge_cny_kwh": (paid - lowest)[more],
    }


def _tariff(scenario: Scenario, tariff) -> np.ndarray:
    """Price of imports in each step [CNY/kWh]; the day's last block holds until the first one of the next day."""
    blocks = sorted((clock_to_min(block.from_clock), block.price_cny_kwh) for block in tariff)
    start = np.array([minute for minute, _ in blocks])
    price = np.array([value for _, value in blocks])
    return price[np.searchsorted(start, local_minutes(scenario.time) % DAY_MIN, side="right") - 1]


def build_grid_options(scenario: Scenario, *, final: bool = False) -> GridOptions:
    """Collect the prices, penalties and limits of a scenario.

    Parameters
    ----------
    scenario : Scenario
    final : bool
        Whether the options are for the final dispatch, or for the coordination's loop.

    Returns
    -------
    GridOptions
    """
    prices, grid, model = scenario.prices, scenario.grid, scenario.switches.grid_model
    return GridOptions(
        prices.backup_cny_kwh,
        prices.curtailment_cny_kwh,
        prices.shedding_cny_kwh,
        prices.backup_slope_cny_kwh_mw,
        prices.import_slope_cny_kwh_mw,
        prices.curtailment_slope_cny_kwh_mw,
        prices.shedding_slope_cny_kwh_mw,
        prices.overload_slope_cny_kwh_mw,
        1000.0 * grid.import_limit_mw,
        1000.0 * grid.reverse_limit_mw,
        grid.root_voltage_pu,
        grid.voltage_margin_pu,
        grid.backup_ramp_share,
        scenario.switches.limits == "soft",
        "cone" if model == "cone" or (final and model == "cone_final") else "lindistflow",
        grid.farm_power_factor,
    )
