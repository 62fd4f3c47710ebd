"""The layout tells the study: rooms say what lives in them, stay small, and import nothing from above."""

import ast
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evlib.folders import ROOT

ROOMS = ("traffic", "assignment", "flexibility", "grid", "inputs", "coordination", "results", "figures")
MODEL_ROOMS = ("traffic", "assignment", "flexibility", "grid", "figures")
LONGEST_FILE, LARGEST_ROOM = 300, 12
SOURCES = sorted((ROOT / "evlib").rglob("*.py"))


def check_imports(folder: Path) -> subprocess.CompletedProcess:
    """The contracts of pyproject.toml on the sources in a folder."""
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("traffic/impedance.py", "import evlib.grid.feeder", "Rooms of evlib"),
        ("grid/feeder.py", "import evlib.assignment.tno", "Rooms of evlib"),
        ("figures/maps.py", "import evlib.inputs.scenario", "Figures draw tables"),
        ("files.py", "import evlib.folders\nimport study.workflow", "The model does not"),
    ],
)
def test_an_import_from_above_is_noticed(tmp_path, module, line, contract):
    """The check itself is part of `make lint`; here it is seen to fail, and by the contract that says why."""
    for name in ("evlib", "study"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    file = tmp_path / "evlib" / module
    file.write_text(file.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    run = check_imports(tmp_path)
    assert run.returncode == 1
    assert any(text.startswith(contract) and text.endswith("BROKEN") for text in run.stdout.splitlines()), run.stdout


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_small_and_says_what_lives_in_it(room):
    """Its docstring names every module, so it cannot fall behind."""
    modules = {path.stem for path in (ROOT / "evlib" / room).glob("*.py")} - {"__init__"}
    assert len(modules) <= LARGEST_ROOM
    words = importlib.import_module(f"evlib.{room}").__doc__.split("``")[1::2]
    assert modules <= set(words), modules - set(words)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT / "evlib").as_posix())
def test_a_long_file_says_why_it_is_long(path):
    text = path.read_text(encoding="utf-8")
    if len(text.splitlines()) > LONGEST_FILE:
        assert "longer than" in ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("room", MODEL_ROOMS)
def test_model_rooms_take_arrays_not_scenarios(room):
    for path in sorted((ROOT / "evlib" / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                names = [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
                assert "scenario" not in names, f"{path.name}: {node.name}"
