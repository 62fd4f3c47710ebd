"""What the grid's benchmarks measure: their names, and feeders that are what they say."""

import numpy as np

from evlib.flexibility.station_load import no_vehicles
from evlib.grid.dno import dispatch_grid
from study.benchmarks import run as bench
from study.benchmarks.grid import made_up_case


def test_promised_numbers_are_measured():
    names = {name for group in bench.BENCHMARKS for name in group}
    assert {"sweep_over_pandapower", "dno_lindistflow_resolve_s", "dno_cone_resolve_s"} <= names
    assert {"dno_exact_block_resolve_s", "cvxpy_over_solver", "dno_300_lindistflow_s"} <= names


def test_made_up_feeder_is_as_heavy_and_as_long_as_the_real_one():
    """100 buses with the load of 33, four zones that do not overlap, voltages that drop by 0.05 to 0.09 pu."""
    case, options = made_up_case(100)
    assert case.feeder.n_bus == 100
    assert np.isclose(case.feeder.load_kw.sum(), 3 * 3715)
    assert sorted(set(case.bus_zone)) == [-1, 0, 1, 2, 3]
    assert (case.bus_zone[case.station_bus] == np.arange(4)).all()
    dispatch = dispatch_grid(case, options, no_vehicles(4, 96))
    assert 0.93 < dispatch.voltage_pu.min() < 0.99
    assert dispatch.certificate.grid_ac_voltage_error_pu < 0.01
