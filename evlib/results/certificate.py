"""How far the numbers of a run can be trusted."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace

from evlib.coordination.coordinate import LoopCertificate
from evlib.coordination.one_day import Run
from evlib.flexibility.schedule import violations
from evlib.grid.dispatch import GridCertificate, price_measures
from evlib.results.accounts.road_storage import beyond_storage

__all__ = ["Certificate", "certificate_of"]


@dataclass(frozen=True, kw_only=True)
class Certificate(GridCertificate, LoopCertificate):
    """How far a result can be trusted: :class:`GridCertificate`, :class:`LoopCertificate`, residuals of the whole run.

    Attributes
    ----------
    vehicle_residual_veh : float
        Difference between the vehicles that departed and those that plugged in, as an absolute value.
    energy_residual_kwh : float
        Difference between what cohorts draw and what the grid delivers to stations, as an absolute value.
    money_residual_cny, money_relative_residual : float
        What cohorts pay minus their least costs at the announced prices; its absolute value as a share of these costs.
    domain_violation : dict of str -> float
        Largest breach of each rule of a cohort's domain, see :func:`evlib.flexibility.schedule.violations`.
    overtaking_guard_count, capacity_guard_count : int
        How often the two guards of the loading acted.
    after_horizon_veh, dropped_veh : float
        Vehicles that plug in after the horizon; vehicles in cohorts too small to count.
    driving_residual_kwh : float
        Largest difference, over classes, between the energy that vehicles depart with, less what their ways take, and
        the energy that cohorts arrive with; 0 if driving takes none.
    adjustments : dict of str -> int
        Number of cohorts whose wishes were adjusted to their batteries, by kind.
    terminal_price_cny_kwh : float
        Price of energy bought after the horizon: the mean import price, or 0 where that is negative.
    dispatched_by : str
        ``set``: the dispatch is the optimum of the scenario's set of the vehicles; ``city``: it is the last of the steps
        by which method ``city`` comes near it.
    dispatch_above_least_cny : float or None
        By how much a dispatch of method ``city`` may at most cost more than the least [CNY].
    beyond_storage : dict of str -> dict, or None
        Roads that at some time hold more vehicles than fit, with step and factor, the worst first; None if the scenario
        does not say how many fit. See :mod:`evlib.results.accounts.road_storage`.
    """

    vehicle_residual_veh: float
    energy_residual_kwh: float
    money_residual_cny: float
    money_relative_residual: float
    domain_violation: dict
    overtaking_guard_count: int
    capacity_guard_count: int
    after_horizon_veh: float
    dropped_veh: float
    driving_residual_kwh: float = 0.0
    adjustments: dict
    terminal_price_cny_kwh: float
    dispatched_by: str = "set"
    dispatch_above_least_cny: float | None = None
    beyond_storage: dict | None = None

    def to_json(self) -> dict:
        """The certificate in a form that JSON can hold: nan becomes null."""
        return _nan_to_none(asdict(self))

    @classmethod
    def from_json(cls, values: dict) -> Certificate:
        """The inverse of :meth:`to_json`."""
        numbers = {item.name for item in fields(cls) if item.type == "float"}
        return cls(**{name: _none_to_nan(value, name in numbers) for name, value in values.items()})


def certificate_of(run: Run, tables: dict, loop: LoopCertificate, room_veh=None) -> Certificate:
    """Make the certificate of a run.

    Parameters
    ----------
    run : Run
    tables : dict of str -> DataFrame
    loop : LoopCertificate
        Certificate of the strategy's iterations.
    room_veh : ndarray, shape (n_roads,), optional
        Vehicles that fit on each road.

    Returns
    -------
    Certificate
    """
    loading, dispatch, cohorts = run.loading, run.dispatch, tables["cohorts"]
    departed = loading.departures_veh.sum()
    paid = cohorts[["payment_cny", "wear_cny", "terminal_cny", "unserved_cny"]].to_numpy().sum()
    least = cohorts["least_cost_cny"].sum()
    drawn = (cohorts["charged_kwh"] - cohorts["discharged_kwh"]).sum()
    delivered = dispatch.station_kw.sum() * run.case.step_h
    breach = violations(*_whole_cohorts(run))
    grid = vars(dispatch.certificate) | price_measures(dispatch)  # of the prices announced, where they differ
    return Certificate(
        **grid,
        **vars(loop),
        vehicle_residual_veh=float(abs(loading.plugged_veh[:, :, -1].sum() - departed)),
        energy_residual_kwh=float(abs(drawn - delivered)),
        money_residual_cny=float(paid - least),
        money_relative_residual=float(abs(paid - least) / max(abs(least), 1.0)),
        domain_violation={name: float(value) for name, value in breach.items()},
        overtaking_guard_count=loading.n_overtaking_guard,
        capacity_guard_count=loading.n_capacity_guard,
        after_horizon_veh=float(run.late_veh.sum()),
        dropped_veh=run.dropped_veh,
        driving_residual_kwh=float(tables["energy"]["residual_kwh"].abs().max()) if "energy" in tables else 0.0,
        adjustments=run.cohorts.adjustments.counts,
        terminal_price_cny_kwh=run.case.terminal_price_cny_kwh,
        dispatched_by="set" if run.most_above_cny is None else "city",
        dispatch_above_least_cny=run.most_above_cny,
        beyond_storage=beyond_storage(loading, room_veh),
    )


def _whole_cohorts(run: Run):
    """Domains and schedules of whole cohorts, so that a breach is weighted with the number of vehicles."""
    size, vehicle = run.sizes_veh[run.occupied], run.cohorts.domain.take(run.occupied)
    scaled = ("charge_kw", "discharge_kw", "energy_low_kwh", "energy_high_kwh", "target_kwh", "terminal_limit_kwh")
    domain = replace(vehicle, **{name: size * getattr(vehicle, name) for name in scaled})
    return domain, run.schedule.take(run.occupied, vehicle.n_steps).times(size)


def _nan_to_none(value):
    if isinstance(value, dict):
        return {key: _nan_to_none(part) for key, part in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _none_to_nan(value, is_number: bool):
    if isinstance(value, dict):
        return {key: math.nan if part is None else part for key, part in value.items()}
    return math.nan if value is None and is_number else value
