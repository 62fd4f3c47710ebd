"""``make test`` runs its parts beside each other, shows what each said, and fails when one of them does."""

import os
import shutil
import subprocess

import pytest

from evlib.folders import ROOT

# In place of the real environment and style check, and two parts of which one fails.
RULES = """
env: ; @:
lint: ; @:
good: ; @echo all is well
bad: ; @echo something is wrong; exit 3
"""


def _make_test(folder, rules: str, parts: str) -> subprocess.CompletedProcess:
    """The Makefile's own rules but for ``rules``, in a folder where nothing has been built yet; no kernels are compiled."""
    (folder / "Makefile").write_text((ROOT / "Makefile").read_text(encoding="utf-8") + rules, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "test", f"PARTS={parts}", "KERNELS="]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(("parts", "fails"), [("good", False), ("bad", True), ("bad good", True), ("good bad", True)])
def test_a_failing_part_fails_the_whole_and_the_others_are_still_shown(tmp_path, parts, fails):
    done = _make_test(tmp_path, RULES, parts)
    assert (done.returncode != 0) == fails, done.stderr
    for part, said in (("good", "all is well"), ("bad", "something is wrong")):
        assert (said in done.stdout) == (part in parts)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_no_part_runs_where_the_style_is_not_kept(tmp_path):
    rules = RULES.replace("lint: ; @:", "lint: ; @exit 3")
    done = _make_test(tmp_path, rules, "good")
    assert done.returncode != 0
    assert "all is well" not in done.stdout
