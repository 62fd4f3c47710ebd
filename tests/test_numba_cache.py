"""Without a place for compiled functions beside the sources or at home, evlib still imports."""

import os
import subprocess
import sys
import tempfile

import pytest

from evlib.numba_cache import _temporary_cache

READ_ONLY = """
import os, tempfile
writable, whole = os.environ["TMPDIR"], tempfile.TemporaryFile

def read_only(*arguments, dir=None, **keywords):
    if dir is not None and not str(dir).startswith(writable):
        raise OSError("read-only")
    return whole(*arguments, dir=dir, **keywords)

tempfile.TemporaryFile = read_only
import evlib.numba_cache, numba
print(numba.config.CACHE_DIR)
"""


def test_a_read_only_checkout_without_a_writable_home_keeps_functions_in_a_temporary_folder(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    environment["TMPDIR"] = str(tmp_path)
    command = [sys.executable, "-c", READ_ONLY]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [folder] = tmp_path.iterdir()
    assert done.stdout.strip() == str(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    [line] = done.stderr.splitlines()
    assert line.startswith(f"compiled functions are kept in {folder}")


@pytest.mark.parametrize(("mode", "used"), [(0o700, True), (0o777, False)])
def test_a_folder_that_others_can_write_to_is_not_used(tmp_path, monkeypatch, mode, used):
    """Compiled functions are code: nobody else may put them there."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / f"evlib-numba-{os.getuid()}"
    folder.mkdir()
    folder.chmod(mode)
    assert (_temporary_cache() == folder) == used
