"""The grid problem built once and solved again with other numbers: finite differences, forecasts, cohorts, prices."""

from __future__ import annotations

import cvxpy as cp
import numpy as np

from evlib.errors import InputError
from evlib.flexibility.station_load import Cluster
from evlib.grid.dispatch import Dispatch
from evlib.grid.dno import GridInputs, build_problem
from evlib.grid.dno_reading import read_dispatch
from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.solver import Solution, climb, scaled_problem, unscale

__all__ = ["GridProgram"]

CHANGING = ("demand", "available", "loss_price")


class GridProgram:
    """The problem of :func:`evlib.grid.dno.dispatch_grid` with Parameters for what changes.

    Demand, available power and the loss price may be Parameters, and the cluster may hold some of its own, such as cohorts'
    sizes. The problem is compiled at the first solve; later ones only fill in numbers.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    cluster : Cluster
    changing : collection of {"demand", "available", "loss_price"}
        What becomes Parameters. Compiling takes memory that grows with the number of parameters times that of variables:
        for hundreds of buses, or many cohorts, name only what will change.

    Examples
    --------
    >>> from evlib import load_scenario
    >>> from evlib.flexibility.station_load import no_vehicles
    >>> from evlib.grid.grid_case import build_grid_case
    >>> scenario = load_scenario("mini")
    >>> case = build_grid_case(scenario)
    >>> program = GridProgram(case, GridOptions.of(scenario), no_vehicles(2, 24))
    >>> calm = program.solve(available_kw=0 * case.available_kw)
    >>> bool(calm.costs_cny["import"] > program.solve().costs_cny["import"])
    True
    """

    def __init__(self, case: GridCase, options: GridOptions, cluster: Cluster, changing=CHANGING):
        unknown = set(changing) - set(CHANGING)
        if unknown:
            raise InputError(
                f"grid program: changing {sorted(unknown)[0]!r} is unknown; known are {', '.join(CHANGING)}"
            )
        self.case, self.options, self.changing = case, options, frozenset(changing)
        given = GridInputs.of(case, options)
        self._loss_cny_kwh = given.loss_cny_kwh
        self._demand = cp.Parameter(case.load_kw.shape, name="demand")
        self._available = cp.Parameter(case.available_kw.shape, name="available", nonneg=True) if case.farms else None
        self._loss = cp.Parameter(name="loss_price", nonneg=True)
        inputs = GridInputs(
            self._demand if "demand" in changing else given.demand_mw,
            self._available if "available" in changing and case.farms else given.available_mw,
            self._loss if "loss_price" in changing else given.loss_cny_kwh,
        )
        problem, self._parts = build_problem(case, options, cluster, inputs=inputs)
        self._problem = scaled_problem(problem, options.grid_model)

    def solve(self, *, extra_kw=None, available_kw=None, loss_cny_kwh: float | None = None) -> Dispatch:
        """Solve with these numbers, and those of the case where none are given.

        Parameters
        ----------
        extra_kw : ndarray, shape (n_bus, K), optional
            Further demand [kW].
        available_kw : ndarray, shape (n_farms, K), optional
            What wind and sun offer [kW].
        loss_cny_kwh : float, optional
            Loss price of the cone model [CNY/kWh]; that of the case even if more is available.

        Returns
        -------
        Dispatch

        Raises
        ------
        InputError
            An array of the wrong shape, nan, negative available power, or a number that was not said to change.
        SolverError
            As in :func:`evlib.grid.dno.dispatch_grid`.
        """
        return read_dispatch(
            self.case, self.options, self._parts, self.run(extra_kw, available_kw, loss_cny_kwh), extra_kw=extra_kw
        )

    def run(self, extra_kw=None, available_kw=None, loss_cny_kwh: float | None = None) -> Solution:
        """Solve without reading the dispatch; the numbers are as in :meth:`solve`."""
        case = self.case
        for name, value in (("demand", extra_kw), ("available", available_kw), ("loss_price", loss_cny_kwh)):
            if value is not None and name not in self.changing:
                raise InputError(f"grid program: {name!r} is not among what changes; say so when it is built")
        extra_kw = np.zeros_like(case.load_kw) if extra_kw is None else _checked("extra_kw", extra_kw, case.load_kw)
        self._demand.value = (case.load_kw + extra_kw) / 1000.0
        if self._available is not None:
            available = case.available_kw if available_kw is None else available_kw
            available = _checked("available_kw", available, case.available_kw)
            if available.min() < 0:
                raise InputError(f"grid program: available_kw = {available.min():g}; must not be negative")
            self._available.value = available / 1000.0
        self._loss.value = self._loss_cny_kwh if loss_cny_kwh is None else loss_cny_kwh
        model = self.options.grid_model
        solution = climb(self._problem, "grid problem", model, self._parts["groups"], dpp=True)
        unscale(self._problem, model)
        return solution


def _checked(name: str, values, like: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if values.shape != like.shape:
        raise InputError(f"grid program: {name} has shape {values.shape}; must be {like.shape}, a row each")
    if not np.isfinite(values).all():
        row, step = np.argwhere(~np.isfinite(values))[0]
        raise InputError(f"grid program: {name} = {values[row, step]} in row {row}, step {step}; must be finite")
    return values
