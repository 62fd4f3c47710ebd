"""What a dispatch may not do: reactive power, ramps, voltage; what the solver says of itself, and of what cannot hold."""

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest

from evlib import InputError, SolverError, load_scenario
from evlib.flexibility.station_load import StationLoad, no_vehicles
from evlib.grid import solver
from evlib.grid.dno import build_grid_model, dispatch_grid
from evlib.grid.feeder import feeder_from_arrays
from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.solver import Attempt, breaches
from evlib.inputs.build_grid import build_grid_case, build_grid_options

OPTIONS = GridOptions(
    backup_cny_kwh=1.0, curtailment_cny_kwh=0.5, shedding_cny_kwh=5.0, backup_slope=0.1, import_slope=0.005,
    curtailment_slope=0.02, shedding_slope=0.5, overload_slope=20.0, import_limit_kw=9e3, reverse_limit_kw=9e3,
    root_voltage_pu=1.02, voltage_margin_pu=0.0, backup_ramp_share=1.0, soft_limits=False,
)  # fmt: skip


def two_buses(load_kw, farm_kw=0.0, backup_kw=0.0, import_limit_kw=9e3, r_pu=0.03, x_pu=0.05, v_max_pu=1.05, **more):
    """A line from the root to bus 2, which has load, a farm and a backup generator; a step is an hour."""
    load_kw = np.atleast_1d(np.asarray(load_kw, float))
    n_steps = len(load_kw)
    feeder = feeder_from_arrays(
        bus=[1, 2], p_kw=[0, max(load_kw.max(), 1)], q_kvar=[0, 0], from_bus=[1], to_bus=[2], r_ohm=[100 * r_pu],
        x_ohm=[100 * x_pu], base_kv=10, v_max_pu=v_max_pu,
    )  # fmt: skip
    values = {
        "feeder": feeder, "load_kw": np.stack([np.zeros(n_steps), load_kw]), "load_kvar": np.zeros((2, n_steps)),
        "farms": ("farm",), "farm_bus": np.array([1]), "farm_zone": np.array([0]),
        "available_kw": np.full((1, n_steps), farm_kw), "zones": ("z",), "bus_zone": np.array([-1, 0]),
        "tie": np.array([0]), "import_limit_kw": np.array([import_limit_kw]), "export_limit_kw": np.array([9e3]),
        "backup_kw": np.array([backup_kw]), "backup_bus": np.array([1]), "stations": ("c",),
        "station_bus": np.array([1]), "rating_kva": np.array([9e3]),
        "import_price_cny_kwh": np.full(n_steps, 0.45), "step_h": 1.0,
    }  # fmt: skip
    return GridCase(**(values | more))


def nobody(case):
    return no_vehicles(len(case.stations), case.n_steps)


def test_inverters_absorb_reactive_power_to_feed_in_more():
    """At 1.05 pu behind a root of 1.02: P = (1.05^2 - 1.02^2) / (2 (r - x tan phi)), with tan phi at power factor 0.95."""
    case = two_buses(0.0, farm_kw=4000.0)
    for power_factor in (1.0, 0.95):
        tangent = np.sqrt(power_factor**-2 - 1)
        dispatch = dispatch_grid(case, replace(OPTIONS, farm_power_factor=power_factor), nobody(case))
        fed_kw = (case.available_kw - dispatch.curtailed_kw)[0, 0]
        assert fed_kw == pytest.approx(1000 * (1.05**2 - 1.02**2) / (2 * (0.03 - 0.05 * tangent)), abs=0.1)
        assert dispatch.farm_kvar[0, 0] == pytest.approx(-tangent * fed_kw, abs=0.1)
        assert dispatch.branch_kvar[0, 0] == pytest.approx(tangent * fed_kw, abs=0.1)
        assert dispatch.voltage_pu[1, 0] == pytest.approx(1.05, abs=1e-6)


def test_reactive_power_of_inverters_is_in_the_ac_check():
    """Inverters that carry the load's reactive power spare the line losses, and the AC sweep agrees."""
    case = replace(two_buses(2000.0, farm_kw=1500.0), load_kvar=np.array([[0.0], [400.0]]))
    losses = []
    for power_factor in (1.0, 0.95):
        options = replace(OPTIONS, farm_power_factor=power_factor, grid_model="cone")
        dispatch = dispatch_grid(case, options, nobody(case))
        assert dispatch.certificate.grid_cone_tight
        assert dispatch.certificate.grid_ac_voltage_error_pu <= 1e-6
        losses.append(dispatch.loss_kw.sum())
    assert dispatch.farm_kvar[0, 0] == pytest.approx(400.0, rel=0.05)
    assert losses[1] < 0.7 * losses[0]


def test_an_upper_voltage_limit_opens_cones_and_the_certificate_says_so():
    """The loss price answers for curtailment at ties and lines, not for voltage: a known limit of the relaxation."""
    case = two_buses(0.0, farm_kw=4000.0)
    dispatch = dispatch_grid(case, replace(OPTIONS, grid_model="cone"), nobody(case))
    assert not dispatch.certificate.grid_cone_tight
    assert dispatch.certificate.grid_ac_voltage_error_pu > 1e-4
    patient = replace(OPTIONS, grid_model="cone", loss_price_factor=20.0)
    assert dispatch_grid(case, patient, nobody(case)).certificate.grid_cone_tight


def test_backup_climbs_no_faster_than_its_ramp():
    """1.5 MW are short from step 2 on; at 0.2 of 1.5 MW a step from standstill, power is 0.3, 0.6, 0.9, 1.2, 1.5, 1.5."""
    case = two_buses([0.5e3, 2.5e3, 2.5e3, 2.5e3, 2.5e3, 2.5e3], backup_kw=1500.0, import_limit_kw=1000.0)
    still = replace(case, backup_start_kw=np.array([0.0]))
    dispatch = dispatch_grid(still, replace(OPTIONS, backup_ramp_share=0.2), nobody(case))
    assert dispatch.backup_kw[0] == pytest.approx([300, 600, 900, 1200, 1500, 1500], abs=0.1)
    assert dispatch.shed_kw[1] == pytest.approx([0, 900, 600, 300, 0, 0], abs=0.1)
    free = dispatch_grid(case, replace(OPTIONS, backup_ramp_share=0.2), nobody(case))
    assert free.backup_kw[0, :2] == pytest.approx([1200, 1500], abs=0.1)  # who may choose the start starts early
    assert free.shed_kw.max() <= 0.1


def test_a_start_that_no_ramp_brings_within_the_rating_is_refused():
    """From 800 kW with 100 kW a step, a generator of 500 kW cannot be at 500 in the first step."""
    case = two_buses([1e3, 1e3], backup_kw=500.0, backup_start_kw=np.array([800.0]))
    with pytest.raises(InputError, match=r"backup_start_kw: z: 800; .* 100 kW .* 0 to 500 kW"):
        dispatch_grid(case, replace(OPTIONS, backup_ramp_share=0.2), nobody(case))


def test_lower_voltage_limit_sheds_what_the_line_cannot_bring():
    """0.95 pu behind 1.02: P = (1.02^2 - 0.95^2) / (2 r), whatever is wanted."""
    case = two_buses(4000.0, r_pu=0.03)
    case = replace(case, feeder=replace(case.feeder, v_min_pu=np.array([0.95, 0.95])))
    dispatch = dispatch_grid(case, OPTIONS, nobody(case))
    assert dispatch.branch_kw[0, 0] == pytest.approx(1000 * (1.02**2 - 0.95**2) / 0.06, abs=0.1)
    assert dispatch.price_cny_kwh[1, 0] == pytest.approx(5.0 + 0.5 * dispatch.shed_kw[1, 0] / 1000, abs=1e-5)
    assert dispatch.price_parts_cny_kwh["voltage"][1, 0] == pytest.approx(
        dispatch.price_cny_kwh[1, 0] - dispatch.price_cny_kwh[0, 0], abs=1e-8
    )


def test_every_step_of_the_ladder_is_recorded(monkeypatch):
    """A first step that asks for more than numbers can give ends without an optimum; the next one is tried and named."""
    impossible = Attempt(1e-30, 1e-30, 10)
    monkeypatch.setitem(solver.LADDERS, "lindistflow", (impossible, Attempt(1e-7, 1e-7, 50)))
    case = two_buses([1000.0, 2000.0])
    dispatch = dispatch_grid(case, OPTIONS, nobody(case))
    first, second = dispatch.certificate.grid_ladder
    assert "optimal_inaccurate" in first or "error" in first.lower() or "fail" in first.lower()
    assert second == "1e-07 (gap 1e-07, 50 rounds of rescaling): optimal"
    assert dispatch.tolerance == 1e-7
    assert dispatch.import_kw == pytest.approx([1000, 2000], abs=0.1)
    monkeypatch.setitem(solver.LADDERS, "lindistflow", (impossible, impossible))
    with pytest.raises(SolverError, match=r"grid problem ended with status .*, then .*, not 'optimal'"):
        dispatch_grid(case, OPTIONS, nobody(case))


def no_voltage(case, options, station_load):
    """A lower limit of 1.03 pu above the root's 1.02: no load at all is little enough."""
    return replace(case, feeder=replace(case.feeder, v_min_pu=np.array([1.03, 1.03]))), options, station_load


def a_fixed_station(case, options, station_load):
    """Vehicles that must draw 3 MW over a tie of 2."""
    return (
        replace(case, import_limit_kw=np.array([2000.0])),
        options,
        StationLoad(cp.Constant(np.array([[3.0]])), cp.Constant(0.0)),
    )


def a_full_import(case, options, station_load):
    """The same at the root."""
    return case, replace(options, import_limit_kw=1500.0), StationLoad(cp.Constant(np.array([[3.0]])), cp.Constant(0.0))


def contradicting_vehicles(case, options, station_load):
    x = cp.Variable(name="x")
    return case, options, replace(station_load, constraints=[x >= 1, x <= 0])


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (no_voltage, "voltage limits"),
        (a_fixed_station, "tie limits"),
        (a_full_import, "root import"),
        (contradicting_vehicles, "vehicles"),
    ],
)
@pytest.mark.parametrize("grid_model", ["lindistflow", "cone"])
def test_an_infeasible_dispatch_names_what_cannot_hold(spoil, named, grid_model):
    """One group of limits is at fault, and the elastic problem gives way there and nowhere else."""
    case, options, station_load = spoil(two_buses(0.0), OPTIONS, no_vehicles(1, 1))
    options = replace(options, grid_model=grid_model)
    with pytest.raises(SolverError, match=f"'infeasible', not 'optimal': cannot hold: {named} "):
        dispatch_grid(case, options, station_load)
    model = build_grid_model(case, options, station_load)
    assert list(breaches(model.constraints)) == [named]


def test_by_how_much_is_what_is_missing():
    """3 MW wanted where 2 may pass: 1 per unit of 1 MVA."""
    case, options, station_load = a_fixed_station(two_buses(0.0), OPTIONS, None)
    model = build_grid_model(case, options, station_load)
    assert breaches(model.constraints)["tie limits"] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"load_kw": np.ones((1, 1))}, r"load_kw has shape \(1, 1\); must be \(2, 1\); no profile for bus 2"),
        ({"load_kw": np.array([[0.0], [-5.0]])}, "load_kw: bus 2, step 0: -5; must be finite and not negative"),
        ({"load_kvar": np.array([[0.0], [np.nan]])}, "load_kvar: bus 2, step 0: nan; must be finite"),
        ({"available_kw": np.array([[-1.0]])}, "available_kw: farm, step 0: -1"),
        ({"backup_kw": np.array([-1.0])}, "backup_kw: z: -1"),
        ({"available_kw": np.array([[2.5]])}, r"available_kw is 2\.5 at most .* peaks at 3000 kW; is it in MW"),
        ({"import_limit_kw": np.array([2.0])}, "import_limit_kw is 2 at most .* is it in MW"),
        ({"rating_kva": np.array([2.0])}, "rating_kva is 2 at most .* is in kVA"),
        ({"import_price_cny_kwh": np.zeros(3)}, r"import_price_cny_kwh has shape \(3,\); must be \(1,\)"),
    ],
)
def test_bad_grid_arrays_are_refused_by_name(change, words):
    """Before any work: what, where, which value, and what would be right."""
    with pytest.raises(InputError, match=words):
        replace(two_buses(3000.0), **change)


def test_loads_in_the_wrong_unit_are_refused():
    """3 MW written as 3 on a 10 kV feeder are a thousandth of it; written in W they are more than any line carries."""
    good = {"bus": [1, 2, 3], "q_kvar": [0, 0, 0], "from_bus": [1, 2], "to_bus": [2, 3], "base_kv": 10}
    good |= {"r_ohm": [1, 1], "x_ohm": [1, 1]}
    with pytest.raises(InputError, match=r"p_kw is 0\.4 at most, at bus 3, on 10 kV: .* is it in MW"):
        feeder_from_arrays(**good, p_kw=[0, 0.1, 0.4])
    with pytest.raises(InputError, match="p_kw sums to 500000 kW, which pulls the voltage at bus 3 to nothing"):
        feeder_from_arrays(**good, p_kw=[0, 1e5, 4e5])
    assert feeder_from_arrays(**good, p_kw=[0, 100, 400]).n_bus == 3


def test_wear_keeps_vehicles_from_discharging(mini):
    """At 0.2 CNY/kWh of wear less is discharged than without; at 10 CNY/kWh nothing."""
    from evlib.coordination.one_day import solve_run

    discharged = []
    for wear in (0.0, 0.2, 10.0):
        run = solve_run(mini.replace({"fleet.wear_cny_kwh": wear}), "shortest_path", "v2g")
        discharged.append((run.sizes_veh[:, None] * run.schedule.discharge_kw).sum() * run.case.step_h)
    assert discharged[0] > discharged[1] + 1
    assert discharged[2] == pytest.approx(0.0, abs=1e-3)


def test_case_of_a_scenario_passes_the_checks(mini):
    assert build_grid_case(mini).n_steps == 24


@pytest.mark.parametrize("slope", [0.0, 0.005])
@pytest.mark.parametrize("grid_model", ["lindistflow", "cone"])
def test_a_negative_price_is_paid_for_what_is_fed_back(slope, grid_model):
    """1 MW of load, 2 MW of wind for an hour at -0.30 CNY/kWh: feeding back 1 MW costs 300 CNY, curtailing it 510.

    Import and export at once would earn nothing; before, that was free and made up 9 MW of import worth 2,700 CNY.
    """
    case = replace(two_buses(1000.0, farm_kw=2000.0), import_price_cny_kwh=np.array([-0.3]))
    dispatch = dispatch_grid(case, replace(OPTIONS, import_slope=slope, grid_model=grid_model), nobody(case))
    lost_kw = dispatch.loss_kw.sum()
    assert dispatch.import_kw[0] == pytest.approx(0.0, abs=1e-2)
    assert dispatch.export_kw[0] == pytest.approx(1000.0 - lost_kw, abs=0.1)
    assert dispatch.curtailed_kw[0, 0] == pytest.approx(0.0, abs=0.1)
    assert dispatch.costs_cny["total"] == pytest.approx(0.3 * (1000.0 - lost_kw), rel=1e-4)
    assert dispatch.certificate.grid_import_and_export_kwh < 1e-3


@pytest.mark.parametrize("grid_model", ["lindistflow", pytest.param("cone", marks=pytest.mark.verify)])
def test_the_base_case_with_some_negative_prices_buys_or_feeds_back_and_never_both(grid_model):
    """Every other step from 12:00 to 16:00 at -0.30 CNY/kWh, ties as wide as wind: import and feeding back both occur there.

    Linear and quadratic costs are those of the net power at the root: importing and exporting at once would add to both.
    """
    scenario = load_scenario("nguyen").replace(
        {"grid.reverse_limit_mw": 2.0, "grid.zones.*.export_limit_mw": 8.0, "grid.load_scale": 2.5}
    )
    case = build_grid_case(scenario)
    price = case.import_price_cny_kwh.copy()
    price[24:72:2] = -0.3
    options = replace(build_grid_options(scenario), grid_model=grid_model)
    dispatch = dispatch_grid(replace(case, import_price_cny_kwh=price), options, nobody(case))
    negative, net_kw = price < 0, dispatch.import_kw - dispatch.export_kw
    assert net_kw[negative].min() < -100
    assert net_kw[negative].max() > 100
    paid_cny = case.step_h * price @ np.where(negative, net_kw, dispatch.import_kw)
    squares_cny = case.step_h * options.import_slope / 2 * (np.maximum(net_kw, 0) ** 2).sum() / 1000
    assert dispatch.costs_cny["import"] == pytest.approx(paid_cny, rel=1e-6)
    assert dispatch.costs_cny["import_quadratic"] == pytest.approx(squares_cny, rel=1e-4)
    assert dispatch.certificate.grid_import_and_export_kwh < 1e-3
