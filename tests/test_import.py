"""What evlib loads, and when: solvers, compilers and figures only where they are needed."""

import json
import subprocess
import sys

import pytest

import evlib

SLOW = ("cvxpy", "numba", "plotly", "pandas", "networkx", "scipy")
HELP = """
from evlib.__main__ import main
try:
    main(["--help"])
except SystemExit:
    pass
"""
MISTYPED = """
from evlib.__main__ import main
assert main(["solve", "no_such_scenario", "--out", "nowhere"]) == 2
"""


@pytest.mark.parametrize(
    ("program", "unused"),
    [
        (HELP, SLOW),
        (MISTYPED, ("cvxpy", "numba", "plotly", "pandas", "networkx")),
    ],
    ids=["help", "a mistyped scenario"],
)
def test_command_line_loads_only_what_it_needs(program, unused):
    """In a process of its own, as nothing can be unloaded; each package named here takes from 0.2 to 3 s."""
    report = f"\nimport json, sys\nprint(json.dumps([name for name in {unused} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program + report], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_every_public_name_is_there():
    assert {name: getattr(evlib, name).__name__ for name in evlib.__all__} == {name: name for name in evlib.__all__}
    assert set(evlib.__all__) <= set(dir(evlib))
    with pytest.raises(AttributeError, match="module 'evlib' has no attribute 'solver'"):
        evlib.solver  # noqa: B018
