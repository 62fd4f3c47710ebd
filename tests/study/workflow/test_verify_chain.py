"""The chain from nothing, in a path with spaces, and again: run by make verify."""

import os
import shutil
import subprocess
import sys
import time

import pytest

from evlib.folders import NOTEBOOKS, ROOT

pytestmark = [
    pytest.mark.verify,
    pytest.mark.skipif(not list(NOTEBOOKS.glob("*.ipynb")), reason="no notebooks yet"),
]
PARTS = ("evlib", "study", "data", "notebooks", "figures", "pyproject.toml", "requirements.lock")


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """A copy of the project in a path with spaces, and a function that runs a command of the chain there."""
    root = tmp_path_factory.mktemp("a path with spaces") / "the study"
    root.mkdir()
    for name in PARTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, root / name)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EVLIB_")}
    environment["PYTHONPATH"] = str(root)  # before the place where the environment finds evlib

    def run(command):
        start_s = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "study", command],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout, time.monotonic() - start_s

    run.root = root
    return run


def committed(root):
    """Bytes of all that git would see change."""
    paths = [path for name in ("notebooks", "figures") for path in (root / name).iterdir()]
    return {path.name: path.read_bytes() for path in paths if path.name != "plotly.min.js"}


def test_first_run_reproduces_what_is_committed_and_the_second_does_nothing(moved):
    """Executed from nothing: notebooks and figures as committed. Again: within 10 s, nothing executed or exported."""
    before = committed(moved.root)
    output, _ = moved("reproduce")
    assert output.count(": executed in") == len(list((moved.root / "notebooks").glob("*.ipynb")))
    assert committed(moved.root) == before
    output, time_s = moved("reproduce")
    assert ": executed in" not in output
    assert " 0 exported; figures/: nothing changed" in output
    assert time_s < 10


def test_refresh_writes_the_same_bytes(moved):
    moved("reproduce")
    before = committed(moved.root)
    moved("refresh")
    assert committed(moved.root) == before
