"""Claims about roads, stations and trips, and about the loop settling: A1-A3, A10-A12, A15."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from evlib.coordination.coordinate import PRICE_GAP_TOLERANCE
from evlib.errors import InputError
from evlib.results import measures as measure
from evlib.results.claim_row import Row, difference, ratio, suffix

__all__ = ["a1", "a2", "a3", "a11", "a12", "a15", "a15_days", "methods_rows", "settled"]

ABOVE_CAPACITY = 1 + 1e-6  # downstream of a saturated road the inflow is exactly the capacity, but for rounding
METHOD_COLUMNS = ("variant", "method", "objective", "relative_gap", "price_gap", "flow_residual", "best")


def a1(results) -> Iterator[Row]:
    """A1: everybody at the nearest stations."""
    run, common = results["shortest_path"], {"kind": "construction", "runs": ("shortest_path",)}
    common["note"] = "the strategy sends everybody to the nearest station"
    used = []
    for station in run.scenario.stations:
        vehicles = measure.summary_value(run, f"vehicles at {station.name}")
        article = 0.0 if station.name in ("c1", "c2") else math.nan
        used += [station.name] * (vehicles > 0)
        yield Row("A1", f"vehicles at {station.name}", vehicles, "veh", article=article, **common)
    peak = measure.peak_inflows(run)
    only = measure.roads_to(run) - measure.roads_to(run, used)
    taken = float((peak[peak.index.isin(only)] > 0).sum())
    text = f"used roads among the {len(only)} that lead to unused stations only"
    yield Row("A1", text, taken, "roads", article=0.0, **common)
    yield Row("A1", f"unused roads, of {len(peak)}", float((peak == 0).sum()), "roads", **common)


def a2(results) -> Iterator[Row]:
    """A2: roads beyond their capacity."""
    for name, kind in (("shortest_path", "construction"), ("coordinated", "none")):
        arcs = results[name].tables["arcs"]
        roads, label = arcs[arcs["kind"] == "road"], name.replace("_", " ")
        common = {"kind": kind, "article": 1.0 if kind == "construction" else math.nan, "runs": (name,)}
        text = f"{label}: largest inflow of a step over capacity, of all roads"
        sized = "road capacity was sized for an overload of the first roads" if kind == "construction" else ""
        yield Row("A2", text, roads["inflow_over_capacity"].max(), "1", note=sized, **common)
        text = f"{label}: most vehicles on a road over what it holds at capacity in free-flow time"
        yield Row("A2", text, roads["occupancy_over_capacity"].max(), "1", note=sized, **common)


def a3(results, who="coordinated") -> Iterator[Row]:
    """A3: total travel cost, by three prices of electricity."""
    shortest, coordinated = results["shortest_path"], results[who]
    time, bill = "drivers: time and queue", "drivers: electricity"
    common, end = {"claim": "A3", "runs": ("shortest_path", who)}, suffix(who)
    cost_fields = {"article": 47.0, "money": True} | common
    note = "rests on the capacities of roads and stations assumed"
    old, new = measure.cost_cny(shortest, time), measure.cost_cny(coordinated, time)
    yield ratio(definition=f"time and queue{end}", new=old, old=new, note=note, **cost_fields)
    alone = [measure.time_parts_cny(run)[0] for run in (shortest, coordinated)]
    yield ratio(definition=f"road time alone{end}", new=alone[0], old=alone[1], **cost_fields)
    flat = [measure.cost_cny(run, time) + measure.flat_bill_cny(run) for run in (shortest, coordinated)]
    yield ratio(definition=f"with electricity at the mean import price{end}", new=flat[0], old=flat[1], **cost_fields)
    full = [measure.cost_cny(run, time, bill) for run in (shortest, coordinated)]
    text = f"with electricity at locational prices, wear included{end}"
    yield ratio(definition=text, new=full[0], old=full[1], **cost_fields)
    road, waiting = (
        a - b for a, b in zip(measure.time_parts_cny(shortest), measure.time_parts_cny(coordinated), strict=True)
    )
    common |= {"kind": "above", "article": 50.0}
    text = f"share of road time in the difference of time and queue{end}"
    differs = abs(road + waiting) > 1e-6 * old
    share = 100 * road / (road + waiting) if differs else math.nan
    common["note"] = "the article says primarily: more than half" if differs else "no difference to share"
    yield Row(definition=text, ours=share, unit="%", **common)
    if who == "coordinated":
        share = 100 * measure.time_parts_cny(shortest)[0] / old if old > 0 else math.nan
        common |= {"runs": ("shortest_path",), "note": "the article says primarily: more than half"}
        yield Row(definition="share of road time in time and queue, shortest path", ours=share, unit="%", **common)
    if who == "coordinated" and "snapshot" in results:
        snapshot_cny = measure.cost_cny(results["snapshot"], time)
        text = "time and queue, drivers who answer one snapshot of prices"
        yield ratio("A3", text, snapshot_cny, new, money=True, kind="none", runs=("snapshot", who))


def methods_rows(results, methods: pd.DataFrame | None) -> Iterator[Row]:
    """A10: the best iterate of each method; no rows without a table of methods."""
    if methods is None:
        return
    missing = [column for column in METHOD_COLUMNS if column not in methods.columns]
    if missing:
        raise InputError(f"methods: column {missing[0]!r} is missing; needs {', '.join(METHOD_COLUMNS)}")
    scenario = results["coordinated"].scenario
    for (variant, method, objective), run in methods.groupby(["variant", "method", "objective"], sort=False):
        best = run[run["best"] == 1]
        if len(best) != 1:
            raise InputError(f"methods: {variant}, {method}, {objective}: {len(best)} rows have best = 1; must be one")
        best_row = best.iloc[0]
        label = f"method {method}, objective {objective}" + ("" if variant == "base" else f", {variant}")
        yield from settled(best_row, label, scenario)


def settled(measures, label: str, scenario, runs=()) -> Iterator[Row]:
    """A10: gap, price gap and residual of a run, each with the run's verdict: whether it is within both limits."""
    limits = {"relative_gap": scenario.coordination.tol_relative_gap, "price_gap": PRICE_GAP_TOLERANCE}
    above = [name.replace("_", " ") for name, limit in limits.items() if not abs(measures[name]) <= limit]
    note = f"above its limit: {', '.join(above)}" if above else "within both limits"
    for name in (*limits, "flow_residual"):
        value, limit = float(measures[name]), limits.get(name)
        text = f"{label}: {name.replace('_', ' ')}" + (f", limit {limit:g}" if limit else ", no limit")
        if math.isnan(value):
            yield Row("A10", text, value, "1", note="not measured: the last iterate has no residual", tolerance=0.0)
            continue
        # between machines, measures of a solved loop may differ by as much as their limits; a committed table is fixed
        tolerance = (limit or 0.5 * abs(value)) if runs else 1e-6 * abs(value)
        outcome = "not reproduced" if above else "reproduced"
        yield Row("A10", text, value, "1", note=note, runs=runs, tolerance=tolerance, outcome=outcome)


def a11(results) -> Iterator[Row]:
    """A11: four active stations."""
    run = results["coordinated"]
    step_mwh = run.scenario.time.step_min / 60 / 1000
    powers = run.tables["stations"].groupby("station")[["charge_kw", "discharge_kw"]].sum() * step_mwh
    common = {"kind": "positive", "runs": ("coordinated",)}
    for station in run.scenario.stations:
        name = station.name
        yield Row("A11", f"vehicles at {name}", measure.summary_value(run, f"vehicles at {name}"), "veh", **common)
        for column, text in (("charge_kw", "energy charged"), ("discharge_kw", "energy discharged")):
            yield Row("A11", f"{text} at {name}", float(powers.loc[name, column]), "MWh", **common)
    names = [station.name for station in run.scenario.stations]
    vehicles = [measure.summary_value(run, f"vehicles at {name}") for name in names]
    for text, values in (("vehicles", vehicles), ("energy charged", powers.loc[names, "charge_kw"].to_list())):
        share = 100 * min(values) / sum(values) if sum(values) > 0 else math.nan
        yield Row("A11", f"least share of {text} at a station", share, "%", note=_nothing(share), **common)


def _nothing(share: float) -> str:
    return "there is nothing to share" if math.isnan(share) else ""


def a12(results) -> Iterator[Row]:
    """A12: even traffic."""
    old, new = (measure.peak_inflows(results[name]) for name in ("shortest_path", "coordinated"))
    above = [float((peak > ABOVE_CAPACITY).sum()) for peak in (old, new)]
    text = "roads with an inflow above capacity in some step"
    yield Row("A12", f"{text}, shortest path", above[0], "roads", "none", runs=("shortest_path",))
    yield Row("A12", f"{text}, coordinated", above[1], "roads", article=0.0, runs=("coordinated",))
    yield difference("A12", f"{text}, difference", above[1], above[0], "roads", kind="negative")
    used = measure.roads_to(results["coordinated"])
    for label, keep in (("roads on any path", old.index.isin(used)), ("all roads", old.index == old.index)):
        text = f"Gini of largest inflow over capacity, {label} ({keep.sum()})"
        yield difference("A12", text, measure.gini(new[keep]), measure.gini(old[keep]), "1", kind="negative")


def a15(results, who="coordinated") -> Iterator[Row]:
    """A15: shorter, more predictable trips."""
    (new, new_weights), (old, old_weights) = (measure.trip_times(results[name]) for name in (who, "shortest_path"))
    common = {"unit": "min", "kind": "negative", "runs": ("shortest_path", who)}
    for column, name in (("road", "time on the road"), ("waiting", "waiting time"), ("both", "road and waiting time")):
        for text, statistic in (("mean", measure.weighted_mean), ("5-95 % spread of", measure.spread)):
            values = statistic(new[column], new_weights), statistic(old[column], old_weights)
            yield difference("A15", f"{text} {name}, difference{suffix(who)}", *values, **common)


def a15_days(days: pd.DataFrame) -> Row:
    """A15: whether the time of one trip differs less from day to day.

    A trip is that of an origin's mean driver in an hour of departure. Its standard deviation over the days of which the
    coordinated one is settled, averaged over trips by vehicles.
    """
    settled = days.groupby("day")["converged"].transform("min") == 1
    spread = {}
    for strategy, rows in days[settled].groupby("strategy"):
        trips = rows.groupby(["origin", "hour"])
        vehicles = trips["vehicles_veh"].mean()
        spread[strategy] = float((trips["minutes"].std() * vehicles).sum() / vehicles.sum())
    note = f"{days.loc[settled, 'day'].nunique()} days of weather, the same demand"
    values = spread.get("coordinated", math.nan), spread.get("shortest_path", math.nan)
    return difference(
        "A15", "spread over days of a trip's mean time, difference", *values, "min", kind="negative", note=note
    )
