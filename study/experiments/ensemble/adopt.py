"""Draws of an earlier table taken over, once some of them come out alike when the present code solves them again."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from evlib.errors import InputError
from evlib.files import write_json
from study.experiments.ensemble.draws import Draw
from study.experiments.ensemble.engine import draw_path
from study.experiments.ensemble.knobs import Design
from study.experiments.ensemble.one_draw import STRATEGIES

__all__ = ["CODE_DIGITS", "adopt"]

log = logging.getLogger(__name__)

N_TRIALS, CODE_DIGITS = 3, 12
# Tables hold six digits; what is left of a balance is of the size of rounding.
NEAR, SMALL = 1e-4, 1e-6
# Totals of two runs that both settled may differ by this share: about what their relative and price gaps leave open.
SETTLED_NEAR = 5e-3
# Columns that no iteration decides begin so.
UNITERATED = ("nearest_", "no_ev_", "surplus_", "deficit_")


def adopt(
    file: Path, design: Design, draws: list[Draw], solve: Callable[[Draw], dict], folder: Path, key: str
) -> list[int]:
    """Write the files of draws that a table holds already, after solving three of them again.

    Draws in which a strategy did not settle are left out, since later code may settle them. What no iteration decides
    (`nearest`, the day without vehicles) must come out the same; a strategy that iterates must settle again, with a total
    within ``SETTLED_NEAR``; its other numbers and the claims follow from it and are not compared. The column ``code`` says
    by which code a draw was solved.

    Parameters
    ----------
    file : Path
        A table that :func:`study.experiments.ensemble.table.ensemble` wrote.
    design : Design
    draws : list of Draw
        Those that are wanted; draws of the table beyond them are left out.
    solve : callable
        Solves one draw with the present code.
    folder : Path
        For the files, one a draw, as the engine writes them. Files that are there stay.
    key : str
        Version that the files get.

    Returns
    -------
    list of int
        Numbers of the draws that were solved again.

    Raises
    ------
    InputError
        A table of another scenario or of other draws, or one that does not name its code; a draw that comes out
        otherwise than in the table. Nothing is written then.
    """
    rows = _rows(file, design, {draw.number: draw for draw in draws})
    rows = {number: row for number, row in rows.items() if not row["error"] and _has_settled(row)}
    solved = list(rows)
    if not solved:
        raise InputError(f"{file}: holds none of the draws 0 to {draws[-1].number} settled; nothing to take over")
    trials = sorted({solved[round(share * (len(solved) - 1) / (N_TRIALS - 1))] for share in range(N_TRIALS)})
    by_number = {draw.number: draw for draw in draws}
    for number in trials:
        _check_same(file, number, rows[number], solve(by_number[number]))
        log.info("draw %d: the present code agrees with %s", number, file.name)
    for number, row in rows.items():
        if not draw_path(folder, number).exists():
            write_json(draw_path(folder, number), {"draw": number, "key": key, "row": row})
    return trials


def _rows(file: Path, design: Design, draws: dict[int, Draw]) -> dict[int, dict]:
    """What was measured of each draw, by number, once days and knobs are those of the draws."""
    try:
        lines, table = file.read_text(encoding="utf-8").splitlines(), pd.read_csv(file, comment="#")
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"{file}: cannot be read as a table of an ensemble: {error}") from error
    knobs = [knob.name for knob in design.knobs]
    lacking = [name for name in ("draw", "day", *knobs, "error") if name not in table.columns]
    if lacking:
        raise InputError(f"{file}: has no column {lacking[0]!r}; must be a table of the design {design.file.name}")
    code = next((line.removeprefix("# code:").strip() for line in lines if line.startswith("# code:")), None)
    if not code:
        raise InputError(f"{file}: does not say by which code it was made; its head must have a line '# code: HASH'")
    if not any(line.startswith("# design:") and design.scenario.hash in line for line in lines):
        raise InputError(
            f"{file}: made for another scenario or other fixed values than {design.file}; solve its draws anew"
        )
    heads = {"draw", "day", *knobs, *(f"day_{zone}_mwh" for zone in (design.weather.zones if design.weather else ()))}
    rows = {}
    for record in table.to_dict("records"):
        number = int(record["draw"])
        if number not in draws:
            continue
        _check_draw(file, record, draws[number])
        rows[number] = {name: _cell(value) for name, value in record.items() if name not in heads}
        rows[number]["error"] = rows[number]["error"] or ""
        rows[number]["code"] = rows[number].get("code") or code[:CODE_DIGITS]
    return rows


def _check_draw(file: Path, record: dict, draw: Draw) -> None:
    """Refuse a row whose day or knobs are not those of the draw."""
    for name, right in {"day": draw.day, **draw.knobs}.items():
        there = record[name]
        if name == "day":
            there = _cell(there) or ""
            same = there == right
        else:
            same = math.isclose(there, right, rel_tol=1e-5, abs_tol=SMALL)
        if not same:
            raise InputError(f"{file}: draw {draw.number}, {name}: {there}; must be {right}: draws of another design")


def _has_settled(row: dict) -> bool:
    return all(row.get(f"{name}_settled") in (None, 1) for name in STRATEGIES)


def _check_same(file: Path, number: int, there: dict, now: dict) -> None:
    iterated = [name for name in STRATEGIES if there.get(f"{name}_settled") is not None]
    fixed = ["error", *(name for name in there if name.startswith(UNITERATED))]
    for name in (*fixed, *(f"{strategy}_settled" for strategy in iterated)):
        _check_number(file, number, name, there[name], now.get(name), NEAR)
    for name in (f"{strategy}_total_cny" for strategy in iterated):
        _check_number(file, number, name, there[name], now.get(name), SETTLED_NEAR)


def _check_number(file: Path, number: int, name: str, there, now, near: float) -> None:
    if any(isinstance(value, str) or value is None for value in (there, now)):
        same = there == now
    else:
        same = math.isclose(there, now, rel_tol=near, abs_tol=SMALL)
    if not same:
        raise InputError(f"{file}: draw {number}, {name}: {there}; the present code gives {now}: solve all draws anew")


def _cell(value):
    """A cell as the file of a draw holds it: None where it is empty."""
    return None if isinstance(value, float) and math.isnan(value) else value
