"""Where the study's files are, from any working directory."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["DATA", "FIGURES", "NOTEBOOKS", "RESULTS", "ROOT", "SCENARIOS", "build_dir", "cache_dir"]

ROOT = Path(__file__).resolve().parents[1]
if not (ROOT / "pyproject.toml").is_file():
    raise RuntimeError(
        f"evlib was imported from {ROOT}, which holds no pyproject.toml: evlib reads data/ and writes build/ beside "
        "itself, so it must be installed in place (make, or pip install -e .)"
    )

DATA = ROOT / "data"
SCENARIOS = DATA / "scenarios"
RESULTS = DATA / "results"
NOTEBOOKS = ROOT / "notebooks"
FIGURES = ROOT / "figures"


def build_dir() -> Path:
    """Folder of artefacts that can be made again.

    Returns
    -------
    Path
        ``build``, or the folder in the environment variable ``EVLIB_BUILD``. A relative path starts at the project's
        root, so that it means the same to a kernel in ``notebooks``. Tests set it to keep away from the real artefacts.
    """
    return ROOT / os.environ.get("EVLIB_BUILD", "build")


def cache_dir() -> Path:
    """Folder of solved cases, shared by notebooks, tests and the command line.

    Returns
    -------
    Path
        ``build/cache``, whatever ``EVLIB_BUILD`` says, unless ``EVLIB_CACHE`` names another folder.
    """
    return ROOT / os.environ.get("EVLIB_CACHE", "build/cache")
