"""The grid side of a scenario: loads, available wind and sun, tariff and limits as arrays; prices and penalties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.errors import InputError
from evlib.grid.feeder import Feeder
from evlib.grid.grid_case_checks import check_grid_case
from evlib.inputs.schema import clock_to_min

__all__ = ["GridCase", "GridOptions", "build_grid_case"]


@dataclass(frozen=True)
class GridCase:
    """What the distribution network operator faces before any vehicle comes; K steps. Checked when made.

    Attributes
    ----------
    feeder : Feeder
    load_kw, load_kvar : ndarray, shape (n_bus, K)
        Demand other than vehicles [kW, kvar], in the feeder's bus order.
    farms : tuple of str
    farm_bus : ndarray of int, shape (n_farms,)
        Positions in the feeder's buses.
    farm_zone : ndarray of int, shape (n_farms,)
        Positions in the zones.
    available_kw : ndarray, shape (n_farms, K)
        Power that wind or sun offers [kW].
    zones : tuple of str
    bus_zone : ndarray of int, shape (n_bus,)
        Zone of each bus, -1 for the trunk.
    tie : ndarray of int, shape (n_zones,)
        Branch that feeds each zone.
    import_limit_kw, export_limit_kw, backup_kw : ndarray, shape (n_zones,)
        Limits of each tie and rating of each backup generator [kW].
    backup_bus : ndarray of int, shape (n_zones,)
        Where each backup generator stands.
    stations : tuple of str
    station_bus : ndarray of int, shape (n_stations,)
    rating_kva : ndarray, shape (n_branch,)
        Apparent power that each line may carry [kVA].
    import_price_cny_kwh : ndarray, shape (K,)
    step_h : float
        Decision step [h].
    backup_start_kw : ndarray, shape (n_zones,), optional
        Power of each backup generator just before the first step [kW]; without it the first step is free of ramps.
    """

    feeder: Feeder
    load_kw: np.ndarray
    load_kvar: np.ndarray
    farms: tuple[str, ...]
    farm_bus: np.ndarray
    farm_zone: np.ndarray
    available_kw: np.ndarray
    zones: tuple[str, ...]
    bus_zone: np.ndarray
    tie: np.ndarray
    import_limit_kw: np.ndarray
    export_limit_kw: np.ndarray
    backup_kw: np.ndarray
    backup_bus: np.ndarray
    stations: tuple[str, ...]
    station_bus: np.ndarray
    rating_kva: np.ndarray
    import_price_cny_kwh: np.ndarray
    step_h: float
    backup_start_kw: np.ndarray | None = None

    def __post_init__(self):
        check_grid_case(self)

    @property
    def n_steps(self) -> int:
        """Decision steps K."""
        return self.load_kw.shape[1]

    @property
    def terminal_price_cny_kwh(self) -> float:
        """Price of energy bought after the horizon: the mean import price [CNY/kWh]."""
        return float(self.import_price_cny_kwh.mean())

    def zone_sum(self, values: np.ndarray, zone: np.ndarray) -> np.ndarray:
        """Sum of rows by zone, shape (n_zones, K); rows of zone -1 are left out."""
        return np.array([values[zone == z].sum(axis=0) for z in range(len(self.zones))])

    def surplus_kw(self) -> np.ndarray:
        """max(0, available - load - tie export limit) of each zone without vehicles, shape (n_zones, K) [kW]."""
        available = self.zone_sum(self.available_kw, self.farm_zone)
        load = self.zone_sum(self.load_kw, self.bus_zone)
        return np.maximum(available - load - self.export_limit_kw[:, None], 0.0)

    def deficit_kw(self) -> np.ndarray:
        """max(0, load - available - tie import limit) of each zone without vehicles, shape (n_zones, K) [kW]."""
        available = self.zone_sum(self.available_kw, self.farm_zone)
        load = self.zone_sum(self.load_kw, self.bus_zone)
        return np.maximum(load - available - self.import_limit_kw[:, None], 0.0)


@dataclass(frozen=True)
class GridOptions:
    """Prices, penalties and limits of the grid problem that are no time series.

    Attributes
    ----------
    backup_cny_kwh, curtailment_cny_kwh, shedding_cny_kwh : float
        Marginal cost at zero [CNY/kWh].
    backup_slope, import_slope, curtailment_slope, shedding_slope, overload_slope : float
        Rise of the marginal cost [CNY/(kWh MW)]: the declared quadratic terms.
    import_limit_kw, reverse_limit_kw : float
        Limits at the root [kW].
    root_voltage_pu, voltage_margin_pu : float
        Voltage at the root; what the lower limit is raised by [pu].
    backup_ramp_share : float
        Change of a backup generator within one step, as a share of its rating.
    soft_limits : bool
        Ties, lines and root may be overloaded at ``overload_slope``.
    grid_model : {"lindistflow", "cone"}
        Branch flow without losses and linear, or with them as a second-order cone.
    farm_power_factor : float
        Least power factor of wind and sun, in either direction; 1 for no reactive power.
    loss_price_factor : float
        Loss price of the cone model over the largest marginal cost of curtailment; 1.05 keeps the cones tight.
    """

    backup_cny_kwh: float
    curtailment_cny_kwh: float
    shedding_cny_kwh: float
    backup_slope: float
    import_slope: float
    curtailment_slope: float
    shedding_slope: float
    overload_slope: float
    import_limit_kw: float
    reverse_limit_kw: float
    root_voltage_pu: float
    voltage_margin_pu: float
    backup_ramp_share: float
    soft_limits: bool
    grid_model: str = "lindistflow"
    farm_power_factor: float = 1.0
    loss_price_factor: float = 1.05

    @classmethod
    def of(cls, scenario, *, final: bool = False) -> GridOptions:
        """The options of a scenario, in the coordination's loop or for the dispatch that is made in the end."""
        prices, grid, model = scenario.prices, scenario.grid, scenario.switches.grid_model
        return cls(
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


def build_grid_case(scenario) -> GridCase:
    """Arrays of the grid side of a scenario.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    GridCase

    Raises
    ------
    InputError
        ``renewable_swap`` where no zone lacks a farm, or a spike in a zone without load.

    Notes
    -----
    Loads follow one profile, reactive power alike. The spike is a raised cosine spread over its zone's buses in
    proportion to their load. Backup generators stand at the bus of their zone's station, or at the zone's first bus.
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
    factor = shape + _spike_share(scenario, feeder, bus_zone == zones.index(grid.spike.zone))
    farm_bus = np.array([position[farm.bus] for farm in grid.farms], dtype=int)
    if scenario.switches.renewable_swap:
        farm_bus = _swapped(scenario, farm_bus, bus_zone, backup_bus)
    limits = np.array([(zone.import_limit_mw, zone.export_limit_mw, zone.backup_mw) for zone in grid.zones]) * 1000.0
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
        backup_bus=np.array(backup_bus),
        stations=tuple(station.name for station in scenario.stations),
        station_bus=station_bus,
        rating_kva=tables.rating_mva * 1000.0,
        import_price_cny_kwh=_tariff(scenario),
        step_h=scenario.time.step_min / 60.0,
    )


def _spike_share(scenario, feeder: Feeder, inside: np.ndarray) -> np.ndarray:
    """Spike as a multiple of each bus's nominal load, shape (n_bus, K)."""
    spike, time = scenario.grid.spike, scenario.time
    nominal_kw = feeder.load_kw[inside].sum()
    if spike.peak_mw > 0 and nominal_kw <= 0:
        raise InputError(f"{scenario.file}: grid.spike.zone {spike.zone!r} has no load to raise; choose another zone")
    distance = np.abs(np.arange(time.n_steps) - spike.peak_step) * time.step_min / spike.half_width_min
    bump_kw = 1000.0 * spike.peak_mw * np.where(distance < 1, (1 + np.cos(np.pi * distance)) / 2, 0.0)
    return np.where(inside[:, None], bump_kw[None, :] / max(nominal_kw, 1e-9), 0.0)


def _swapped(scenario, farm_bus, bus_zone, backup_bus) -> np.ndarray:
    """Move the smallest wind farm to the first zone that has none: the article does not say which station it is."""
    farms = scenario.grid.farms
    empty = [z for z in range(len(scenario.grid.zones)) if not (bus_zone[farm_bus] == z).any()]
    wind = [index for index, farm in enumerate(farms) if farm.kind == "wind"]
    if not empty or not wind:
        raise InputError(f"{scenario.file}: switches.renewable_swap: needs a wind farm and a zone without a farm")
    smallest = min(wind, key=lambda index: farms[index].rating_mw)
    moved = farm_bus.copy()
    moved[smallest] = backup_bus[empty[0]]
    return moved


def _tariff(scenario) -> np.ndarray:
    blocks = sorted((clock_to_min(block.from_clock), block.price_cny_kwh) for block in scenario.prices.import_tariff)
    start = np.array([minute for minute, _ in blocks])
    price = np.array([value for _, value in blocks])
    minute = clock_to_min(scenario.time.start_clock) + scenario.time.step_min * np.arange(scenario.time.n_steps)
    return price[np.searchsorted(start, minute, side="right") - 1]
