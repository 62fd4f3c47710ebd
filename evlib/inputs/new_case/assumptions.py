"""What a case's file marks as assumed: a comment ``# assumed: reason`` behind a value, which goes when the value is known."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from evlib.inputs.reading.tables import read_text

__all__ = ["marked_assumptions"]

_MARK = re.compile(r"\s*#\s*assumed\b(?::\s*([^;]*[^;\s]))?")


def marked_assumptions(file: str | Path) -> list[str]:
    """Values that a case's file marks as assumed, as ``name: value (reason)``.

    Parameters
    ----------
    file : str or Path
        YAML file that was read already. The reason ends at a semicolon; what follows explains the key.

    Returns
    -------
    list of str
        In the order of the file.
    """
    text = read_text(file)
    return list(_marked(yaml.compose(text, Loader=yaml.SafeLoader), "", text, text.split("\n")))


def _marked(node, path: str, text: str, lines: list[str]):
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        name = f"{path}.{key.value}".lstrip(".")
        end = value.end_mark
        inline = isinstance(value, yaml.ScalarNode) or value.flow_style
        mark = _MARK.match(lines[end.line][end.column :]) if inline and end.line < len(lines) else None
        if mark:
            shown = value.value if isinstance(value, yaml.ScalarNode) else text[value.start_mark.index : end.index]
            yield f"{name}: {shown}" + (f" ({mark.group(1)})" if mark.group(1) else "")
        else:
            yield from _marked(value, name, text, lines)
