"""Distribution network optimisation (DNO): dispatch of the feeder over the day, and its prices."""

from __future__ import annotations

from dataclasses import dataclass

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from evlib.flexibility.station_load import Cluster
from evlib.grid.branch_flow import MODELS
from evlib.grid.checks import check_start
from evlib.grid.dispatch import Dispatch, read_dispatch
from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.solver import solve_grid

__all__ = ["GridInputs", "build_problem", "dispatch_grid", "loss_price"]


@dataclass(frozen=True)
class GridInputs:
    """What may change from one solve to the next: arrays, or cvxpy Parameters for a problem that is built once.

    Attributes
    ----------
    demand_mw : array_like or cvxpy.Expression, shape (n_bus, K)
        Demand other than vehicles [MW].
    available_mw : array_like or cvxpy.Expression, shape (n_farms, K)
        Power that wind or sun offers [MW].
    loss_cny_kwh : float or cvxpy.Expression
        Loss price of the cone model [CNY/kWh].
    """

    demand_mw: object
    available_mw: object
    loss_cny_kwh: object

    @classmethod
    def of(cls, case: GridCase, options: GridOptions, extra_kw=None) -> GridInputs:
        """The inputs of a case, with further demand [kW]."""
        demand_mw = (case.load_kw + (0.0 if extra_kw is None else extra_kw)) / 1000.0
        return cls(demand_mw, case.available_kw / 1000.0, loss_price(case, options))


def dispatch_grid(case: GridCase, options: GridOptions, cluster: Cluster, *, extra_kw=None) -> Dispatch:
    """Dispatch the feeder at least cost, vehicles included.

    .. math::
        \\min \\; \\Delta_h \\sum_k \\Bigl[ \\sum_z c_g(g_z) + c_i(i) + \\sum_f c_c(r_f) + \\sum_j c_s(s_j)
              + \\tfrac12 \\sigma \\sum o^2 + \\omega \\sum r \\ell \\Bigr] + \\text{vehicles}

    subject to the branch flow of ``options.grid_model`` (see :mod:`evlib.grid.branch_flow`), voltage limits, ramps, and limits
    of ties, lines and root with overloads o. Each cost c is linear plus a small declared quadratic term. The loss price
    :math:`\\omega` is there in the cone model only, see :func:`loss_price`.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    cluster : Cluster
        Station power, as :mod:`evlib.flexibility.station_load` builds it.
    extra_kw : ndarray, shape (n_bus, K), optional
        Further demand [kW], as used by finite differences.

    Returns
    -------
    Dispatch
        With its certificate.

    Raises
    ------
    SolverError
        Any status other than *optimal*; if no dispatch is possible, names the limits that cannot hold.

    Notes
    -----
    Per unit of 1 MVA inside; shedding takes reactive power along. Vehicles and generators run at unity power factor, wind
    and sun down to ``options.farm_power_factor``. Perfect foresight over the horizon.
    """
    problem, parts = build_problem(case, options, cluster, extra_kw=extra_kw)
    solution = solve_grid(problem, "grid problem", options.grid_model, parts["groups"])
    return read_dispatch(case, options, parts, solution, extra_kw=extra_kw)


def loss_price(case: GridCase, options: GridOptions) -> float:
    """Price on losses that keeps the cone model honest [CNY/kWh].

    Where power is curtailed, prices are negative, and a relaxation that may burn power does so instead of paying for
    curtailment. A price on losses above the largest marginal cost of curtailment takes the gain out of it; at equality
    both cost the same. Prices are then derivatives of the cost with this price, see
    :func:`evlib.grid.price_analysis.cost_derivative`.

    Returns
    -------
    float
        ``options.loss_price_factor`` times the curtailment penalty plus its slope at the largest available power; 0 in
        LinDistFlow, which has no losses.
    """
    if options.grid_model != "cone" or not case.available_kw.size:
        return 0.0
    steepest = options.curtailment_slope * case.available_kw.max() / 1000.0
    return options.loss_price_factor * (options.curtailment_cny_kwh + steepest)


def build_problem(case: GridCase, options: GridOptions, cluster: Cluster, *, extra_kw=None, inputs=None):
    """The CVXPY problem, and the named expressions that the dispatch is read from; MW and thousand CNY inside."""
    check_start(case, options.backup_ramp_share)
    inputs = GridInputs.of(case, options, extra_kw) if inputs is None else inputs
    feeder, n_steps, step_h = case.feeder, case.n_steps, case.step_h
    load_bus = np.flatnonzero(case.load_kw.any(axis=1))
    load_mw, backup_mw = case.load_kw[load_bus] / 1000.0, case.backup_kw[:, None] / 1000.0

    backup = cp.Variable((len(case.zones), n_steps), name="backup", nonneg=True)
    curtailed = cp.Variable(case.available_kw.shape, name="curtailed", nonneg=True)
    shed = cp.Variable((len(load_bus), n_steps), name="shed", nonneg=True)
    imported = cp.Variable(n_steps, name="import", nonneg=True)
    exported = cp.Variable(n_steps, name="export", nonneg=True)

    def at(bus, n):
        return sp.csr_array((np.ones(n), (bus, np.arange(n))), shape=(feeder.n_bus, n))

    tangent = np.divide(case.load_kvar, case.load_kw, out=np.zeros_like(case.load_kw), where=case.load_kw > 0)[load_bus]
    net_p = (
        inputs.demand_mw
        + at(case.station_bus, len(case.stations)) @ cluster.power_mw
        - at(case.backup_bus, len(case.zones)) @ backup
        - at(load_bus, len(load_bus)) @ shed
    )
    net_q = case.load_kvar / 1000.0 - at(load_bus, len(load_bus)) @ cp.multiply(tangent, shed)
    farm_q, farm_limits = None, []
    if len(case.farms):
        net_p = net_p - at(case.farm_bus, len(case.farms)) @ (inputs.available_mw - curtailed)
        if options.farm_power_factor < 1:
            farm_q = cp.Variable(case.available_kw.shape, name="farm_q")
            most = np.sqrt(options.farm_power_factor**-2 - 1) * (inputs.available_mw - curtailed)
            farm_limits = [farm_q <= most, -farm_q <= most]
            net_q = net_q - at(case.farm_bus, len(case.farms)) @ farm_q
    root = sp.csr_array(([1.0], ([0], [0])), shape=(feeder.n_bus, 1))
    supply_p = root @ cp.reshape(imported - exported, (1, n_steps), order="C")
    from_root = (feeder.branch_from == 0).astype(float)[:, None] * options.root_voltage_pu**2
    flow = MODELS[options.grid_model](feeder, net_p, net_q, supply_p, from_root, _carried_mva(case))
    margin = options.voltage_margin_pu if flow.current is None else 0.0
    low, high = feeder.v_min_pu[1:, None] + margin, feeder.v_max_pu[1:, None]
    limits, overloads = _limits(case, options, flow, imported, exported)
    groups = {
        **flow.equations,
        "voltage limits": [flow.squared >= low**2, flow.squared <= high**2],
        "backup ratings": [backup <= backup_mw],
        "backup ramps": _ramps(case, options, backup, backup_mw),
        "available power": [curtailed <= inputs.available_mw, *farm_limits],
        "load": [shed <= load_mw],
        "vehicles": cluster.constraints,
        **limits,
    }
    linear = {
        "backup": options.backup_cny_kwh * cp.sum(backup),
        "import": cp.sum(cp.multiply(case.import_price_cny_kwh, imported)),
        "curtailment": options.curtailment_cny_kwh * cp.sum(curtailed),
        "shedding": options.shedding_cny_kwh * cp.sum(shed),
    }
    quadratic = {
        "backup_quadratic": options.backup_slope / 2 * _squares(backup),
        "import_quadratic": options.import_slope / 2 * cp.sum_squares(imported),
        "curtailment_quadratic": options.curtailment_slope / 2 * _squares(curtailed),
        "shedding_quadratic": options.shedding_slope / 2 * _squares(shed),
        "overload": options.overload_slope
        / 2
        * sum((cp.sum_squares(item) for item in overloads.values()), cp.Constant(0)),
    }
    costs = {name: step_h * term for name, term in (linear | quadratic).items()} | {"vehicles": cluster.cost_kcny}
    objective = sum(costs.values())
    if flow.current is not None:
        objective = objective + step_h * inputs.loss_cny_kwh * cp.sum(cp.multiply(feeder.r_pu[:, None], flow.current))
    parts = {
        "backup": backup,
        "curtailed": curtailed,
        "available": inputs.available_mw,
        "farm_q": farm_q,
        "shed": shed,
        "load_bus": load_bus,
        "import": imported,
        "export": exported,
        "flow": flow,
        "station": cluster.power_mw,
        "balance": flow.equations["nodal balance"][0],
        "groups": groups,
        "costs": costs,
        "overloads": overloads,
    }
    return cp.Problem(cp.Minimize(objective), [item for group in groups.values() for item in group]), parts


def _squares(amount):
    return cp.sum_squares(amount) if amount.size else cp.Constant(0)


def _carried_mva(case: GridCase) -> np.ndarray:
    """Order of magnitude of each branch's power: the most that load and farms behind it exchange, shape (n_branch, 1)."""
    net_kw = case.load_kw.copy()
    np.add.at(net_kw, case.farm_bus, -case.available_kw)
    most = np.abs(case.feeder.downstream @ net_kw).max(axis=1, keepdims=True) / 1000.0
    return most + 0.01 * most.max() if most.any() else np.ones_like(most)


def _ramps(case: GridCase, options: GridOptions, backup, backup_mw):
    most = options.backup_ramp_share * backup_mw
    rules = [cp.abs(cp.diff(backup, axis=1)) <= most] if case.n_steps > 1 else []
    if case.backup_start_kw is not None:
        rules.append(cp.abs(backup[:, 0] - case.backup_start_kw / 1000.0) <= most[:, 0])
    return rules


def _limits(case: GridCase, options: GridOptions, flow, imported, exported):
    """Limits of ties, lines and root; soft ones with an overload variable each."""
    flow_p, flow_q = flow.flow_p, flow.flow_q
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
    return {
        "tie limits": [
            tie <= case.import_limit_kw[:, None] / 1000.0 + over["tie"],
            -tie <= case.export_limit_kw[:, None] / 1000.0 + over["tie"],
        ],
        "line ratings": [cp.SOC(allowed, cp.vstack([flat_p, flat_q]), axis=0)],
        "root import": [imported <= options.import_limit_kw / 1000.0 + over["import"]],
        "root reverse flow": [exported <= options.reverse_limit_kw / 1000.0 + over["reverse"]],
    }, overloads
