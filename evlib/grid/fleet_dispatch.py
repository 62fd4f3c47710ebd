"""The sets by which the grid represents vehicles: one protocol, and a class for each set that a scenario may choose.

``exact`` puts every cohort's domain into one problem, ``columns`` finds the same domains column by column, ``zonotope``
is the paper's inner approximation, ``zonotope_lagged`` a larger one of its kind, ``summed`` an outer set. Only
:func:`vehicle_set` reads these strings.

The file is longer than others because every set stands beside the protocol that it follows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from evlib.errors import InputError
from evlib.flexibility.cohorts import uncontrolled_costs, vehicle_costs
from evlib.flexibility.column_generation import ColumnDispatch, PricedColumn, mixed_schedule, solve_by_columns
from evlib.flexibility.fleet import Fleet
from evlib.flexibility.schedule import Schedule, uncontrolled
from evlib.flexibility.station_load import StationLoad, block_schedule, exact_block, full_power_block
from evlib.flexibility.virtual_battery import summed_block
from evlib.flexibility.zonotope.both_ways import BothWays, both_ways
from evlib.grid.dispatch import Dispatch
from evlib.grid.dno import dispatch_grid, read_dispatch, repriced
from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.grid_model import build_grid_model
from evlib.grid.solver import Solution, solve_grid

__all__ = [
    "COLUMNS_GAP",
    "SETS",
    "ColumnSet",
    "ExactSet",
    "FleetDispatch",
    "LaggedZonotopeSet",
    "SummedSet",
    "UncontrolledSet",
    "VehicleSet",
    "ZonotopeSet",
    "dispatch_by_columns",
    "vehicle_set",
]

# Certified gap of a dispatch by columns: half the tolerance of the price gap.
COLUMNS_GAP = 5e-5
# Shifts of the larger zonotopes [steps]: 5, 20 and 60 minutes in the base case.
LAGS = (1, 4, 12)
# How many columns of one dispatch the next one starts from.
KEPT_COLUMNS = 20


@dataclass(frozen=True)
class FleetDispatch:
    """The grid's answer to a fleet.

    Attributes
    ----------
    dispatch : Dispatch
    schedule : callable
        Returns the schedule of one vehicle of every cohort [kW, kWh]; an empty cohort does nothing.
    columns : tuple of PricedColumn
        Columns that the next dispatch may start from; empty if the set has none.
    most_above_cny : float or None
        How much it may cost above the least, if it is not the set's own optimum [CNY].
    """

    dispatch: Dispatch
    schedule: Callable[[], Schedule]
    columns: tuple[PricedColumn, ...] = ()
    most_above_cny: float | None = None


class VehicleSet(Protocol):
    """What the grid needs to know about cohorts.

    Attributes
    ----------
    cohorts : Fleet
        Every cohort that may ever hold a vehicle.
    mixes : bool
        Whether a cohort may mix any schedules of its vehicles, so that best answers to earlier prices form a set inside
        this one.
    by_columns : bool
        Whether the whole set is found column by column.
    """

    cohorts: Fleet
    mixes: bool
    by_columns: bool

    def vehicle_costs(self, price_cny_kwh: np.ndarray) -> np.ndarray:
        """Least electricity cost V of one vehicle of every cohort, (n,) [CNY], at station prices (n_stations, K)."""

    def station_load(self, rows: np.ndarray, size_veh) -> StationLoad:
        """Station power of the cohorts in a mask (n,) as a part of a grid problem; their sizes may be a variable."""

    def dispatch(self, case: GridCase, options: GridOptions, size_veh: np.ndarray, columns=()) -> FleetDispatch:
        """Dispatch the feeder with cohorts of given sizes (n,) [veh]; ``columns`` are a start."""


@dataclass(frozen=True)
class ExactSet:
    """Every cohort with its exact domain, all of them in one problem."""

    cohorts: Fleet
    mixes = True
    by_columns = False

    def vehicle_costs(self, price_cny_kwh):
        """See :class:`VehicleSet`."""
        return vehicle_costs(self.cohorts, price_cny_kwh)

    def station_load(self, rows, size_veh):
        """See :class:`VehicleSet`."""
        return exact_block(self.cohorts.take(rows), size_veh)

    def dispatch(self, case, options, size_veh, columns=()):
        """See :class:`VehicleSet`."""
        rows = size_veh > 0
        fleet = self.cohorts.of_sizes(size_veh).take(rows)
        load = exact_block(fleet)
        dispatch = dispatch_grid(case, options, load)

        def schedule():
            if not fleet.n:
                return Schedule.idle(self.cohorts.n, self.cohorts.domain.n_steps)
            return _of_all(self.cohorts, rows, block_schedule(load, fleet.domain).shared_by(fleet.size_veh))

        return FleetDispatch(dispatch, schedule)


class ColumnSet(ExactSet):
    """The same exact domains, but the dispatch is found column by column to a certified gap."""

    by_columns = True

    def dispatch(self, case, options, size_veh, columns=()):
        """See :class:`VehicleSet`."""
        rows = size_veh > 0
        fleet = self.cohorts.of_sizes(size_veh).take(rows)
        if not fleet.n:
            return super().dispatch(case, options, size_veh)
        dispatch, mixture = dispatch_by_columns(case, options, fleet, gap=COLUMNS_GAP, columns=columns)
        leading = mixture.leading_columns(KEPT_COLUMNS)
        return FleetDispatch(dispatch, lambda: _of_all(self.cohorts, rows, mixed_schedule(mixture, fleet)), leading)


@dataclass(frozen=True)
class ZonotopeSet:
    """The paper's zonotopes, with its shifts to the next step; vehicles may also charge uncontrolled."""

    cohorts: Fleet
    mixes = False
    by_columns = False
    lags = (1,)

    @cached_property
    def zonotopes(self) -> BothWays:
        """Zonotopes of one vehicle of every cohort."""
        return both_ways(self.cohorts, self.lags)

    def vehicle_costs(self, price_cny_kwh):
        """See :class:`VehicleSet`; a vehicle follows a zonotope or charges uncontrolled, whichever costs least."""
        return self.zonotopes.vehicle_costs(self.cohorts.cohort_prices(price_cny_kwh))

    def station_load(self, rows, size_veh):
        """See :class:`VehicleSet`."""
        return self.zonotopes.block(rows, size_veh)[0]

    def dispatch(self, case, options, size_veh, columns=()):
        """See :class:`VehicleSet`."""
        rows = size_veh > 0
        if not rows.any():
            return ExactSet(self.cohorts).dispatch(case, options, size_veh)
        load, schedule = self.zonotopes.block(rows, size_veh[rows])
        dispatch = dispatch_grid(case, options, load)
        return FleetDispatch(dispatch, lambda: _of_all(self.cohorts, rows, schedule()))


class LaggedZonotopeSet(ZonotopeSet):
    """The same with shifts by further steps."""

    lags = LAGS


class SummedSet(ExactSet):
    """Every station as one big battery: an outer set for diagnosis. Vehicles may be unable to deliver its dispatch."""

    mixes = False

    def station_load(self, rows, size_veh):
        """See :class:`VehicleSet`; sizes must be numbers here."""
        return summed_block(self.cohorts.take(rows).of_sizes(size_veh))

    def dispatch(self, case, options, size_veh, columns=()):
        """See :class:`VehicleSet`; there is no schedule."""
        load = summed_block(self.cohorts.of_sizes(size_veh))

        def schedule():
            raise InputError(
                "summed bounds: a dispatch of theirs has no schedule; vehicles need not be able to deliver it"
            )

        return FleetDispatch(dispatch_grid(case, options, load), schedule)


@dataclass(frozen=True)
class UncontrolledSet:
    """Charging at full power at once; if the grid cuts a station, all vehicles there are cut in proportion."""

    cohorts: Fleet
    mixes = False
    by_columns = False

    def vehicle_costs(self, price_cny_kwh):
        """See :class:`VehicleSet`."""
        return uncontrolled_costs(self.cohorts, price_cny_kwh)

    def station_load(self, rows, size_veh):
        """See :class:`VehicleSet`."""
        return full_power_block(self.cohorts.take(rows), size_veh)

    def dispatch(self, case, options, size_veh, columns=()):
        """See :class:`VehicleSet`."""
        fleet = self.cohorts.of_sizes(size_veh)
        dispatch = dispatch_grid(case, options, full_power_block(fleet))

        def schedule():
            domain, planned = fleet.domain, uncontrolled(fleet.domain)
            wanted = fleet.station_kw(planned.charge_kw)
            delivered = np.divide(dispatch.station_kw, wanted, out=np.ones_like(wanted), where=wanted > 0)
            share = np.where(planned.charge_kw > 0, fleet.cohort_prices(delivered), 0.0)
            charge = planned.charge_kw * share
            energy = np.zeros_like(planned.energy_kwh)
            energy[:, 1:] = np.cumsum(domain.step_h * domain.eta_charge * charge, axis=1)
            cut_kwh = domain.step_h * domain.eta_charge * (planned.charge_kw - charge).sum(axis=1)
            unserved = planned.unserved_kwh + cut_kwh
            return Schedule(charge, np.zeros_like(charge), energy, planned.terminal_kwh, unserved)

        return FleetDispatch(dispatch, schedule)


SETS = {
    "exact": ExactSet,
    "columns": ColumnSet,
    "zonotope": ZonotopeSet,
    "zonotope_lagged": LaggedZonotopeSet,
    "summed": SummedSet,
}


def vehicle_set(cohorts: Fleet, charging: str, name: str = "exact") -> VehicleSet:
    """Make the set by which the grid represents cohorts.

    Parameters
    ----------
    cohorts : Fleet
    charging : {"uncontrolled", "smart", "v2g"}
    name : {"exact", "columns", "zonotope", "zonotope_lagged", "summed"}
        Does not matter if charging is uncontrolled.

    Returns
    -------
    VehicleSet
    """
    return UncontrolledSet(cohorts) if charging == "uncontrolled" else SETS[name](cohorts)


def _of_all(cohorts: Fleet, rows, schedule: Schedule) -> Schedule:
    return schedule.put_into(Schedule.idle(cohorts.n, cohorts.domain.n_steps), rows)


def dispatch_by_columns(
    case: GridCase, options: GridOptions, fleet: Fleet, *, gap: float = 2e-3, columns=()
) -> tuple[Dispatch, ColumnDispatch]:
    """Dispatch as :func:`evlib.grid.dno.dispatch_grid` does, with a fleet's exact domains found column by column.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    fleet : Fleet
    gap, columns
        As in :func:`evlib.flexibility.column_generation.solve_by_columns`.

    Returns
    -------
    dispatch : Dispatch
        Its prices attain the lower bound.
    mixture : ColumnDispatch
        Certified bounds, and what the vehicles do.

    Raises
    ------
    SolverError
        If a problem does not end *optimal*, or the gap is not reached.
    """
    ladders = []

    def build(station_load):
        model = build_grid_model(case, options, station_load)
        return model.problem, model

    def solve(problem):
        ladders.append(solve_grid(problem, "grid problem by columns", options.grid_model).ladder)

    mixture = solve_by_columns(build, solve, fleet, gap=gap, columns=columns)
    loosest = max(ladders, key=lambda ladder: ladder[-1].tolerance)
    dispatch = read_dispatch(case, options, mixture.parts, Solution(loosest, float(mixture.problem.value), 0.0))
    return repriced(case, options, dispatch, mixture.priced_parts), mixture
