"""pyproject.toml, requirements.lock and environment.yml say the same, on every machine; no conda, no network."""

import re
from collections import Counter

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from evlib.errors import StudyError
from evlib.folders import ROOT
from study.workflow.lock import CONDA_NAMES, MACHINES, environment_text, pins, requirements

LOCK_TEXT = (ROOT / "requirements.lock").read_text(encoding="utf-8")
LOCK = list(pins(LOCK_TEXT))


def disagreements(wanted, locked):
    """What is wrong with a lock, one line each: every machine gets one version of what is asked for, within bounds."""
    complaints = []
    for machine in MACHINES:
        where = f"{machine['sys_platform']}, Python {machine['python_version']}"
        installed = [pin for pin in locked if pin.applies(machine)]
        counts = Counter(pin.name for pin in installed)
        complaints += [f"{name} twice on {where}" for name, n in counts.items() if n > 1]
        versions = {pin.name: pin.version for pin in installed}
        for item in wanted:
            if item.marker is None or item.marker.evaluate({**machine, "extra": ""}):
                version = versions.get(canonicalize_name(item.name))
                if version is None or version not in item.specifier:
                    complaints.append(f"{item} on {where}, but the lock has {version}")
    names = {canonicalize_name(item.name) for item in wanted}
    direct = {pin.name for pin in locked if pin.direct}
    complaints += [f"{name}: named by only one of the two" for name in sorted(names ^ direct)]
    return complaints + [f"{pin.name} has no hash" for pin in locked if not pin.hashes]


def test_lock_satisfies_pyproject_on_every_machine():
    assert disagreements(requirements(), LOCK) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda wanted, text: ([*wanted, Requirement("seaborn>=0.13")], text), "seaborn"),
        (lambda wanted, text: ([Requirement("numpy>=99"), *wanted], text), "numpy>=99 on linux"),
        (lambda wanted, text: ([w for w in wanted if w.name != "networkx"], text), "networkx: named by only one"),
        (lambda wanted, text: (wanted, text.replace("\nscipy==", "\nscipy==0.")), "scipy"),
        (lambda wanted, text: (wanted, text.replace("\nscipy==", "\nnumpy==1.0\nscipy==")), "numpy twice"),
        (lambda wanted, text: (wanted, re.sub(r"(\nscipy==[^\n]*\n)( +--hash[^\n]*\n)+", r"\1", text)), "no hash"),
        (lambda wanted, text: ([*wanted, Requirement("aiohttp; sys_platform == 'win32'")], text), "aiohttp"),
    ],
)
def test_disagreement_is_found(change, complaint):
    """The check itself is checked: one fault at a time is put into a copy, and the complaint names it."""
    wanted, text = change(requirements(), LOCK_TEXT)
    assert any(complaint in line for line in disagreements(wanted, list(pins(text))))


def test_lock_says_nothing_of_the_machine_that_made_it():
    assert not re.search(r"\s/\w|--index-url|--find-links|://", LOCK_TEXT)


def test_unpinned_entry_is_an_error():
    with pytest.raises(StudyError, match="is not name==version"):
        list(pins("numpy>=2\n"))


def test_environment_lists_what_pyproject_lists():
    """Read back with conda's names turned round again: the same names with the same bounds, no more and no fewer."""
    content = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    lines = [line for line in content["dependencies"] if isinstance(line, str)]
    [pip_lines] = [line["pip"] for line in content["dependencies"] if isinstance(line, dict)]
    back = {conda: name for name, conda in CONDA_NAMES.items()}
    listed = {back.get(item.name, item.name): item.specifier for item in map(Requirement, lines)}
    listed |= {canonicalize_name(item.name): item.specifier for item in map(Requirement, set(pip_lines) - {"-e ."})}
    assert listed.pop("python") == Requirement("python>=3.11").specifier
    assert listed.pop("pip") == ""
    assert listed == {canonicalize_name(item.name): item.specifier for item in requirements()}
    assert "kaleido" not in {Requirement(line).name for line in lines}
    assert content["channels"] == ["conda-forge", "nodefaults"]


def test_environment_is_what_make_lock_writes():
    assert (ROOT / "environment.yml").read_text(encoding="utf-8") == environment_text()


def test_markers_go_where_conda_can_bear_them(tmp_path):
    """Holds everywhere: written plainly. Holds nowhere: left out. Holds on some machines: left to pip."""
    (tmp_path / "pyproject.toml").write_text(
        "[project]\nrequires-python='>=3.11'\ndependencies=[\"a>=1; python_version >= '3.8'\", "
        "\"b; python_version < '3.11'\", \"c<2; sys_platform == 'win32'\"]\n"
    )
    content = yaml.safe_load(environment_text(tmp_path))
    assert content["dependencies"][:-1] == ["a>=1", "pip", "python>=3.11"]
    assert content["dependencies"][-1]["pip"] == ["-e .", 'c<2; sys_platform == "win32"']


def test_uv_that_fills_the_environment_is_pinned():
    """The Makefile's bootstrap takes uv's version and hashes from the lock."""
    [uv] = [pin for pin in LOCK if pin.name == "uv"]
    assert uv.version >= Version("0.9")
    assert uv.marker is None
