"""requirements.lock and environment.yml, both made from pyproject.toml."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from evlib.errors import StudyError
from evlib.files import write_text
from evlib.folders import ROOT

__all__ = ["CONDA_NAMES", "MACHINES", "Pin", "environment_text", "pins", "requirements", "write_lock"]

CONDA_NAMES = {"kaleido": "python-kaleido"}  # named otherwise on conda-forge
PIP_ONLY = frozenset(
    {"matpowercaseframes", "opendssdirect-py", "sumolib"}
)  # not surely on conda-forge, so pip brings them

# Machines that one set of files must serve: markers are evaluated on each of them.
MACHINES = [
    {"python_version": python, "python_full_version": f"{python}.4", "sys_platform": platform, **names}
    for python in ("3.11", "3.12", "3.13", "3.14")
    for platform, names in {
        "linux": {"platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
        "darwin": {"platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
        "win32": {"platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
    }.items()
]
_COMMON = {"implementation_name": "cpython", "platform_python_implementation": "CPython", "extra": ""}

_LOCK_HEADER = """\
# Everything that the study may install, pinned and hashed, for Python 3.11 and later on any system.
# Made from pyproject.toml by `make lock`; do not edit.
"""
_ENVIRONMENT_HEADER = """\
# The same environment for conda: conda env create -f environment.yml
# Made from pyproject.toml by `make lock`; do not edit.
"""


@dataclass(frozen=True)
class Pin:
    """One entry of the lock: a name, its version, where it applies, its hashes, and whether pyproject.toml names it."""

    name: str
    version: Version
    marker: Marker | None
    hashes: tuple[str, ...]
    direct: bool

    def applies(self, machine: dict[str, str]) -> bool:
        """Whether the pin is installed on a machine of `MACHINES`."""
        return self.marker is None or self.marker.evaluate(_COMMON | machine)


def requirements(root: Path = ROOT) -> list[Requirement]:
    """All requirements of pyproject.toml, those of its extras too, by name."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project.get("optional-dependencies", {}).values()]
    return sorted((Requirement(line) for group in groups for line in group), key=lambda item: item.name.lower())


def pins(text: str) -> Iterator[Pin]:
    """The entries of a lock file's text.

    Raises
    ------
    StudyError
        An entry is not of the form ``name==version``.
    """
    for entry in re.split(r"\n(?=[A-Za-z0-9])", "\n".join(line for line in text.splitlines() if line[:1] != "#")):
        head, _, rest = entry.strip().partition("\n")
        if not head:
            continue
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==([^ ;]+)(?: *; *(.*?))? *\\?", head)
        if match is None:
            raise StudyError(f"requirements.lock: {head!r} is not name==version; run make lock")
        name, version, marker = match.groups()
        hashes = tuple(re.findall(r"--hash=(sha256:[0-9a-f]{64})", rest))
        direct = "evlib (pyproject.toml)" in rest
        yield Pin(canonicalize_name(name), Version(version), Marker(marker) if marker else None, hashes, direct)


def environment_text(root: Path = ROOT) -> str:
    """The text of environment.yml: conda-forge's names, and under pip what conda cannot express or does not have.

    A requirement whose marker holds on every machine is written without it, one that holds nowhere is left out, and
    one that holds on some goes to pip, since conda's file has no markers.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    conda, pip = {f"python{project['requires-python']}", "pip"}, {"-e ."}
    for item in requirements(root):
        holds = [item.marker is None or item.marker.evaluate(_COMMON | machine) for machine in MACHINES]
        name = canonicalize_name(item.name)
        if all(holds) and name not in PIP_ONLY:
            conda.add(f"{CONDA_NAMES.get(name, name)}{item.specifier}")
        elif any(holds):
            pip.add(str(item) if not all(holds) else f"{name}{item.specifier}")
    lines = ["name: evlib", "channels:", "  - conda-forge", "  - nodefaults", "dependencies:"]
    lines += [f'  - "{line}"' for line in sorted(conda)]
    lines += ["  - pip:", *(f"      - {line!r}" for line in sorted(pip))]
    return _ENVIRONMENT_HEADER + "\n".join(lines) + "\n"


def write_lock(*, upgrade: bool = False, root: Path = ROOT) -> None:
    """Write both files anew; versions stay as they are locked wherever pyproject.toml still allows them.

    Parameters
    ----------
    upgrade : bool
        Take the newest versions instead.
    root : Path
        The project.

    Raises
    ------
    StudyError
        uv found no set of versions, or is not there; its message is passed on.
    """
    with tempfile.TemporaryDirectory() as folder:
        # uv writes the path of pyproject.toml into the lock as it was given, so it runs on a copy beside the old pins.
        shutil.copy(root / "pyproject.toml", folder)
        if (root / "requirements.lock").exists():
            shutil.copy(root / "requirements.lock", folder)
        command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "-o", "requirements.lock"]
        options = "--all-extras --universal --python-version 3.11 --generate-hashes --no-header --quiet"
        command += options.split() + ["--upgrade"] * upgrade
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise StudyError(f"uv could not make the lock:\n{done.stderr.strip()}")
        text = (Path(folder) / "requirements.lock").read_text(encoding="utf-8")
    write_text(root / "requirements.lock", _LOCK_HEADER + text)
    write_text(root / "environment.yml", environment_text(root))
