"""The environment is made once, made again when a part of it is missing, and found whole at next to no cost."""

import os
import subprocess
import sys
import time

import pytest

from evlib.folders import ROOT
from study.workflow import bootstrap

PACKAGES = {"numpy": "2.3.1", "six": "1.17.0"}


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """An environment of two packages, with an installer that believes the records, as pip and uv do."""
    packages = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    calls = []

    def install(lock):
        calls.append("install")
        (tmp_path / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
        (tmp_path / ".venv" / "bin" / "python").touch()
        for name, version in PACKAGES.items():
            record = packages / f"{name}-{version}.dist-info" / "RECORD"
            if record.exists():
                continue
            file = packages / ("six.py" if name == "six" else f"{name}/__init__.py")
            for path in (record, file):
                path.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
            record.write_text(f"{file.relative_to(packages)},sha256=x,1\n{record.relative_to(packages)},,\n")
        return True

    (tmp_path / "requirements.lock").write_text("numpy==2.3.1\nsix==1.17.0\n")
    for name, value in {
        "ROOT": str(tmp_path),
        "VENV": str(tmp_path / ".venv"),
        "STAMP": str(tmp_path / ".venv" / ".lock-sha"),
        "_works": lambda: True,
        "_install_by_uv": install,
        "_make_importable": lambda: (packages / "evlib.pth").touch(),
    }.items():
        monkeypatch.setattr(bootstrap, name, value)
    assert bootstrap.main() == 0
    install.packages, install.calls = packages, calls
    return install


def test_a_whole_environment_is_left_alone(environment):
    (environment.packages / "__pycache__").mkdir()
    (environment.packages / "somebody_added_this").mkdir()
    assert bootstrap.main() == 0
    assert environment.calls == ["install"]


@pytest.mark.parametrize("name", ["six.py", "numpy", "numpy-2.3.1.dist-info", "evlib.pth"])
def test_what_is_missing_is_installed_again(environment, name, capsys):
    """A package, its record, or the line that makes evlib importable; found once, not each time from then on."""
    path = environment.packages / name
    subprocess.run(["rm", "-r", path], check=True)
    for _ in range(2):
        assert bootstrap.main() == 0
        assert path.exists()
        assert environment.calls == ["install"] * 2
    assert f"Missing in .venv: {name}\n" in capsys.readouterr().out


def test_another_version_is_not_taken_for_the_locked_one(environment):
    record = environment.packages / "numpy-2.3.1.dist-info"
    record.rename(environment.packages / "numpy-2.4.0.dist-info")
    bootstrap.main()
    assert record.exists()


def test_a_stamp_without_a_list_is_made_anew_once(environment):
    stamp = environment.packages.parents[2] / ".lock-sha"
    stamp.write_text("".join(stamp.read_text().splitlines(keepends=True)[:2]))
    for _ in range(2):
        assert bootstrap.main() == 0
    assert environment.calls == ["install"] * 2


def test_the_look_is_cheap(environment, monkeypatch):
    """On this very environment: far below 0.2 s."""
    monkeypatch.setattr(bootstrap, "VENV", os.path.join(ROOT, ".venv"))
    names = bootstrap._installed()
    if not names:
        pytest.skip("not in .venv")
    start_s = time.process_time()
    assert bootstrap._missing("\n\n" + "\n".join(names)) == set()
    assert time.process_time() - start_s < 0.2


def test_bootstrap_needs_nothing_but_the_standard_library():
    code = "import runpy, sys; runpy.run_path(sys.argv[1]); print([name for name in ('numpy', 'evlib') if name in sys.modules])"
    command = [sys.executable, "-S", "-c", code, bootstrap.__file__]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
