"""What the file of a case of one's own states, in the names of the study, and completed by the defaults."""

from __future__ import annotations

import copy
import re
from pathlib import Path

from evlib.errors import InputError
from evlib.inputs.own_case.defaults import CLASS_DEFAULTS, GROUPS

__all__ = ["completed", "in_study_names", "loose", "refuse_blocks_alone", "renamed"]


def loose(node, path: str, file: Path):
    """Fill in what a value of one's own may leave unsaid, so that ``{value, unit}`` is enough."""
    if isinstance(node, dict) and "value" in node:
        return {"source": "not stated", "range": [-1e14, 1e14]} | node if "unit" in node else node["value"]
    if isinstance(node, dict):
        return {key: loose(child, f"{path}.{key}", file) for key, child in node.items()}
    return node


def renamed(text: str, old: str, new: str) -> str:
    """Keys such as ``vot_eur_h`` with another currency's letters."""
    return re.sub(rf"_{old}(?=_|\b)", f"_{new}", text)


def in_study_names(node, currency: str, path: str, file: Path):
    """Keys with the case's currency as the study calls them; keys with another currency are refused."""
    if not isinstance(node, dict):
        return node
    named = {}
    for key, child in node.items():
        if currency != "CNY" and renamed(key, "cny", "x") != key:
            own = renamed(key, "cny", currency.lower())
            raise InputError(f"{file}: {path}{key}: this case is in {currency}; write {own}")
        named[renamed(key, currency.lower(), "cny")] = in_study_names(child, currency, f"{path}{key}.", file)
    return named


def completed(defaults: dict, stated: dict, path: str, defaulted: list[str]) -> dict:
    values = {}
    for key, default in defaults.items():
        name = f"{path}{key}"
        if key not in stated:
            defaulted.append(name)
            values[key] = copy.deepcopy(default)
        elif name == "fleet.classes" and isinstance(stated[key], dict):
            values[key] = {
                member: completed(CLASS_DEFAULTS, fields_, f"{name}.{member}.", defaulted)
                if isinstance(fields_, dict)
                else fields_
                for member, fields_ in stated[key].items()
            }
        elif isinstance(default, dict) and isinstance(stated[key], dict) and name not in GROUPS:
            values[key] = completed(default, stated[key], f"{name}.", defaulted)
        else:
            values[key] = stated[key]
    return values | {key: value for key, value in stated.items() if key not in values}


def refuse_blocks_alone(prices: dict, file: Path) -> None:
    """Refuse a feeder's tariff that is written as the common one is, with its blocks and nothing around them."""
    tariffs = prices.get("feeder_tariffs")
    for name, tariff in tariffs.items() if isinstance(tariffs, dict) else ():
        inside = list(tariff.values()) if isinstance(tariff, dict) and "blocks" not in tariff else []
        if inside and all(isinstance(block, dict) and "from_clock" in block for block in inside):
            first = next(iter(tariff))
            raise InputError(
                f"{file}: prices.feeder_tariffs.{name}: its blocks stand alone; put them under blocks, as in "
                f"{name}: {{blocks: {{{first}: {{from_clock: ..., ...}}}}}}"
            )
