"""Claims about wind and sun, the grid, and the drivers' price of electricity: A4-A9, A13, A14, A16."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from evlib.results import measures as measure
from evlib.results.claim_row import LEAST_MWH, Row, difference, join, ratio, suffix

__all__ = ["a6", "a7", "a8", "a9", "a13", "a14", "a16", "absorbed"]


def absorbed(results, claim, kind, article, who="coordinated") -> Iterator[Row]:
    """A4 and A5: curtailment avoided in the zone with the largest farms of a kind."""
    zone = _zone_with(results["no_ev"], kind)
    end = suffix(who)
    common = {"claim": claim, "unit": "%", "article": article}
    if zone is None:
        text = f"no zone with {kind}{end}"
        yield Row(definition=text, ours=math.nan, note=f"the scenario has no {kind} farm", **common)
        return
    wasted = {name: measure.zone_mwh(results[name], "curtailed_kw", zone) for name in ("no_ev", "shortest_path", who)}

    def saved(definition, name, base, remark="", **fields):
        enough = wasted[base] >= LEAST_MWH
        left = wasted[name] / wasted[base] if enough else math.nan
        note = remark if enough else join(remark, "divides by less than 0.1 MWh")
        row = common | {"definition": definition, "ours": 100 * (1 - left), "level": 100 * max(1.0, left), "note": note}
        return Row(**(row | {"runs": (name, base)} | fields))

    charged = measure.zone_mwh(results["shortest_path"], "vehicles_kw", zone)
    remark_shortest = "shortest paths charge there too" if charged >= LEAST_MWH else ""
    for name, text in (("no_ev", "no vehicles"), ("shortest_path", "shortest path")):
        yield saved(f"curtailment at {zone} avoided against {text}{end}", who, name, remark=remark_shortest)
    net, surplus = measure.surplus_use_mwh(results[who], zone)
    share = 100 * net / surplus if surplus >= LEAST_MWH else math.nan
    text = f"net vehicle energy at {zone} in its surplus steps over surplus{end}"
    note = "what vehicles draw beyond the surplus of a step counts too"
    note = note if surplus >= LEAST_MWH else "divides by less than 0.1 MWh"
    yield Row(definition=text, ours=share, runs=(who,), note=note, **common)
    if who == "coordinated":
        text = f"curtailment at {zone} that shortest paths avoid against no vehicles"
        yield saved(text, "shortest_path", "no_ev", kind="none", article=math.nan)


def _zone_with(run, kind: str) -> str | None:
    """Zone with the largest total rating of farms of a kind; None if there is no such farm."""
    rating = {farm.name: farm.rating_mw for farm in run.scenario.grid.farms if farm.kind == kind}
    farms = run.tables["farms"].drop_duplicates("farm").set_index("farm")["zone"]
    by_zone = pd.Series(rating, dtype=float).groupby(farms).sum()
    return None if by_zone.empty else str(by_zone.idxmax())


def a6(results, who="coordinated") -> Iterator[Row]:
    """A6: renewable energy used."""
    offered, wasted = (
        {name: measure.zone_mwh(results[name], f"{column}_kw") for name in ("no_ev", "shortest_path", who)}
        for column in ("available", "curtailed")
    )
    used = {name: offered[name] - wasted[name] for name in offered}
    common, end = {"claim": "A6", "article": 33.0, "runs": ("shortest_path", who)}, suffix(who)
    new, old = used[who], used["shortest_path"]
    yield ratio(definition=f"energy used{end}", new=new, old=old, energy=True, **common)
    new, old = (wasted["no_ev"] - wasted[name] for name in (who, "shortest_path"))
    yield ratio(definition=f"curtailment avoided against no vehicles{end}", new=new, old=old, energy=True, **common)
    new, old = (100 * used[name] / offered[name] if offered[name] > 0 else math.nan for name in (who, "shortest_path"))
    note = "what is available is assumed"
    yield difference(
        definition=f"share of available energy used{end}",
        new=new,
        old=old,
        unit="percentage points",
        note=note,
        **common,
    )


def a7(results) -> Iterator[Row]:
    """A7: load supply response."""
    pair, common = ("coordinated", "shortest_path"), {"claim": "A7", "article": 25.8}
    needed = measure.deficit_mwh(results["no_ev"])
    shed = measure.zone_mwh(results["no_ev"], "shed_kw")
    note = "nothing to shed without vehicles, so discharge alone" if shed < LEAST_MWH else ""
    bound = "each step on its own; no schedule attains all"
    for inside, place in ((False, "at all stations in steps with a deficit"), (True, "inside zones in deficit")):
        served = [measure.response_mwh(results[name], results["no_ev"], inside=inside) for name in pair]
        able = [measure.capability_mwh(results[name], inside=inside) for name in pair]
        for quantity, (new, old), remark in (
            ("discharge and shedding avoided", served, note),
            ("discharge capability", able, bound),
        ):
            yield ratio(definition=f"{quantity}, {place}", new=new, old=old, energy=True, note=remark, **common)
            new, old = (100 * value / needed if needed >= LEAST_MWH else math.nan for value in (new, old))
            text = f"{quantity}, {place}, over the deficit"
            remark = join(remark, "of the deficit, not of the shortest path's")
            yield difference(definition=text, new=new, old=old, unit="percentage points", note=remark, **common)
    new, old = (100 * measure.served_locally(results[name]) for name in pair)
    text = "load of zones in deficit served without shedding and backup"
    yield difference(definition=text, new=new, old=old, unit="percentage points", **common)


def a8(results) -> Iterator[Row]:
    """A8: backup for the spike."""
    scenario = results["no_ev"].scenario
    zone = scenario.grid.spike.zone
    near = [name for name, station_zone in measure.zone_of_station(scenario).items() if station_zone == zone]
    alone = "no vehicle is at its station" if near else "no station is in this zone"
    empty = all(measure.summary_value(results["shortest_path"], f"vehicles at {name}") == 0 for name in near)
    sized = "the scenario has the spike, beyond what tie and local supply carry"
    for name, kind, note in (
        ("no_ev", "construction", sized),
        ("shortest_path", "construction" if empty else "positive", alone if empty else ""),
        ("coordinated", "none", ""),
    ):
        energy = measure.zone_mwh(results[name], "backup_kw", zone)
        text = f"backup energy at {zone}, {name.replace('_', ' ')}"
        yield Row("A8", text, energy, "MWh", kind, note=note, runs=(name,))
    new, old = (measure.zone_mwh(results[name], "backup_kw", zone) for name in ("coordinated", "shortest_path"))
    text = f"backup energy at {zone}, coordinated over shortest path"
    yield ratio("A8", text, new, old, energy=True, kind="negative")
    for name in ("no_ev", "shortest_path", "coordinated"):
        energy, kind = measure.zone_mwh(results[name], "shed_kw", zone), "positive" if name == "no_ev" else "none"
        note = "backup and the soft tie carry the spike" if energy < LEAST_MWH and name == "no_ev" else ""
        text = f"load shed at {zone}, {name.replace('_', ' ')}"
        yield Row("A8", text, energy, "MWh", kind, note=note, runs=(name,))


def a9(results, who="coordinated") -> Iterator[Row]:
    """A9: grid cost as the dispatch counts it: without losses where its model has none, see ``grid_ac_loss_kwh``."""
    runs = [results[name] for name in (who, "shortest_path")]
    late = any(measure.cost_cny(run, "drivers: electricity after the horizon") > 0 for run in runs)
    note = "who plugs in after the horizon costs the grid nothing here" if late else ""
    common = {"kind": "negative", "money": True, "runs": ("shortest_path", who), "note": note}
    new, old = (measure.cost_cny(run, "grid: total") for run in runs)
    yield ratio("A9", f"all costs{suffix(who)}", new, old, **common)
    paid = ("grid: backup", "grid: import", "grid: vehicles")
    new, old = (measure.cost_cny(run, *paid) - run.tables["cohorts"]["unserved_cny"].sum() for run in runs)
    text = "without penalties for curtailment, shedding, overload, unserved energy and without quadratic terms"
    yield ratio("A9", text + suffix(who), new, old, **common)


def a13(results) -> Iterator[Row]:
    """A13: price of electricity to drivers."""
    pair = [results[name] for name in ("coordinated", "shortest_path")]
    vehicles = measure.summary_value(pair[0], "vehicles")
    classes = [member.name for member in pair[0].scenario.fleet.classes]
    for group in (None, *classes):
        new, old = (measure.price_cny_kwh(run, group) for run in pair)
        charged = measure.charged_kwh(pair[0], group)
        text = "net payment per kWh charged, difference" + (f", {group}" if group else "")
        per_cny = 1 / charged if charged > 0 else 0.0
        yield difference("A13", text, new, old, "CNY/kWh", kind="negative", per_cny=per_cny)
    groups = [{}, *({"vehicle_class": name} for name in classes)]
    groups += [{"origin": origin.name} for origin in pair[0].scenario.origins]
    for group in groups:
        new, old = (measure.bill_cny_veh(run, **group) for run in pair)
        text = "bill per vehicle, wear included, difference" + "".join(f", {name}" for name in group.values())
        yield difference("A13", text, new, old, "CNY/veh", kind="negative", per_cny=1 / max(vehicles, 1.0))


def a14(results) -> Iterator[Row]:
    """A14: voltages and lines."""
    pair = [results[name].tables for name in ("coordinated", "shortest_path")]
    new, old = (tables["buses"]["ac_voltage_pu"] for tables in pair)
    far = [float((volt - 1).abs().max()) for volt in (new, old)]
    yield difference("A14", "largest deviation of a voltage from 1 pu (AC), difference", *far, "pu", kind="negative")
    text = "lowest voltage (AC), difference"
    yield difference("A14", text, new.min(), old.min(), "pu", kind="positive", level=max(far))
    new, old = (tables["buses"].groupby("bus")["ac_voltage_pu"].std(ddof=0).max() for tables in pair)
    text = "standard deviation of the worst bus's voltage over the day (AC), difference"
    yield difference("A14", text, new, old, "pu", kind="negative", level=max(far))
    text, note = "lines above their rating, coordinated", "ratings are assumed"
    above = float((pair[0]["lines"].groupby("line")["ac_loading"].max() > 1 + 1e-6).sum())
    yield Row("A14", text, above, "lines", article=0.0, note=note, runs=("coordinated",))
    new, old = (tables["lines"]["ac_loading"].max() for tables in pair)
    yield difference("A14", "highest line loading (AC), difference", new, old, "1", kind="negative")


def a16(results) -> Iterator[Row]:
    """A16: emissions."""
    new, old, none = (measure.emissions_t(results[name]) for name in ("coordinated", "shortest_path", "no_ev"))
    leftovers = ("energy unserved", "energy bought after the horizon", "vehicles that plug in after the horizon")
    left = any(
        measure.summary_value(results[name], leftover) > 1e-3
        for name in ("coordinated", "shortest_path")
        for leftover in leftovers
    )
    note = "factors are assumptions" + ("; leaves out energy unserved or bought after the horizon" if left else "")
    yield ratio("A16", "CO2 of imported and backup energy", new, old, kind="negative", note=note)
    text, note = "CO2 beyond that of the day without vehicles", join(note, "a small difference of large numbers")
    row = ratio("A16", text, new - none, old - none, kind="negative", note=note)
    yield row if math.isnan(row.ours) else replace(row, level=100 * max(abs(new), abs(old)) / abs(old - none))
