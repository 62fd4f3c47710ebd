"""A scenario's parameters as tables to read: every number once, with its range, as the file has it."""

import pytest

from evlib import InputError, load_scenario
from evlib.inputs.reading.parameter_tables import members_table, section_table


@pytest.fixture(scope="module")
def parameters():
    return load_scenario("mini").parameters()


def test_a_section_has_its_own_parameters_and_a_group_those_of_its_members(parameters):
    time = section_table(parameters, "time").set_index("parameter")
    assert time.loc["loading_step_s", ["value", "unit", "range"]].tolist() == ["30", "s", "5 to 60"]
    both = section_table(parameters, "origins", "stations", levels=2)["parameter"].tolist()
    assert both == ["origins.o1.share", "origins.o2.share", "stations.a.plugs", "stations.b.plugs"]


def test_members_stand_side_by_side(parameters):
    classes = members_table(parameters, "fleet.classes").set_index("field")
    long = section_table(parameters, "fleet.classes", levels=2).set_index("parameter")
    names = [name for name in classes.columns if name not in ("unit", "source")]
    assert len(names) * len(classes) == len(long)
    for name in names:
        row = long.loc[f"{name}.battery_kwh"]
        assert classes.loc["battery_kwh", name] == f"{row['value']} ({row['range']})"


def test_an_unknown_section_is_named(parameters):
    with pytest.raises(InputError, match="'tiem'"):
        section_table(parameters, "tiem")
