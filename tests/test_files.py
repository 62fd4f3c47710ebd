"""A file is either the old one or the new one, whatever stops the writer."""

import json

import numpy as np
import pandas as pd
import pytest

from evlib.files import (
    json_text,
    replacing,
    sha256_file,
    write_csv,
    write_json,
    write_npz,
    write_text,
)
from evlib.leftovers import remove_leftovers


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


def test_leftovers_of_a_killed_run_are_removed(tmp_path):
    """A kill cannot be caught: its temporary file is removed by the next run, and no other file is."""
    (tmp_path / ".a.csv.123-00ff.tmp").write_text("half")
    (tmp_path / "a.csv").write_text("whole")
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
