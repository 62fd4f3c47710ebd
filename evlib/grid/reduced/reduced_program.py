"""The sparse matrices of the grid problem without its buses, and how its solution is read.

LinDistFlow is linear in the demand of buses, so flows and voltages are sums over them. What remains are the machines
and a balance for each region between limited flows; lines and voltages enter where they are monitored. As in the full
problem, everything is in MW and thousand CNY.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.reduced.price_groups import Monitored, PriceGroups, reactive_ratio
from evlib.grid.reduced.sparse_rows import SparseRows
from evlib.grid.reduced.variables import Sheds, Variables, reduced_variables

__all__ = ["BusPower", "ReducedProgram", "build_reduced_program"]


@dataclass(frozen=True)
class BusPower:
    """Power of a solution by bus, shape (n_bus, K) each: net demand [MW, Mvar]."""

    net_p: np.ndarray
    net_q: np.ndarray


@dataclass(frozen=True)
class ReducedProgram:
    """min 1/2 x' diag(p) x + q' x subject to b - A x - E e in cones, with e the power of each station group.

    Attributes
    ----------
    groups : PriceGroups
    sheds : Sheds
    variables : Variables
        With the costs p and q [thousand CNY].
    p_matrix : csc_matrix, shape (n_core, n_core)
        diag(p).
    whole_matrix, a_matrix, e_matrix : csc_matrix, shape (m, n_core + n_groups * K), (m, n_core), (m, n_groups * K)
        (A, E), A and E.
    b : ndarray, shape (m,)
    n_equal, n_above, n_cones : int
        Rows in order: equalities; inequalities; second-order cones of three rows each.
    voltage_rows : tuple of ndarray
        Row, position in ``groups.voltage``, step and sign of every monitored voltage limit.
    """

    groups: PriceGroups
    sheds: Sheds
    variables: Variables
    p_matrix: sp.csc_matrix
    whole_matrix: sp.csc_matrix
    a_matrix: sp.csc_matrix
    e_matrix: sp.csc_matrix
    b: np.ndarray
    n_equal: int
    n_above: int
    n_cones: int
    voltage_rows: tuple

    def bus_power(self, case: GridCase, x: np.ndarray, station_mw: np.ndarray) -> BusPower:
        """Power of every bus at a solution ``x``, with stations (n_stations, K) [MW]."""
        variables, sheds = self.variables, self.sheds
        shed = np.where(sheds.item >= 0, sheds.share * np.append(x[variables.shed], 0.0)[sheds.item], 0.0)
        net_p = _load_less_available(case) - shed
        net_q = case.drawn_kvar / 1000.0 - reactive_ratio(case) * shed
        np.add.at(net_p, case.station_bus, station_mw)
        np.add.at(net_p, case.backup_bus[variables.running], -x[variables.backup])
        farm_bus, step = case.farm_bus[variables.farm], variables.farm_step
        np.add.at(net_p, (farm_bus, step), x[variables.curtailed])
        np.add.at(net_q, (farm_bus[variables.inverter], step[variables.inverter]), -x[variables.reactive])
        return BusPower(net_p, net_q)

    def price_cny_kwh(self, z: np.ndarray, step_h: float) -> np.ndarray:
        """Price of every bus, shape (n_bus, K), from the duals ``z`` of all rows.

        The balance of a region prices its buses; monitored voltages add their duals times the bus's effect on them.
        """
        groups = self.groups
        price = -z[: self.n_equal].reshape(len(groups.flow) + 1, -1)[groups.region]
        row, voltage, step, sign = self.voltage_rows
        np.add.at(price.T, step, (2.0 * sign * z[row])[:, None] * groups.rise_p[voltage])
        return price / step_h


def build_reduced_program(case: GridCase, options: GridOptions, monitored: Monitored) -> ReducedProgram:
    """Build the program that watches ties, root, backup and the ``monitored`` rows.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    monitored : Monitored

    Returns
    -------
    ReducedProgram
    """
    groups = PriceGroups.of(case, monitored)
    sheds = Sheds.of(case, options, groups, monitored.alone)
    variables = reduced_variables(case, options, monitored, groups, sheds)
    equal, above, cone = SparseRows(), SparseRows(), SparseRows()
    _balances(equal, case, groups, sheds, variables)
    _machines(above, case, options, sheds, variables)
    _flow_limits(above, case, options, groups, variables)
    row, *of_voltage = _voltages(above, case, options, monitored, groups, sheds, variables)
    n_cones = _ratings(cone, case, monitored, groups, sheds, variables)
    n = variables.n_core
    whole = sp.csc_matrix(
        sp.vstack([part.matrix(n + variables.station.size) for part in (equal, above, cone)], format="csc")
    )
    whole.sort_indices()
    return ReducedProgram(
        groups=groups,
        sheds=sheds,
        variables=variables,
        p_matrix=sp.csc_matrix(sp.diags_array(variables.p_diagonal)),
        whole_matrix=whole,
        a_matrix=whole[:, :n],
        e_matrix=whole[:, n:],
        b=np.concatenate([equal.b, above.b, cone.b]),
        n_equal=equal.n,
        n_above=above.n,
        n_cones=n_cones,
        voltage_rows=(equal.n + row, *of_voltage),
    )


def _load_less_available(case: GridCase) -> np.ndarray:
    """Demand of every bus less available wind and sun, shape (n_bus, K) [MW]."""
    net = case.drawn_kw / 1000.0
    np.add.at(net, case.farm_bus, -case.available_kw / 1000.0)
    return net


def _balances(equal: SparseRows, case: GridCase, groups: PriceGroups, sheds: Sheds, v: Variables) -> None:
    """The flow into each region, less the flows out of it, meets the demand of its buses; region 0 has the root."""
    region = groups.region
    demand = np.zeros((len(groups.flow) + 1, case.n_steps))
    np.add.at(demand, region, _load_less_available(case))
    balance = equal.block(demand)
    equal.put(balance[0], v.imported, 1.0)
    equal.put(balance[0], v.exported, -1.0)
    equal.put(balance[1:], v.flow, 1.0)
    equal.put(balance[groups.parent], v.flow, -1.0)
    equal.put(balance[region[groups.group_bus(case)]], v.station, -1.0)
    equal.put(balance[region[case.backup_bus[v.running]]], v.backup, 1.0)
    equal.put(balance[region[case.farm_bus[v.farm]], v.farm_step], v.curtailed, -1.0)
    equal.put(balance[region[sheds.bus], sheds.step], v.shed, 1.0)


def _machines(above: SparseRows, case: GridCase, options: GridOptions, sheds: Sheds, v: Variables) -> None:
    """Signs, backup ratings and ramps, available power, load, and the power factor of inverters."""
    n_steps, rating = case.n_steps, case.backup_kw[v.running, None] / 1000.0
    unsigned = [v.imported, v.exported, v.backup, v.curtailed, v.shed, v.own_import]
    if options.overload_slope == 0:  # otherwise a negative overload costs and relaxes nothing
        unsigned += v.over.values()
    for columns in unsigned:
        above.block(np.zeros(columns.shape), (columns, -1.0))
    above.block(np.repeat(rating, n_steps, axis=1), (v.backup, 1.0))
    ramp = options.backup_ramp_share * rating
    for sign in (1.0, -1.0):
        above.block(np.repeat(ramp, n_steps - 1, axis=1), (v.backup[:, 1:], sign), (v.backup[:, :-1], -sign))
        if case.backup_start_kw is not None:
            start = case.backup_start_kw[v.running] / 1000.0
            above.block(ramp[:, 0] + sign * start, (v.backup[:, 0], sign))
    available = case.available_kw[v.farm, v.farm_step] / 1000.0
    above.block(available, (v.curtailed, 1.0))
    above.block(sheds.most_mw[sheds.capped], (v.shed[sheds.capped], 1.0))
    most_q = np.sqrt(options.farm_power_factor**-2 - 1)
    for sign in (1.0, -1.0):
        above.block(most_q * available[v.inverter], (v.reactive, sign), (v.curtailed[v.inverter], most_q))


def _flow_limits(above: SparseRows, case: GridCase, options: GridOptions, groups: PriceGroups, v: Variables) -> None:
    """Import and export of zones through their ties, and of the feeder at the root."""

    def beyond(name):
        return [(v.over[name], -1.0)] if v.over else []

    tie = v.flow[np.searchsorted(groups.flow, case.tie)]
    for sign, limit in ((1.0, case.import_limit_kw), (-1.0, case.export_limit_kw)):
        above.block(np.repeat(limit[:, None] / 1000.0, case.n_steps, axis=1), (tie, sign), *beyond("tie"))
    above.block(np.full(case.n_steps, options.import_limit_kw / 1000.0), (v.imported, 1.0), *beyond("import"))
    above.block(np.full(case.n_steps, options.reverse_limit_kw / 1000.0), (v.exported, 1.0), *beyond("reverse"))
    if case.tariff_branch is not None:
        own = v.flow[np.searchsorted(groups.flow, case.tariff_branch)]
        above.block(np.zeros(own.shape), (own, 1.0), (v.own_import, -1.0))


def _voltages(
    above: SparseRows,
    case: GridCase,
    options: GridOptions,
    monitored: Monitored,
    groups: PriceGroups,
    sheds: Sheds,
    v: Variables,
) -> tuple[np.ndarray, ...]:
    """Monitored voltage limits: row, position in ``groups.voltage``, step and sign of each."""
    kinds = []
    for mask, sign, limit in (
        (monitored.low, 1.0, case.feeder.v_min_pu + options.voltage_margin_pu),
        (monitored.high, -1.0, case.feeder.v_max_pu),
    ):
        bus, step = np.nonzero(mask)
        kinds.append((bus, np.searchsorted(groups.voltage, bus), step, np.full(len(bus), sign), limit[bus]))
    bus, place, step, sign, limit = (np.concatenate(parts) for parts in zip(*kinds, strict=True))
    # The drop of squared voltage per MW and Mvar drawn at each bus, (n_rows, n_bus).
    drop_p, drop_q = (2.0 * sign[:, None] * rise[place] for rise in (groups.rise_p, groups.rise_q))
    base = (drop_p * _load_less_available(case)[:, step].T + drop_q * case.drawn_kvar[:, step].T / 1000.0).sum(axis=1)
    rows = above.block(sign * (options.root_voltage_pu**2 - limit**2) - base)
    above.put(rows[:, None], v.station[:, step].T, drop_p[:, groups.group_bus(case)])
    above.put(rows[:, None], v.backup[:, step].T, -drop_p[:, case.backup_bus[v.running]])
    farm_bus = case.farm_bus[v.farm]
    i, j = np.nonzero(step[:, None] == v.farm_step)
    above.put(rows[i], v.curtailed[j], drop_p[i, farm_bus[j]])
    i, j = np.nonzero(step[:, None] == v.farm_step[v.inverter])
    above.put(rows[i], v.reactive[j], -drop_q[i, farm_bus[v.inverter[j]]])
    i, j = np.nonzero(step[:, None] == sheds.step)
    ratio = reactive_ratio(case)[sheds.bus[j], sheds.step[j]]
    above.put(rows[i], v.shed[j], -drop_p[i, sheds.bus[j]] - drop_q[i, sheds.bus[j]] * ratio)
    return rows, place, step, sign


def _ratings(
    cone: SparseRows, case: GridCase, monitored: Monitored, groups: PriceGroups, sheds: Sheds, v: Variables
) -> int:
    """Monitored ratings: (rating + overload, P, Q) in a second-order cone; returns their number."""
    line, step = np.nonzero(monitored.line)
    below = groups.downstream[line].toarray()
    base_q = (below * case.drawn_kvar[:, step].T).sum(axis=1) / 1000.0
    rows = cone.block(np.stack([case.rating_kva[line] / 1000.0, np.zeros(len(line)), base_q], axis=1))
    if v.over:
        cone.put(rows[:, 0], v.over["line"], -1.0)
    cone.put(rows[:, 1], v.flow[np.searchsorted(groups.flow, line), step], -1.0)
    inverter_bus = case.farm_bus[v.farm[v.inverter]]
    i, j = np.nonzero((step[:, None] == v.farm_step[v.inverter]) & (below[:, inverter_bus] > 0))
    cone.put(rows[i, 2], v.reactive[j], 1.0)
    i, j = np.nonzero((step[:, None] == sheds.step) & (below[:, sheds.bus] > 0))
    cone.put(rows[i, 2], v.shed[j], reactive_ratio(case)[sheds.bus[j], sheds.step[j]])
    return len(line)
