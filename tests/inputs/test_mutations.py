"""Every field of both scenarios and every column of a scenario's tables, spoiled one at a time: each fault is named."""

import shutil
from fnmatch import fnmatchcase

import pytest
import yaml

from evlib import InputError, load_scenario
from evlib.folders import DATA, SCENARIOS
from evlib.inputs.reading.strict_yaml import read_yaml
from study.benchmarks import mutations
from study.benchmarks.run import BENCHMARKS


@pytest.fixture(scope="module", params=[("mini",), pytest.param(mutations.NAMES, marks=pytest.mark.verify)], ids=len)
def outcomes(request):
    """Outcomes by scenario: those of `nguyen`, which has the same fields, are for make verify."""
    return mutations.all_outcomes(request.param)


def test_nothing_passes_silently_and_nothing_ends_in_a_traceback(outcomes):
    """Each ends in an InputError that names file or field, or is stated to be harmless and changes just that."""
    assert len(outcomes) >= 400
    assert [(item.label, item.message) for item in outcomes if item.status not in ("refused", "harmless")] == []
    assert [(item.label, item.message) for item in outcomes if item.status == "refused" and not item.named] == []
    assert max(item.seconds for item in outcomes) < 20


def test_a_fault_of_a_field_is_said_of_that_field(outcomes):
    """By its dotted name or by that of a section around it, for nearly all; the rest name the field it contradicts."""
    of_fields = [
        item for item in outcomes if item.status == "refused" and not item.label.split(" ")[0].endswith(".csv")
    ]
    without = []
    for item in of_fields:
        field = item.label.split(" ")[1].rstrip(":")
        if field not in item.message and field.rpartition(".")[0] not in item.message:
            without.append((item.label, item.message))
    assert len(without) <= 0.001 * len(of_fields), without


@pytest.mark.parametrize(
    "field",
    [
        "stations.a.node",
        "time.start_clock",
        *(pytest.param(field, marks=pytest.mark.verify) for field in ("fleet.vehicles", "grid.zones.a.buses")),
    ],
)
def test_the_same_faults_are_refused_in_the_text_of_a_file(tmp_path, outcomes, field):
    """The mutations above spoil what was read; here the spoiled file is written and read again."""
    raw = read_yaml(SCENARIOS / "mini.yaml")
    shutil.copytree(DATA, tmp_path / "data", ignore=shutil.ignore_patterns("epfl*", "results"))
    file = tmp_path / "data" / "scenarios" / "mini.yaml"
    statuses = {item.label: item.status for item in outcomes}
    for label, change in mutations._field_mutations(raw, ""):
        if label.split(" ")[0].rstrip(":") == field and statuses[f"mini {label}"] == "refused":
            with change():
                file.write_text(yaml.safe_dump(raw, sort_keys=False))
            with pytest.raises(InputError, match=r"mini\.yaml: "):
                load_scenario(file)


def test_every_field_and_every_table_is_spoiled(outcomes):
    labels = [item.label for item in outcomes]
    assert len(set(labels)) == len(labels)
    for name in {label.split(" ")[0] for label in labels} & set(mutations.NAMES):
        for field in ("time.n_steps", "stations.*.node", "grid.zones.*.buses", "prices.import_tariff.*.from_clock"):
            for change in ("= text", "= nan", "= inf", "= -1", "= 1e30", "= true", "= null", "removed", "misspelt"):
                assert any(fnmatchcase(label, f"{name} {field} {change}") for label in labels), (name, field, change)
        assert any(label.startswith(f"{name} fleet.vehicles: range inverted") for label in labels)
        assert any(label.startswith(f"{name} fleet.vehicles: unit changed") for label in labels)
    for name in ("mini_links", "mini_nodes", "mini_buses", "mini_branches", "mini_ratings", "rts_gmlc_2020-07-15_day"):
        for change in ("row duplicated", "column unknown added", "rows removed"):
            assert f"{name}.csv {change}" in labels


def test_what_is_stated_to_be_harmless_is_and_nothing_else_is_listed(outcomes):
    """A pattern that fits no outcome would hide a later fault; some fit `nguyen` only."""
    if not any(item.label.startswith("nguyen ") for item in outcomes):
        pytest.skip("fields of nguyen are spoiled by make verify")
    harmless = [item.label for item in outcomes if item.status == "harmless"]
    assert [
        pattern for pattern in mutations.HARMLESS if not any(fnmatchcase(label, pattern) for label in harmless)
    ] == []


def test_the_counts_are_numbers_of_the_benchmarks(outcomes, monkeypatch):
    monkeypatch.setattr(mutations, "all_outcomes", lambda: outcomes)
    group = ("mutations_tried", "mutations_silent", "mutations_tracebacks")
    assert BENCHMARKS[group]() == (len(outcomes), 0, 0)
