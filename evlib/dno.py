"""Distribution network optimisation (DNO): dispatch of the feeder over the day, and its prices."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from evlib.errors import SolverError
from evlib.flexibility.block import Cluster
from evlib.flexibility.columns import ColumnDispatch, solve_by_columns
from evlib.flexibility.fleet import Fleet
from evlib.grid_case import GridCase, GridOptions

__all__ = ["Dispatch", "build_problem", "dispatch_by_columns", "dispatch_grid", "solve_grid"]

TOLERANCES = (1e-8, 1e-7)


@dataclass(frozen=True)
class Dispatch:
    """Optimal dispatch; powers [kW] with K steps in the last axis.

    Attributes
    ----------
    station_kw : ndarray, shape (n_stations, K)
        Net charging power.
    backup_kw : ndarray, shape (n_zones, K)
    curtailed_kw : ndarray, shape (n_farms, K)
    shed_kw : ndarray, shape (n_bus, K)
    import_kw, export_kw : ndarray, shape (K,)
    branch_kw, branch_kvar : ndarray, shape (n_branch, K)
    voltage_pu : ndarray, shape (n_bus, K)
        Of the linear model.
    price_cny_kwh : ndarray, shape (n_bus, K)
        Distribution locational marginal price (DLMP): dual of the nodal active balance.
    tie_overload_kw : ndarray, shape (n_zones, K)
        Beyond the tie's limit, positive in either direction.
    line_overload_kva : ndarray, shape (n_branch, K)
    costs_cny : dict of str -> float
        Linear and quadratic parts by name; ``total`` is the least cost J.
    status : str
    tolerance : float
        Of the solver: the first of its ladder that ended optimal.
    balance_residual_kw : float
        Largest violation of a nodal balance.
    """

    station_kw: np.ndarray
    backup_kw: np.ndarray
    curtailed_kw: np.ndarray
    shed_kw: np.ndarray
    import_kw: np.ndarray
    export_kw: np.ndarray
    branch_kw: np.ndarray
    branch_kvar: np.ndarray
    voltage_pu: np.ndarray
    price_cny_kwh: np.ndarray
    tie_overload_kw: np.ndarray
    line_overload_kva: np.ndarray
    costs_cny: dict
    status: str
    tolerance: float
    balance_residual_kw: float


def dispatch_grid(case: GridCase, options: GridOptions, cluster: Cluster, *, extra_kw=None) -> Dispatch:
    """Dispatch the feeder at least cost, vehicles included.

    .. math::
        \\min \\; \\Delta_h \\sum_k \\Bigl[ \\sum_z c_g(g_z) + c_i(i) + \\sum_f c_c(r_f) + \\sum_j c_s(s_j)
              + \\tfrac12 \\sigma \\sum o^2 \\Bigr] + \\text{vehicles}

    subject to LinDistFlow (Baran and Wu 1989): nodal balance of P and Q without losses, squared voltage
    :math:`w_j = w_i - 2 (r P + x Q)`, voltage limits, ramps, and limits of ties, lines and root with overloads o. Each
    cost c is linear plus a small declared quadratic term.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    cluster : Cluster
        Station power, as :mod:`evlib.flexibility.block` builds it.
    extra_kw : ndarray, shape (n_bus, K), optional
        Further demand [kW], as used by finite differences.

    Returns
    -------
    Dispatch

    Raises
    ------
    SolverError
        Any status other than *optimal*.

    Notes
    -----
    Per unit of 1 MVA inside; shedding takes reactive power along. Vehicles, farms and generators run at unity power
    factor. Perfect foresight over the horizon.
    """
    problem, parts = build_problem(case, options, cluster, extra_kw=extra_kw)
    tolerance = solve_grid(problem, "grid problem")
    return _read(case, problem, parts, tolerance)


def dispatch_by_columns(
    case: GridCase, options: GridOptions, fleet: Fleet, *, gap: float = 2e-3, quotes=()
) -> tuple[Dispatch, ColumnDispatch]:
    """As :func:`dispatch_grid`, for a fleet whose exact domains are found column by column.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    fleet : Fleet
    gap, quotes
        As in :func:`evlib.flexibility.columns.solve_by_columns`.

    Returns
    -------
    dispatch : Dispatch
        Its prices are those that attain the lower bound.
    found : ColumnDispatch
        Certified bounds, and what the vehicles do.

    Raises
    ------
    SolverError
        A problem that does not end *optimal*, or a gap that is not reached.
    """
    tolerances = []

    def solve(problem):
        tolerances.append(solve_grid(problem, "grid problem by columns"))

    found = solve_by_columns(
        lambda cluster: build_problem(case, options, cluster), solve, fleet, gap=gap, quotes=quotes
    )
    dispatch = _read(case, found.problem, found.parts, max(tolerances))
    return replace(dispatch, price_cny_kwh=found.priced_parts["balance"].dual_value / case.step_h), found


def solve_grid(problem: cp.Problem, name: str) -> float:
    """Solve a problem that holds the grid, at the first tolerance of a short ladder that ends *optimal*.

    Parameters
    ----------
    problem : cvxpy.Problem
    name : str
        What error messages call the problem.

    Returns
    -------
    float
        The tolerance.

    Raises
    ------
    SolverError
        Any status other than *optimal* at every tolerance; names the problem and the statuses.
    """
    statuses = []
    for tolerance in TOLERANCES:
        # Left to itself the solver may choose a factorisation that takes four times as long on these problems.
        options = {
            "direct_solve_method": "qdldl",
            "tol_gap_abs": tolerance,
            "tol_gap_rel": tolerance,
            "tol_feas": tolerance,
            "iterative_refinement_reltol": 1e-9,  # the default 1e-13 costs a tenth of the time and no iteration less
        }
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Solution may be inaccurate")  # the status says it
                # What has no parameter is solved once: not worth a compilation that could be used again.
                problem.solve(solver=cp.CLARABEL, ignore_dpp=not problem.parameters(), **options)
            statuses.append(problem.status)
        except cp.error.SolverError as error:
            statuses.append(str(error))
        if problem.status == cp.OPTIMAL:
            return tolerance
        if problem.status in (cp.INFEASIBLE, cp.UNBOUNDED):
            break
    raise SolverError(f"{name} ended with status {', then '.join(map(repr, statuses))}, not 'optimal'")


def build_problem(case: GridCase, options: GridOptions, cluster: Cluster, *, extra_kw=None):
    """The CVXPY problem and the named expressions that :func:`dispatch_grid` reads; MW and thousand CNY inside."""
    feeder, n_steps = case.feeder, case.n_steps
    demand_mw = (case.load_kw + (0.0 if extra_kw is None else extra_kw)) / 1000.0
    load_bus = np.flatnonzero(case.load_kw.any(axis=1))
    load_mw = case.load_kw[load_bus] / 1000.0
    available_mw, backup_mw = case.available_kw / 1000.0, case.backup_kw[:, None] / 1000.0

    backup = cp.Variable((len(case.zones), n_steps), name="backup", nonneg=True)
    curtailed = cp.Variable(available_mw.shape, name="curtailed", nonneg=True)
    shed = cp.Variable((len(load_bus), n_steps), name="shed", nonneg=True)
    imported = cp.Variable(n_steps, name="import", nonneg=True)
    exported = cp.Variable(n_steps, name="export", nonneg=True)
    flow_p = cp.Variable((feeder.n_branch, n_steps), name="P")
    flow_q = cp.Variable((feeder.n_branch, n_steps), name="Q")
    squared = cp.Variable((feeder.n_branch, n_steps), name="w")

    def at(bus, n):
        return sp.csr_array((np.ones(n), (bus, np.arange(n))), shape=(feeder.n_bus, n))

    tangent = np.divide(case.load_kvar, case.load_kw, out=np.zeros_like(case.load_kw), where=case.load_kw > 0)[load_bus]
    net_p = (
        demand_mw
        + at(case.station_bus, len(case.stations)) @ cluster.power_mw
        - at(case.backup_bus, len(case.zones)) @ backup
        - at(load_bus, len(load_bus)) @ shed
    )
    if len(case.farms):
        net_p = net_p - at(case.farm_bus, len(case.farms)) @ (available_mw - curtailed)
    net_q = case.load_kvar / 1000.0 - at(load_bus, len(load_bus)) @ cp.multiply(tangent, shed)
    incidence = -feeder.incidence  # row j: what leaves bus j to its children less what its own branch brings
    root = sp.csr_array(([1.0], ([0], [0])), shape=(feeder.n_bus, 1))
    balance = net_p + incidence @ flow_p - root @ cp.reshape(imported - exported, (1, n_steps), order="C") == 0
    bring = -incidence[1:].T.tocsr()
    drop = 2 * (cp.multiply(feeder.r_pu[:, None], flow_p) + cp.multiply(feeder.x_pu[:, None], flow_q))
    from_root = (feeder.branch_from == 0).astype(float)[:, None] * options.root_voltage_pu**2
    low, high = feeder.v_min_pu[1:, None] + options.voltage_margin_pu, feeder.v_max_pu[1:, None]
    constraints = [
        balance,
        net_q[1:] + incidence[1:] @ flow_q == 0,
        bring @ squared == from_root - drop,
        squared >= low**2,
        squared <= high**2,
        backup <= backup_mw,
        cp.abs(cp.diff(backup, axis=1)) <= options.backup_ramp_share * backup_mw,
        curtailed <= available_mw,
        shed <= load_mw,
        *cluster.constraints,
    ]
    limits, overloads = _limits(case, options, flow_p, flow_q, imported, exported)
    step_h = case.step_h
    linear = {
        "backup": options.backup_cny_kwh * cp.sum(backup),
        "import": cp.sum(cp.multiply(case.import_price_cny_kwh, imported)),
        "curtailment": options.curtailment_cny_kwh * cp.sum(curtailed),
        "shedding": options.shedding_cny_kwh * cp.sum(shed),
    }
    quadratic = {
        "backup_quadratic": options.backup_slope / 2 * cp.sum_squares(backup),
        "import_quadratic": options.import_slope / 2 * cp.sum_squares(imported),
        "curtailment_quadratic": options.curtailment_slope / 2 * cp.sum_squares(curtailed),
        "shedding_quadratic": options.shedding_slope / 2 * cp.sum_squares(shed),
        "overload": options.overload_slope
        / 2
        * sum((cp.sum_squares(item) for item in overloads.values()), cp.Constant(0)),
    }
    costs = {name: step_h * term for name, term in (linear | quadratic).items()} | {"vehicles": cluster.cost_kcny}
    parts = {
        "backup": backup,
        "curtailed": curtailed,
        "shed": shed,
        "load_bus": load_bus,
        "import": imported,
        "export": exported,
        "P": flow_p,
        "Q": flow_q,
        "w": squared,
        "station": cluster.power_mw,
        "balance": balance,
        "costs": costs,
        "overloads": overloads,
        "root_voltage_pu": options.root_voltage_pu,
    }
    return cp.Problem(cp.Minimize(sum(costs.values())), constraints + limits), parts


def _limits(case: GridCase, options: GridOptions, flow_p, flow_q, imported, exported):
    """Limits of ties, lines and root; soft ones with an overload variable each."""
    shape = (len(case.zones), case.n_steps)
    if options.soft_limits:
        overloads = {
            "tie": cp.Variable(shape, name="tie_overload", nonneg=True),
            "line": cp.Variable(flow_p.shape, name="line_overload", nonneg=True),
            "import": cp.Variable(case.n_steps, name="import_overload", nonneg=True),
            "reverse": cp.Variable(case.n_steps, name="reverse_overload", nonneg=True),
        }
    else:
        overloads = {}
    over = {name: overloads.get(name, 0.0) for name in ("tie", "line", "import", "reverse")}
    tie = flow_p[case.tie]
    rating = np.broadcast_to(case.rating_kva[:, None] / 1000.0, flow_p.shape)
    flat_p, flat_q = cp.vec(flow_p, order="C"), cp.vec(flow_q, order="C")
    allowed = cp.vec(rating + over["line"], order="C")
    return [
        tie <= case.import_limit_kw[:, None] / 1000.0 + over["tie"],
        -tie <= case.export_limit_kw[:, None] / 1000.0 + over["tie"],
        cp.SOC(allowed, cp.vstack([flat_p, flat_q]), axis=0),
        imported <= options.import_limit_kw / 1000.0 + over["import"],
        exported <= options.reverse_limit_kw / 1000.0 + over["reverse"],
    ], overloads


def _read(case: GridCase, problem, parts, tolerance: float) -> Dispatch:
    kilo = 1000.0
    shed_kw = np.zeros_like(case.load_kw)
    shed_kw[parts["load_bus"]] = kilo * parts["shed"].value
    voltage = np.vstack([np.full((1, case.n_steps), parts["root_voltage_pu"]), np.sqrt(parts["w"].value)])
    overloads = {name: kilo * item.value for name, item in parts["overloads"].items()}
    costs = {name: kilo * float(term.value) for name, term in parts["costs"].items()}
    return Dispatch(
        station_kw=kilo * parts["station"].value,
        backup_kw=kilo * parts["backup"].value,
        curtailed_kw=kilo * parts["curtailed"].value,
        shed_kw=shed_kw,
        import_kw=kilo * parts["import"].value,
        export_kw=kilo * parts["export"].value,
        branch_kw=kilo * parts["P"].value,
        branch_kvar=kilo * parts["Q"].value,
        voltage_pu=voltage,
        price_cny_kwh=parts["balance"].dual_value / case.step_h,
        tie_overload_kw=overloads.get("tie", np.zeros((len(case.zones), case.n_steps))),
        line_overload_kva=overloads.get("line", np.zeros_like(parts["P"].value)),
        costs_cny=costs | {"total": kilo * float(problem.value)},
        status=problem.status,
        tolerance=tolerance,
        balance_residual_kw=kilo * float(np.abs(parts["balance"].violation()).max()),
    )
