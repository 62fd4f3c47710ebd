"""One verdict a claim: by a definition chosen before the numbers, with thresholds below which a finding is immaterial."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from evlib.errors import InputError
from evlib.results.claim_row import join
from evlib.results.claims import CLAIMS

__all__ = ["HEADLINES", "LOOPS", "Part", "headline_table"]

COLUMNS = ["claim", "definition", "article", "ours", "unit", "verdict", "threshold", "note"]
# From the best to the worst: a claim is as good as the worst of its parts.
ORDER = ("by construction", "reproduced", "direction only", "immaterial", "undefined", "not reproduced")
# The article's loop read literally, and its fairer reading: drivers come to rest at the last prices, undamped.
LOOPS = {"literal": "best response", "fairer": "rested response"}


@dataclass(frozen=True)
class Part:
    """A row of the claims table that decides, or helps to decide, a claim.

    Attributes
    ----------
    start : str
        How its definition starts.
    threshold : float
        A number nearer to 0 than this is immaterial [unit of the row]; 0 where the article gives a number.
    """

    start: str
    threshold: float = 0.0


# One definition a claim, chosen before the numbers: of several readings the nearest to the article's words.
HEADLINES = {
    "A1": (Part("used roads among the"),),
    "A2": (Part("shortest path: largest inflow of a step over capacity"),),
    "A3": (Part("with electricity at locational prices"),),  # time, queue, electricity: the article's own list
    "A4": (Part("curtailment at {zone} avoided against shortest path"),),  # "otherwise wasted"
    "A5": (Part("curtailment at {zone} avoided against no vehicles"),),  # shortest paths charge there too
    "A6": (Part("energy used"),),
    "A7": (Part("discharge and shedding avoided, at all stations in steps with a deficit"),),
    "A8": (Part("backup energy at {zone}, coordinated over shortest path", 1.0),),
    "A9": (Part("all costs", 1.0),),
    "A11": (Part("least share of vehicles at a station", 5.0), Part("least share of energy charged at a station", 5.0)),
    "A12": (
        Part("roads with an inflow above capacity in some step, coordinated"),
        Part("Gini of largest inflow", 0.01),
    ),
    "A13": (Part("net payment per kWh charged, difference", 0.01),),
    "A14": (
        Part("standard deviation of the worst bus's voltage", 0.002),
        Part("lines above their rating, coordinated"),
    ),
    "A15": (Part("mean time on the road", 0.1), Part("mean waiting time", 0.1), Part("spread over days")),
    "A16": (Part("CO2 of imported and backup energy", 1.0),),
}


def headline_table(claims: pd.DataFrame, settling: pd.DataFrame | None = None) -> pd.DataFrame:
    """The sixteen claims, one verdict each.

    Parameters
    ----------
    claims : DataFrame
        Every definition, as :func:`evlib.results.claims.claims_table` makes it.
    settling : DataFrame, optional
        Where loops settle, the committed ``settling_mini.csv``: ``loop``, ``limits``, ``demand``, ``outcome``. A10 rests
        on it alone; without it, it is undefined.

    Returns
    -------
    DataFrame
        ``claim``, ``definition``, ``article``, ``ours``, ``unit`` (of the part that decides), ``verdict``,
        ``threshold``, ``note``.

    Raises
    ------
    InputError
        A definition of `HEADLINES` stands in several rows.

    Notes
    -----
    A claim of several parts is as good as its worst part: *by construction* (A1 and A2 follow from the strategy and the
    sizing), *reproduced*, *direction only*, *immaterial* (the sign agrees, but the number is below its threshold),
    *undefined*, *not reproduced*. Thresholds: a twentieth of the vehicles and of the energy for a station that counts as
    active, 0.002 pu for a voltage that fluctuates less, 0.1 min for a trip, 0.01 CNY/kWh for a price, 1 % for costs,
    backup energy and emissions, 0.01 for a Gini coefficient.
    """
    rows = []
    for claim in CLAIMS:
        if claim == "A10":
            rows.append(_loop(settling))
            continue
        parts = [_part(claims[claims["claim"] == claim], claim, part) for part in HEADLINES[claim]]
        worst = max(parts, key=lambda row: ORDER.index(row["verdict"]))
        others = [f"{row['definition']}: {row['verdict']}" for row in parts if row is not worst]
        rows.append(worst | {"note": join(worst["note"], *others)})
    return pd.DataFrame(rows, columns=COLUMNS)


def _part(rows: pd.DataFrame, claim: str, part: Part) -> dict:
    before, _, after = part.start.partition("{zone}")
    text = rows["definition"]
    chosen = (
        text.str.startswith(before) & text.str.contains(after, regex=False) & ~text.str.endswith("(objective user)")
    )
    exact = rows[chosen & (text == part.start)]
    found = exact if len(exact) else rows[chosen]
    if len(found) > 1 and claim not in ("A12", "A13"):
        raise InputError(f"claims: {claim}: {len(found)} definitions start with {part.start!r}; must be one")
    if found.empty:
        blank = {
            "definition": part.start.replace("{zone}", "its zone"),
            "article": math.nan,
            "ours": math.nan,
            "unit": "",
        }
        return blank | {
            "claim": claim,
            "verdict": "undefined",
            "threshold": part.threshold,
            "note": "not computed here",
        }
    row = found.iloc[0].to_dict()
    verdict = "by construction" if claim in ("A1", "A2") else row["verdict"]
    if verdict == "reproduced" and abs(row["ours"]) < part.threshold:
        verdict = "immaterial"
    return row | {"verdict": verdict, "threshold": part.threshold}


def _loop(settling: pd.DataFrame | None) -> dict:
    """A10: whether the article's loop settles at the case's own demand, in both readings, and from where on it does not."""
    row = {"claim": "A10", "definition": "the article's loop settles, literal and fairer reading", "article": math.nan}
    row |= {"ours": math.nan, "unit": "times the demand", "verdict": "undefined", "threshold": 0.0}
    notes, outcomes, first = [], [], []
    for reading, loop in LOOPS.items():
        runs = None if settling is None else settling[(settling["loop"] == loop) & (settling["limits"] == "soft")]
        if runs is None or runs.empty:
            notes.append(f"{reading}: not computed")
            continue
        restless = runs[runs["outcome"] != "settles"]["demand"]
        outcomes += list(runs[runs["demand"] == 1.0]["outcome"])
        first += [restless.min()] if len(restless) else []
        notes.append(f"{reading}: " + (f"does not settle from {restless.min():g} on" if len(restless) else "settles"))
    if outcomes:
        settles = all(outcome == "settles" for outcome in outcomes)
        row |= {"verdict": "reproduced" if settles else "not reproduced", "ours": min(first, default=math.nan)}
    return row | {"note": "; ".join(notes)}
