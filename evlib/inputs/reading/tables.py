"""Text files and CSV tables with declared columns; nothing is dropped, cut or turned into something else silently.

The file is longer than others because every rule about a cell, a row or a column is said once, here.
"""

from __future__ import annotations

import csv
import difflib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from evlib.errors import InputError

__all__ = ["Column", "Table", "parse_number", "read_table", "read_text"]

_WHOLE = re.compile(r"[+-]?[0-9]{1,15}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?")
_TIME_RIGHT = "a time YYYY-MM-DD HH:MM:SS without UTC offset"


@dataclass(frozen=True)
class Column:
    """What the cells of a column must be.

    Attributes
    ----------
    kind : {"whole", "number", "time", "text"} or tuple of str
        Whole numbers, finite numbers, local times, any text that is not empty, or one of some words.
    unit : str
        Unit of the numbers, for messages; empty where there is none.
    least : float, optional
        Smallest value that is allowed.
    above : float, optional
        Value that must be exceeded.
    required : bool
        Must the file have this column?
    asked_by : str
        Field of a scenario that names this column, for messages.
    time_format : str, optional
        How times are written, as for `datetime.strptime`; by default YYYY-MM-DD HH:MM:SS.
    blank : bool
        May a cell of numbers be empty? It is nan then.
    """

    kind: str | tuple[str, ...]
    unit: str = ""
    least: float | None = None
    above: float | None = None
    required: bool = True
    asked_by: str = ""
    time_format: str | None = None
    blank: bool = False

    @property
    def right(self) -> str:
        """What would be right, for messages."""
        if isinstance(self.kind, tuple):
            return " or ".join(self.kind)
        if self.kind == "time":
            return _TIME_RIGHT if self.time_format is None else f"a time of the form {self.time_format!r}"
        if self.kind == "text":
            return "text that is not empty"
        limit = "" if self.least is None else f" of at least {self.least:g}"
        limit = limit if self.above is None else f" above {self.above:g}"
        unit = f" [{self.unit}]" if self.unit else ""
        empty = ", or empty" if self.blank else ""
        return f"a {'whole' if self.kind == 'whole' else 'finite'} number{limit}{unit}{empty}"

    def parse(self, text: str):
        """Value of a cell, or None where it is not what it must be."""
        if isinstance(self.kind, tuple):
            return text if text in self.kind else None
        if self.kind == "text":
            return text or None
        if self.kind == "time":
            return _parse_time(text, self.time_format)
        if self.blank and not text:
            return math.nan
        value = _parse_whole(text) if self.kind == "whole" else parse_number(text)
        if value is None or (self.least is not None and value < self.least):
            return None
        return None if self.above is not None and value <= self.above else value


@dataclass(frozen=True)
class Table:
    """Columns of a CSV file.

    Attributes
    ----------
    path : Path
    line : ndarray of int, shape (n_rows,)
        Line of the file that each row stands in; the file's first line is 1, comments count.
    values : dict of str -> ndarray
        Declared columns that the file has.
    texts : dict of str -> list of str
        Their cells as they are written.
    """

    path: Path
    line: np.ndarray
    values: dict[str, np.ndarray]
    texts: dict[str, list[str]]

    def __len__(self) -> int:
        return len(self.line)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[name]

    def place(self, row: int) -> str:
        """File and line of a row, for messages."""
        return f"{self.path}: line {self.line[row]}"


def read_text(path: str | Path) -> str:
    """Text of a UTF-8 file with line ends ``\\n``.

    Raises
    ------
    InputError
        The file is missing, not readable, not UTF-8, or holds a NUL byte.
    """
    try:
        content = Path(path).read_bytes() if Path(path).exists() else None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{str(path)!r}: not readable: {reason}; must be a text file") from None
    if content is None:
        raise InputError(f"{path if str(path).isprintable() else repr(str(path))}: no such file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        byte = content[error.start]
        raise InputError(f"{path}: line {line}: byte 0x{byte:02x} is no text; must be UTF-8") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{path}: line {line}: holds a NUL byte; must be a text file in UTF-8")
    return text


def read_table(
    path: str | Path,
    columns: Mapping[str, Column],
    *,
    unique: Sequence[tuple[str, ...]] = (),
    ignored: Mapping[str, str] | None = None,
    refused: Mapping[str, str] | None = None,
    keep: Callable[[int, dict[str, str]], bool] | None = None,
) -> Table:
    """Read a CSV file whose columns are declared.

    Parameters
    ----------
    path : str or Path
        UTF-8, one row a line; empty lines and lines that begin with ``#`` are skipped.
    columns : dict of str -> Column
        Columns that the file may have. A name with ``*`` stands for all columns that it fits.
    unique : sequence of tuple of str
        Columns that together tell rows apart.
    ignored : dict of str -> str
        Columns of other people's formats that are not read, with ``*`` as above, and the reason why.
    refused : dict of str -> str
        Columns that a reader may expect to be read, and what to do instead.
    keep : callable, optional
        ``keep(line, cells)`` says whether a row, as text by column, is read at all; none may be left.

    Returns
    -------
    Table

    Raises
    ------
    InputError
        A file that is not readable or has no rows; a column that is missing, unknown or there twice; a row with too few
        or too many cells; a cell that is not what it must be; two rows with the same key. The message names file, line,
        column and value, and says what would be right.
    """
    path = Path(path)
    lines = _rows(path, read_text(path))
    if not lines:
        raise InputError(f"{path}: the file is empty; must have a header with {', '.join(columns)}")
    (_, header), *rows = lines
    declared = _declared(path, header, columns, ignored or {}, refused or {})
    if not rows:
        raise InputError(f"{path}: the file has a header and no rows; must have at least one row")
    if keep is not None:
        whole = len(header)
        rows = [(n, row) for n, row in rows if len(row) != whole or keep(n, dict(zip(header, row, strict=True)))]
    table = _parsed(path, header, rows, declared)
    for key in unique:
        if set(key) <= table.values.keys():
            _refuse_repeated(table, key)
    return table


def _parsed(path: Path, header: list[str], rows: list[tuple[int, list[str]]], declared) -> Table:
    """Table of rows whose cells are what their columns declare."""
    texts: dict[str, list[str]] = {name: [] for name in declared}
    values: dict[str, list] = {name: [] for name in declared}
    for line, cells in rows:
        if len(cells) != len(header):
            raise InputError(f"{path}: line {line}: {len(cells)} values; must be {len(header)}, one for each column")
        for name, (position, column) in declared.items():
            text = cells[position]
            value = column.parse(text)
            if value is None:
                raise InputError(f"{path}: line {line}: {name} = {text!r}; must be {column.right}")
            texts[name].append(text)
            values[name].append(value)
    arrays = {name: _array(values[name], column.kind) for name, (_, column) in declared.items()}
    return Table(path, np.array([line for line, _ in rows]), arrays, texts)


def parse_number(text: str) -> float | None:
    """Finite number in plain decimal or scientific notation, or None; ``TRUE``, ``nan`` and ``1_000`` are none."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    return value if math.isfinite(value) else None


def _parse_whole(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text) else None


def _parse_time(text: str, time_format: str | None) -> datetime | None:
    try:
        if time_format is not None:
            return datetime.strptime(text, time_format).replace(tzinfo=None)
        return datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
    except ValueError:
        return None


def _array(values: list, kind) -> np.ndarray:
    types = {"whole": np.dtype(int), "number": np.dtype(float), "time": np.dtype("datetime64[ns]")}
    return np.array(values, dtype=types.get(kind)) if isinstance(kind, str) else np.array(values)


def _rows(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """Lines of a file that hold cells, with their numbers; cells without the spaces around them."""
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            (cells,) = csv.reader([line], strict=True)
        except csv.Error as error:
            raise InputError(f"{path}: line {number}: not readable as CSV: {error}; one row must be one line") from None
        rows.append((number, [cell.strip() for cell in cells]))
    return rows


def _declared(path: Path, header: list[str], columns, ignored, refused) -> dict[str, tuple[int, Column]]:
    """Position and declaration of each column to read; columns in the order of the declarations."""
    listed = ", ".join(header)
    for name, column in columns.items():
        if column.required and name not in header:
            asked = f"{column.asked_by} asks for it; " if column.asked_by else ""
            raise InputError(f"{path}: column {name!r} is missing; {asked}the file has {listed}")
    for position, name in enumerate(header):
        if name in header[:position]:
            raise InputError(f"{path}: column {name!r} is there twice; keep one, the file has {listed}")
    declared = {}
    for position, name in enumerate(header):
        pattern = _fitting(name, columns)
        if pattern is not None:
            declared[name] = position, columns[pattern]
        elif _fitting(name, ignored) is None:
            raise InputError(f"{path}: column {name!r} is unknown; {refused.get(name) or _nearest(name, columns)}")
    return declared


def _fitting(name: str, patterns) -> str | None:
    if name in patterns:
        return name
    return next((pattern for pattern in patterns if "*" in pattern and fnmatchcase(name, pattern)), None)


def _nearest(name: str, columns) -> str:
    close = difflib.get_close_matches(name, columns, n=1, cutoff=0.7)
    listed = ", ".join(columns)
    return f"did you mean {close[0]!r}? May be read: {listed}" if close else f"remove it; may be read: {listed}"


def _refuse_repeated(table: Table, key: tuple[str, ...]) -> None:
    first: dict[tuple, int] = {}
    for row, value in enumerate(zip(*(table[name].tolist() for name in key), strict=True)):
        if value not in first:
            first[value] = row
            continue
        times = sum(other == value for other in zip(*(table[name].tolist() for name in key), strict=True))
        lines = f"lines {table.line[first[value]]} and {table.line[row]}"
        labels = ", ".join(f"{name} {table.texts[name][row]}" for name in key)
        raise InputError(f"{table.path}: {lines}: {labels} is there {times} times; keep one row")
