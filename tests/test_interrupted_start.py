"""Ctrl-C before the command line has loaded."""

import os
import signal
import subprocess
import sys

import pytest

INTERRUPTS = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(5)\n"


def heed_interrupts():
    """For the child: a job that a shell runs in the background ignores SIGINT, and so do its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize(
    "package", ["pandas", *(pytest.param(name, marks=pytest.mark.verify) for name in ("numba", "numpy"))]
)
def test_ctrl_c_while_packages_load_is_one_line_and_exit_130(tmp_path, package):
    """A package that sends the signal stands in for one that takes long."""
    (tmp_path / f"{package}.py").write_text(INTERRUPTS)
    done = subprocess.run(
        [sys.executable, "-m", "evlib", "solve", "mini", "--out", str(tmp_path / "out")],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=heed_interrupts,
    )
    assert done.returncode == 130
    assert done.stderr.splitlines() == ["interrupted while evlib was loading; nothing is written"]
    assert done.stdout == ""


def test_whoever_imports_evlib_gets_the_usual_interrupt(tmp_path):
    (tmp_path / "numba.py").write_text(INTERRUPTS)
    program = "try:\n    from evlib import solve\nexcept KeyboardInterrupt:\n    print('caught')"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", program, "-m", "evlib"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, preexec_fn=heed_interrupts
    )
    assert done.stdout == "caught\n"
