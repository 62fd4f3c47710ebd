"""The dispatch against programs that know nothing of it: a linear program by HiGHS, an AC optimal power flow, 96 power flows."""

from dataclasses import replace

import numpy as np
import pytest
from pandapower_networks import pandapower_network
from scipy.optimize import linprog

from evlib import load_scenario
from evlib.flexibility.station_load import no_vehicles
from evlib.grid.dispatch import net_demand
from evlib.grid.dno import dispatch_grid
from evlib.grid.power_flow import power_flow
from evlib.inputs.build_grid import build_grid_case, build_grid_options

HOUR = slice(42, 56)
OPF_TOLERANCES = ("delta", "PDIPM_GRADTOL", "PDIPM_COMPTOL", "PDIPM_COSTTOL")


@pytest.fixture(scope="module")
def base():
    scenario = load_scenario("nguyen")
    return build_grid_case(scenario), build_grid_options(scenario)


def part_of(case, steps, **changes):
    names = ("load_kw", "load_kvar", "available_kw")
    cut = {name: getattr(case, name)[:, steps] for name in names}
    return replace(case, **cut, import_price_cny_kwh=case.import_price_cny_kwh[steps], **changes)


def by_hand(case, options):
    """The same problem without quadratic terms and line ratings, flows and voltages eliminated: a matrix for HiGHS.

    Columns: backup, curtailed, shed, import, export, each for all steps [MW]; P = D net, w = v0^2 - 2 D'(r P + x Q).
    """
    feeder, n_steps = case.feeder, case.n_steps
    downstream, n_bus = feeder.downstream.toarray(), feeder.n_bus
    n_zones, n_farms = len(case.zones), len(case.farms)
    counts = [n_zones, n_farms, n_bus, 1, 1]
    start = np.concatenate([[0], np.cumsum(counts)])
    net_p, net_q = np.zeros((n_bus, start[-1])), np.zeros((n_bus, start[-1]))
    net_p[case.backup_bus, start[0] + np.arange(n_zones)] = -1
    net_p[case.farm_bus, start[1] + np.arange(n_farms)] = 1
    net_p[np.arange(n_bus), start[2] + np.arange(n_bus)] = -1
    one, blocks = np.ones(n_steps), {"A": [], "b": [], "E": [], "e": []}
    tangent = np.divide(case.load_kvar, case.load_kw, out=np.zeros_like(case.load_kw), where=case.load_kw > 0)
    for k in range(n_steps):
        place = np.zeros((start[-1], start[-1] * n_steps))
        place[:, k * start[-1] : (k + 1) * start[-1]] = np.eye(start[-1])
        net_q[np.arange(n_bus), start[2] + np.arange(n_bus)] = -tangent[:, k]
        fixed_p = case.load_kw[:, k].copy()
        np.add.at(fixed_p, case.farm_bus, -case.available_kw[:, k])
        fixed_p, fixed_q = fixed_p / 1000, case.load_kvar[:, k] / 1000
        flow, flow_0 = downstream @ net_p, downstream @ fixed_p
        fall = feeder.r_pu[:, None] * flow + feeder.x_pu[:, None] * (downstream @ net_q)
        fall_0 = feeder.r_pu * flow_0 + feeder.x_pu * (downstream @ fixed_q)
        squared, squared_0 = -2 * downstream.T[1:] @ fall, options.root_voltage_pu**2 - 2 * downstream.T[1:] @ fall_0
        low, high = (feeder.v_min_pu[1:] + options.voltage_margin_pu) ** 2, feeder.v_max_pu[1:] ** 2
        rows = [flow[case.tie], -flow[case.tie], squared, -squared]
        limits = [case.import_limit_kw / 1000 - flow_0[case.tie], case.export_limit_kw / 1000 + flow_0[case.tie]]
        limits += [high - squared_0, squared_0 - low]
        blocks["A"].append(np.vstack(rows) @ place)
        blocks["b"].append(np.concatenate(limits))
        root = net_p.sum(axis=0)
        root[start[3]], root[start[4]] = -1, 1
        blocks["E"].append(root[None] @ place)
        blocks["e"].append([-fixed_p.sum()])
        if k:
            step = np.zeros((n_zones, start[-1] * n_steps))
            step[:, k * start[-1] : k * start[-1] + n_zones] = np.eye(n_zones)
            step[:, (k - 1) * start[-1] : (k - 1) * start[-1] + n_zones] = -np.eye(n_zones)
            blocks["A"] += [step, -step]
            blocks["b"] += [options.backup_ramp_share * case.backup_kw / 1000] * 2
    upper = [np.outer(one, case.backup_kw), case.available_kw.T, case.load_kw.T]
    upper += [options.import_limit_kw * one[:, None], options.reverse_limit_kw * one[:, None]]
    price = [np.full((n_steps, count), value) for count, value in zip(counts[:3], (1.0, 0.5, 5.0), strict=True)]
    price += [case.import_price_cny_kwh[:, None], 0 * one[:, None]]
    return linprog(
        1000 * case.step_h * np.hstack(price).ravel(),
        np.vstack(blocks["A"]),
        np.concatenate(blocks["b"]),
        np.vstack(blocks["E"]),
        np.concatenate(blocks["e"]),
        np.column_stack([np.zeros(start[-1] * n_steps), np.hstack(upper).ravel() / 1000]),
        method="highs",
    )


def test_optimum_is_that_of_a_linear_program_by_highs(base):
    """The hour of the spike, costs linear, limits hard; ramp, tie, voltage and backup bind: least cost within 1e-7."""
    case, options = base
    tight = replace(case.feeder, v_min_pu=np.full(33, 0.96))
    imports = case.import_limit_kw - np.array([500.0, 0, 0, 0])
    case = part_of(case, HOUR, feeder=tight, rating_kva=np.full(32, 1e6), import_limit_kw=imports)
    slopes = dict.fromkeys(("backup_slope", "import_slope", "curtailment_slope", "shedding_slope"), 0.0)
    options = replace(options, **slopes, soft_limits=False, backup_ramp_share=0.2)
    reference = by_hand(case, options)
    assert reference.status == 0
    dispatch = dispatch_grid(case, options, no_vehicles(4, case.n_steps))
    assert dispatch.costs_cny["total"] == pytest.approx(reference.fun, rel=1e-7)
    assert dispatch.shed_kw.max() > 10
    assert dispatch.curtailed_kw.max() > 100
    assert np.diff(dispatch.backup_kw[0]).max() == pytest.approx(200, abs=1)
    assert dispatch.voltage_pu.min() == pytest.approx(0.963, abs=1e-5)


@pytest.fixture(scope="module")
def opf():
    """pandapower's AC optimal power flow of one step: import, backup and wind with their costs."""
    pandapower = pytest.importorskip("pandapower")

    def solve(case, options, step):
        net = pandapower_network("case33bw")
        net.line[["r_ohm_per_km", "x_ohm_per_km"]] /= 3
        net.load, net.poly_cost = net.load.iloc[:0], net.poly_cost.iloc[:0]
        net.bus["min_vm_pu"], net.bus["max_vm_pu"] = case.feeder.v_min_pu, case.feeder.v_max_pu
        net.ext_grid["vm_pu"] = options.root_voltage_pu
        # the root's own limits hold its voltage
        net.bus.loc[0, ["min_vm_pu", "max_vm_pu"]] = options.root_voltage_pu
        net.ext_grid[["min_p_mw", "max_p_mw", "min_q_mvar", "max_q_mvar"]] = 0.0, 50.0, -50.0, 50.0
        pandapower.create_loads(net, range(33), case.load_kw[:, step] / 1000, case.load_kvar[:, step] / 1000)
        limits = dict(min_q_mvar=0.0, max_q_mvar=0.0, controllable=True)
        slopes = {"ext_grid": [(0, case.import_price_cny_kwh[step], options.import_slope)], "sgen": []}
        for bus, rating in zip(case.backup_bus, case.backup_kw, strict=True):
            own = pandapower.create_sgen(net, bus, 0.0, min_p_mw=0.0, max_p_mw=rating / 1000, **limits)
            slopes["sgen"].append((own, options.backup_cny_kwh, options.backup_slope))
        offered = case.available_kw[:, step] / 1000
        for bus, most in zip(case.farm_bus, offered, strict=True):
            own = pandapower.create_sgen(net, bus, most, min_p_mw=0.0, max_p_mw=most, **limits)
            # curtailment r = most - p costs pi r + slope / 2 r^2
            slope = options.curtailment_slope
            slopes["sgen"].append((own, -options.curtailment_cny_kwh - slope * most, slope))
        for kind, entries in slopes.items():
            for own, linear, slope in entries:
                pandapower.create_poly_cost(net, own, kind, cp1_eur_per_mw=linear, cp2_eur_per_mw2=slope / 2)
        pandapower.runopp(net, init="pf", numba=False, **dict.fromkeys(OPF_TOLERANCES, 1e-8))
        constant = (options.curtailment_cny_kwh * offered + options.curtailment_slope / 2 * offered**2).sum()
        return 1000 * (net.res_cost + constant) * case.step_h, net.res_bus

    return solve


def single_step(base, step, v_min_pu):
    """One step without ties and ratings, a voltage limit instead; nothing may be shed or flow back."""
    case, options = base
    narrow = replace(case.feeder, v_min_pu=np.full(33, v_min_pu))
    free = {"import_limit_kw": np.full(4, 1e5), "export_limit_kw": np.full(4, 1e5), "rating_kva": np.full(32, 1e5)}
    case = part_of(case, slice(step, step + 1), feeder=narrow, **free)
    return case, replace(options, grid_model="cone", soft_limits=False, import_limit_kw=5e4, shedding_cny_kwh=50.0)


@pytest.mark.parametrize("step", [40, *(pytest.param(step, marks=pytest.mark.verify) for step in (54, 90))])
def test_cone_dispatch_is_an_ac_optimal_power_flow(base, opf, step):
    """Backup that lifts the voltage to its limit, import for the rest, no loss price: cost within 1e-5, prices within 1e-4."""
    case, options = single_step(base, step, v_min_pu={40: 0.965, 54: 0.93, 90: 0.975}[step])
    case = replace(case, available_kw=0.2 * case.available_kw)
    dispatch = dispatch_grid(case, replace(options, loss_price_factor=0.0), no_vehicles(4, 1))
    cost_cny, buses = opf(case, options, 0)
    assert dispatch.certificate.grid_cone_tight
    assert dispatch.costs_cny["total"] == pytest.approx(cost_cny, rel=1e-5)
    assert dispatch.voltage_pu[:, 0] == pytest.approx(buses["vm_pu"].to_numpy(), abs=1e-4)
    assert dispatch.price_cny_kwh[:, 0] == pytest.approx(buses["lam_p"].to_numpy(), abs=1e-4)
    assert dispatch.backup_kw.max() > 10


@pytest.mark.verify
def test_what_honesty_costs_where_power_is_curtailed(base, opf):
    """Nothing may flow back at a windy step: tight cones cost a few per cent more than the AC optimum.

    There, real losses are welcome: they save curtailment, and the optimum curtails where that leaves most of them. The
    loss price forbids that along with the fictitious ones.
    """
    case, options = single_step(base, 90, v_min_pu=0.9)
    case = replace(case, available_kw=2 * case.available_kw)
    dispatch = dispatch_grid(case, options, no_vehicles(4, 1))
    cost_cny, _ = opf(case, options, 0)
    assert dispatch.curtailed_kw.sum() > 500
    assert dispatch.certificate.grid_cone_tight
    assert cost_cny * (1 - 1e-6) <= dispatch.costs_cny["total"] <= 1.05 * cost_cny


@pytest.mark.parametrize(
    "steps", [range(0, 96, 16), pytest.param(range(96), marks=pytest.mark.verify)], ids=["6", "96"]
)
def test_dispatched_steps_equal_pandapower(base, steps):
    """The day of the cone dispatch, and its AC sweep, against Newton-Raphson: 1e-6 pu at every bus and step."""
    pandapower = pytest.importorskip("pandapower")
    case, options = base
    dispatch = dispatch_grid(case, replace(options, grid_model="cone"), no_vehicles(4, 96))
    net_kw, net_kvar = net_demand(case, dispatch)
    sweep = power_flow(case.feeder, net_kw, net_kvar, root_pu=options.root_voltage_pu)
    net = pandapower_network("case33bw")
    net.line[["r_ohm_per_km", "x_ohm_per_km"]] /= 3
    net.ext_grid["vm_pu"] = options.root_voltage_pu
    net.load = net.load.iloc[:0]
    pandapower.create_loads(net, range(33), p_mw=0.0, q_mvar=0.0)
    for step in steps:
        net.load["p_mw"], net.load["q_mvar"] = net_kw[:, step] / 1000, net_kvar[:, step] / 1000
        pandapower.runpp(net, tolerance_mva=1e-10, numba=False)
        voltage = net.res_bus["vm_pu"].to_numpy()
        np.testing.assert_allclose(sweep.voltage_pu[:, step], voltage, rtol=0, atol=1e-6)
        np.testing.assert_allclose(dispatch.voltage_pu[:, step], voltage, rtol=0, atol=1e-6)
