"""One draw: the day solved by four strategies, with what certifies them, and the article's claims on it."""

from __future__ import annotations

import math
import time

import pandas as pd

from evlib.errors import InputError, SolverError
from evlib.inputs.scenario import Scenario
from evlib.results import measures as measure
from evlib.results.accounts.waterfall import waterfall_row
from evlib.results.claims import claims_table
from evlib.results.headlines import headline_table
from evlib.solve_scenario import solve

__all__ = [
    "BALANCES",
    "CLAIMS",
    "LEAST_TRIP_MIN",
    "NUMBERS",
    "PRICE_TOLERANCE",
    "STRATEGIES",
    "measure_draw",
    "solve_draw",
]

# Name in the table -> strategy; all with discharging.
STRATEGIES = {"nearest": "shortest_path", "informed": "informed", "user": "user", "coordinated": "coordinated"}
BALANCES = ("vehicles", "energy", "money")
# Name of a column -> claim, and how the definition starts (the whole definition, if another one starts alike).
NUMBERS = {
    "a1_roads": ("A1", "used roads among the"),
    "a2_inflow_nearest": ("A2", "shortest path: largest inflow of a step over capacity"),
    "a2_inflow_coordinated": ("A2", "coordinated: largest inflow of a step over capacity"),
    "a3_local": ("A3", "with electricity at locational prices, wear included"),
    "a3_time": ("A3", "time and queue"),
    "a3_road": ("A3", "road time alone"),
    "a3_flat": ("A3", "with electricity at the mean import price"),
    "a4_nearest": ("A4", "curtailment at {zone} avoided against shortest path"),
    "a4_none": ("A4", "curtailment at {zone} avoided against no vehicles"),
    "a4_surplus": ("A4", "net vehicle energy at {zone} in its surplus steps over surplus"),
    "a5_nearest": ("A5", "curtailment at {zone} avoided against shortest path"),
    "a5_none": ("A5", "curtailment at {zone} avoided against no vehicles"),
    "a5_surplus": ("A5", "net vehicle energy at {zone} in its surplus steps over surplus"),
    "a6_used": ("A6", "energy used"),
    "a6_avoided": ("A6", "curtailment avoided against no vehicles"),
    "a6_share": ("A6", "share of available energy used"),
    "a7_all": ("A7", "discharge and shedding avoided, at all stations in steps with a deficit"),
    "a7_inside": ("A7", "discharge and shedding avoided, inside zones in deficit"),
    "a7_deficit": ("A7", "discharge and shedding avoided, at all stations in steps with a deficit, over the deficit"),
    "a7_capability": ("A7", "discharge capability, at all stations in steps with a deficit"),
    "a8_backup_none": ("A8", "backup energy at {zone}, no ev"),
    "a8_backup": ("A8", "backup energy at {zone}, coordinated over shortest path"),
    "a9_all": ("A9", "all costs"),
    "a9_paid": ("A9", "without penalties"),
    "a11_vehicles": ("A11", "least share of vehicles at a station"),
    "a11_energy": ("A11", "least share of energy charged at a station"),
    "a12_roads": ("A12", "roads with an inflow above capacity in some step, coordinated"),
    "a12_gini": ("A12", "Gini of largest inflow over capacity, roads on any path"),
    "a13_price": ("A13", "net payment per kWh charged, difference"),
    "a14_deviation": ("A14", "standard deviation of the worst bus's voltage over the day (AC), difference"),
    "a14_lines": ("A14", "lines above their rating, coordinated"),
    "a15_road": ("A15", "mean time on the road, difference"),
    "a15_waiting": ("A15", "mean waiting time, difference"),
    "a16_co2": ("A16", "CO2 of imported and backup energy"),
}
# Claims with a verdict here. A10 is about the article's own loop, which no draw runs.
CLAIMS = tuple(f"A{number}" for number in range(1, 17) if number != 10)
LEAST_TRIP_MIN = 0.1
# A draw counts as settled with prices that support the dispatch to this share of J(0), ten times less strictly than the base
# case; the relative gap must be within the scenario's tolerance. Bands are tens of percent wide.
PRICE_TOLERANCE = 1e-3
_COSTS = ("total_cny", "time_queue_cny", "grid_cny", "after_horizon_cny", "tolls_cny", "rents_cny")
_MEASURES = ("excess_cny_veh", "relative_gap", "price_gap")


def solve_draw(scenario: Scenario) -> dict:
    """Solve the strategies of one draw and measure them.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    dict
        Of :func:`measure_draw`, with ``error`` (empty where everything was solved; else what failed and why, and then no
        other numbers) and ``cpu_s``, processor seconds, which no table holds.
    """
    start = time.process_time()
    results: dict = {}
    for name, strategy in {"no_ev": "no_ev", **STRATEGIES}.items():
        try:
            results[name] = solve(scenario, strategy, "v2g", cache=False)
        except (SolverError, InputError) as error:
            return {"error": f"{name}: {error}", "cpu_s": time.process_time() - start}
    row = {"error": ""} | measure_draw(results)
    return row | {"cpu_s": time.process_time() - start}


def measure_draw(results: dict) -> dict:
    """Measure a draw's results.

    Parameters
    ----------
    results : dict of str -> Result
        ``no_ev`` and one result for each of ``STRATEGIES``.

    Returns
    -------
    dict
        Flat, of text and numbers (None where undefined). For each strategy costs [CNY], ``excess_cny_veh``,
        ``relative_gap``, ``price_gap``, ``converged`` (as in the base case), ``settled`` (with ``PRICE_TOLERANCE``),
        ``beyond_storage`` (vehicles over room of the worst road, 0 if all fit), ``iterations``; ``..._left``, what is left
        in the balances of vehicles, energy and money, each as a share of what is balanced; ``least_cost_gap``, how far
        vehicles are from their least costs at the prices announced. Then surplus and deficit without vehicles [MWh], the
        numbers of ``NUMBERS`` and the verdicts of ``CLAIMS``.
    """
    row: dict = {}
    for name in STRATEGIES:
        row |= {f"{name}_{key}": value for key, value in _of_strategy(results[name]).items()}
    none = results["no_ev"]
    row["no_ev_grid_cny"] = measure.cost_cny(none, "grid: total")
    row |= {
        f"surplus_{zone.name}_mwh": measure.zone_mwh(none, "surplus_kw", zone.name) for zone in none.scenario.grid.zones
    }
    row["deficit_mwh"] = measure.deficit_mwh(none)
    row |= _claims(results)
    return {key: _plain(value) for key, value in row.items()}


def _of_strategy(result) -> dict:
    numbers, certificate = waterfall_row(result), result.certificate
    settles = result.strategy != "shortest_path"
    row = {key: numbers[key] for key in _COSTS}
    row["drivers_cny"] = measure.cost_cny(result, "drivers: time and queue", "drivers: electricity")
    row |= {key: getattr(certificate, key) if settles else math.nan for key in _MEASURES}
    row["converged"] = int(certificate.converged) if settles else None
    row["settled"] = int(_settled(certificate)) if settles else None
    row["beyond_storage"] = numbers["beyond_storage"]
    row["iterations"] = certificate.iterations
    row |= {f"{name}_left": share for name, share in _balances(result).items()}
    row["least_cost_gap"] = certificate.money_relative_residual
    row["late_veh"] = certificate.after_horizon_veh
    row["unserved_mwh"] = measure.summary_value(result, "energy unserved")
    row["charged_mwh"] = measure.summary_value(result, "energy charged")
    row["discharged_mwh"] = measure.summary_value(result, "energy discharged")
    row["shed_mwh"] = measure.summary_value(result, "load shed")
    return row


def _settled(certificate) -> bool:
    price_gap = (
        0.0 if math.isnan(certificate.price_gap) else abs(certificate.price_gap)
    )  # `informed` announces no price
    return certificate.relative_gap <= certificate.tol_relative_gap and price_gap <= PRICE_TOLERANCE


def _balances(result) -> dict[str, float]:
    """What is left of each balance, as a share of what is balanced.

    Vehicles: departed less plugged in. Energy: what cohorts draw less what stations get, and what driving takes. Money:
    what cohorts pay for energy less what stations take at their prices, and the day's total less its parts.
    """
    certificate, tables = result.certificate, result.tables
    charged_kwh = max(measure.charged_kwh(result), 1.0)
    stations, step_h = tables["stations"], result.scenario.time.step_min / 60.0
    taken_cny = float((stations["price_cny_kwh"] * stations["net_kw"]).sum()) * step_h
    turnover_cny = max(float((stations["price_cny_kwh"] * stations["net_kw"]).abs().sum()) * step_h, 1.0)
    paid_cny = float(tables["cohorts"]["payment_cny"].sum())
    parts = [name for name in tables["costs"]["item"] if name.startswith("grid: ") and name != "grid: total"]
    total = measure.cost_cny(result, "society: time and queue plus grid")
    apart = total - measure.cost_cny(
        result, "drivers: time and queue", "drivers: electricity after the horizon", *parts
    )
    return {
        "vehicles": certificate.vehicle_residual_veh / max(measure.summary_value(result, "vehicles"), 1.0),
        "energy": max(certificate.energy_residual_kwh, certificate.driving_residual_kwh) / charged_kwh,
        "money": max(abs(paid_cny - taken_cny) / turnover_cny, abs(apart) / max(abs(total), 1.0)),
    }


def _claims(results: dict) -> dict:
    runs = {name: results[name] for name in ("no_ev", "user", "coordinated")} | {"shortest_path": results["nearest"]}
    table = claims_table(runs, None, runs=tuple(runs))
    row = {name: _number(table, *definition) for name, definition in NUMBERS.items()}
    heads = headline_table(table).set_index("claim")["verdict"]
    row |= {f"verdict_{claim.lower()}": heads[claim] for claim in CLAIMS}
    return row | {"verdict_a15": _trips_verdict(table)}


def _number(table: pd.DataFrame, claim: str, start: str) -> float:
    before, _, after = start.partition("{zone}")
    rows = table[(table["claim"] == claim) & ~table["definition"].str.endswith("(objective user)")]
    text = rows["definition"]
    alike = text.str.startswith(before) & text.str.contains(after, regex=False)
    chosen = rows[text == start] if (text == start).any() else rows[alike]
    return float(chosen["ours"].iloc[0]) if len(chosen) else math.nan


def _trips_verdict(table: pd.DataFrame) -> str:
    """A15 by its means alone: how far trips spread over days is seen over draws, not within one."""
    rows = table[(table["claim"] == "A15")].set_index("definition")
    parts = [rows.loc[NUMBERS[name][1]] for name in ("a15_road", "a15_waiting")]
    if any(part["verdict"] != "reproduced" for part in parts):
        return "not reproduced"
    return "immaterial" if any(abs(part["ours"]) < LEAST_TRIP_MIN for part in parts) else "reproduced"


def _plain(value):
    """A value as JSON can hold it: whole numbers, floats, text; None for nan."""
    if isinstance(value, str | int) or value is None:
        return value
    value = float(value)
    return None if math.isnan(value) else value
