"""The environment is made once, made again when a part of it is missing, and found whole at next to no cost."""

import errno
import os
import shutil
import subprocess
import sys
import time
from types import SimpleNamespace

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


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project without an environment, in which nothing is installed."""
    (tmp_path / "requirements.lock").write_text("six==1.17.0\n")
    for name, value in {
        "ROOT": str(tmp_path),
        "VENV": str(tmp_path / ".venv"),
        "STAMP": str(tmp_path / ".venv" / ".lock-sha"),
        "_works": lambda: True,
        "_install_by_uv": lambda lock: False,
        "_install_by_pip": lambda: False,
    }.items():
        monkeypatch.setattr(bootstrap, name, value)
    return tmp_path


def refuse_to_write(**_):
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


HINDRANCES = {
    "old Python": ("sys.version_info", (3, 9, 2), "Python 3.11 or later is needed", "make PYTHON=python3.12"),
    "no venv": ("importlib.util.find_spec", lambda name: None, "has no module venv", "apt-get install python3-venv"),
    "full disk": (
        "shutil.disk_usage",
        lambda path: SimpleNamespace(free=1.04e9),
        "1.0 GB are free",
        "Make room",
    ),
    "read-only folder": ("tempfile.TemporaryFile", refuse_to_write, "(Read-only file system)", "folder of your own"),
    "no index": ("sys.flags", sys.flags, "could not be installed", "PIP_INDEX_URL"),
    "disk full on the way": (
        "shutil.rmtree",
        lambda *_, **__: os.stat("/no/such/place"),
        "/no/such/place",
        "2.5 GB free",
    ),
}


@pytest.mark.parametrize("case", HINDRANCES)
def test_what_stands_in_the_way_ends_with_one_line_that_says_what_to_do(case, project, monkeypatch, capsys):
    place, value, what, remedy = HINDRANCES[case]
    monkeypatch.setattr(place, value)
    if case == "disk full on the way":
        monkeypatch.setattr(bootstrap, "_works", lambda: False)
    assert bootstrap.main() == 1
    [line] = capsys.readouterr().err.splitlines()
    assert what in line
    assert remedy in line
    assert not (project / ".venv").exists()


def test_a_missing_lock_is_named(project, capsys):
    (project / "requirements.lock").unlink()
    assert bootstrap.main() == 1
    assert "git checkout requirements.lock" in capsys.readouterr().err


@pytest.mark.verify
def test_without_a_package_index_the_last_line_says_what_to_do(tmp_path):
    """With a real environment, and an index that nobody answers for."""
    (tmp_path / "study/workflow").mkdir(parents=True)
    shutil.copy(bootstrap.__file__, tmp_path / "study/workflow/bootstrap.py")
    (tmp_path / "requirements.lock").write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
    nobody = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
    command = [sys.executable, tmp_path / "study/workflow/bootstrap.py"]
    done = subprocess.run(command, env=os.environ | nobody, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "PIP_INDEX_URL" in done.stderr.splitlines()[-1]


def test_bootstrap_needs_nothing_but_the_standard_library():
    code = "import runpy, sys; runpy.run_path(sys.argv[1]); print([name for name in ('numpy', 'evlib') if name in sys.modules])"
    command = [sys.executable, "-S", "-c", code, bootstrap.__file__]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
