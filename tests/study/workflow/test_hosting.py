"""Files for services that host the study: what they run and name exists."""

import json
import re
import tomllib

import pytest
import yaml

from evlib.folders import ROOT


def make_targets():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", makefile, flags=re.MULTILINE))


def made_by(command):
    """Targets of a line such as ``make env site``."""
    words = command.split()
    assert words[0] == "make"
    return set(words[1:])


@pytest.fixture(scope="module")
def workflow():
    return yaml.safe_load((ROOT / ".github/workflows/pages.yml").read_text(encoding="utf-8"))


def test_the_site_workflow_runs_what_the_makefile_has(workflow):
    [job] = workflow["jobs"].values()
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert set().union(*map(made_by, runs)) == {"site"} <= make_targets()
    assert all(re.search(r"@v\d+$", step["uses"]) for step in job["steps"] if "uses" in step)


def test_the_site_workflow_uploads_the_folder_that_make_site_writes(workflow):
    """With the rights that a deployment asks for, and a Python that the project allows."""
    [job] = workflow["jobs"].values()
    steps = {step["uses"].split("@")[0]: step.get("with", {}) for step in job["steps"] if "uses" in step}
    assert steps["actions/upload-pages-artifact"]["path"] == "build/site"
    assert 'build_dir() / "site"' in (ROOT / "study/__main__.py").read_text(encoding="utf-8")
    assert workflow["permissions"] == {"contents": "read", "pages": "write", "id-token": "write"}
    assert steps["actions/setup-python"]["python-version"] == "3.11"


def test_the_container_makes_the_environment_that_it_names():
    settings = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    assert made_by(settings["postCreateCommand"]) <= make_targets()
    interpreter = settings["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert interpreter.endswith("/.venv/bin/python")
    assert settings["image"].endswith(":3.11")


def test_binder_finds_all_it_needs_at_the_root():
    """Binder takes environment.yml of the root unless a folder binder or .binder hides it."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    packages = [item for item in environment["dependencies"] if isinstance(item, str)]
    [pip] = [item["pip"] for item in environment["dependencies"] if isinstance(item, dict)]
    assert "-e ." in pip
    assert any(package.startswith("jupyterlab") for package in packages)
    assert not (ROOT / "binder").exists()
    assert not (ROOT / ".binder").exists()


def test_the_citation_is_of_the_version_that_is_packaged():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
