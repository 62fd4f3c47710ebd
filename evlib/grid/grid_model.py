"""The grid problem in CVXPY: variables, one function for each named group of constraints, and the costs.

The file is longer than others because every group of constraints stands here, each by its name.
Everything is in per unit of 1 MVA, that is, in MW, and in thousand CNY; the last axis holds K steps. The equations of
branches are formulated separately, see :mod:`evlib.grid.branch_flow`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from evlib.flexibility.station_load import StationLoad
from evlib.grid.branch_flow import MODELS, BranchFlow
from evlib.grid.checks import check_start
from evlib.grid.grid_case import GridCase, GridInputs, GridOptions

__all__ = ["GridModel", "GridVariables", "build_grid_model"]


@dataclass(frozen=True)
class GridVariables:
    """What the operator decides [MW]; branch flows and voltages belong to the branch flow's formulation.

    Attributes
    ----------
    backup : cvxpy.Variable, shape (n_zones, K)
        Power of backup generators.
    curtailed : cvxpy.Variable, shape (n_farms, K)
        Power available from wind and sun that is not used.
    shed : cvxpy.Variable, shape (number of buses with load, K)
        Load that is not served.
    imported, exported : cvxpy.Variable, shape (K,)
        Power through the root, in either direction.
    farm_reactive : cvxpy.Variable, shape (n_farms, K), or None
        Reactive power of the farms' inverters [Mvar]; none at unity power factor.
    """

    backup: cp.Variable
    curtailed: cp.Variable
    shed: cp.Variable
    imported: cp.Variable
    exported: cp.Variable
    farm_reactive: cp.Variable | None


@dataclass(frozen=True)
class GridModel:
    """The grid problem and, by name, everything that a dispatch is read from after the solve.

    Attributes
    ----------
    problem : cvxpy.Problem
        Least cost [thousand CNY].
    variables : GridVariables
    flow : BranchFlow
    station_mw : cvxpy.Expression, shape (n_stations, K)
        Net charging power of each station.
    available_mw : array or cvxpy.Expression, shape (n_farms, K)
        Power available from wind and sun.
    load_bus : ndarray of int
        Buses with load, in the order of ``variables.shed``.
    constraints : dict of str -> list of cvxpy.Constraint
        Every group by name, in the order of the problem.
    costs_kcny : dict of str -> cvxpy.Expression
        Every cost term by name [thousand CNY], without the loss price of the cone model.
    overloads : dict of str -> cvxpy.Variable
        Power beyond the soft limits ``tie``, ``line`` (of lines that have a rating), ``import`` and ``reverse``; empty if
        limits are hard.
    """

    problem: cp.Problem
    variables: GridVariables
    flow: BranchFlow
    station_mw: cp.Expression
    available_mw: object
    load_bus: np.ndarray
    constraints: dict
    costs_kcny: dict
    overloads: dict

    @property
    def balance(self) -> cp.Constraint:
        """Active power balance of every bus; its dual is the price."""
        return self.constraints["nodal balance"][0]

    def price_cny_kwh(self, step_h: float) -> np.ndarray:
        """Price of every bus after a solve, shape (n_bus, K): the dual of its balance per kWh."""
        return self.balance.dual_value / step_h


def build_grid_model(
    case: GridCase, options: GridOptions, station_load: StationLoad, *, extra_kw=None, inputs: GridInputs | None = None
) -> GridModel:
    """Build the grid problem of :func:`evlib.grid.dno.dispatch_grid`.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    station_load : StationLoad
    extra_kw : ndarray, shape (n_bus, K), optional
        Demand in addition to the case's [kW].
    inputs : GridInputs, optional
        The inputs of the case by default.

    Returns
    -------
    GridModel

    Raises
    ------
    InputError
        If a backup generator starts so far above its rating that its ramp limit cannot bring it back.
    """
    check_start(case, options.backup_ramp_share)
    inputs = GridInputs.of(case, options, extra_kw) if inputs is None else inputs
    load_bus = np.flatnonzero(case.load_kw.any(axis=1))
    variables = _variables(case, options, load_bus)
    flow = _branch_flow(case, options, inputs, station_load, variables, load_bus)
    overloads = _overloads(case) if options.soft_limits else {}
    constraints = {
        **flow.equations,
        "voltage limits": voltage_limits(case, options, flow),
        "backup ratings": backup_ratings(case, variables),
        "backup ramps": backup_ramps(case, options, variables),
        "available power": available_power(options, inputs, variables),
        "load": shed_load(case, load_bus, variables),
        "vehicles": station_load.constraints,
        "tie limits": tie_limits(case, flow, overloads),
        "line ratings": line_limits(case, flow, overloads),
        "root import": root_import(options, variables, overloads),
        "root reverse flow": root_reverse_flow(options, variables, overloads),
    }
    costs = _costs(case, options, variables, overloads) | {"vehicles": station_load.cost_kcny}
    if case.tariff_branch is not None:
        own_import = cp.Variable(case.surcharge_cny_kwh.shape, name="own_import", nonneg=True)
        constraints["feeder tariffs"] = feeder_tariffs(case, flow, own_import)
        costs["feeder tariffs"] = case.step_h * cp.sum(cp.multiply(case.surcharge_cny_kwh, own_import))
    objective = sum(costs.values())
    if flow.current is not None:
        lost_mw = cp.sum(cp.multiply(case.feeder.r_pu[:, None], flow.current))
        objective = objective + case.step_h * inputs.loss_cny_kwh * lost_mw
    return GridModel(
        problem=cp.Problem(cp.Minimize(objective), [rule for group in constraints.values() for rule in group]),
        variables=variables,
        flow=flow,
        station_mw=station_load.power_mw,
        available_mw=inputs.available_mw,
        load_bus=load_bus,
        constraints=constraints,
        costs_kcny=costs,
        overloads=overloads,
    )


def voltage_limits(case: GridCase, options: GridOptions, flow: BranchFlow) -> list:
    """Squared voltage of every bus but the root is within limits; the lossless model adds a margin to the lower one."""
    margin = options.voltage_margin_pu if flow.current is None else 0.0
    low, high = case.feeder.v_min_pu[1:, None] + margin, case.feeder.v_max_pu[1:, None]
    return [flow.squared >= low**2, flow.squared <= high**2]


def backup_ratings(case: GridCase, variables: GridVariables) -> list:
    """No backup generator exceeds its rating."""
    return [variables.backup <= case.backup_kw[:, None] / 1000.0]


def backup_ramps(case: GridCase, options: GridOptions, variables: GridVariables) -> list:
    """Each backup generator's change from step to step is limited, also from its start if that is known."""
    most = options.backup_ramp_share * (case.backup_kw[:, None] / 1000.0)
    rules = [cp.abs(cp.diff(variables.backup, axis=1)) <= most] if case.n_steps > 1 else []
    if case.backup_start_kw is not None:
        rules.append(cp.abs(variables.backup[:, 0] - case.backup_start_kw / 1000.0) <= most[:, 0])
    return rules


def available_power(options: GridOptions, inputs: GridInputs, variables: GridVariables) -> list:
    """No more is curtailed than is available from wind and sun, and inverters keep their power factor."""
    rules = [variables.curtailed <= inputs.available_mw]
    if variables.farm_reactive is not None:
        most = np.sqrt(options.farm_power_factor**-2 - 1) * (inputs.available_mw - variables.curtailed)
        rules += [variables.farm_reactive <= most, -variables.farm_reactive <= most]
    return rules


def shed_load(case: GridCase, load_bus, variables: GridVariables) -> list:
    """No more load is shed than there is."""
    return [variables.shed <= case.load_kw[load_bus] / 1000.0]


def tie_limits(case: GridCase, flow: BranchFlow, overloads: dict) -> list:
    """Import and export of each zone through its tie are within limits."""
    tie, over = flow.flow_p[case.tie], overloads.get("tie", 0.0)
    return [
        tie <= case.import_limit_kw[:, None] / 1000.0 + over,
        -tie <= case.export_limit_kw[:, None] / 1000.0 + over,
    ]


def line_limits(case: GridCase, flow: BranchFlow, overloads: dict) -> list:
    """Apparent power of each line that has a rating is within it."""
    if not len(case.rated):
        return []
    flow_p, flow_q = flow.flow_p, flow.flow_q
    if len(case.rated) < case.feeder.n_branch:
        flow_p, flow_q = flow_p[case.rated], flow_q[case.rated]
    rating = np.broadcast_to(case.rating_kva[case.rated, None] / 1000.0, flow_p.shape)
    flat_p, flat_q = cp.vec(flow_p, order="C"), cp.vec(flow_q, order="C")
    allowed = cp.vec(rating + overloads.get("line", 0.0), order="C")
    return [cp.SOC(allowed, cp.vstack([flat_p, flat_q]), axis=0)]


def root_import(options: GridOptions, variables: GridVariables, overloads: dict) -> list:
    """Import at the root is within its limit."""
    return [variables.imported <= options.import_limit_kw / 1000.0 + overloads.get("import", 0.0)]


def root_reverse_flow(options: GridOptions, variables: GridVariables, overloads: dict) -> list:
    """Reverse flow at the root is within its limit."""
    return [variables.exported <= options.reverse_limit_kw / 1000.0 + overloads.get("reverse", 0.0)]


def feeder_tariffs(case: GridCase, flow: BranchFlow, own_import) -> list:
    """A feeder with a tariff of its own pays for what flows into it and earns nothing for what flows out."""
    return [flow.flow_p[case.tariff_branch] <= own_import]


def _variables(case: GridCase, options: GridOptions, load_bus) -> GridVariables:
    n_steps = case.n_steps
    with_reactive = len(case.farms) and options.farm_power_factor < 1
    return GridVariables(
        backup=cp.Variable((len(case.zones), n_steps), name="backup", nonneg=True),
        curtailed=cp.Variable(case.available_kw.shape, name="curtailed", nonneg=True),
        shed=cp.Variable((len(load_bus), n_steps), name="shed", nonneg=True),
        imported=cp.Variable(n_steps, name="import", nonneg=True),
        exported=cp.Variable(n_steps, name="export", nonneg=True),
        farm_reactive=cp.Variable(case.available_kw.shape, name="farm_q") if with_reactive else None,
    )


def _branch_flow(case: GridCase, options: GridOptions, inputs, station_load, variables, load_bus) -> BranchFlow:
    """Branch flow in the formulation of ``options.grid_model``, with the net demand of every bus."""
    feeder = case.feeder

    def at(bus, n):
        return sp.csr_array((np.ones(n), (bus, np.arange(n))), shape=(feeder.n_bus, n))

    ratio = np.divide(case.load_kvar, case.load_kw, out=np.zeros_like(case.load_kw), where=case.load_kw > 0)[load_bus]
    net_p = (
        inputs.demand_mw
        + at(case.station_bus, len(case.stations)) @ station_load.power_mw
        - at(case.backup_bus, len(case.zones)) @ variables.backup
        - at(load_bus, len(load_bus)) @ variables.shed
    )
    net_q = case.drawn_kvar / 1000.0 - at(load_bus, len(load_bus)) @ cp.multiply(ratio, variables.shed)
    if len(case.farms):
        at_farms = at(case.farm_bus, len(case.farms))
        net_p = net_p - at_farms @ (inputs.available_mw - variables.curtailed)
        if variables.farm_reactive is not None:
            net_q = net_q - at_farms @ variables.farm_reactive
    root = sp.csr_array(([1.0], ([0], [0])), shape=(feeder.n_bus, 1))
    supply_p = root @ cp.reshape(variables.imported - variables.exported, (1, case.n_steps), order="C")
    from_root = (feeder.branch_from == 0).astype(float)[:, None] * options.root_pu(feeder) ** 2
    return MODELS[options.grid_model](feeder, net_p, net_q, supply_p, from_root, case.carried_mva())


def _overloads(case: GridCase) -> dict:
    shapes = {
        "tie": (len(case.zones), case.n_steps),
        "line": (len(case.rated), case.n_steps),
        "import": (case.n_steps,),
        "reverse": (case.n_steps,),
    }
    return {
        name: cp.Variable(shape, name=f"{name}_overload", nonneg=True)
        for name, shape in shapes.items()
        if name != "line" or len(case.rated)
    }


def _costs(case: GridCase, options: GridOptions, variables: GridVariables, overloads: dict) -> dict:
    """Every cost: linear plus a declared quadratic term, which raises prices by its slope times the power."""
    linear = {
        "backup": options.backup_cny_kwh * cp.sum(variables.backup),
        "import": _root_cost(case.import_price_cny_kwh, variables),
        "curtailment": options.curtailment_cny_kwh * cp.sum(variables.curtailed),
        "shedding": options.shedding_cny_kwh * cp.sum(variables.shed),
    }
    beyond = sum((cp.sum_squares(overload) for overload in overloads.values()), cp.Constant(0))
    quadratic = {
        "backup_quadratic": options.backup_slope / 2 * _squares(variables.backup),
        "import_quadratic": options.import_slope / 2 * cp.sum_squares(variables.imported),
        "curtailment_quadratic": options.curtailment_slope / 2 * _squares(variables.curtailed),
        "shedding_quadratic": options.shedding_slope / 2 * _squares(variables.shed),
        "overload": options.overload_slope / 2 * beyond,
    }
    return {name: case.step_h * term for name, term in (linear | quadratic).items()}


def _root_cost(price, variables: GridVariables):
    """Cost of the power at the root, convex in it whatever the sign of the price.

    A positive price is paid for import, and feeding back earns nothing. A negative one is received for import *and* paid for
    what is fed back: were feeding back free then, importing and exporting at once would earn money.
    """
    cost = cp.sum(cp.multiply(price, variables.imported))
    if (price < 0).any():
        cost = cost - cp.sum(cp.multiply(np.minimum(price, 0.0), variables.exported))
    return cost


def _squares(amount):
    return cp.sum_squares(amount) if amount.size else cp.Constant(0)
