"""One row of the claims table: a definition, its number, and the data that decide the verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["LEAST_MWH", "RUNS", "Row", "difference", "join", "ratio", "suffix"]

RUNS = ("no_ev", "shortest_path", "snapshot", "user", "coordinated")
LEAST_MWH = 0.1


@dataclass(frozen=True)
class Row:
    """A definition and its number.

    ``level`` is the largest term of a difference or ratio; ``per_cny`` is 1 CNY in the row's unit, 0 if the number is
    not money; ``tolerance`` and ``outcome`` are set only where the general rule does not apply.
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


def ratio(claim, definition, new, old, *, energy=False, money=False, **fields) -> Row:
    """``new`` over ``old`` less 1 [%]; undefined where old is below 0.1 MWh (energy), or else below 1e-6 of new.

    For money also where old is negative: drivers who earn more than they pay cannot pay a percentage less.
    """
    least = LEAST_MWH if energy else max(1e-6 * abs(new), 1e-300)
    if not (old if money else abs(old)) >= least:
        reason = "divides by less than 0.1 MWh" if energy else "divides by nothing"
        reason = "divides by a gain" if money and old <= -least else reason
        return Row(claim, definition, math.nan, "%", **(fields | {"note": join(fields.get("note", ""), reason)}))
    level = 100 * max(1.0, abs(new / old))
    return Row(claim, definition, 100 * (new / old - 1), "%", level=level, per_cny=100 / abs(old) * money, **fields)


def difference(claim, definition, new, old, unit, **fields) -> Row:
    """``new`` less ``old``; undefined if either is nan."""
    if math.isnan(new - old):
        fields["note"] = join(fields.get("note", ""), "one side is undefined")
    return Row(claim, definition, new - old, unit, level=fields.pop("level", max(abs(new), abs(old))), **fields)


def join(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def suffix(who: str) -> str:
    return "" if who == "coordinated" else f" (objective {who})"
