"""Hashes of what a result depends on: sources without their comments, the lock file, data files."""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evlib.folders import ROOT

__all__ = ["code_hash", "files_hash", "lock_hash", "package_sources", "source_hash"]

# Modules that draw, record or judge results, or solve other problems; no solved number of a scenario depends on them.
_APART = (
    "figures",
    "grid.parametric_dispatch",
    "inputs.charging_sessions",
    "inputs.pandapower_feeder",
    "inputs.tntp",
    "results.claim_row",
    "results.claims",
    "results.claims_grid",
    "results.claims_roads",
    "results.comparison_tables",
    "results.ensemble",
    "results.measures",
    "results.value_of_coordination",
    "traffic.vehicle_simulation",
)


def source_hash(paths: Iterable[Path], root: Path = ROOT) -> str:
    """Hash of Python sources as the interpreter sees them: comments, docstrings and layout do not count.

    Parameters
    ----------
    paths : iterable of Path
        Python files, in any order.
    root : Path
        File names are hashed relative to this folder, so that a moved project keeps its hash.

    Returns
    -------
    str
        SHA-256, the same on every supported version of Python.

    Raises
    ------
    SyntaxError
        If a file is not valid Python; the error names it.
    """
    digest = hashlib.sha256()
    for path in sorted(paths):
        meaning = _meaning(path.read_text(encoding="utf-8"), str(path))
        digest.update(f"{path.relative_to(root).as_posix()}\n{meaning}\n".encode())
    return digest.hexdigest()


def files_hash(paths: Iterable[Path], root: Path = ROOT) -> str:
    """Hash of files by name (relative to ``root``) and content; their order does not matter."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def lock_hash(root: Path = ROOT) -> str:
    """Hash of the pins in ``requirements.lock``, without its comments."""
    lines = (root / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return hashlib.sha256("\n".join(line for line in lines if not line.lstrip().startswith("#")).encode()).hexdigest()


def package_sources(root: Path = ROOT, *, without: Iterable[str] = ()) -> list[Path]:
    """Sources of evlib without the rooms and modules in ``without``, such as ``figures`` or ``results.claims``."""
    folder, skipped = root / "evlib", tuple(without)

    def counts(path: Path) -> bool:
        name = ".".join(path.relative_to(folder).with_suffix("").parts)
        return not any(name == item or name.startswith(f"{item}.") for item in skipped)

    return sorted(path for path in folder.rglob("*.py") if counts(path))


@functools.cache  # a running process keeps the modules it imported, even if the files change meanwhile
def code_hash() -> str:
    """Hash of everything but the scenario that a solved number can depend on: evlib's sources and the lock file.

    Returns
    -------
    str
        SHA-256 of the pinned versions and of all of evlib, except the room ``figures``, the claims and the readers of
        other data.
    """
    return hashlib.sha256(f"{source_hash(package_sources(without=_APART))} {lock_hash()}".encode()).hexdigest()


@functools.cache  # by content: the same modules count for many hashes
def _meaning(source: str, filename: str) -> str:
    return _canonical(_without_docstrings(ast.parse(source, filename=filename)))


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:]
    return tree


def _canonical(node: Any) -> str:
    """Text of a syntax tree. `ast.dump` will not do: versions of Python differ in which empty fields it shows."""
    if isinstance(node, ast.AST):
        fields = ((name, _canonical(value)) for name, value in ast.iter_fields(node) if name not in ("ctx", "kind"))
        return f"{type(node).__name__}({','.join(f'{n}={v}' for n, v in fields if v not in ('[]', 'None'))})"
    if isinstance(node, list):
        return f"[{','.join(map(_canonical, node))}]"
    return repr(node)
