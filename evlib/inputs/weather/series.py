"""A year of wind, sun and load in equal steps, read from a CSV file that may be compressed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evlib.errors import InputError

__all__ = ["Series", "read_series"]

COMMENT = "#"


@dataclass(frozen=True)
class Series:
    """Values in equal steps.

    Attributes
    ----------
    path : Path
    begin : datetime64[m]
        Beginning of the first step.
    step_min : int
        Length of a step [min].
    values : dict of str -> ndarray, shape (n,)
        By name of the column [per unit].
    """

    path: Path
    begin: np.datetime64
    step_min: int
    values: dict[str, np.ndarray]

    def between(self, name: str, first: np.datetime64, n: int) -> np.ndarray:
        """Values of n steps from a time on, shape (n,).

        Raises
        ------
        InputError
            If the file does not reach that far.
        """
        begin = (first - self.begin) / np.timedelta64(1, "m") / self.step_min
        length = len(self.values[name])
        if begin != round(begin) or begin < 0 or begin + n > length:
            last = self.begin + np.timedelta64(self.step_min * length, "m")
            until = first + np.timedelta64(self.step_min * n, "m")
            raise InputError(
                f"{self.path}: reaches from {self.begin} to {last} in steps of {self.step_min} min; must hold {first} to {until}"
            )
        return self.values[name][round(begin) : round(begin) + n]


def read_series(path: str | Path, columns, step_min: int) -> Series:
    """Read some columns of a year and check that no step is missing.

    Parameters
    ----------
    path : path-like
        CSV with a column ``time`` (YYYY-MM-DD HH:MM:SS, beginning of the step); ``.gz`` is read too. Lines that start
        with ``#`` are comments.
    columns : iterable of str
        Columns wanted [per unit].
    step_min : int
        Step that the file must have [min].

    Returns
    -------
    Series

    Raises
    ------
    InputError
        No such file or column, a cell that is no number or negative, a step that is missing, or another length of steps.
    """
    import pandas as pd  # takes long to load

    path, columns = Path(path), list(dict.fromkeys(columns))
    if not path.is_file():
        raise InputError(f"{path}: no such file; must be a CSV file with the columns time, {', '.join(columns)}")
    try:
        table = pd.read_csv(path, comment=COMMENT, dtype=str, keep_default_na=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: {error}; must be a CSV file, as text or gzip") from error
    for name in ("time", *columns):
        if name not in table:
            raise InputError(f"{path}: has no column {name!r}; must have it, there are {', '.join(table.columns)}")
    if len(table) < 2:
        raise InputError(f"{path}: has {len(table)} rows; must hold a year of {step_min} min steps")
    time = pd.to_datetime(table["time"], format="%Y-%m-%d %H:%M:%S", errors="coerce").to_numpy("datetime64[m]")
    wrong = np.isnat(time)
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(f"{path}: row {row + 1}: time = {table['time'][row]!r}; must be YYYY-MM-DD HH:MM:SS")
    _check_steps(path, time, step_min)
    values = {name: _numbers(path, name, table) for name in columns}
    return Series(path, time[0], step_min, values)


def _check_steps(path: Path, time: np.ndarray, step_min: int) -> None:
    """Refuse another step, and gaps."""
    steps = np.diff(time) / np.timedelta64(1, "m")
    usual = float(np.median(steps))
    if usual != step_min:
        raise InputError(f"{path}: has steps of {usual:g} min; must be {step_min} min")
    wrong = steps != step_min
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            f"{path}: row {row + 2}: time {time[row + 1]} follows {time[row]}; must be {step_min} min later, without gaps"
        )


def _numbers(path: Path, name: str, table) -> np.ndarray:
    import pandas as pd

    values = pd.to_numeric(table[name], errors="coerce").to_numpy(float)
    wrong = ~(np.isfinite(values) & (values >= 0))
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            f"{path}: row {row + 1} ({table['time'][row]}): {name} = {table[name][row]!r}; must be a number, 0 or more"
        )
    return values
