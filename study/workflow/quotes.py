"""Numbers in prose, read from the committed tables: ``31,684<!-- coordinated_cny -->`` quotes the quantity of that name.

The comment is not shown where Markdown is. ``python -m study quote`` writes the numbers of all documents anew.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import InputError, StudyError
from evlib.files import write_text
from evlib.folders import RESULTS, ROOT

__all__ = [
    "PAPER",
    "QUANTITIES",
    "Quantity",
    "count_words",
    "documents",
    "fraction_words",
    "quoted",
    "requote",
    "table",
    "texts_of",
    "told",
    "words_of",
    "write_quotes",
]

log = logging.getLogger(__name__)

PAPER = ROOT / "paper" / "paper.md"
_FRACTIONS = {
    "next to nothing": 0.0,
    "a tenth": 1 / 10,
    "a fifth": 1 / 5,
    "a quarter": 1 / 4,
    "three tenths": 3 / 10,
    "a third": 1 / 3,
    "two fifths": 2 / 5,
    "half": 1 / 2,
    "three fifths": 3 / 5,
    "two thirds": 2 / 3,
    "seven tenths": 7 / 10,
    "three quarters": 3 / 4,
    "four fifths": 4 / 5,
    "nine tenths": 9 / 10,
    "all": 1.0,
}
VEHICLES = 1200
_COUNTS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_MARK = r"<!-- (?P<name>[a-z][a-z0-9_]*) -->"
_TOLD = re.compile(
    rf"(?P<told>[-−]?[0-9][0-9,]*(?:\.[0-9]+)?(?:e-?[0-9]+)?|{'|'.join([*_FRACTIONS, *_COUNTS])}){_MARK}"
)


@dataclass(frozen=True)
class Quantity:
    """A number that prose may quote.

    Attributes
    ----------
    value : callable
        Takes `table` and returns the number.
    form : str or callable
        A format specification such as ``",.0f"``, or a function to text.
    """

    value: Callable[[Callable[[str], pd.DataFrame]], float]
    form: str | Callable[[float], str] = ",.0f"


def table(name: str) -> pd.DataFrame:
    """A committed table of ``data/results``."""
    return pd.read_csv(RESULTS / f"{name}.csv", comment="#")


def fraction_words(value: float) -> str:
    """A share in words, by the nearest simple fraction.

    Raises
    ------
    InputError
        No simple fraction lies within 0.04: give a number.

    Examples
    --------
    >>> fraction_words(0.599)
    'three fifths'
    """
    word, nearest = min(_FRACTIONS.items(), key=lambda item: abs(item[1] - value))
    if not abs(nearest - value) <= 0.04:
        raise InputError(f"share {value:.3g}: no simple fraction is within 0.04 of it; quote a number of per cent")
    return word


def percent(value: float) -> str:
    """A share as a whole number of per cent, without its sign."""
    return f"{100 * value:.0f}"


def hundreds(value: float) -> str:
    """A number to the next hundred."""
    return f"{round(value, -2):,.0f}"


def count_words(value: float) -> str:
    """A count in words up to twelve, in digits beyond.

    Examples
    --------
    >>> count_words(0), count_words(73)
    ('none', '73')
    """
    return _COUNTS[int(value)] if value < len(_COUNTS) else f"{value:,.0f}"


def _cell(rows: pd.DataFrame, column: str, **where) -> float:
    for key, value in where.items():
        rows = rows[rows[key] == value]
    if len(rows) != 1:
        raise InputError(f"{column} where {where}: {len(rows)} rows; must be one")
    return float(rows[column].iloc[0])


def _run(run: str, column: str = "total_cny", form: str = ",.0f") -> Quantity:
    return Quantity(lambda table: _cell(table("runs_nguyen"), column, run=run), form)


def _total(table, strategy: str, charging: str = "v2g", follow: float = 1.0) -> float:
    return _cell(table("waterfall_nguyen"), "total_cny", strategy=strategy, charging=charging, follow=follow)


def _step(before: tuple[str, str], after: tuple[str, str], form=fraction_words) -> Quantity:
    """Share of one step in what all steps together save, V2G as the last one."""

    def value(table) -> float:
        whole = _total(table, "shortest_path", "smart") - _total(table, "coordinated")
        return (_total(table, *before) - _total(table, *after)) / whole

    return Quantity(value, form)


def _less(column: str) -> Quantity:
    """By how much a cost of the day on nearest stations is lower when coordinated [%]."""

    def value(table) -> float:
        old, new = (_cell(table("runs_nguyen"), column, run=run) for run in ("nearest", "coordinated"))
        return 100 * (1 - new / old)

    return Quantity(value)


def _saved(before: str, after: str) -> Quantity:
    """Difference of two runs' totals, to the next hundred [CNY]."""

    def value(table) -> float:
        return _cell(table("runs_nguyen"), "total_cny", run=before) - _cell(table("runs_nguyen"), "total_cny", run=after)

    return Quantity(value, hundreds)


def _followers(share: float, strategy: str = "coordinated") -> Quantity:
    """What some bring, of what all bring who follow the coordinated signal."""

    def value(table) -> float:
        nearest = _total(table, "shortest_path")
        return (nearest - _total(table, strategy, follow=share)) / (nearest - _total(table, "coordinated"))

    return Quantity(value, fraction_words)


def _payments_veh(share: float) -> Quantity:
    """Tolls and rents of a coordinated day [CNY per vehicle of the base case's]."""

    def value(table) -> float:
        rows, where = table("waterfall_nguyen"), {"strategy": "coordinated", "charging": "v2g", "follow": share}
        return sum(_cell(rows, f"{name}_cny", **where) for name in ("tolls", "rents")) / VEHICLES

    return Quantity(value)


def _beyond_storage(table) -> float:
    """Share of the settled draws in which nearest stations' queues do not fit on the roads."""
    return float((_settled(table)["nearest_beyond_storage"] > 1).mean())


def _settled(table) -> pd.DataFrame:
    draws = table("ensemble_nguyen")
    return draws[(draws["draw"] > 0) & draws["error"].isna() & (draws["coordinated_settled"] == 1)]


def _band(column: str, level: float) -> Quantity:
    return Quantity(lambda table: float(np.quantile(_settled(table)[column].dropna(), level)))


def _information(table) -> float:
    """Share of the settled draws in which knowing roads and queues brings a tenth or more of the saving."""
    draws = _settled(table)
    whole = draws["nearest_total_cny"] - draws["coordinated_total_cny"]
    return float((draws["nearest_total_cny"] - draws["informed_total_cny"] >= 0.1 * whole).mean())


QUANTITIES = {
    "coordinated_cny": _run("coordinated"),
    "users_cny": _run("users"),
    "nearest_at_once_cny": _run("nearest, uncontrolled"),
    "moves_saved_cny": Quantity(lambda table: float(table("moves_nguyen")["saved_cny"].sum()), ".0f"),
    "excess_cny_veh": _run("coordinated", "excess_cny_veh", ".1g"),
    "relative_gap": _run("coordinated", "relative_gap", ".1g"),
    "users_relative_gap": _run("users", "relative_gap", ".1g"),
    "price_gap": _run("coordinated", "price_gap", ".0e"),
    "share_of_information": _step(("shortest_path", "smart"), ("informed", "smart")),
    "share_of_prices": _step(("informed", "smart"), ("user", "smart")),
    "share_of_tolls": _step(("user", "smart"), ("coordinated", "smart")),
    "percent_of_information": _step(("shortest_path", "smart"), ("informed", "smart"), percent),
    "percent_of_prices": _step(("informed", "smart"), ("user", "smart"), percent),
    "time_saved_percent": _less("time_queue_cny"),
    "grid_saved_percent": _less("grid_cny"),
    "coordination_saves": _saved("nearest", "coordinated"),
    "timing_saves": _saved("coordinated, uncontrolled", "coordinated, smart"),
    "share_of_v2g": _step(("coordinated", "smart"), ("coordinated", "v2g")),
    "share_by_one_in_five": _followers(0.2),
    "share_by_one_in_five_unpaid": _followers(0.2, "user"),
    "payments_one_in_five": _payments_veh(0.2),
    "nearest_smart_cny": _run("nearest, smart"),
    "draws_beyond_storage": Quantity(_beyond_storage, fraction_words),
    "draws": Quantity(lambda table: float((table("ensemble_nguyen")["draw"] > 0).sum())),
    "draws_settled": Quantity(lambda table: float(len(_settled(table)))),
    "draws_a3_low": _band("a3_local", 0.05),
    "draws_a3_median": _band("a3_local", 0.5),
    "draws_a3_high": _band("a3_local", 0.95),
    "draws_by_information": Quantity(_information, fraction_words),
    "draws_all_stations": Quantity(
        lambda table: float((_settled(table)["verdict_a11"] == "reproduced").sum()), count_words
    ),
    "draws_voltages": Quantity(
        lambda table: float((_settled(table)["verdict_a14"] == "reproduced").sum()), count_words
    ),
}


def told(name: str, quantities: dict[str, Quantity] | None = None, read: Callable[[str], pd.DataFrame] = table) -> str:
    """A quantity as it is written.

    Raises
    ------
    InputError
        There is no quantity of this name, or its table has no such row.
    """
    quantities = QUANTITIES if quantities is None else quantities
    if name not in quantities:
        raise InputError(f"quote {name!r}: no such quantity; there are {', '.join(quantities)}")
    quantity = quantities[name]
    value = quantity.value(read)
    text = quantity.form(value) if callable(quantity.form) else format(value, quantity.form)
    return re.sub(r"e([-+])0*(?=[0-9])", lambda match: "e" + match[1].strip("+"), text)


def quoted(text: str) -> list[tuple[str, str]]:
    """What a text quotes: each number as it stands there, and the name of its quantity.

    Raises
    ------
    InputError
        A mark follows on something that is neither a number nor a simple fraction.
    """
    found = [(match["told"], match["name"]) for match in _TOLD.finditer(text)]
    marks = [match["name"] for match in re.finditer(_MARK, text)]
    if len(marks) != len(found):
        names = [name for _, name in found]
        lost = next(name for name in marks if marks.count(name) != names.count(name))
        raise InputError(f"quote {lost!r}: no number directly before its mark")
    return found


def requote(text: str, say: Callable[[str], str] = told) -> str:
    """A text with every quoted number as its table has it now."""
    quoted(text)
    return _TOLD.sub(lambda match: f"{say(match['name'])}<!-- {match['name']} -->", text)


def documents(root: Path = ROOT) -> list[Path]:
    """Markdown files and notebooks that may quote numbers."""
    files = [*root.glob("*.md"), *root.glob("paper/*.md"), *root.glob("notebooks/*.ipynb"), root / "data" / "README.md"]
    return sorted(path for path in files if path.is_file())


def texts_of(path: Path) -> list[str]:
    """The prose of a document: the whole file, or the Markdown cells of a notebook."""
    content = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return [content]
    cells = json.loads(content)["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


def write_quotes(paths: Iterable[Path] | None = None) -> list[Path]:
    """Write the numbers of documents anew; the others of their bytes stay.

    Returns
    -------
    list of Path
        Documents that were changed.

    Raises
    ------
    StudyError
        A quote that cannot be read; names the document.
    """
    changed = []
    for path in documents() if paths is None else paths:
        content = path.read_text(encoding="utf-8")
        try:
            # In a notebook a mark can stand in Markdown only: code and outputs hold none, and JSON leaves marks as they are.
            fresh = requote(content)
        except InputError as error:
            raise StudyError(f"{path}: {error}") from error
        if fresh != content:
            write_text(path, fresh)
            changed.append(path)
            log.info("%s: numbers written anew", path.name)
    return changed


def words_of(text: str) -> int:
    """Words of a Markdown text, without its front matter, its marks and its references."""
    body = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    return len(re.sub(rf"{_MARK}|\[@[^\]]*\]".replace("(?P<name>", "(?:"), "", body).split())
