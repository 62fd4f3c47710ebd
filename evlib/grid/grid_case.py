"""The grid side of a scenario: loads, available wind and sun, tariff and limits as arrays; prices and penalties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.grid.checks import check_grid_case
from evlib.grid.feeder import Feeder

__all__ = ["GridCase", "GridOptions"]


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
