"""The grid problem, built once and solved again with other numbers: finite differences, forecasts, cohorts, prices."""

from __future__ import annotations

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.flexibility.station_load import StationLoad, exact_block
from evlib.grid.dispatch import Dispatch
from evlib.grid.dno import dispatch_grid, read_dispatch
from evlib.grid.grid_case import GridCase, GridInputs, GridOptions
from evlib.grid.grid_model import build_grid_model
from evlib.grid.solver import Solution, climb, scaled_problem, unscale

__all__ = ["GridProgram", "cost_derivative", "forecast_error", "wind_of"]

CHANGING = ("demand", "available", "loss_price")


class GridProgram:
    """The problem of :func:`evlib.grid.dno.dispatch_grid` with Parameters for the inputs that change.

    Demand, available power and the loss price may be Parameters, and the station load may contain further ones, such as
    cohort sizes. The problem is compiled at the first solve; later solves only fill in numbers.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    station_load : StationLoad
    changing : collection of {"demand", "available", "loss_price"}
        Inputs that become Parameters. Compiling takes memory in proportion to the number of parameters times the number
        of variables: with hundreds of buses or many cohorts, name only the inputs that will change.

    Examples
    --------
    >>> from evlib import load_scenario
    >>> from evlib.flexibility.station_load import no_vehicles
    >>> from evlib.inputs.build_grid import build_grid_case, build_grid_options
    >>> scenario = load_scenario("mini")
    >>> case = build_grid_case(scenario)
    >>> program = GridProgram(case, build_grid_options(scenario), no_vehicles(2, 24))
    >>> calm = program.solve(available_kw=0 * case.available_kw)
    >>> bool(calm.costs_cny["import"] > program.solve().costs_cny["import"])
    True
    """

    def __init__(self, case: GridCase, options: GridOptions, station_load: StationLoad, changing=CHANGING):
        unknown = set(changing) - set(CHANGING)
        if unknown:
            raise InputError(
                f"grid program: changing {sorted(unknown)[0]!r} is unknown; known are {', '.join(CHANGING)}"
            )
        self.case, self.options, self.changing = case, options, frozenset(changing)
        fixed = GridInputs.of(case, options)
        self._loss_cny_kwh = fixed.loss_cny_kwh
        self._demand = cp.Parameter(case.load_kw.shape, name="demand")
        self._available = cp.Parameter(case.available_kw.shape, name="available", nonneg=True) if case.farms else None
        self._loss = cp.Parameter(name="loss_price", nonneg=True)
        inputs = GridInputs(
            self._demand if "demand" in changing else fixed.demand_mw,
            self._available if "available" in changing and case.farms else fixed.available_mw,
            self._loss if "loss_price" in changing else fixed.loss_cny_kwh,
        )
        self._model = build_grid_model(case, options, station_load, inputs=inputs)
        self._problem = scaled_problem(self._model.problem, options.grid_model)

    def solve(self, *, extra_kw=None, available_kw=None, loss_cny_kwh: float | None = None) -> Dispatch:
        """Solve with the given numbers, and with the case's own for the rest.

        Parameters
        ----------
        extra_kw : ndarray, shape (n_bus, K), optional
            Demand in addition to the case's [kW].
        available_kw : ndarray, shape (n_farms, K), optional
            Power available from wind and sun [kW].
        loss_cny_kwh : float, optional
            Loss price of the cone model [CNY/kWh]; by default the case's, even if ``available_kw`` is larger.

        Returns
        -------
        Dispatch

        Raises
        ------
        InputError
            If an array has the wrong shape or contains nan, available power is negative, or an input is not in
            ``changing``.
        SolverError
            As in :func:`evlib.grid.dno.dispatch_grid`.
        """
        solution = self.run(extra_kw, available_kw, loss_cny_kwh)
        return read_dispatch(self.case, self.options, self._model, solution, extra_kw=extra_kw)

    def run(self, extra_kw=None, available_kw=None, loss_cny_kwh: float | None = None) -> Solution:
        """Solve without reading the dispatch; parameters as in :meth:`solve`."""
        case = self.case
        for name, value in (("demand", extra_kw), ("available", available_kw), ("loss_price", loss_cny_kwh)):
            if value is not None and name not in self.changing:
                raise InputError(f"grid program: {name!r} is not among what changes; say so when it is built")
        extra_kw = np.zeros_like(case.load_kw) if extra_kw is None else _checked("extra_kw", extra_kw, case.load_kw)
        self._demand.value = (case.drawn_kw + extra_kw) / 1000.0
        if self._available is not None:
            available = case.available_kw if available_kw is None else available_kw
            available = _checked("available_kw", available, case.available_kw)
            if available.min() < 0:
                raise InputError(f"grid program: available_kw = {available.min():g}; must not be negative")
            self._available.value = available / 1000.0
        self._loss.value = self._loss_cny_kwh if loss_cny_kwh is None else loss_cny_kwh
        model = self.options.grid_model
        solution = climb(self._problem, "grid problem", model, self._model.constraints, dpp=True)
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


def wind_of(case: GridCase, is_wind, other: GridCase) -> np.ndarray:
    """Available power with the wind of another day but the sun of this one, shape (n_farms, K) [kW].

    Parameters
    ----------
    case : GridCase
    is_wind : array_like of bool, shape (n_farms,)
        Which farms are wind farms.
    other : GridCase
        The same farms on the other day.

    Raises
    ------
    InputError
        If the farms or the number of steps differ.
    """
    if case.farms != other.farms or case.available_kw.shape != other.available_kw.shape:
        raise InputError(
            f"forecast: farms {', '.join(other.farms)} with {other.n_steps} steps; must be {', '.join(case.farms)} with "
            f"{case.n_steps}, as on the day that was forecast"
        )
    return np.where(np.asarray(is_wind)[:, None], other.available_kw, case.available_kw)


def forecast_error(
    case: GridCase, options: GridOptions, planned: Dispatch, fleet, actual_kw: np.ndarray, shares
) -> pd.DataFrame:
    """Cost of a forecast error: the wind lies between the forecast and another day's, and stations stick to their plan.

    Parameters
    ----------
    case : GridCase
        Its available power is the forecast.
    options : GridOptions
    planned : Dispatch
        Optimal dispatch for the forecast; its station powers are kept.
    fleet : Fleet
        The vehicles that came.
    actual_kw : ndarray, shape (n_farms, K)
        Available power of the other day [kW].
    shares : sequence of float
        The actual wind is (1 - share) x forecast + share x the other day's.

    Returns
    -------
    DataFrame
        One row per share: ``share``, ``error_mwh`` (absolute difference, summed over farms and steps), ``kept_cny``
        (vehicles as planned, but the grid is dispatched anew and knows the whole day), ``foreseen_cny`` (vehicles are
        dispatched anew as well), ``error_cny`` (the difference: the cost of not knowing) and, with vehicles as planned,
        ``curtailed_mwh``, ``backup_mwh``, ``shed_mwh``, ``import_mwh``.

    Raises
    ------
    SolverError
        If a grid problem has no optimal solution.

    Notes
    -----
    The grid has perfect foresight of the actual wind, so this is a lower bound on the cost of the error. The announced
    prices do not change, so nobody drives elsewhere.
    """
    as_planned = StationLoad(
        cp.Constant(planned.station_kw / 1000.0), cp.Constant(planned.costs_cny["vehicles"] / 1000.0)
    )
    program, rows = GridProgram(case, options, as_planned, changing=("available", "loss_price")), []
    for share in shares:
        wind_kw = (1 - share) * case.available_kw + share * np.asarray(actual_kw)
        same = program.solve(available_kw=wind_kw)
        free = dispatch_grid(replace(case, available_kw=wind_kw), options, exact_block(fleet))
        mwh = {
            "error_mwh": np.abs(wind_kw - case.available_kw),
            "curtailed_mwh": same.curtailed_kw,
            "backup_mwh": same.backup_kw,
            "shed_mwh": same.shed_kw,
            "import_mwh": same.import_kw,
        }
        costs = {"kept_cny": same.costs_cny["total"], "foreseen_cny": free.costs_cny["total"]}
        costs["error_cny"] = costs["kept_cny"] - costs["foreseen_cny"]
        rows.append({"share": share} | costs | {name: kw.sum() * case.step_h / 1000 for name, kw in mwh.items()})
    return pd.DataFrame(rows)


def cost_derivative(
    case: GridCase, options: GridOptions, station_load: StationLoad, *, share: float = 1e-3
) -> np.ndarray:
    """Derivative with respect to demand of the cost C without the loss price, at the dispatch chosen with that price.

    With L(d, omega) the losses of that dispatch and V = C + omega L its penalised cost, the envelope theorem gives
    :math:`\\partial V / \\partial d = \\lambda` and :math:`\\partial V / \\partial \\omega = L`, so that

    .. math:: \\frac{\\partial C}{\\partial d} = \\lambda - \\omega \\frac{\\partial L}{\\partial d}
              = \\lambda - \\omega \\frac{\\partial \\lambda}{\\partial \\omega} :

    two more solves give it at every bus and step, by a central difference in omega.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
        Options with the cone model.
    station_load : StationLoad
    share : float
        Step of the difference, as a share of omega.

    Returns
    -------
    ndarray, shape (n_bus, K)
        [CNY/kWh]; :math:`\\lambda - \\partial C / \\partial d` is what the loss price adds to the DLMP.
    """
    below, at_loss_price, above = (
        dispatch_grid(
            case, replace(options, loss_price_factor=factor * options.loss_price_factor), station_load
        ).price_cny_kwh
        for factor in (1 - share, 1.0, 1 + share)
    )
    return at_loss_price - (above - below) / (2 * share)
