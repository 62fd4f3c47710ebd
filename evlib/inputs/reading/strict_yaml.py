"""YAML of plain values: what YAML would silently turn into something else is refused with its line."""

from __future__ import annotations

import re
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from evlib.errors import InputError
from evlib.inputs.reading.tables import read_text

__all__ = ["LARGEST_MB", "MOST_ALIASES", "MOST_LEVELS", "read_yaml"]

LARGEST_MB = 1.0
MOST_LEVELS = 20
MOST_ALIASES = 100
# Aliases within aliases multiply: what a file stands for when they are written out may not be longer than this.
MOST_NODES = 100_000

_TAG = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,29})")
_TRUE = ("yes", "true", "on")


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file of mappings with text as keys, lists, text, numbers, true, false and null.

    Parameters
    ----------
    path : str or Path
        UTF-8, at most 1 MB. Anchors, aliases and the merge key ``<<`` are allowed, tags are not.

    Returns
    -------
    object
        Keys are text as they are written (``1`` and ``"1"`` are the same key); dates are text.

    Raises
    ------
    InputError
        Not UTF-8, not YAML, a key twice, a tag, an impossible date, a number in another notation than decimal, a
        recursive alias, more than 20 levels or 100 aliases, too large. The message names file and line.
    """
    text = read_text(path)
    if len(text) > LARGEST_MB * 1e6:
        raise InputError(f"{path}: {len(text) / 1e6:.1f} MB; must be at most {LARGEST_MB:g} MB of YAML")
    try:
        return deepcopy(_values(text))
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise InputError(f"{path}: line {line}: character {error.character!r} is not allowed in YAML") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}: " if mark else ""
        raise InputError(f"{path}: {place}not readable as YAML: {error.problem or error.context}") from None


@lru_cache(maxsize=8)
def _values(text: str) -> Any:
    """Plain values of a text; the last few are kept, as reading a scenario's text takes longer than checking it."""
    loader = _Loader(text)
    node = loader.get_single_node()
    return None if node is None else loader.value_of(node)


def _fault(node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


class _Loader(yaml.SafeLoader):
    """Composes nodes within limits, and makes values of them."""

    def __init__(self, text: str):
        super().__init__(text)
        self._level = 0
        self._aliases = 0
        self._written_out: dict[int, tuple[int, int]] = {}  # levels and nodes of what each node stands for
        self._values: dict[int, Any] = {}

    def compose_node(self, parent, index):
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            self._aliases += 1
            if self._aliases > MOST_ALIASES:
                raise _fault(event, f"more than {MOST_ALIASES} aliases; write the values out")
        elif event.tag is not None:
            raise _fault(event, f"tag {event.tag.replace(_TAG, '!!')!r}; write a plain value without a tag")
        self._level += 1
        if self._level > MOST_LEVELS:
            raise _fault(event, f"more than {MOST_LEVELS} levels of nesting")
        node = super().compose_node(parent, index)
        self._level -= 1
        if isinstance(event, yaml.AliasEvent):
            if id(node) not in self._written_out:
                raise _fault(event, f"alias {event.anchor!r} stands within what it stands for; write the values out")
        else:
            self._measure(node)
        return node

    def _measure(self, node) -> None:
        children = [] if isinstance(node, yaml.ScalarNode) else node.value
        if isinstance(node, yaml.MappingNode):
            children = [part for pair in children for part in pair]
        sizes = [self._written_out[id(child)] for child in children]
        levels = 1 + max((level for level, _ in sizes), default=0)
        nodes = 1 + sum(count for _, count in sizes)
        if levels > MOST_LEVELS:
            raise _fault(node, f"more than {MOST_LEVELS} levels of nesting when aliases are written out")
        if nodes > MOST_NODES:
            raise _fault(node, f"more than {MOST_NODES} values when aliases are written out")
        self._written_out[id(node)] = levels, nodes

    def value_of(self, node) -> Any:
        """Plain value of a node; each node is made once, however many aliases it has."""
        if id(node) not in self._values:
            if isinstance(node, yaml.MappingNode):
                value = self._mapping(node)
            elif isinstance(node, yaml.SequenceNode):
                value = [self.value_of(item) for item in node.value]
            else:
                value = self._scalar(node)
            self._values[id(node)] = value
        return self._values[id(node)]

    def _mapping(self, node) -> dict:
        merged: dict = {}
        values: dict = {}
        lines: dict[str, int] = {}
        for key, item in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _fault(key, "a list or mapping as key; a key must be text")
            if key.value in lines:
                raise _fault(key, f"key {key.value!r} appears twice, first in line {lines[key.value]}; keep one")
            lines[key.value] = key.start_mark.line + 1
            if key.tag == f"{_TAG}merge":
                merged = self._merged(item)
            else:
                values[key.value] = self.value_of(item)
        return merged | values

    def _merged(self, node) -> dict:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        values: dict = {}
        for part in parts:
            if not isinstance(part, yaml.MappingNode):
                raise _fault(part, "'<<' takes a mapping or a list of mappings")
            values = self.value_of(part) | values
        return values

    def _scalar(self, node) -> Any:
        text, kind = node.value, node.tag.removeprefix(_TAG)
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() in _TRUE
        if kind == "int":
            if not _WHOLE.fullmatch(text):
                raise _fault(node, f"{text} is a number in another notation; write decimal digits, a clock in quotes")
            return int(text)
        if kind == "float":
            if ":" in text or "_" in text:
                raise _fault(node, f"{text} is a number in another notation; write decimal digits, a clock in quotes")
            return self.construct_yaml_float(node)
        if kind == "timestamp":
            try:
                self.construct_yaml_timestamp(node)
            except (ValueError, OverflowError):
                raise _fault(node, f"{text} is an impossible date; correct it, or put text in quotes") from None
        return text
