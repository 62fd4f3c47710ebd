"""The grid without vehicles, as its operator faces it: time series and limits as arrays, prices and penalties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.grid.checks import check_grid_case
from evlib.grid.feeder import Feeder

__all__ = ["GridCase", "GridInputs", "GridOptions", "loss_price"]


@dataclass(frozen=True)
class GridCase:
    """The grid without vehicles, as the distribution network operator faces it, over K steps. Checked on creation.

    Attributes
    ----------
    feeder : Feeder
    load_kw, load_kvar : ndarray, shape (n_bus, K)
        Demand other than vehicles [kW, kvar], in the feeder's bus order.
    farms : tuple of str
    farm_bus : ndarray of int, shape (n_farms,)
        Position of each farm's bus in the feeder's buses.
    farm_zone : ndarray of int, shape (n_farms,)
        Position of each farm's zone in ``zones``.
    available_kw : ndarray, shape (n_farms, K)
        Power available from wind or sun [kW].
    zones : tuple of str
    bus_zone : ndarray of int, shape (n_bus,)
        Zone of each bus, -1 for the trunk.
    tie : ndarray of int, shape (n_zones,)
        Branch that feeds each zone.
    import_limit_kw, export_limit_kw, backup_kw : ndarray, shape (n_zones,)
        Limits of each tie and rating of each backup generator [kW].
    backup_bus : ndarray of int, shape (n_zones,)
        Position of each backup generator's bus.
    stations : tuple of str
    station_bus : ndarray of int, shape (n_stations,)
        Position of each station's bus.
    rating_kva : ndarray, shape (n_branch,)
        Apparent power that each line may carry [kVA]; infinite where a line is not limited.
    import_price_cny_kwh : ndarray, shape (K,)
    step_h : float
        Decision step [h].
    backup_start_kw : ndarray, shape (n_zones,), optional
        Power of each backup generator just before the first step [kW]; without it no ramp limits the first step.
    tariff_branch : ndarray of int, shape (n_tariffs,), optional
        Branches at the root through which feeders with a tariff above ``import_price_cny_kwh`` import.
    surcharge_cny_kwh : ndarray, shape (n_tariffs, K), optional
        What they pay in addition for what they import, not negative [CNY/kWh]; feeding back earns none of it.
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
    tariff_branch: np.ndarray | None = None
    surcharge_cny_kwh: np.ndarray | None = None

    def __post_init__(self):
        check_grid_case(self)

    @property
    def n_steps(self) -> int:
        """Decision steps K."""
        return self.load_kw.shape[1]

    @property
    def rated(self) -> np.ndarray:
        """Positions of the branches that have a rating."""
        return np.flatnonzero(np.isfinite(self.rating_kva))

    @property
    def drawn_kw(self) -> np.ndarray:
        """Loads, and shunts at 1 pu, shape (n_bus, K) [kW]."""
        shunt = self.feeder.shunt_kw
        return self.load_kw if shunt is None else self.load_kw + shunt[:, None]

    @property
    def drawn_kvar(self) -> np.ndarray:
        """As :attr:`drawn_kw`, reactive [kvar]."""
        shunt = self.feeder.shunt_kvar
        return self.load_kvar if shunt is None else self.load_kvar + shunt[:, None]

    @property
    def tariff_cny_kwh(self) -> np.ndarray:
        """Tariff of imports, shape (K,); of the feeder of every bus, shape (n_bus, K), where feeders differ [CNY/kWh]."""
        if self.tariff_branch is None:
            return self.import_price_cny_kwh
        return self.import_price_cny_kwh + self.feeder.downstream[self.tariff_branch].T @ self.surcharge_cny_kwh

    @property
    def terminal_price_cny_kwh(self) -> float:
        """Price of energy bought after the horizon: the mean import price, but never below 0 [CNY/kWh].

        Nobody is paid for what is missing at the end of the day: at a negative price the largest purchase would be best.
        """
        return max(float(self.import_price_cny_kwh.mean()), 0.0)

    def zone_sum(self, values: np.ndarray, zone: np.ndarray) -> np.ndarray:
        """Sum rows of ``values`` (n, K) by their ``zone`` (n,): shape (n_zones, K). Rows of zone -1 are left out."""
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

    def carried_mva(self) -> np.ndarray:
        """Order of magnitude of each branch's power [MVA]: the most that load and farms behind it draw or feed in.

        Returns
        -------
        ndarray, shape (n_branch, 1)
        """
        net_kw = self.load_kw.copy()
        np.add.at(net_kw, self.farm_bus, -self.available_kw)
        most = np.abs(self.feeder.downstream @ net_kw).max(axis=1, keepdims=True) / 1000.0
        return most + 0.01 * most.max() if most.any() else np.ones_like(most)


@dataclass(frozen=True)
class GridOptions:
    """Prices, penalties and limits of the grid problem that are not time series.

    Attributes
    ----------
    backup_cny_kwh, curtailment_cny_kwh, shedding_cny_kwh : float
        Marginal cost at zero power [CNY/kWh].
    backup_slope, import_slope, curtailment_slope, shedding_slope, overload_slope : float
        Slope of the marginal cost [CNY/(kWh MW)]: the declared quadratic terms. Prices contain them: a slope of 0.005
        on an import of 8.6 MW adds 0.043 CNY/kWh.
    import_limit_kw, reverse_limit_kw : float
        Limits at the root [kW].
    root_voltage_pu : float or None
        Voltage at the root [pu]; None for the feeder's own.
    voltage_margin_pu : float
        Margin added to the lower voltage limit [pu].
    backup_ramp_share : float
        Largest change of a backup generator from one step to the next, as a share of its rating.
    soft_limits : bool
        Whether ties, lines and root may be overloaded at ``overload_slope``.
    grid_model : {"lindistflow", "cone"}
        Linear branch flow without losses, or a second-order cone with losses.
    farm_power_factor : float
        Least power factor of wind and sun, in either direction; 1 for no reactive power.
    loss_price_factor : float
        Loss price of the cone model divided by the largest marginal cost of curtailment; 1.05 keeps the cones tight.
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
    root_voltage_pu: float | None
    voltage_margin_pu: float
    backup_ramp_share: float
    soft_limits: bool
    grid_model: str = "lindistflow"
    farm_power_factor: float = 1.0
    loss_price_factor: float = 1.05

    def root_pu(self, feeder: Feeder) -> float:
        """Voltage at the root of a feeder [pu]."""
        return feeder.root_pu if self.root_voltage_pu is None else self.root_voltage_pu


@dataclass(frozen=True)
class GridInputs:
    """The inputs that may change from one solve to the next: arrays, or cvxpy Parameters if the problem is built once.

    Attributes
    ----------
    demand_mw : array_like or cvxpy.Expression, shape (n_bus, K)
        Demand other than vehicles [MW].
    available_mw : array_like or cvxpy.Expression, shape (n_farms, K)
        Power available from wind or sun [MW].
    loss_cny_kwh : float or cvxpy.Expression
        Loss price of the cone model [CNY/kWh].
    """

    demand_mw: object
    available_mw: object
    loss_cny_kwh: object

    @classmethod
    def of(cls, case: GridCase, options: GridOptions, extra_kw=None) -> GridInputs:
        """The inputs of a case, with additional demand ``extra_kw``, shape (n_bus, K) [kW]."""
        demand_mw = (case.drawn_kw + (0.0 if extra_kw is None else extra_kw)) / 1000.0
        return cls(demand_mw, case.available_kw / 1000.0, loss_price(case, options))


def loss_price(case: GridCase, options: GridOptions) -> float:
    """Price on losses that keeps the cones of the cone model tight [CNY/kWh].

    Where power is curtailed, prices are negative, and the relaxation would rather waste power as losses than pay for
    curtailment. A price on losses above the largest marginal cost of curtailment makes this unprofitable; at equality
    both cost the same. Nodal prices are then derivatives of the cost including this price, see
    :func:`evlib.grid.parametric_dispatch.cost_derivative`.

    Returns
    -------
    float
        ``options.loss_price_factor`` times the marginal cost of curtailment at the largest available power; 0 in
        LinDistFlow, which has no losses.
    """
    if options.grid_model != "cone" or not case.available_kw.size:
        return 0.0
    steepest = options.curtailment_slope * case.available_kw.max() / 1000.0
    return options.loss_price_factor * (options.curtailment_cny_kwh + steepest)
