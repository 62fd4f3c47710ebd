"""Power flow against published losses, the closed form of one line, energy balance and another program."""

from copy import deepcopy

import numpy as np
import pytest
from pandapower_networks import pandapower_network

from evlib.errors import InputError, SolverError
from evlib.folders import DATA
from evlib.grid.feeder import feeder_from_arrays
from evlib.grid.power_flow import lindistflow_voltage, power_flow
from evlib.inputs.feeder_files import read_feeder


def baran_wu(**scaling):
    return read_feeder(DATA / "case33bw_buses.csv", DATA / "case33bw_branches.csv", **scaling)


def nominal(feeder):
    return feeder.load_kw[:, None], feeder.load_kvar[:, None]


def random_demand(feeder, n_steps, seed):
    """Loads of 0-150 % on all buses, and on half of the steps generation that reverses the flow at the root."""
    rng = np.random.default_rng(seed)
    demand_kw = feeder.load_kw[:, None] * rng.uniform(0, 1.5, (feeder.n_bus, n_steps))
    demand_kvar = feeder.load_kvar[:, None] * rng.uniform(-0.5, 1.5, (feeder.n_bus, n_steps))
    farms = rng.choice(np.arange(1, feeder.n_bus), size=3, replace=False)
    demand_kw[farms, ::2] -= feeder.load_kw.sum() * rng.uniform(0.5, 0.9, (3, n_steps))[:, ::2]
    return demand_kw, demand_kvar


@pytest.fixture(scope="module")
def reference():
    """Bus voltages [pu] and total loss [kW] by pandapower's Newton-Raphson on its own copy of the feeder."""
    pandapower = pytest.importorskip("pandapower")
    whole = pandapower_network("case33bw")

    def solve(demand_kw, demand_kvar, root_pu, impedance_divisor):
        net = deepcopy(whole)
        net.line[["r_ohm_per_km", "x_ohm_per_km"]] /= impedance_divisor
        net.ext_grid["vm_pu"] = root_pu
        net.load = net.load.iloc[:0]
        pandapower.create_loads(net, range(33), p_mw=demand_kw / 1000, q_mvar=demand_kvar / 1000)
        pandapower.runpp(net, tolerance_mva=1e-10, numba=False)
        return net.res_bus["vm_pu"].to_numpy(), 1000 * net.res_line["pl_mw"].sum()

    return solve


def test_33_bus_feeder_loses_202_677_kw():
    """The case of Baran and Wu: 202.6771 kW lost, 0.913090 pu at bus 18, where the longest lateral ends."""
    feeder = baran_wu()
    flow = power_flow(feeder, *nominal(feeder))

    assert flow.loss_kw.sum() == pytest.approx(202.6771, abs=1e-4)
    assert flow.voltage_pu.min() == pytest.approx(0.913090, abs=1e-6)
    assert feeder.bus[flow.voltage_pu.argmin()] == 18
    assert flow.root_kw[0] == pytest.approx(3715 + 202.6771, abs=1e-4)


def test_another_line_7_8_loses_210_998_kw(tmp_path):
    """Some copies of the case have 1.7114 + j1.2351 ohm there: the check above tells the two apart."""
    text = (DATA / "case33bw_branches.csv").read_text()
    (tmp_path / "other.csv").write_text(text.replace("7,7,8,0.7114,0.2351", "7,7,8,1.7114,1.2351"))
    feeder = read_feeder(DATA / "case33bw_buses.csv", tmp_path / "other.csv")
    assert power_flow(feeder, *nominal(feeder)).loss_kw.sum() == pytest.approx(210.998, abs=1e-3)


@pytest.mark.parametrize(
    ("load_scale", "impedance_divisor", "root_pu"), [(1.0, 1.0, 1.0), (3.0, 3.0, 1.02)], ids=["unscaled", "study"]
)
def test_voltages_and_losses_equal_pandapower(reference, load_scale, impedance_divisor, root_pu):
    """Nominal load and four random steps, half with power flowing back to the root, within 1e-6 pu and 1 W."""
    feeder = baran_wu(load_scale=load_scale, impedance_divisor=impedance_divisor)
    demand_kw, demand_kvar = (
        np.hstack(pair) for pair in zip(nominal(feeder), random_demand(feeder, 4, seed=1), strict=True)
    )
    flow = power_flow(feeder, demand_kw, demand_kvar, root_pu=root_pu)

    assert (flow.root_kw < 0).any()
    assert (flow.root_kw > 0).any()
    assert flow.voltage_pu.max() > root_pu + 0.005
    for step in range(5):
        voltage_pu, loss_kw = reference(demand_kw[:, step], demand_kvar[:, step], root_pu, impedance_divisor)
        np.testing.assert_allclose(flow.voltage_pu[:, step], voltage_pu, rtol=0, atol=1e-6)
        assert flow.loss_kw[:, step].sum() == pytest.approx(loss_kw, abs=1e-3)


@pytest.mark.parametrize(("demand_kw", "demand_kvar"), [(1500, 400), (-2500, 300), (0, -800), (2000, -500)])
def test_one_line_is_a_quadratic_equation(demand_kw, demand_kvar):
    """u = v^2 at the far end solves u^2 + (2 (r p + x q) - v0^2) u + (r^2 + x^2)(p^2 + q^2) = 0, larger root."""
    r_pu, x_pu, root_pu = 0.06, 0.04, 1.02
    feeder = feeder_from_arrays(
        bus=[1, 2],
        p_kw=[0, 0],
        q_kvar=[0, 0],
        from_bus=[1],
        to_bus=[2],
        r_ohm=[100 * r_pu],
        x_ohm=[100 * x_pu],
        base_kv=10,
    )
    flow = power_flow(feeder, [[0], [demand_kw]], [[0], [demand_kvar]], root_pu=root_pu)

    p_pu, q_pu = demand_kw / 1000, demand_kvar / 1000
    squared = np.roots(
        [1, 2 * (r_pu * p_pu + x_pu * q_pu) - root_pu**2, (r_pu**2 + x_pu**2) * (p_pu**2 + q_pu**2)]
    ).max()
    squared_current = (p_pu**2 + q_pu**2) / squared
    assert flow.voltage_pu[1, 0] == pytest.approx(np.sqrt(squared), abs=1e-9)
    assert flow.current_pu[0, 0] == pytest.approx(np.sqrt(squared_current), abs=1e-9)
    assert flow.loss_kw[0, 0] == pytest.approx(1000 * r_pu * squared_current, abs=1e-6)
    assert flow.loss_kvar[0, 0] == pytest.approx(1000 * x_pu * squared_current, abs=1e-6)
    assert flow.branch_kw[0, 0] == pytest.approx(demand_kw + 1000 * r_pu * squared_current, abs=1e-6)
    assert flow.branch_kvar[0, 0] == pytest.approx(demand_kvar + 1000 * x_pu * squared_current, abs=1e-6)


def test_power_is_balanced_at_the_root_and_at_every_bus():
    """Root = demand + losses; what a branch delivers is what its bus draws and passes on."""
    feeder = baran_wu(load_scale=3, impedance_divisor=3)
    demand_kw, demand_kvar = random_demand(feeder, 40, seed=2)
    demand_kw[0] = 70.0
    flow = power_flow(feeder, demand_kw, demand_kvar, root_pu=1.02)

    np.testing.assert_allclose(flow.root_kw, demand_kw.sum(axis=0) + flow.loss_kw.sum(axis=0), rtol=0, atol=1e-5)
    np.testing.assert_allclose(flow.root_kvar, demand_kvar.sum(axis=0) + flow.loss_kvar.sum(axis=0), rtol=0, atol=1e-5)
    delivered_kw, passed_on_kw = flow.branch_kw - flow.loss_kw, np.zeros_like(demand_kw)
    np.add.at(passed_on_kw, feeder.branch_from, flow.branch_kw)
    np.testing.assert_allclose(delivered_kw, (demand_kw + passed_on_kw)[1:], rtol=0, atol=1e-5)
    np.testing.assert_allclose(flow.root_kw, demand_kw[0] + passed_on_kw[0], rtol=0, atol=1e-5)
    assert (flow.loss_kw >= 0).all()


def test_steps_do_not_know_of_each_other():
    """All steps at once, or one at a time with its own root voltage: the same voltages."""
    feeder = baran_wu()
    demand_kw, demand_kvar = random_demand(feeder, 5, seed=3)
    root_pu = np.linspace(0.98, 1.04, 5)
    together = power_flow(feeder, demand_kw, demand_kvar, root_pu=root_pu)
    for step in range(5):
        alone = power_flow(feeder, demand_kw[:, [step]], demand_kvar[:, [step]], root_pu=root_pu[step])
        np.testing.assert_allclose(together.voltage_pu[:, [step]], alone.voltage_pu, rtol=0, atol=1e-9)


def test_linear_voltages_by_hand():
    """v^2 falls by 2 (r P + x Q): 1 - 2 x (0.01 x 3 + 0.02 x 1) = 0.9, then 0.9 - 2 x 0.03 x 2 = 0.78."""
    feeder = feeder_from_arrays(
        bus=[1, 2, 3],
        p_kw=[0, 1000, 2000],
        q_kvar=[0, 1000, 0],
        from_bus=[1, 2],
        to_bus=[2, 3],
        r_ohm=[1, 3],
        x_ohm=[2, 0],
        base_kv=10,
    )
    np.testing.assert_allclose(
        lindistflow_voltage(feeder, *nominal(feeder)).ravel() ** 2, [1, 0.90, 0.78], rtol=0, atol=1e-12
    )


def test_linear_voltage_is_an_upper_bound_and_its_error_is_of_second_order():
    """Losses only lower voltages, whichever way power flows; a tenth of the demand, a hundredth of the error."""
    feeder = baran_wu()
    demand_kw, demand_kvar = random_demand(feeder, 20, seed=4)

    def error(factor):
        exact = power_flow(feeder, factor * demand_kw, factor * demand_kvar, tolerance_pu=1e-13).voltage_pu
        return lindistflow_voltage(feeder, factor * demand_kw, factor * demand_kvar) - exact

    assert error(1.0).min() > -1e-9
    assert error(1.0).max() > 1e-4
    assert error(0.01).max() / error(0.001).max() == pytest.approx(100, rel=0.02)


def test_demand_beyond_the_nose_is_reported_by_step():
    """v0^4 / (4 r) = 2.5 pu is all that a line of 0.1 pu can deliver: 2.49 MW pass, 2.51 MW do not."""
    feeder = feeder_from_arrays(
        bus=[1, 8], p_kw=[0, 0], q_kvar=[0, 0], from_bus=[1], to_bus=[8], r_ohm=[10], x_ohm=[0], base_kv=10
    )
    zero = np.zeros((2, 2))
    flow = power_flow(feeder, [[0, 0], [1000, 2490]], zero, max_sweeps=1000)
    assert flow.voltage_pu[1, 1] == pytest.approx(
        np.sqrt((0.502 + np.sqrt(0.502**2 - 4 * 0.01 * 2.49**2)) / 2), abs=1e-7
    )
    with pytest.raises(SolverError, match=r"after 1000 sweeps: step 1 has a mismatch of .* pu at bus 8 .* of 2510 kW"):
        power_flow(feeder, [[0, 0], [1000, 2510]], zero, max_sweeps=1000)
    with pytest.raises(SolverError, match="linear power flow: step 0: squared voltage -1 at bus 8"):
        lindistflow_voltage(feeder, [[0, 0], [10_000, 0]], zero)


@pytest.mark.parametrize(
    ("demand_kw", "root_pu", "words"),
    [
        (np.zeros(33), 1.0, r"demand_kw has shape \(33,\); must be \(33, n_steps\)"),
        (np.zeros((32, 2)), 1.0, r"demand_kw has shape \(32, 2\); must be \(33, n_steps\)"),
        (np.zeros((33, 3)), 1.0, "demand_kw has 3 steps, demand_kvar 2"),
        (np.where(np.arange(66).reshape(33, 2) == 9, np.nan, 0), 1.0, "demand_kw = nan at bus 5 in step 1"),
        (np.zeros((33, 2)), 0.0, r"root_pu = 0\.0; must be positive"),
        (np.zeros((33, 2)), [1.0, 1.0, 1.0], r"root_pu has shape \(3,\)"),
    ],
)
@pytest.mark.parametrize("function", [power_flow, lindistflow_voltage])
def test_bad_demand_is_refused_by_name(function, demand_kw, root_pu, words):
    """Shape, nan and root voltage, before anything is computed."""
    with pytest.raises(InputError, match=words):
        function(baran_wu(), demand_kw, np.zeros((33, 2)), root_pu=root_pu)
