"""Numbers in prose, read from the committed tables: ``31,684<!-- coordinated_cny -->`` quotes the quantity of that name.

The comment is not shown where Markdown is. ``python -m study quote`` writes the numbers of all documents anew.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from evlib.errors import InputError, StudyError
from evlib.files import write_text
from evlib.folders import ROOT
from study.workflow.quantities import COUNTS, FRACTIONS, QUANTITIES, Quantity, table

__all__ = [
    "PAPER",
    "documents",
    "quoted",
    "requote",
    "texts_of",
    "told",
    "words_of",
    "write_quotes",
]

log = logging.getLogger(__name__)

PAPER = ROOT / "paper" / "paper.md"
_MARK = r"<!-- (?P<name>[a-z][a-z0-9_]*) -->"
_TOLD = re.compile(rf"(?P<told>[-−]?[0-9][0-9,]*(?:\.[0-9]+)?(?:e-?[0-9]+)?|{'|'.join([*FRACTIONS, *COUNTS])}){_MARK}")


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
