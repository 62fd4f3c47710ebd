"""What counts as a change of the code, and what does not."""

import pytest

from evlib.hashing import code_hash, files_hash, lock_hash, package_sources, source_hash

SOURCE = '''"""Says what."""
def double(x):
    """Twice x."""
    return 2 * x  # twice
'''


@pytest.fixture
def hash_of(tmp_path):
    def compute(text, name="m.py"):
        path = tmp_path / name
        path.write_text(text)
        return source_hash([path], tmp_path)

    return compute


@pytest.mark.parametrize(
    "same",
    [
        SOURCE.replace("# twice", "# two times"),
        SOURCE.replace('"""Twice x."""\n', '"""x, doubled."""\n'),
        SOURCE.replace('    """Twice x."""\n', ""),
        SOURCE.replace("return 2 * x", "return (\n        2 * x\n    )"),
        SOURCE.replace('"""Says what."""', '"""Says it."""\n\n# a line\n'),
    ],
)
def test_comment_docstring_or_layout_is_no_change(hash_of, same):
    assert hash_of(same) == hash_of(SOURCE)


@pytest.mark.parametrize(
    "other",
    [
        SOURCE.replace("2 * x", "3 * x"),
        SOURCE.replace("2 * x", "2.0 * x"),
        SOURCE.replace("return 2 * x", "return x * 2"),
        SOURCE.replace("2 * x", "None * x"),
        SOURCE + "\nLABEL = 'kW'\n",
    ],
)
def test_changed_code_is_a_change(hash_of, other):
    assert hash_of(other) != hash_of(SOURCE)


def test_renamed_file_is_a_change(hash_of):
    assert hash_of(SOURCE, "a.py") != hash_of(SOURCE, "b.py")


def test_broken_source_is_named(hash_of, tmp_path):
    with pytest.raises(SyntaxError) as error:
        hash_of("def (:")
    assert error.value.filename == str(tmp_path / "m.py")


def test_lock_hash_sees_pins_and_not_comments(tmp_path):
    lock = tmp_path / "requirements.lock"
    hashes = []
    for text in ("# made today\nnumpy==2.4.6\n    # via scipy\n", "# made\nnumpy==2.4.6\n", "numpy==2.4.7\n"):
        lock.write_text(text)
        hashes.append(lock_hash(tmp_path))
    assert hashes[0] == hashes[1] != hashes[2]


def test_data_hash_sees_bytes_and_names(tmp_path):
    (tmp_path / "a.csv").write_text("1\n")
    before = files_hash([tmp_path / "a.csv"], tmp_path)
    (tmp_path / "a.csv").write_text("2\n")
    assert files_hash([tmp_path / "a.csv"], tmp_path) != before


def test_code_hash_leaves_out_what_no_solved_number_depends_on(tmp_path):
    """A room or a module that is named stays out, one whose name only begins alike does not; the chain is elsewhere."""
    files = ("evlib/inputs/scenario.py", "evlib/flexibility/support.py", "evlib/figures/maps.py", "study/run.py")
    files += ("evlib/results/claims.py", "evlib/results/claims_grid.py")
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    kept = package_sources(tmp_path, without=("figures", "results.claims"))
    assert [path.name for path in kept] == ["support.py", "scenario.py", "claims_grid.py"]
    assert len(code_hash()) == 64
