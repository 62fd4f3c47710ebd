"""The article's sixteen claims beside ours: every definition of each, with a verdict by a rule fixed beforehand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from evlib import claims_measures as measure
from evlib.coordination import PRICE_GAP_TOLERANCE
from evlib.errors import InputError

__all__ = ["CLAIMS", "COLUMNS", "RUNS", "claims_table", "verdict"]

CLAIMS = {
    "A1": "on shortest paths all drive to c3 and c4; c1, c2 and the roads to them stay unused",
    "A2": "on shortest paths the traffic on the connecting roads exceeds their capacity",
    "A3": "on shortest paths the total travel cost is 47 % higher",
    "A4": "coordination absorbs 67.9 % of the wind at c2 that would be wasted",
    "A5": "coordination absorbs 61.7 % of the sun at c3 that would be wasted",
    "A6": "coordination raises the consumption of renewable energy by 33 %",
    "A7": "coordination raises the load supply response by 25.8 %",
    "A8": "without vehicles the demand spike at c1 needs backup generators",
    "A9": "coordination lowers the grid's cost",
    "A10": "the loop between traffic and grid settles",
    "A11": "with coordination all four stations are active",
    "A12": "with coordination no road is crippled and traffic is more even",
    "A13": "with coordination electricity is cheaper for drivers",
    "A14": "with coordination voltages deviate less and equipment is loaded less",
    "A15": "with coordination trips are shorter and more predictable",
    "A16": "with coordination emissions are lower",
}
COLUMNS = ["claim", "definition", "article", "ours", "unit", "verdict", "note", "tolerance"]
RUNS = ("no_ev", "shortest_path", "snapshot", "user", "coordinated")
METHOD_COLUMNS = ("method", "objective", "relative_gap", "price_gap", "flow_residual", "best")

LEAST_MWH = 0.1
ABOVE_CAPACITY = 1 + 1e-6  # a road behind a saturated one gets exactly its capacity, but for rounding
# How near two solves can be compared at best, by unit: of equilibria; of other runs a hundredth of it.
FLOORS = {"%": 0.1, "percentage points": 0.1, "veh": 1.0, "roads": 1.0, "MWh": 0.01, "CNY/kWh": 1e-3, "CNY/veh": 0.01}
FLOORS |= {"min": 0.01, "pu": 1e-4, "1": 1e-3}


def claims_table(results: Mapping, methods: pd.DataFrame | None) -> pd.DataFrame:
    """Every definition of the article's claims: its number, ours, and what follows.

    Parameters
    ----------
    results : mapping of str to Result
        ``no_ev``, ``shortest_path``, ``snapshot``, ``user``, ``coordinated`` of one scenario and charging mode.
    methods : DataFrame or None
        Convergence of the methods, the committed ``methods_nguyen.csv``; without it A10 has the certificates alone.

    Returns
    -------
    DataFrame
        One row a definition. ``claim`` (see `CLAIMS`), ``definition`` (unique within its claim), ``article`` (nan where
        the article says a direction only), ``ours`` (nan where undefined), ``unit``, ``verdict`` (see `verdict`),
        ``note``, ``tolerance`` (see Notes) in the row's unit.

    Raises
    ------
    InputError
        A run is missing, or runs are of different scenarios or charging modes; a method without its columns or best row.

    Notes
    -----
    The tolerance is how far a number may move from machine to machine, and below which a sign does not count. For a
    number that rests on a coordinated run it is the larger of 1 % and the run's relative gap, of the largest term of
    the difference or ratio; where it is money, the run's excess cost over all vehicles if that is more. That is a bound
    for drivers' costs and a yardstick for anything else: where few vehicles decide (a station that attracts few, energy
    discharged in few steps), a run that has not converged can be farther off. For other runs it is 1e-4 of the term.
    """
    _check(results)
    rows = sorted(_rows(results, methods), key=lambda row: int(row.claim[1:]))  # stable
    return pd.DataFrame([_judged(row, results) for row in rows], columns=COLUMNS)


def verdict(article: float, ours: float, kind: str = "number", tolerance: float = 0.0) -> str:
    """What becomes of a claim; the rule was fixed before any number was known.

    Parameters
    ----------
    article, ours : float
        In one unit; ``article`` may be nan for a sign.
    kind : {"number", "above", "positive", "negative", "construction", "none"}
        The article gives a number, a threshold to exceed, or a direction; what follows from the inputs alone; what the
        article says nothing about.
    tolerance : float
        A number or a sign counts only if it is farther from 0 than this.

    Returns
    -------
    str
        *reproduced*: the sign, or within 20 % of the article's number (equal to it if that is 0); *direction only*: the
        number's sign but not its size; *not reproduced*: else; *by construction*; *undefined*: ours is nan;
        *no claim*: shown beside.

    Raises
    ------
    ValueError
        Another kind.

    Examples
    --------
    >>> verdict(47.0, 50.0), verdict(47.0, 150.0), verdict(47.0, -1.0), verdict(math.nan, -3.0, "negative")
    ('reproduced', 'direction only', 'not reproduced', 'reproduced')
    """
    if kind not in ("number", "above", "positive", "negative", "construction", "none"):
        raise ValueError(f"kind {kind!r}; must be number, above, positive, negative, construction or none")
    if math.isnan(ours):
        return "undefined"
    if kind in ("construction", "none"):
        return {"construction": "by construction", "none": "no claim"}[kind]
    if kind == "above":
        return "reproduced" if ours > article else "not reproduced"
    if kind == "number" and article == 0:
        return "reproduced" if ours == 0 else "not reproduced"
    sign = math.copysign(1.0, article) if kind == "number" else {"positive": 1.0, "negative": -1.0}[kind]
    if not sign * ours > tolerance:
        return "not reproduced"
    if kind != "number":
        return "reproduced"
    near = abs(ours - article) <= (0.2 + 1e-9) * abs(article)  # rounding does not decide
    return "reproduced" if near else "direction only"


@dataclass(frozen=True)
class _Row:
    """A definition and its number.

    ``level``: largest term of a difference or ratio; ``per_cny``: what 1 CNY is in the row's unit, 0 if it is no money;
    ``tolerance`` and ``outcome``: given here, where the general rule does not apply.
    """

    claim: str
    definition: str
    ours: float
    unit: str
    kind: str = "number"
    article: float = math.nan
    note: str = ""
    runs: tuple[str, ...] = ("shortest_path", "coordinated")
    level: float | None = None
    per_cny: float = 0.0
    tolerance: float | None = None
    outcome: str | None = None


def _ratio(claim, definition, new, old, *, energy=False, money=False, **more) -> _Row:
    """``new`` over ``old`` less 1 [%]; undefined where old is below 0.1 MWh, or 1e-6 of the larger."""
    least = LEAST_MWH if energy else max(1e-6 * abs(new), 1e-300)
    if not abs(old) >= least:
        reason = "divides by less than 0.1 MWh" if energy else "divides by nothing"
        return _Row(claim, definition, math.nan, "%", **(more | {"note": _join(more.get("note", ""), reason)}))
    level = 100 * max(1.0, abs(new / old))
    return _Row(claim, definition, 100 * (new / old - 1), "%", level=level, per_cny=100 / abs(old) * money, **more)


def _difference(claim, definition, new, old, unit, **more) -> _Row:
    """``new`` less ``old``; a nan on either side is undefined."""
    if math.isnan(new - old):
        more["note"] = _join(more.get("note", ""), "one side is undefined")
    return _Row(claim, definition, new - old, unit, level=more.pop("level", max(abs(new), abs(old))), **more)


def _join(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _judged(row: _Row, results: Mapping) -> list:
    solved = [(name, results[name].certificate) for name in row.runs if name in ("user", "coordinated")]
    floor = FLOORS[row.unit] if solved else FLOORS[row.unit] / 100
    level = abs(row.ours) if row.level is None else row.level
    if row.tolerance is not None:
        tolerance = row.tolerance
    elif math.isnan(row.ours):
        tolerance = floor
    else:
        share = max([1e-4, *(max(0.01, certificate["relative_gap"]) for _, certificate in solved)])
        share = 0.01 if row.per_cny and solved else share
        stretch = level / 100 if row.unit == "%" else 1.0  # a ratio above 1 moves by more than its denominator's share
        excess = [stretch * row.per_cny * _excess(results[name]) for name, _ in solved]
        tolerance = max([floor, share * level, *excess])
    unsure = [f"{name}: run not converged, see A10" for name, certificate in solved if not certificate["converged"]]
    if row.per_cny and any(abs(row.ours) <= row.per_cny * _excess(results[name]) for name, _ in solved):
        unsure.append("the difference is within the excess cost of the run")
    elif row.kind in ("number", "positive", "negative") and 0 < abs(row.ours) <= tolerance and row.article != 0:
        unsure.append("smaller than what the runs resolve")
    outcome = row.outcome or verdict(row.article, row.ours, row.kind, tolerance)
    note = _join(row.note, *unsure) if row.claim != "A10" else row.note
    return [row.claim, row.definition, row.article, row.ours, row.unit, outcome, note, tolerance]


def _excess(result) -> float:
    """What drivers could still save together [CNY]."""
    return result.certificate["excess_cny_veh"] * measure.summary_value(result, "vehicles")


def _check(results: Mapping) -> None:
    missing = [name for name in RUNS if name not in results]
    if missing:
        raise InputError(f"results: {', '.join(missing)} missing; give all of {', '.join(RUNS)}")
    first = results[RUNS[0]]
    for name in RUNS:
        for label, own, other in (
            ("scenario", results[name].scenario.hash, first.scenario.hash),
            ("charging", results[name].charging, first.charging),
        ):
            if own != other:
                raise InputError(f"results[{name!r}]: another {label} than no_ev; solve all runs with the same {label}")


def _suffix(who: str) -> str:
    return "" if who == "coordinated" else f" (objective {who})"


def _a1(results) -> Iterator[_Row]:
    run, given = results["shortest_path"], {"kind": "construction", "runs": ("shortest_path",)}
    given["note"] = "the strategy sends everybody to the nearest station"
    used = []
    for station in run.scenario.stations:
        vehicles = measure.summary_value(run, f"vehicles at {station.name}")
        article = 0.0 if station.name in ("c1", "c2") else math.nan
        used += [station.name] * (vehicles > 0)
        yield _Row("A1", f"vehicles at {station.name}", vehicles, "veh", article=article, **given)
    peak = measure.peak_inflows(run)
    only = measure.roads_to(run) - measure.roads_to(run, used)
    taken = float((peak[peak.index.isin(only)] > 0).sum())
    text = f"used roads among the {len(only)} that lead to unused stations only"
    yield _Row("A1", text, taken, "roads", article=0.0, **given)
    yield _Row("A1", f"unused roads, of {len(peak)}", float((peak == 0).sum()), "roads", **given)


def _a2(results) -> Iterator[_Row]:
    for name, kind in (("shortest_path", "above"), ("coordinated", "none")):
        arcs = results[name].tables["arcs"]
        roads, label = arcs[arcs["kind"] == "road"], name.replace("_", " ")
        given = {"kind": kind, "article": 1.0 if kind == "above" else math.nan, "runs": (name,)}
        text = f"{label}: largest inflow of a step over capacity, of all roads"
        sized = "road capacity was sized for an overload of the first roads" if kind == "above" else ""
        yield _Row("A2", text, roads["inflow_over_capacity"].max(), "1", note=sized, **given)
        text = f"{label}: most vehicles on a road over what it holds at capacity in free-flow time"
        yield _Row("A2", text, roads["occupancy_over_capacity"].max(), "1", note=sized, **given)


def _a3(results, who="coordinated") -> Iterator[_Row]:
    first, then = results["shortest_path"], results[who]
    time, bill = "drivers: time and queue", "drivers: electricity"
    given, end = {"claim": "A3", "runs": ("shortest_path", who)}, _suffix(who)
    more = {"article": 47.0, "money": True} | given
    note = "rests on the capacities of roads and stations assumed"
    old, new = measure.cost_cny(first, time), measure.cost_cny(then, time)
    yield _ratio(definition=f"time and queue{end}", new=old, old=new, note=note, **more)
    flat = [measure.cost_cny(run, time) + measure.flat_bill_cny(run) for run in (first, then)]
    yield _ratio(definition=f"with electricity at the mean import price{end}", new=flat[0], old=flat[1], **more)
    full = [measure.cost_cny(run, time, bill) for run in (first, then)]
    text = f"with electricity at locational prices, wear included{end}"
    yield _ratio(definition=text, new=full[0], old=full[1], **more)
    road, waiting = (a - b for a, b in zip(measure.time_parts_cny(first), measure.time_parts_cny(then), strict=True))
    given |= {"kind": "above", "article": 50.0}
    text = f"share of road time in the difference of time and queue{end}"
    differs = abs(road + waiting) > 1e-6 * old
    share = 100 * road / (road + waiting) if differs else math.nan
    given["note"] = "the article says primarily: more than half" if differs else "no difference to share"
    yield _Row(definition=text, ours=share, unit="%", **given)
    if who == "coordinated":
        share = 100 * measure.time_parts_cny(first)[0] / old if old > 0 else math.nan
        given |= {"runs": ("shortest_path",), "note": "the article says primarily: more than half"}
        yield _Row(definition="share of road time in time and queue, shortest path", ours=share, unit="%", **given)
        once = measure.cost_cny(results["snapshot"], time)
        text = "time and queue, drivers who answer one snapshot of prices"
        yield _ratio("A3", text, once, new, money=True, kind="none", runs=("snapshot", who))


def _absorbed(results, claim, kind, article, who="coordinated") -> Iterator[_Row]:
    """A4 and A5: what is no longer curtailed in the zone with the largest farms of a kind."""
    zone = _zone_with(results["no_ev"], kind)
    end = _suffix(who)
    given = {"claim": claim, "unit": "%", "article": article}
    if zone is None:
        text = f"no zone with {kind}{end}"
        yield _Row(definition=text, ours=math.nan, note=f"the scenario has no {kind} farm", **given)
        return
    wasted = {name: measure.zone_mwh(results[name], "curtailed_kw", zone) for name in RUNS}

    def saved(definition, name, base, remark="", **more):
        enough = wasted[base] >= LEAST_MWH
        left = wasted[name] / wasted[base] if enough else math.nan
        note = remark if enough else _join(remark, "divides by less than 0.1 MWh")
        row = given | {"definition": definition, "ours": 100 * (1 - left), "level": 100 * max(1.0, left), "note": note}
        return _Row(**(row | {"runs": (name, base)} | more))

    charged = measure.zone_mwh(results["shortest_path"], "vehicles_kw", zone)
    there = "shortest paths charge there too" if charged >= LEAST_MWH else ""
    for name, text in (("no_ev", "no vehicles"), ("shortest_path", "shortest path")):
        yield saved(f"curtailment at {zone} avoided against {text}{end}", who, name, remark=there)
    net, surplus = measure.surplus_use_mwh(results[who], zone)
    share = 100 * net / surplus if surplus >= LEAST_MWH else math.nan
    text = f"net vehicle energy at {zone} in its surplus steps over surplus{end}"
    note = "what vehicles draw beyond the surplus of a step counts too"
    note = note if surplus >= LEAST_MWH else "divides by less than 0.1 MWh"
    yield _Row(definition=text, ours=share, runs=(who,), note=note, **given)
    if who == "coordinated":
        text = f"curtailment at {zone} that shortest paths avoid against no vehicles"
        yield saved(text, "shortest_path", "no_ev", kind="none", article=math.nan)


def _zone_with(run, kind: str) -> str | None:
    rating = {farm.name: farm.rating_mw for farm in run.scenario.grid.farms if farm.kind == kind}
    farms = run.tables["farms"].drop_duplicates("farm").set_index("farm")["zone"]
    by_zone = pd.Series(rating, dtype=float).groupby(farms).sum()
    return None if by_zone.empty else str(by_zone.idxmax())


def _a6(results, who="coordinated") -> Iterator[_Row]:
    offered, wasted = (
        {name: measure.zone_mwh(results[name], f"{column}_kw") for name in RUNS}
        for column in ("available", "curtailed")
    )
    used = {name: offered[name] - wasted[name] for name in RUNS}
    given, end = {"claim": "A6", "article": 33.0, "runs": ("shortest_path", who)}, _suffix(who)
    new, old = used[who], used["shortest_path"]
    yield _ratio(definition=f"energy used{end}", new=new, old=old, energy=True, **given)
    new, old = (wasted["no_ev"] - wasted[name] for name in (who, "shortest_path"))
    yield _ratio(definition=f"curtailment avoided against no vehicles{end}", new=new, old=old, energy=True, **given)
    new, old = (100 * used[name] / offered[name] if offered[name] > 0 else math.nan for name in (who, "shortest_path"))
    note = "what is available is assumed"
    yield _difference(
        definition=f"share of available energy used{end}",
        new=new,
        old=old,
        unit="percentage points",
        note=note,
        **given,
    )


def _a7(results) -> Iterator[_Row]:
    pair, given = ("coordinated", "shortest_path"), {"claim": "A7", "article": 25.8}
    needed = measure.deficit_mwh(results["no_ev"])
    shed = measure.zone_mwh(results["no_ev"], "shed_kw")
    note = "nothing to shed without vehicles, so discharge alone" if shed < LEAST_MWH else ""
    bound = "each step on its own; no schedule attains all"
    for inside, where in ((False, "at all stations in steps with a deficit"), (True, "inside zones in deficit")):
        served = [measure.response_mwh(results[name], results["no_ev"], inside=inside) for name in pair]
        able = [measure.capability_mwh(results[name], inside=inside) for name in pair]
        for what, (new, old), remark in (
            ("discharge and shedding avoided", served, note),
            ("discharge capability", able, bound),
        ):
            yield _ratio(definition=f"{what}, {where}", new=new, old=old, energy=True, note=remark, **given)
            new, old = (100 * value / needed if needed >= LEAST_MWH else math.nan for value in (new, old))
            text, remark = (
                f"{what}, {where}, over the deficit",
                _join(remark, "of the deficit, not of the shortest path's"),
            )
            yield _difference(definition=text, new=new, old=old, unit="percentage points", note=remark, **given)
    new, old = (100 * measure.served_locally(results[name]) for name in pair)
    text = "load of zones in deficit served without shedding and backup"
    yield _difference(definition=text, new=new, old=old, unit="percentage points", **given)


def _a8(results) -> Iterator[_Row]:
    scenario = results["no_ev"].scenario
    zone = scenario.grid.spike.zone
    near = [name for name, own in measure.zone_of_station(scenario).items() if own == zone]
    empty = all(measure.summary_value(results["shortest_path"], f"vehicles at {name}") == 0 for name in near)
    sized = "the scenario has the spike, beyond what tie and local supply carry"
    for name, kind, note in (
        ("no_ev", "construction", sized),
        ("shortest_path", "construction" if empty else "positive", "no vehicle is at its station" if empty else ""),
        ("coordinated", "none", ""),
    ):
        energy = measure.zone_mwh(results[name], "backup_kw", zone)
        text = f"backup energy at {zone}, {name.replace('_', ' ')}"
        yield _Row("A8", text, energy, "MWh", kind, note=note, runs=(name,))
    new, old = (measure.zone_mwh(results[name], "backup_kw", zone) for name in ("coordinated", "shortest_path"))
    text = f"backup energy at {zone}, coordinated over shortest path"
    yield _ratio("A8", text, new, old, energy=True, kind="negative")
    for name in ("no_ev", "shortest_path", "coordinated"):
        energy, kind = measure.zone_mwh(results[name], "shed_kw", zone), "positive" if name == "no_ev" else "none"
        note = "backup and the soft tie carry the spike" if energy < LEAST_MWH and name == "no_ev" else ""
        text = f"load shed at {zone}, {name.replace('_', ' ')}"
        yield _Row("A8", text, energy, "MWh", kind, note=note, runs=(name,))


def _a9(results, who="coordinated") -> Iterator[_Row]:
    runs = [results[name] for name in (who, "shortest_path")]
    late = any(measure.cost_cny(run, "drivers: electricity after the horizon") > 0 for run in runs)
    note = "who plugs in after the horizon costs the grid nothing here" if late else ""
    given = {"kind": "negative", "money": True, "runs": ("shortest_path", who), "note": note}
    new, old = (measure.cost_cny(run, "grid: total") for run in runs)
    yield _ratio("A9", f"all costs{_suffix(who)}", new, old, **given)
    paid = ("grid: backup", "grid: import", "grid: vehicles")
    new, old = (measure.cost_cny(run, *paid) - run.tables["cohorts"]["unserved_cny"].sum() for run in runs)
    text = "without penalties for curtailment, shedding, overload, unserved energy and without quadratic terms"
    yield _ratio("A9", text + _suffix(who), new, old, **given)


def _methods_rows(results, methods: pd.DataFrame | None) -> Iterator[_Row]:
    if methods is None:
        return
    missing = [column for column in METHOD_COLUMNS if column not in methods.columns]
    if missing:
        raise InputError(f"methods: column {missing[0]!r} is missing; needs {', '.join(METHOD_COLUMNS)}")
    scenario = results["coordinated"].scenario
    for (method, objective), run in methods.groupby(["method", "objective"], sort=False):
        best = run[run["best"] == 1]
        if len(best) != 1:
            raise InputError(f"methods: {method}, {objective}: {len(best)} rows have best = 1; must be one")
        found = best.iloc[0]
        yield from _settled(found, f"method {method}, objective {objective}", scenario)


def _settled(found, label: str, scenario, runs=()) -> Iterator[_Row]:
    """Gap, price gap and residual of a run, each with the verdict on the run: within both limits or not."""
    limits = {"relative_gap": scenario.coordination.tol_relative_gap, "price_gap": PRICE_GAP_TOLERANCE}
    above = [name.replace("_", " ") for name, limit in limits.items() if not abs(found[name]) <= limit]
    note = f"above its limit: {', '.join(above)}" if above else "within both limits"
    for name in (*limits, "flow_residual"):
        value, limit = float(found[name]), limits.get(name)
        text = f"{label}: {name.replace('_', ' ')}" + (f", limit {limit:g}" if limit else ", no limit")
        if math.isnan(value):
            yield _Row("A10", text, value, "1", note="not measured: the last iterate has no residual", tolerance=0.0)
            continue
        # an adaptive loop moves its own measures by as much as their limits; a committed table does not move
        tolerance = (limit or 0.5 * abs(value)) if runs else 1e-6 * abs(value)
        outcome = "not reproduced" if above else "reproduced"
        yield _Row("A10", text, value, "1", note=note, runs=runs, tolerance=tolerance, outcome=outcome)


def _a11(results) -> Iterator[_Row]:
    run = results["coordinated"]
    step_mwh = run.scenario.time.step_min / 60 / 1000
    powers = run.tables["stations"].groupby("station")[["charge_kw", "discharge_kw"]].sum() * step_mwh
    given = {"kind": "positive", "runs": ("coordinated",)}
    for station in run.scenario.stations:
        name = station.name
        yield _Row("A11", f"vehicles at {name}", measure.summary_value(run, f"vehicles at {name}"), "veh", **given)
        for column, text in (("charge_kw", "energy charged"), ("discharge_kw", "energy discharged")):
            yield _Row("A11", f"{text} at {name}", float(powers.loc[name, column]), "MWh", **given)


def _a12(results) -> Iterator[_Row]:
    old, new = (measure.peak_inflows(results[name]) for name in ("shortest_path", "coordinated"))
    above = [float((peak > ABOVE_CAPACITY).sum()) for peak in (old, new)]
    text = "roads with an inflow above capacity in some step"
    yield _Row("A12", f"{text}, shortest path", above[0], "roads", "none", runs=("shortest_path",))
    yield _Row("A12", f"{text}, coordinated", above[1], "roads", article=0.0, runs=("coordinated",))
    yield _difference("A12", f"{text}, difference", above[1], above[0], "roads", kind="negative")
    used = measure.roads_to(results["coordinated"])
    for which, keep in (("roads on any path", old.index.isin(used)), ("all roads", old.index == old.index)):
        text = f"Gini of largest inflow over capacity, {which} ({keep.sum()})"
        yield _difference("A12", text, measure.gini(new[keep]), measure.gini(old[keep]), "1", kind="negative")


def _a13(results) -> Iterator[_Row]:
    pair = [results[name] for name in ("coordinated", "shortest_path")]
    vehicles = measure.summary_value(pair[0], "vehicles")
    classes = [item.name for item in pair[0].scenario.fleet.classes]
    for group in (None, *classes):
        new, old = (measure.price_cny_kwh(run, group) for run in pair)
        charged = measure.charged_kwh(pair[0], group)
        text = "net payment per kWh charged, difference" + (f", {group}" if group else "")
        per_cny = 1 / charged if charged > 0 else 0.0
        yield _difference("A13", text, new, old, "CNY/kWh", kind="negative", per_cny=per_cny)
    groups = [{}, *({"vehicle_class": name} for name in classes)]
    groups += [{"origin": item.name} for item in pair[0].scenario.origins]
    for group in groups:
        new, old = (measure.bill_cny_veh(run, **group) for run in pair)
        text = "bill per vehicle, wear included, difference" + "".join(f", {name}" for name in group.values())
        yield _difference("A13", text, new, old, "CNY/veh", kind="negative", per_cny=1 / max(vehicles, 1.0))


def _a14(results) -> Iterator[_Row]:
    pair = [results[name].tables for name in ("coordinated", "shortest_path")]
    new, old = (tables["buses"]["ac_voltage_pu"] for tables in pair)
    far = [float((volt - 1).abs().max()) for volt in (new, old)]
    yield _difference("A14", "largest deviation of a voltage from 1 pu (AC), difference", *far, "pu", kind="negative")
    text = "lowest voltage (AC), difference"
    yield _difference("A14", text, new.min(), old.min(), "pu", kind="positive", level=max(far))
    new, old = (tables["lines"]["ac_loading"].max() for tables in pair)
    yield _difference("A14", "highest line loading (AC), difference", new, old, "1", kind="negative")


def _a15(results, who="coordinated") -> Iterator[_Row]:
    (new, there), (old, here) = (measure.trip_times(results[name]) for name in (who, "shortest_path"))
    given = {"unit": "min", "kind": "negative", "runs": ("shortest_path", who)}
    for column, name in (("road", "time on the road"), ("waiting", "waiting time"), ("both", "road and waiting time")):
        for text, statistic in (("mean", measure.weighted_mean), ("5-95 % spread of", measure.spread)):
            values = statistic(new[column], there), statistic(old[column], here)
            yield _difference("A15", f"{text} {name}, difference{_suffix(who)}", *values, **given)


def _a16(results) -> Iterator[_Row]:
    new, old, none = (measure.emissions_t(results[name]) for name in ("coordinated", "shortest_path", "no_ev"))
    rest = ("energy unserved", "energy bought after the horizon", "vehicles that plug in after the horizon")
    left = any(
        measure.summary_value(results[name], m) > 1e-3 for name in ("coordinated", "shortest_path") for m in rest
    )
    note = "factors are assumptions" + ("; leaves out energy unserved or bought after the horizon" if left else "")
    yield _ratio("A16", "CO2 of imported and backup energy", new, old, kind="negative", note=note)
    text, note = "CO2 beyond that of the day without vehicles", _join(note, "a small difference of large numbers")
    row = _ratio("A16", text, new - none, old - none, kind="negative", note=note)
    yield row if math.isnan(row.ours) else replace(row, level=100 * max(abs(new), abs(old)) / abs(old - none))


def _rows(results, methods) -> Iterator[_Row]:
    for who in ("coordinated", "user"):
        yield from _a3(results, who)
        yield from _absorbed(results, "A4", "wind", 67.9, who)
        yield from _absorbed(results, "A5", "solar", 61.7, who)
        for rows_of in (_a6, _a9, _a15):
            yield from rows_of(results, who)
    for rows_of in (_a1, _a2, _a7, _a8, _a11, _a12, _a13, _a14, _a16):
        yield from rows_of(results)
    for name in ("coordinated", "user"):
        yield from _settled(results[name].certificate, f"certificate of {name}", results[name].scenario, (name,))
    yield from _methods_rows(results, methods)
