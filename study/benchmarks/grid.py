"""How fast the grid is solved, and solved again: beside pandapower, with Parameters, and as buses are added."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cvxpy as cp
import numpy as np

from evlib import load_scenario
from evlib.coordination.coordinate import coordinate
from evlib.coordination.one_day import dispatch_loading, solve_run
from evlib.flexibility.station_load import StationLoad, exact_block
from evlib.flexibility.zonotope import zonotope_block
from evlib.grid.dispatch import net_demand
from evlib.grid.feeder import feeder_from_arrays
from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.parametric_dispatch import GridProgram
from evlib.grid.power_flow import power_flow
from evlib.inputs.build_grid import build_grid_case, build_grid_options
from evlib.traffic.loading import load_traffic

__all__ = ["made_up_case", "measure_growth", "measure_resolve", "measure_sweep"]

REPEATS = 5


def measure_sweep() -> tuple[float]:
    """pandapower's Newton-Raphson (compiled) for each of 96 dispatched steps over one sweep of all, in one run."""
    import pandapower
    from pandapower.networks import case33bw

    scenario = load_scenario("nguyen")
    run = solve_run(scenario, "no_ev", "v2g")
    net_kw, net_kvar = net_demand(run.case, run.dispatch)
    net = case33bw()
    net.line[["r_ohm_per_km", "x_ohm_per_km"]] /= scenario.grid.impedance_divisor
    net.ext_grid["vm_pu"] = scenario.grid.root_voltage_pu
    net.load = net.load.iloc[:0]
    pandapower.create_loads(net, range(33), p_mw=0.0, q_mvar=0.0)

    def newton():
        for step in range(run.case.n_steps):
            net.load["p_mw"], net.load["q_mvar"] = net_kw[:, step] / 1000, net_kvar[:, step] / 1000
            pandapower.runpp(net, numba=True)

    newton()  # compiled now, not while the clock runs
    feeder, root_pu = run.case.feeder, scenario.grid.root_voltage_pu
    sweep_s = _least_time_s(lambda: power_flow(feeder, net_kw, net_kvar, root_pu=root_pu), 20)
    return (_least_time_s(newton, 2) / sweep_s,)


def measure_resolve() -> tuple[float, ...]:
    """One more solve of the base case's 33 buses and 96 steps on the shortest path, compiled before.

    Returns
    -------
    tuple of float
        Zonotopes of all stations, sizes of cohorts as Parameters: LinDistFlow and cone [s]. Exact domains of every
        cohort, LinDistFlow: with one type in each class, with two, and with two when coordinated [s]. The largest of
        these times over the solver's own [1]. The cohort-steps of the three. Processor time, least of several.
    """
    times, shares, cohort_steps = [], [], []
    one_type = {"fleet.soc_type_offset": 0.0}
    for changes, grid_model in (({}, "lindistflow"), ({}, "cone")):
        case, options, fleet = _shortest_path(changes)
        sizes = cp.Parameter(fleet.n, nonneg=True, value=fleet.size_veh)
        station_load = zonotope_block(fleet, sizes, hull=False).station_load
        time_s, share = _resolve(case, replace(options, grid_model=grid_model), station_load, sizes)
        times.append(time_s)
        shares.append(share)
    for case, options, fleet in (_shortest_path(one_type), _shortest_path({}), _coordinated()):
        sizes = cp.Parameter(fleet.n, nonneg=True, value=fleet.size_veh)
        time_s, share = _resolve(case, options, exact_block(fleet, sizes), sizes)
        times.append(time_s)
        shares.append(share)
        cohort_steps.append(float(fleet.domain.n_usable.sum()))
    return *times, max(shares), *cohort_steps


def measure_growth() -> tuple[float, ...]:
    """LinDistFlow, fixed vehicles, made-up feeders of 33, 100 and 300 buses, 96 steps: times [s], power of growth."""
    sizes, times = (33, 100, 300), []
    for n_bus in sizes:
        case, options = made_up_case(n_bus)
        share = cp.Parameter(nonneg=True, value=1.0)
        power = cp.Constant(np.full((len(case.stations), case.n_steps), 0.2)) * share  # MW
        program = GridProgram(case, options, StationLoad(power, cp.Constant(0.0)), changing=())
        program.run()
        share.value = 1.1
        times.append(_least_time_s(program.run, REPEATS))
    return *times, float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def made_up_case(n_bus: int, seed: int = 1) -> tuple[GridCase, GridOptions]:
    """The base case's day on a random tree: as much load, wind and sun, voltage drops of the 33 buses.

    Parameters
    ----------
    n_bus : int
    seed : int

    Returns
    -------
    case : GridCase
        Four zones behind the largest branches that do not lie behind each other.
    options : GridOptions
    """
    scenario = load_scenario("nguyen")
    base, rng = build_grid_case(scenario), np.random.default_rng(seed)
    child = np.arange(1, n_bus)
    parent = np.array([max(0, bus - int(rng.geometric(0.7))) for bus in child])
    load_kw = np.concatenate([[0.0], rng.uniform(0.5, 1.5, n_bus - 1)])
    load_kw *= base.feeder.load_kw.sum() / load_kw.sum()
    feeder = feeder_from_arrays(
        bus=np.arange(n_bus),
        p_kw=load_kw,
        q_kvar=0.6 * load_kw,
        from_bus=parent,
        to_bus=child,
        r_ohm=np.full(n_bus - 1, 0.1),
        x_ohm=np.full(n_bus - 1, 0.05),
        base_kv=base.feeder.base_kv,
    )
    downstream = feeder.downstream
    drop = downstream.T @ (feeder.r_pu * (downstream @ load_kw) + feeder.x_pu * (downstream @ (0.6 * load_kw)))
    ease = drop.max() / 1000 / 0.06  # about 0.06 pu from end to end, as in the 33-bus feeder
    feeder = replace(feeder, r_pu=feeder.r_pu / ease, x_pu=feeder.x_pu / ease)
    behind = np.asarray(downstream.sum(axis=1)).ravel()
    ties = np.argsort(-np.where(behind <= n_bus / 4, behind, 0), kind="stable")
    bus_zone, tie = np.full(n_bus, -1), []
    for branch in ties:
        members = downstream[[branch]].indices
        if len(tie) < 4 and (bus_zone[members] < 0).all():
            bus_zone[members] = len(tie)
            tie.append(branch)
    last = np.array([np.flatnonzero(bus_zone == zone)[-1] for zone in range(4)])
    shape = base.load_kw.sum(axis=0) / base.feeder.load_kw.sum()
    farm_zone = base.farm_zone
    case = replace(
        base,
        feeder=feeder,
        load_kw=load_kw[:, None] * shape,
        load_kvar=0.6 * load_kw[:, None] * shape,
        farm_bus=last[farm_zone],
        bus_zone=bus_zone,
        tie=np.array(tie),
        backup_bus=last,
        station_bus=last,
        rating_kva=np.full(n_bus - 1, 9000.0),
    )
    return case, build_grid_options(scenario)


def _shortest_path(changes: dict):
    """Case, options and fleet of the base case with everybody at the nearest station."""
    scenario = load_scenario("nguyen").replace(changes) if changes else load_scenario("nguyen")
    run = solve_run(scenario, "shortest_path", "v2g")
    return run.case, build_grid_options(scenario), run.fleet


def _coordinated():
    """The same with traffic and grid coordinated by joint."""
    scenario = load_scenario("nguyen")
    coordination = coordinate(scenario, method="joint", charging="v2g", objective=scenario.switches.objective)
    loading = load_traffic(coordination.network, coordination.flows_veh)
    run = dispatch_loading(scenario, loading, "v2g", coordination.price_cny_kwh)
    return run.case, build_grid_options(scenario), run.fleet


def _resolve(case, options, station_load, sizes: cp.Parameter) -> tuple[float, float]:
    """Least processor time of a solve with other sizes, and the share of it over the solver's own time."""
    program, first_sizes, rng = (
        GridProgram(case, options, station_load, changing=()),
        sizes.value,
        np.random.default_rng(2),
    )
    times_s = []
    with _SolverClock() as clock:
        program.run()
        for _ in range(REPEATS):
            sizes.value = first_sizes * rng.uniform(0.95, 1.05, first_sizes.shape)
            clock.taken_s, start_s = 0.0, time.process_time()
            program.run()
            times_s.append((time.process_time() - start_s, clock.taken_s))
    return min(total for total, _ in times_s), min(total / solver for total, solver in times_s)


class _SolverClock:
    """Processor time inside Clarabel, from its data to its solution."""

    def __enter__(self):
        import clarabel

        self.taken_s, self._module, self._solver = 0.0, clarabel, clarabel.DefaultSolver
        clock = self

        def timed(call):
            def run(*data, **options):
                start_s = time.process_time()
                result = call(*data, **options)
                clock.taken_s += time.process_time() - start_s
                return result

            return run

        class Timed:
            """A Clarabel solver with a clock on it; CVXPY holds on to it from solve to solve and updates its data."""

            def __init__(self, *data):
                self._wrapped = timed(clock._solver)(*data)

            def __getattr__(self, name):
                attribute = getattr(self._wrapped, name)
                return timed(attribute) if name in ("solve", "update") else attribute

        clarabel.DefaultSolver = Timed
        return self

    def __exit__(self, *_):
        self._module.DefaultSolver = self._solver


def _least_time_s(run: Callable[[], object], repeats: int) -> float:
    """The least processor time of several: what else the machine does can only add."""
    times_s = []
    for _ in range(repeats):
        start_s = time.process_time()
        run()
        times_s.append(time.process_time() - start_s)
    return min(times_s)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(measure_growth()), encoding="utf-8")
