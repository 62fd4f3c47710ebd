"""How fast vehicles answer prices, how fast a feeder is dispatched with 100,000 of them, and with what certificate."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from scipy.sparse import bmat, csr_array, diags_array, eye_array

from evlib.flexibility import Domain, mixed_schedule, support
from evlib.grid.fleet_dispatch import dispatch_by_columns
from evlib.inputs.build_grid import build_grid_options
from evlib.inputs.scenario import load_scenario
from study.experiments.fleets import feeder_fleet

__all__ = ["measure_columns", "measure_disaggregation", "measure_support", "support_case"]

N_SUPPORT, N_STEPS = 100_000, 96
N_RIVAL = 300
REPEATS = 3
COLUMNS_GAP = 2e-3


def support_case(n: int, *, lossless: bool = True) -> tuple[Domain, np.ndarray]:
    """Vehicles of 20 to 250 kWh, plugged in for 96 usable steps of 5 min, and each one's own prices."""
    random = np.random.default_rng(3)
    battery = random.uniform(20.0, 250.0, n)
    eta = 1.0 if lossless else 0.95
    domain = Domain(
        charge_kw=random.uniform(5.0, 60.0, n),
        discharge_kw=random.uniform(5.0, 60.0, n),
        n_usable=np.full(n, N_STEPS),
        energy_low_kwh=-0.25 * battery,
        energy_high_kwh=0.5 * battery,
        target_kwh=random.uniform(0.0, 0.4, n) * battery,
        terminal_limit_kwh=np.zeros(n),
        eta_charge=eta,
        eta_discharge=eta,
        wear_cny_kwh=0.0 if lossless else 0.05,
        unserved_cny_kwh=5.0,
        terminal_price_cny_kwh=0.55,
        step_h=1 / 12,
    )
    return domain, random.normal(0.45, 0.2, (n, N_STEPS))


def measure_support() -> tuple[float, float, float, float]:
    """Microseconds per vehicle, lossless and with losses, and how many times a warm HiGHS program takes as long.

    The ratios are those with losses, then without. The rival solves one vehicle after the other: the same program, with
    prices and bounds changed in place, from the last basis. Lossless it has one power in each step; with losses charge,
    discharge and their hull.
    """
    seconds, rivals = [], []
    for lossless in (True, False):
        domain, prices = support_case(N_SUPPORT, lossless=lossless)
        seconds.append(min(_seconds(lambda d=domain, p=prices: support(d, p)) for _ in range(REPEATS)) / N_SUPPORT)
        rivals.append(_rival_s(lossless))
    return 1e6 * seconds[0], 1e6 * seconds[1], rivals[1] / seconds[1], rivals[0] / seconds[0]


def _seconds(run) -> float:
    start_s = time.perf_counter()
    run()
    return time.perf_counter() - start_s


def _rival_s(lossless: bool) -> float:
    """Seconds of one warm HiGHS solve per vehicle."""
    import highspy  # a requirement of the tests only

    domain, prices = support_case(N_RIVAL, lossless=lossless)
    value_cny, _ = support(domain, prices)
    step_h, n, one = domain.step_h, N_STEPS, eye_array(N_STEPS)
    # X_t - X_(t-1) - h (eta_c c - d / eta_d) = 0, X_T + unserved >= target, c + ratio d <= P: ratio changes by vehicle
    change = diags_array([np.ones(n), -np.ones(n - 1)], offsets=[0, -1])
    last = csr_array(([1.0], ([0], [n - 1])), shape=(1, n))
    if lossless:
        rows = bmat([[-step_h * one, change, None], [None, last, np.ones((1, 1))]]).tocsc()
    else:
        into, out = -step_h * domain.eta_charge * one, step_h / domain.eta_discharge * one
        shares = [one, one, csr_array((n, n)), None]  # powers as shares of full power: the hull is the same for all
        rows = bmat([[into, out, change, None], [None, None, last, np.ones((1, 1))], shares]).tocsc()
    n_rows, n_columns = rows.shape
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    program = highspy.HighsLp()
    program.num_col_, program.num_row_ = n_columns, n_rows
    program.col_cost_ = program.col_lower_ = program.col_upper_ = np.zeros(n_columns)
    program.row_lower_ = np.concatenate([np.zeros(n + 1), np.full(n_rows - n - 1, -np.inf)])
    program.row_upper_ = np.concatenate([np.zeros(n), [np.inf], np.ones(n_rows - n - 1)])
    program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    program.a_matrix_.start_, program.a_matrix_.index_, program.a_matrix_.value_ = rows.indptr, rows.indices, rows.data
    solver.passModel(program)
    columns, total_s = np.arange(n_columns, dtype=np.int32), 0.0
    for i in range(N_RIVAL):
        charge_kw, discharge_kw = domain.charge_kw[i], domain.discharge_kw[i]
        if not lossless:
            # one power for both ways keeps the matrix the same for all vehicles: the larger is not more work
            discharge_kw = charge_kw
        energy_low_kwh, energy_high_kwh = np.full(n, domain.energy_low_kwh[i]), np.full(n, domain.energy_high_kwh[i])
        scale = 1.0 if lossless else charge_kw
        cost = [step_h * prices[i] * scale]
        low, high = [np.full(n, -discharge_kw / scale if lossless else 0.0)], [np.full(n, charge_kw / scale)]
        if not lossless:
            cost.append(step_h * (domain.wear_cny_kwh - prices[i]) * scale)
            low.append(np.zeros(n))
            high.append(np.ones(n))
        cost += [np.zeros(n), [domain.unserved_cny_kwh * scale]]
        start_s = time.perf_counter()
        solver.changeColsCost(n_columns, columns, np.concatenate(cost))
        low = np.concatenate([*low, energy_low_kwh / scale, [0.0]])
        high = np.concatenate([*high, energy_high_kwh / scale, [np.inf]])
        solver.changeColsBounds(n_columns, columns, low, high)
        solver.changeRowBounds(n, domain.target_kwh[i] / scale, np.inf)
        solver.run()
        total_s += time.perf_counter() - start_s
        highs_cny = solver.getInfo().objective_function_value
        recursion_cny = value_cny[i] if lossless else support(_alike(domain, i), prices[i : i + 1])[0][0]
        if abs(highs_cny - recursion_cny) > 1e-6 * max(1.0, abs(highs_cny)):
            raise RuntimeError(f"vehicle {i}: HiGHS finds {highs_cny}, the recursion {recursion_cny}")
    return total_s / N_RIVAL


def _alike(domain: Domain, i: int) -> Domain:
    """Vehicle i, discharging at its charging power."""
    one = domain.take([i])
    return replace(one, discharge_kw=one.charge_kw)


def measure_columns() -> tuple[float, float, float, float]:
    """Seconds of a dispatch by columns with 1,000, 10,000 and 100,000 vehicles, and the certified gap of the last."""
    options, seconds = build_grid_options(load_scenario("nguyen")), []
    warm_case, warm = feeder_fleet(50)
    dispatch_by_columns(warm_case, options, warm, gap=0.1)
    for n in (1_000, 10_000, 100_000):
        case, fleet = feeder_fleet(n)
        start_s = time.perf_counter()
        _, dispatch = dispatch_by_columns(case, options, fleet, gap=COLUMNS_GAP)
        seconds.append(time.perf_counter() - start_s)
    return *seconds, dispatch.gap


def measure_disaggregation() -> tuple[float]:
    """Seconds to turn a dispatch by columns of 10,000 vehicles into the schedule of each."""
    case, fleet = feeder_fleet(10_000)
    _, dispatch = dispatch_by_columns(case, build_grid_options(load_scenario("nguyen")), fleet, gap=COLUMNS_GAP)
    start_s = time.perf_counter()
    mixed_schedule(dispatch, fleet)
    return (time.perf_counter() - start_s,)
