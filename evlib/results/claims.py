"""The article's sixteen claims beside our numbers: each definition with a verdict by a rule fixed beforehand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import pandas as pd

from evlib.errors import InputError
from evlib.results import claims_grid as grid
from evlib.results import claims_roads as road
from evlib.results import measures as measure
from evlib.results.accounts.road_storage import storage_note
from evlib.results.claim_row import RUNS, Row, join

__all__ = ["CLAIMS", "COLUMNS", "HEADLINE_RUNS", "RUNS", "claims_table", "verdict"]

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
# The runs that headlines are read from, see `evlib.results.headlines`.
HEADLINE_RUNS = ("no_ev", "shortest_path", "coordinated")
COLUMNS = ["claim", "definition", "article", "ours", "unit", "verdict", "note", "tolerance"]

# Finest difference that counts between two solves, by unit: for equilibria; for other runs a hundredth of it.
FLOORS = {
    "%": 0.1,
    "percentage points": 0.1,
    "veh": 1.0,
    "roads": 1.0,
    "lines": 1.0,
    "MWh": 0.01,
    "CNY/kWh": 1e-3,
    "CNY/veh": 0.01,
}
FLOORS |= {"lines": 1.0, "min": 0.01, "pu": 1e-4, "1": 1e-3}


def claims_table(
    results: Mapping, methods: pd.DataFrame | None, days: pd.DataFrame | None = None, *, runs: tuple[str, ...] = RUNS
) -> pd.DataFrame:
    """Every definition of the article's claims: the article's number, ours, and the verdict.

    Parameters
    ----------
    results : mapping of str to Result
        Runs ``no_ev``, ``shortest_path``, ``snapshot``, ``user``, ``coordinated`` of one scenario and charging mode.
    methods : DataFrame or None
        Convergence of the methods, the committed ``methods_nguyen.csv``; without it A10 rests on the certificates
        alone.
    days : DataFrame, optional
        Times of trips on several days of weather, the committed ``weather_days_nguyen.csv``, for A15.
    runs : tuple of str, optional
        `HEADLINE_RUNS` leaves out the definitions that rest on ``snapshot`` or ``user``, which no headline needs.

    Returns
    -------
    DataFrame
        One row for each definition: ``claim`` (see `CLAIMS`), ``definition`` (unique within its claim), ``article``
        (nan if the article gives only a direction), ``ours`` (nan where undefined), ``unit``, ``verdict`` (see
        `verdict`), ``note``, ``tolerance`` (see Notes) in the row's unit.

    Raises
    ------
    InputError
        A run is missing, runs differ in scenario or charging mode, or a method has no best row or lacks columns.

    Notes
    -----
    The tolerance is how far a number may move from machine to machine; a number smaller than it has no sign. For a
    number that rests on a coordinated run it is 1 % of the largest term of the difference or ratio, or the run's
    relative gap times that term if that is more. For money, the run's excess cost over all vehicles takes the place of
    the gap. It is a bound for drivers' costs and a yardstick for anything else: where few vehicles decide (a station
    that attracts few, energy discharged in few steps), a run that has not converged can be farther off. For other runs
    the tolerance is 1e-4 of the term.
    """
    _check(results, runs)
    results = {name: results[name] for name in runs}
    rows = sorted(_rows(results, methods, days), key=lambda row: int(row.claim[1:]))  # stable
    return pd.DataFrame([_judged(row, results) for row in rows], columns=COLUMNS)


def verdict(article: float, ours: float, kind: str = "number", tolerance: float = 0.0) -> str:
    """Verdict on a claim, by a rule that was fixed before any number was known.

    Parameters
    ----------
    article, ours : float
        In the same unit; ``article`` may be nan if only a sign is claimed.
    kind : {"number", "above", "positive", "negative", "construction", "none"}
        Whether the article gives a number, a threshold to exceed, or a direction; or the number follows from the inputs
        alone ("construction"), or the article says nothing about it ("none").
    tolerance : float
        A number or a sign counts only if it is farther from 0 than this.

    Returns
    -------
    str
        *reproduced*: the sign agrees, or ours is within 20 % of the article's number (equal to it if that is 0);
        *direction only*: the sign of the number agrees but not its size; *not reproduced*: neither agrees; *by
        construction*; *undefined*: ours is nan; *no claim*: shown for comparison.

    Raises
    ------
    ValueError
        An unknown kind.

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
    near = abs(ours - article) <= (0.2 + 1e-9) * abs(article)  # rounding must not decide
    return "reproduced" if near else "direction only"


def _judged(row: Row, results: Mapping) -> list:
    solved = [(name, results[name].certificate) for name in row.runs if name in ("user", "coordinated")]
    floor = FLOORS[row.unit] if solved else FLOORS[row.unit] / 100
    level = abs(row.ours) if row.level is None else row.level
    if row.tolerance is not None:
        tolerance = row.tolerance
    elif math.isnan(row.ours):
        tolerance = floor
    else:
        share = max([1e-4, *(max(0.01, certificate.relative_gap) for _, certificate in solved)])
        share = 0.01 if row.per_cny and solved else share
        stretch = level / 100 if row.unit == "%" else 1.0  # a ratio above 1 moves by more than its denominator does
        excess = [stretch * row.per_cny * _excess(results[name]) for name, _ in solved]
        tolerance = max([floor, share * level, *excess])
    unsure = [f"{name}: run not converged, see A10" for name, certificate in solved if not certificate.converged]
    if row.per_cny and any(abs(row.ours) <= row.per_cny * _excess(results[name]) for name, _ in solved):
        unsure.append("the difference is within the excess cost of the run")
    elif row.kind in ("number", "positive", "negative") and 0 < abs(row.ours) <= tolerance and row.article != 0:
        unsure.append("smaller than what the runs resolve")
    outcome = row.outcome or verdict(row.article, row.ours, row.kind, tolerance)
    unsure += [f"{name}: {text}" for name in row.runs if (text := storage_note(results[name].certificate))]
    note = join(row.note, *unsure) if row.claim != "A10" else row.note
    return [row.claim, row.definition, row.article, row.ours, row.unit, outcome, note, tolerance]


def _excess(result) -> float:
    """Cost that all drivers together could still save [CNY]."""
    return result.certificate.excess_cny_veh * measure.summary_value(result, "vehicles")


def _check(results: Mapping, runs: tuple[str, ...]) -> None:
    missing = [name for name in runs if name not in results]
    if missing:
        raise InputError(f"results: {', '.join(missing)} missing; give all of {', '.join(runs)}")
    first = results[runs[0]]
    for name in runs:
        for label, setting, expected in (
            ("scenario", results[name].scenario.hash, first.scenario.hash),
            ("charging", results[name].charging, first.charging),
        ):
            if setting != expected:
                raise InputError(f"results[{name!r}]: another {label} than no_ev; solve all runs with the same {label}")


def _rows(results, methods, days) -> Iterator[Row]:
    settling = [who for who in ("coordinated", "user") if who in results]
    for who in settling:
        yield from road.a3(results, who)
        yield from grid.absorbed(results, "A4", "wind", 67.9, who)
        yield from grid.absorbed(results, "A5", "solar", 61.7, who)
        for rows_of in (grid.a6, grid.a9, road.a15):
            yield from rows_of(results, who)
    for rows_of in (road.a1, road.a2, grid.a7, grid.a8, road.a11, road.a12, grid.a13, grid.a14, grid.a16):
        yield from rows_of(results)
    for name in settling:
        yield from road.settled(
            vars(results[name].certificate), f"certificate of {name}", results[name].scenario, (name,)
        )
    if days is not None:
        yield road.a15_days(days)
    yield from road.methods_rows(results, methods)
