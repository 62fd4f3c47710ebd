"""Typed sections of a YAML file: quantities with a unit, members that carry their name, and messages by name."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

__all__ = [
    "LARGEST",
    "Name",
    "Quantity",
    "Section",
    "explain",
    "members",
    "members_or_none",
    "numbers",
    "quantities",
    "stated",
    "suggest",
]

# No quantity of a scenario is larger, in whatever unit; beyond it, sums and products lose their meaning.
LARGEST = 1e15
LONGEST_SHOWN = 60


class Section(BaseModel):
    """Part of a file: frozen, without unknown keys, and never turning one type into another."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)

    @field_validator("*")
    @classmethod
    def _of_sane_size(cls, value):
        if isinstance(value, int | float) and abs(value) > LARGEST:
            raise ValueError(f"is too large to compute with; must be at most {LARGEST:g} in size")
        return value


def Quantity(unit: str, **limits):
    """A number that must have a unit, a source and a range in the YAML file."""
    return Field(json_schema_extra={"unit": unit}, allow_inf_nan=False, **limits)


def _as_name(text: str) -> str:
    """Names stand in dotted field names and in tables: what would be lost or misread there is refused."""
    if not text or text.lower() == "nan":
        raise ValueError("cannot be a name: it is lost in tables; must be text that is not empty and not nan")
    if text != text.strip() or not text.isprintable():
        raise ValueError("cannot be a name: it has spaces around it or line breaks; remove them")
    if "." in text or text == "*":
        raise ValueError("cannot be a name: it would be misread in dotted names; must hold no dot and not be *")
    return text


Name = Annotated[str, AfterValidator(_as_name)]


def _named(value):
    """Turn ``{c1: {...}, c2: {...}}`` into a tuple of members that carry their name."""
    if isinstance(value, dict):
        for name, member in value.items():
            if not isinstance(member, dict):
                raise ValueError(f"member {name!r} must be a mapping of its fields")
            if "name" in member:
                raise ValueError(f"member {name!r} holds a key 'name'; its key is its name: remove it")
        value = [{"name": str(name), **member} for name, member in value.items()]
    if not isinstance(value, tuple | list):
        raise ValueError("must be a mapping from names to members, as in {c1: {...}, c2: {...}}")
    names = [member["name"] for member in value if isinstance(member, dict) and "name" in member]
    twice = [name for position, name in enumerate(names) if name in names[:position]]
    if twice:
        raise ValueError(f"member {twice[0]!r} is there twice; keep one")
    return tuple(value)


members = BeforeValidator(_named)
members_or_none = BeforeValidator(lambda value: None if value is None else _named(value))
numbers = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)


def quantities(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, str, float]]:
    """Every quantity of a section and of its members, as (dotted name, unit, value); not those that were left out."""
    for name, field in type(section).model_fields.items():
        value, extra = getattr(section, name), field.json_schema_extra
        unit = extra.get("unit") if isinstance(extra, dict) else None
        if unit is not None:
            if value is not None:
                yield prefix + name, unit, value
        elif isinstance(value, BaseModel):
            yield from quantities(value, f"{prefix}{name}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for member in value:
                yield from quantities(member, f"{prefix}{name}.{member.name}.")


def stated(section: BaseModel) -> dict:
    """Values of a section as JSON holds them, without what was left out."""
    values = section.model_dump(mode="json")
    for name, field in type(section).model_fields.items():
        value, extra = getattr(section, name), field.json_schema_extra
        if value is None and isinstance(extra, dict) and ("unit" in extra or extra.get("left_out")):
            del values[name]
        elif isinstance(value, BaseModel):
            values[name] = stated(value)
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            values[name] = [stated(member) for member in value]
    return values


def explain(error: ValidationError, model: type[BaseModel], values: dict, file: Path) -> str:
    """One sentence on the first fault of a pydantic error: file, field, value, and what would be right.

    Parameters
    ----------
    error : ValidationError
    model : type
        Model that refused ``values``.
    values : dict
        What was refused: members in a group are named as there.
    file : Path
    """
    faults = error.errors()
    fault = next((candidate for candidate in faults if candidate["type"] == "extra_forbidden"), faults[0])
    path = _path_by_names(fault["loc"], values)
    field = ".".join(path)
    if fault["type"] == "extra_forbidden":
        return f"{file}: {field}: unknown key{suggest(path[-1], _fields_at(model, path[:-1]))}"
    if fault["type"] == "missing":
        return f"{file}: {field}: missing; this key is required"
    message, value = fault["msg"].removeprefix("Value error, "), fault["input"]
    if fault["type"] == "string_type" and isinstance(value, int | float):
        message += '; put it in quotes, as in "10:00"'
    if fault["type"] == "model_type":
        message = "Input should be a mapping of its fields"
    shown = _shown(value) if path else ""
    joint = ";" if shown and message.startswith("Input should") else ""
    message = message.replace("Input should", "must")
    return f"{file}: {field or 'scenario'}:{shown}{joint} {message[:1].lower()}{message[1:]}"


def _shown(value) -> str:
    """A value with a space before it, cut where it is long; groups of many fields are not shown."""
    text = repr(value)
    if isinstance(value, dict | tuple | list) and len(text) > LONGEST_SHOWN:
        return ""
    return f" {text}" if len(text) <= LONGEST_SHOWN else f" {text[:LONGEST_SHOWN]}..."


def suggest(key: str, known: list[str]) -> str:
    """End of a message on an unknown key: the nearest known one, or all of them."""
    stem = key.rsplit("_", 1)[0]
    same_stem = [name for name in known if name.startswith(stem.split("_veh")[0] + "_") and stem]
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6) or same_stem[:1]
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known here: {', '.join(known)}" if known else ""


def _path_by_names(loc: tuple, values) -> list[str]:
    """Place of a fault with the names of members instead of their numbers."""
    path, node = [], values
    for part in loc:
        label = str(part)
        if isinstance(part, int) and isinstance(node, dict) and part < len(node):
            label = list(node)[part]
            node = node[label]
        elif isinstance(part, int) and isinstance(node, tuple | list) and part < len(node):
            node = node[part]
            label = node["name"] if isinstance(node, dict) and "name" in node else label
        else:
            node = node.get(part) if isinstance(node, dict) else None
        path.append(str(label))
    return path


def _fields_at(model, path: list[str]) -> list[str]:
    for part in path:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return []
        if part in model.model_fields:
            annotation = model.model_fields[part].annotation
            inner = [arg for arg in typing.get_args(annotation) if isinstance(arg, type)]
            model = inner[0] if inner else annotation
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []
