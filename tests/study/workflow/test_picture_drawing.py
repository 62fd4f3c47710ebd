"""A browser that hangs or dies costs a retry, never the run; a palette makes pictures small and keeps their colours."""

import inspect
import io
import os
import subprocess
import tempfile
import time

import numpy as np
import pytest
from PIL import Image

from evlib.errors import StudyError
from study.workflow import render as drawing
from study.workflow.render import Picture, render, with_palette


def worker(tmp_path, script):
    path = tmp_path / "worker.sh"
    path.write_text(f"#!/bin/sh\ncd '{tmp_path}'\n{script}\n")
    path.chmod(0o755)
    return [str(path)]


def picture(tmp_path, name="a.png"):
    return Picture(str(tmp_path / "a.json"), str(tmp_path / name), 100, 100)


def alive(pid):
    """Whether a process runs (a zombie that nobody has waited for does not)."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_hanging_browser_is_ended_with_its_children_and_tried_again(tmp_path):
    """The first attempt starts a grandchild and hangs; the second draws."""
    script = "if [ -e tried ]; then touch a.png; else touch tried; sleep 60 & echo $! > child; sleep 60; fi"
    start_s = time.monotonic()
    render([picture(tmp_path)], start_limit_s=2, picture_limit_s=0, worker=worker(tmp_path, script))
    assert (tmp_path / "a.png").exists()
    assert time.monotonic() - start_s < 10
    child = int((tmp_path / "child").read_text())
    deadline_s = time.monotonic() + 5
    while alive(child) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not alive(child)


def test_only_what_is_missing_is_tried_again(tmp_path):
    """An attempt that dies half-way has drawn one of two pictures; the next gets the other alone."""
    script = (
        'cp "$1" jobs$(ls jobs* 2>/dev/null | wc -l); if [ -e a.png ]; then touch b.png; else touch a.png; exit 1; fi'
    )
    render([picture(tmp_path), picture(tmp_path, "b.png")], worker=worker(tmp_path, script))
    assert "a.png" not in (tmp_path / "jobs1").read_text()
    assert not (tmp_path / "jobs2").exists()


def test_picture_that_cannot_be_drawn_is_an_error_with_the_last_words(tmp_path):
    """An old picture of that name does not count."""
    (tmp_path / "a.png").write_text("old")
    with pytest.raises(StudyError, match=r"(?s)1 of 1 pictures.*a\.png.*code 3.*no such font"):
        render([picture(tmp_path)], attempts=2, worker=worker(tmp_path, "echo no such font >&2; exit 3"))


def test_a_browser_that_hangs_between_pictures_is_ended_soon(tmp_path):
    """What counts is the time since the last picture, not that of all together: the other is tried again."""
    script = "if [ -e a.png ]; then touch b.png; else touch a.png; sleep 60; fi"
    pictures = [picture(tmp_path), picture(tmp_path, "b.png")]
    start_s = time.monotonic()
    render(pictures, start_limit_s=50, picture_limit_s=0.5, worker=worker(tmp_path, script))
    assert (tmp_path / "b.png").exists()
    assert time.monotonic() - start_s < 20


def test_a_browser_that_hangs_after_its_last_picture_costs_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "_SHUTDOWN_LIMIT_S", 0.2)
    start_s = time.monotonic()
    render([picture(tmp_path)], worker=worker(tmp_path, "touch a.png; sleep 60"))
    assert time.monotonic() - start_s < 20


@pytest.mark.parametrize(("seconds", "ending"), [(18, "ended with code 0"), (22, "ended after 20 s without")])
def test_a_loaded_machine_may_take_its_time_as_long_as_pictures_come(tmp_path, monkeypatch, seconds, ending):
    """A clock of its own: the browser takes 38 s to start, then one picture after the other, for three minutes."""
    pictures = [picture(tmp_path, f"{k}.png") for k in range(10)]
    due = [38 + seconds * k for k in range(10)]
    clock = iter(range(10_000))
    monkeypatch.setattr(drawing.time, "monotonic", lambda: now[0])
    now = [0]

    class Process:
        returncode = 0

        def wait(self, limit_s):
            now[0] = next(clock)
            if now[0] > due[-1]:
                return
            if now[0] in due:
                (tmp_path / f"{due.index(now[0])}.png").touch()
            raise subprocess.TimeoutExpired("draw", limit_s)

    limits = inspect.signature(render).parameters
    watched = [limits[name].default for name in ("start_limit_s", "picture_limit_s")]
    assert ending in drawing._watch(Process(), pictures, *watched)


def test_nothing_is_left_of_a_browser_that_was_ended(tmp_path, monkeypatch):
    """No folder for temporary files, no half-written picture; and the second attempt may take twice as long."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    script = 'mkdir "$TMPDIR/browser"; touch "$TMPDIR/browser/x" .a.png.$$-00ff.tmp; sleep 60'
    limits = {"start_limit_s": 0.8, "picture_limit_s": 0, "attempts": 2}
    with pytest.raises(StudyError, match=r"ended after 1\.6 s without a new picture, 1 missing"):
        render([picture(tmp_path)], **limits, worker=worker(tmp_path, f"touch ran; {script}"))
    assert (tmp_path / "ran").exists()
    assert list(temporary.iterdir()) == []
    assert list(tmp_path.glob(".*")) == []


def pixels(png):
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def as_png(array):
    with io.BytesIO() as file:
        Image.fromarray(np.asarray(array, dtype=np.uint8)).save(file, "PNG")
        return file.getvalue()


@pytest.fixture
def picture_of_greys():
    """256 shades of grey, 40 pixels each, and 6 pixels of orange."""
    array = np.repeat(np.arange(256), 40)[:, None] * np.ones(3)
    array[:6] = [213, 94, 0]
    return array.reshape(64, 160, 3)


def test_picture_with_no_more_colours_than_the_palette_stays_as_it_is():
    flat = np.zeros((20, 30, 3))
    flat[:, :10], flat[5, 20] = [255, 255, 255], [0, 114, 178]
    assert (pixels(with_palette(as_png(flat), 3)) == flat).all()


@pytest.mark.parametrize("colours", [8, 32, 256])
def test_palette_is_no_larger_than_asked_and_a_small_area_keeps_its_colour(picture_of_greys, colours):
    small = pixels(with_palette(as_png(picture_of_greys), colours))
    assert len(np.unique(small.reshape(-1, 3), axis=0)) <= colours
    assert (small[0, :6] == [213, 94, 0]).all()
    if colours > 8:
        assert np.abs(small - picture_of_greys).max() <= 256 / (colours - 1)  # greys evenly covered, two at the ends


def test_same_picture_gives_the_same_bytes(picture_of_greys):
    png = as_png(picture_of_greys)
    assert with_palette(png, 32) == with_palette(png, 32)
    assert len(with_palette(png, 32)) < len(with_palette(png, 256))
