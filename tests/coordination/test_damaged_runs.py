"""A saved run that is not as it was saved is refused in one error that names the file, whatever happened to it."""

import json
import os
import re

import numpy as np
import pytest

import evlib.coordination.saved_run as run_file
from evlib import InputError
from evlib.coordination.coordinate import coordinate
from evlib.coordination.problem import CoupledProblem
from evlib.files import write_npz


@pytest.fixture(scope="module")
def few(mini):
    return mini.replace({"coordination.iterations": 2, "coordination.exact_iterations": 2})


@pytest.fixture(scope="module")
def saved(few, tmp_path_factory):
    file = tmp_path_factory.mktemp("saved") / "run.npz"
    coordinate(few, method="joint", save=file)
    return file


def load(file, scenario):
    return run_file.load_state(file, scenario, "joint", "v2g", "system")


def raw(file):
    """Head and arrays of a saved run, as they are."""
    with np.load(file) as content:
        arrays = {name: content[name] for name in content.files}
    return json.loads(str(arrays.pop("head"))), arrays


def forge(file, head, arrays):
    """Write head and arrays with a checksum that agrees with them."""
    arrays = {name: array for name, array in arrays.items() if name != "checksum"}
    text = json.dumps(head)
    write_npz(file, head=np.array(text), checksum=np.array(run_file._checksum(text, arrays)), **arrays)


def refused(few, file, message):
    """Loading ends in one error that names the file; nothing else is accepted, and no other error."""
    with pytest.raises(InputError, match=rf"(?s)^{re.escape(str(file))}: .*{message}"):
        coordinate(few, method="joint", resume=file)


def test_a_flipped_bit_anywhere_never_changes_a_number(few, saved, tmp_path):
    """A bit that NumPy notices, does not notice, or stumbles over: InputError, or the very same state."""
    whole, file = saved.read_bytes(), tmp_path / "flipped.npz"
    state = run_file._packed(vars(load(saved, few)), arrays := {}, {})
    messages = []
    for place in np.linspace(0, len(whole) - 1, 60).astype(int):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(place) % 8
        file.write_bytes(flipped)
        try:
            again = run_file._packed(vars(load(file, few)), others := {}, {})
        except InputError as error:
            messages.append(str(error))
        else:
            assert repr(again) == repr(state)
            assert all(np.array_equal(others[name], arrays[name]) for name in arrays)
    assert len(messages) > 40
    assert all(message.startswith(f"{file}: ") for message in messages)


def test_a_head_edited_by_hand_is_refused(few, saved, tmp_path):
    head, arrays = raw(saved)
    head["state"]["level_cny_veh"] = 1.0
    write_npz(tmp_path / "edited.npz", head=np.array(json.dumps(head)), **arrays)
    refused(few, tmp_path / "edited.npz", "has been changed since it was written")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.update(level_cny_veh="1"), "state.level_cny_veh is a str, not a float"),
        (lambda state: state.update(level_cny_veh=True), "state.level_cny_veh is a bool, not a float"),
        (lambda state: state.update(flows_veh=None), "state.flows_veh is a NoneType, not a ndarray"),
        (lambda state: state.update(rows={"dict": {}}), "state.rows is a dict, not a list"),
        (lambda state: state.update(bounds_cny={"tuple": [1.0]}), "state.bounds_cny has 1 entries, not 2"),
        (lambda state: state.update(crowded={"list": [1.5]}), r"state.crowded\[0\] is a float, not a ndarray"),
        (lambda state: state.update(cuts=state["rows"]), "state.cuts is a list, not"),
        (lambda state: state.update(rows={"list": []}), "lengths .*must be the same"),
        (lambda state: state.update(rows={"array": "a99"}), "KeyError"),
        (lambda state: state.update(rows={"Unknown": {}}), "KeyError"),
        (lambda state: state.update(rows=[1]), "state.rows\\[0\\] is a int, not a IterationRow"),
        (lambda state: state.update(extra=1), "State holds .*extra"),
        (lambda state: state.pop("means"), "State holds"),
        (lambda state: state["rows"]["list"][0]["IterationRow"]["dict"].pop("iteration"), "IterationRow holds"),
        (
            lambda state: state["rows"]["list"][0]["IterationRow"]["dict"].update(iteration=0.5),
            r"state.rows\[0\].iteration is a float, not a int",
        ),
    ],
)
def test_fields_are_what_their_dataclasses_say(few, saved, tmp_path, change, message):
    """Also where the checksum agrees: as from a program that writes such files itself."""
    head, arrays = raw(saved)
    change(head["state"]["dict"] if "dict" in head["state"] else head["state"])
    forge(tmp_path / "forged.npz", head, arrays)
    refused(few, tmp_path / "forged.npz", message)


def test_arrays_have_the_shapes_that_the_problem_gives_them(few, saved, tmp_path, monkeypatch):
    """Each array in turn with a row too many, then in single precision: all are noticed, by name."""
    problem = CoupledProblem.of(few, "v2g", "system")
    monkeypatch.setattr(CoupledProblem, "of", lambda *_: problem)  # the same each time
    head, arrays = raw(saved)
    file = tmp_path / "forged.npz"
    for name in sorted(arrays.keys() - {"checksum"}):
        array = arrays[name]
        forge(file, head, arrays | {name: np.concatenate([array, array[:1]])})
        refused(few, file, r"state\.\w+(\.\w+)* has shape \(.*; must be \(")
        forge(file, head, arrays | {name: array.astype(np.float32)})
        refused(few, file, "is of type float32; must be as saved by coordinate")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("", "is a folder; must be a file"),
        ("absent/run.npz", "No such file or directory; must be a file in a folder that can be written to"),
        ("file/run.npz", "Not a directory; must be"),
        ("n" * 300, "File name too long; must be"),
        ("pipe", "is something else than a file; must be a file"),
        ("a\0b", "null"),
    ],
)
def test_the_place_of_a_saved_run_is_checked_before_any_work(few, tmp_path, monkeypatch, place, message):
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr(CoupledProblem, "of", None)
    with pytest.raises(InputError, match=f"(?s)save: .*{message}"):
        coordinate(few, method="joint", save=f"{tmp_path}/{place}")
    assert sorted(tmp_path.iterdir()) == before
