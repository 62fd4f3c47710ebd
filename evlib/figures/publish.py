"""How a figure or a table leaves its notebook: numbers and drawing go to build/recorded, the caption to the page.

`table` shows a DataFrame, and `agree` asserts that two results agree and says so.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio
import yaml

from evlib.errors import InputError
from evlib.figures.style import WIDTH
from evlib.files import write_csv, write_json, write_text
from evlib.folders import DATA, build_dir

__all__ = ["agree", "record_table", "recorded_dir", "show", "table"]

TEXTS_FILE = DATA / "figure_texts.yaml"
# So many characters of a title fit on its line, as measured in the fonts of the pictures.
TITLE_CHARACTERS_PER_PX = 0.132
_SIGNIFICANT_DIGITS = 8
_PLOTLY = "application/vnd.plotly.v1+json"


def recorded_dir() -> Path:
    """Folder of the notebooks' recorded output: ``<name>.json``, ``<name>.csv`` and ``<name>.meta.json`` for each."""
    return build_dir() / "recorded"


def show(
    figure: go.Figure,
    name: str,
    data: pd.DataFrame,
    tolerance: float | Mapping[str, float] | None = None,
    *,
    caption: str | None = None,
    alt: str | None = None,
    **words,
) -> None:
    """Record a figure and show it; the last line of a notebook's figure cell.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
        With a title that states the finding, and a title with its unit on every axis that shows numbers.
    name : str
        File name without ending: two digits, then words, such as ``01_network_map``.
    data : DataFrame
        The numbers drawn, as a tidy table whose columns end in their unit; written with 8 significant digits.
    tolerance : float or mapping from column to float, optional
        How far a number may move [its column's unit] before the committed figure counts as changed; by default 1e-6 of
        the value. The results of a solver need a tolerance as large as their certificate.
    caption : str, optional
        One sentence under the figure. It is the output by which the cell is compared, so round the numbers in it. By
        default that of ``data/figure_texts.yaml``.
    alt : str, optional
        What the figure shows, in words, for readers who cannot see it; by default as the caption.
    **words
        What stands in the texts of that file for ``{word}``.

    Raises
    ------
    InputError
        A title, an axis title, the caption, the alternative text or the data is missing, a word of a text is missing or
        too many, the name has another form or was recorded by another notebook, or the tolerance names an unknown column.
    """
    if not re.fullmatch(r"\d\d_[a-z0-9_]+", name):
        raise InputError(f"figure {name!r}: must be two digits, then lower-case words, such as '01_network_map'")
    if caption is None or alt is None:
        texts = _texts(name, words)
        caption, alt = (
            texts.get(field) if text is None else text for field, text in (("caption", caption), ("alt", alt))
        )
    caption, alt = (" ".join((text or "").split()) for text in (caption, alt))
    for field, text in (("caption", caption), ("alt", alt)):
        if not text:
            raise InputError(f"figure {name!r}: {field} is empty; say in a sentence what the figure shows")
    _check_titles(figure, name)
    drawing = _plain_figure(figure)
    meta = {"kind": "figure", "caption": caption, "alt": alt}
    _record(name, data, tolerance, meta, drawing)
    _display(name, caption, alt, drawing)


def _texts(name: str, words: dict) -> dict[str, str]:
    """Caption and alternative text of a figure with these words filled in; empty if the file has none of this name."""
    texts = _all_texts().get(name, {})
    used = {word for text in texts.values() for _, word, _, _ in Formatter().parse(text) if word}
    for problem, wrong in (("lacks the word", used - set(words)), ("has no place for the word", set(words) - used)):
        if wrong:
            raise InputError(
                f"{TEXTS_FILE}: {name}: {problem} {min(wrong)!r}; words must be {', '.join(sorted(used)) or 'none'}"
            )
    return {field: text.format(**words) for field, text in texts.items()}


@functools.cache
def _all_texts() -> dict[str, dict[str, str]]:
    return yaml.safe_load(TEXTS_FILE.read_text(encoding="utf-8"))


def record_table(name: str, data: pd.DataFrame, tolerance: float | Mapping[str, float | str] | None = None) -> None:
    """Record a table of results as ``figures/<name>.csv``, compared by a tolerance instead of as text.

    Parameters
    ----------
    name : str
        File name without ending: lower-case words or digits, such as ``claims``.
    data : DataFrame
        As in `show`.
    tolerance : float or mapping from column to float or str, optional
        As in `show`. For a column that mixes units it may also name another numeric column that holds the tolerance of
        each row: ``{"value": "tolerance"}``.

    Raises
    ------
    InputError
        As in `show`, or a column of tolerances holds a number that is negative or not finite.
    """
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise InputError(f"table {name!r}: the name must be lower-case words joined by '_'")
    _record(name, data, tolerance, {"kind": "table"}, None)


def table(data: pd.DataFrame, *, index: bool = False) -> None:
    """Show a table in a notebook, as HTML and as the text by which the cell is compared.

    Parameters
    ----------
    data : DataFrame
        Rounded, or already text: solver results to two or three digits.
    index : bool
        Show the index too.
    """
    from IPython import get_ipython
    from IPython.display import display

    if get_ipython() is not None:
        page = "".join(line.strip() for line in data.to_html(index=index, border=0).splitlines())
        page = page.replace(' class="dataframe"', "").replace(
            ' style="text-align: right;"', ""
        )  # the notebook's own style
        display({"text/plain": data.to_string(index=index, index_names=index), "text/html": page}, raw=True)


def agree(what: str, one: Any, other: Any, *, atol: float = 0.0, rtol: float = 0.0) -> None:
    """Assert that two results agree, and say how closely.

    Parameters
    ----------
    what : str
        What is compared, to begin the line with.
    one, other : array_like
        Numbers of the same shape, or one number for all. If ``other`` is 0, the line says "at most".
    atol, rtol : float
        Largest difference [unit of the numbers], and as a share of ``other``.

    Raises
    ------
    AssertionError
        They differ by more, or one is nan; says by how much.

    Examples
    --------
    >>> agree("a third, by hand and by evlib", 1 / 3, 0.3333333333, atol=1e-9)
    a third, by hand and by evlib: agree to 1e-09
    """
    one, other = np.broadcast_arrays(np.asarray(one, dtype=float), np.asarray(other, dtype=float))
    apart = np.abs(one - other)
    if not (apart <= atol + rtol * np.abs(other)).all():
        raise AssertionError(f"{what}: apart by up to {apart.max():.3g}; atol {atol:g}, rtol {rtol:g}")
    limits = [f"{atol:g}"] * bool(atol) + [f"{rtol:g} of the value"] * bool(rtol)
    verb = "at most" if not other.any() else "agree to"
    print(f"{what}: {verb} {' and '.join(limits) or 'the last digit'}")


def _record(name: str, data: pd.DataFrame, tolerance: Any, meta: dict, drawing: dict | None) -> None:
    if not isinstance(data, pd.DataFrame) or data.empty:
        raise InputError(f"{name!r}: data must be a DataFrame with at least one row: the numbers drawn")
    numeric = [column for column in data.columns if pd.api.types.is_numeric_dtype(data[column])]
    if tolerance is None:
        tolerance = {}
    limits = dict(tolerance) if isinstance(tolerance, Mapping) else dict.fromkeys(numeric, tolerance)
    for column, limit in limits.items():
        _check_tolerance(name, data, numeric, column, limit, by_row=meta["kind"] == "table")
    folder = recorded_dir()
    meta = meta | {"name": name, "notebook": os.environ.get("EVLIB_NOTEBOOK"), "tolerance": limits}
    sheet = folder / f"{name}.meta.json"
    if meta["notebook"] and sheet.exists():
        owner = json.loads(sheet.read_text(encoding="utf-8"))["notebook"]
        if owner not in (None, meta["notebook"]):
            raise InputError(f"{name!r} was already recorded by {owner}.ipynb; choose another name")
    rounded = data.copy()
    for column in data.select_dtypes("floating").columns:
        rounded[column] = [_rounded(value) for value in data[column]]
    write_csv(folder / f"{name}.csv", rounded)
    if drawing is not None:
        text = json.dumps(drawing, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        write_text(folder / f"{name}.json", text + "\n")
    write_json(sheet, meta)


def _check_tolerance(name: str, data: pd.DataFrame, numeric: list, column: str, limit: Any, *, by_row: bool) -> None:
    label = f"{name!r}: tolerance[{column!r}] = {limit!r}"
    if column in numeric and by_row and isinstance(limit, str):
        if limit == column or limit not in numeric:
            candidates = ", ".join(header for header in numeric if header != column)
            raise InputError(f"{label}; must be a number above 0 or one of the other numeric columns: {candidates}")
        if not (np.isfinite(data[limit]) & (data[limit] >= 0)).all():
            raise InputError(f"{label}; that column must be finite and 0 or more in every row")
    elif column not in numeric or isinstance(limit, str) or not limit > 0:
        raise InputError(f"{label}; must be above 0, for one of the columns {', '.join(numeric)}")


def _display(name: str, caption: str, alt: str, drawing: dict) -> None:
    from IPython import get_ipython
    from IPython.display import display

    if get_ipython() is None:
        return
    bundle: dict[str, Any] = {"text/plain": caption}
    if not os.environ.get("EVLIB_RECORD"):
        bundle[_PLOTLY] = drawing | {"config": {"displaylogo": False, "responsive": True}}
    display(bundle, raw=True, metadata={"evlib": {"figure": name, "alt": alt}})


def _check_titles(figure: go.Figure, name: str) -> None:
    if not (figure.layout.title.text or "").strip():
        raise InputError(f"figure {name!r}: layout.title.text is empty; state the finding in it")
    length, room = len(figure.layout.title.text), int(TITLE_CHARACTERS_PER_PX * (figure.layout.width or WIDTH))
    if length > room:
        raise InputError(f"figure {name!r}: layout.title.text has {length} characters; at most {room} fit its width")
    titled = {axis: _axis_title(figure, axis) for axis in _axes_in_use(figure)}
    for axis, title in titled.items():
        settings = figure.layout[axis]
        hidden = settings.visible is False or settings.showticklabels is False
        twin = _layout_key(settings.matches) if settings.matches else axis
        if not (title or hidden or _axis_title(figure, twin)):
            raise InputError(f"figure {name!r}: layout.{axis}.title.text is empty; name the quantity and its unit")


def _axes_in_use(figure: go.Figure) -> list[str]:
    """Layout keys of the cartesian axes that traces are drawn on."""
    references = set()
    for trace in figure.data:
        for letter in "xy":
            if f"{letter}axis" in trace:
                references.add(_layout_key(trace[f"{letter}axis"] or letter))
    return sorted(references)


def _layout_key(reference: str) -> str:
    return f"{reference[0]}axis{reference[1:]}"


def _axis_title(figure: go.Figure, axis: str) -> str:
    return (figure.layout[axis].title.text or "").strip()


def _plain_figure(figure: go.Figure) -> dict[str, Any]:
    """The figure as plain JSON values with rounded numbers, small and the same on every machine."""
    return _plain(json.loads(pio.to_json(figure, validate=False)))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if "bdata" in value and "dtype" in value:  # Plotly's packed arrays
            array = np.frombuffer(base64.b64decode(value["bdata"]), dtype=np.dtype(value["dtype"]).newbyteorder("<"))
            shape = [int(size) for size in str(value.get("shape", array.size)).split(",")]
            return _plain(array.reshape(shape).tolist())
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_plain(element) for element in value]
    if isinstance(value, float):
        return _rounded(value) if np.isfinite(value) else None
    return value


def _rounded(value: float) -> float:
    return float(f"{value:.{_SIGNIFICANT_DIGITS}g}") + 0.0  # adding zero turns -0.0 into 0.0
