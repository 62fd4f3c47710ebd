"""A file or folder is either the old one or the new one, whatever stops the writer."""

import json

import numpy as np
import pandas as pd
import pytest

from evlib.files import (
    json_text,
    replacing,
    replacing_files,
    replacing_folder,
    sha256_file,
    why_unwritable,
    write_csv,
    write_json,
    write_npz,
    write_text,
)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_interrupted_write_leaves_the_old_file(tmp_path, stop):
    """Half of the new text is on disk when the writer is stopped: the old file stays, and nothing else does."""
    path = tmp_path / "table.csv"
    write_text(path, "old\n")

    def interrupted_write():
        with replacing(path) as temporary:
            temporary.write_text("ne")
            raise stop

    with pytest.raises(stop):
        interrupted_write()
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_unwritable_value_leaves_the_old_file(tmp_path):
    """nan is not JSON and an object array would need a pickle: both are refused, and the old files stay."""
    write_json(tmp_path / "a.json", {"b": 1, "a": np.float64(2.5)})
    write_npz(tmp_path / "a.npz", x=np.arange(3))
    before = {path.name: sha256_file(path) for path in tmp_path.iterdir()}

    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    with pytest.raises(ValueError, match=r"array 'x' holds Python objects"):
        write_npz(tmp_path / "a.npz", x=np.array([None]))
    assert {path.name: sha256_file(path) for path in tmp_path.iterdir()} == before


def test_same_content_gives_same_bytes(tmp_path):
    """Key order does not matter, NPZ holds no time of writing, CSV no index; values come back as they went in."""
    assert json_text({"b": [1, None], "a": "é"}) == json_text({"a": "é", "b": [1, None]})
    for name in ("one.npz", "two.npz"):
        write_npz(tmp_path / name, power_kw=np.array([1.5, -2.0]))
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    write_csv(tmp_path / "t.csv", pd.DataFrame({"time_min": [0, 5], "load_kw": [0.1, 2.0]}, index=[7, 8]))
    assert (tmp_path / "t.csv").read_bytes() == b"time_min,load_kw\n0,0.1\n5,2.0\n"
    write_json(tmp_path / "n.json", {"n": np.int64(3), "x": np.float32(0.5)})
    assert json.loads((tmp_path / "n.json").read_text()) == {"n": 3, "x": 0.5}


def entry(folder, text):
    folder.mkdir(exist_ok=True)
    (folder / "content").write_text(text)


@pytest.mark.parametrize(
    ("kept", "content"), [(True, "old"), (False, "new")], ids=["made meanwhile by another", "damaged"]
)
def test_a_folder_is_replaced_whole_unless_the_one_that_is_there_is_to_stay(tmp_path, kept, content):
    entry(tmp_path / "entry", "old")
    with replacing_folder(tmp_path / "entry", keep=lambda folder: kept) as temporary:
        entry(temporary, "new")
    assert (tmp_path / "entry" / "content").read_text() == content
    assert [path.name for path in tmp_path.iterdir()] == ["entry"]


def test_a_file_in_the_place_of_a_folder_is_replaced(tmp_path):
    (tmp_path / "entry").write_text("a file")
    with replacing_folder(tmp_path / "entry", keep=lambda folder: False) as temporary:
        entry(temporary, "new")
    assert (tmp_path / "entry" / "content").read_text() == "new"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_files_that_belong_together_are_replaced_together(tmp_path, stop):
    """Stopped between two files, none is replaced; else all are, and what stands beside them stays."""
    for name in ("a", "b", "beside"):
        (tmp_path / name).write_text("old")

    def write(stopped):
        with replacing_files(tmp_path, last="b") as fresh:
            (fresh / "a").write_text("new")
            if stopped:
                raise stop
            (fresh / "b").write_text("new")

    with pytest.raises(stop):
        write(stopped=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(("a", "b", "beside"), "old")
    write(stopped=False)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "new", "b": "new", "beside": "old"}


def test_a_place_is_tried_before_work_and_left_as_it_was(tmp_path):
    (tmp_path / "file").write_text("")
    assert why_unwritable(tmp_path / "new") == ""
    assert why_unwritable(tmp_path / "absent" / "new") == "No such file or directory"
    assert why_unwritable(tmp_path / "file" / "new") == "Not a directory"
    assert why_unwritable(tmp_path / ("n" * 300)) == "File name too long"
    assert "null" in why_unwritable(tmp_path / "a\0b")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
