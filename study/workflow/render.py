"""Figure JSON to pictures: the one place that knows kaleido.

Kaleido 0.2.1 brings its own browser and now and then hangs when that starts. So it runs in a process group of its own,
which may take its time as long as one picture follows the other; a group that stops drawing is ended as a whole and what
it left undone is tried again.
"""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from evlib.errors import StudyError
from evlib.files import write_bytes, write_json
from evlib.leftovers import remove_leftovers, temporary_folder

__all__ = ["Picture", "render", "with_palette"]

_WORKER = (sys.executable, "-m", "study.workflow.render")
_LOOK_EVERY_S = 0.1
_SHUTDOWN_LIMIT_S = 5.0  # once all pictures are there, nothing is lost by ending the process


@dataclass(frozen=True)
class Picture:
    """One picture to draw.

    Attributes
    ----------
    drawing : str
        Path of the figure's JSON.
    out : str
        Path of the picture; its ending, ``.png`` or ``.pdf``, says which kind.
    width, height : int
        Size of the layout [px].
    scale : float
        Pixels of the picture per pixel of the layout.
    colours : int
        Size of a PNG's palette, at most 256.
    """

    drawing: str
    out: str
    width: int
    height: int
    scale: float = 1.0
    colours: int = 256


def render(
    pictures: Sequence[Picture],
    *,
    start_limit_s: float = 20.0,
    picture_limit_s: float = 20.0,
    attempts: int = 4,
    worker: Sequence[str] = _WORKER,
) -> None:
    """Draw pictures, in one browser, outside of any kernel.

    Parameters
    ----------
    pictures : sequence of Picture
    start_limit_s, picture_limit_s : float
        How long the first attempt may go without a picture [s]: the second since the last picture, both before the
        first. Every further attempt may take twice as long: a hang costs little, and a loaded machine gets its time.
    attempts : int
        How often to start over with what is left.
    worker : sequence of str
        Command that takes the path of the job list.

    Raises
    ------
    StudyError
        Pictures were still missing after the last attempt; names the first and the worker's last words.
    """
    for picture in pictures:
        Path(picture.out).unlink(missing_ok=True)
    last_words = ""
    for longer in 2.0 ** np.arange(attempts):
        missing = _missing(pictures)
        if not missing:
            return
        with temporary_folder(_folder_of_links()) as folder:
            jobs = folder / "jobs.json"
            write_json(jobs, [asdict(picture) for picture in missing])
            last_words = _attempt([*worker, str(jobs)], missing, longer * start_limit_s, longer * picture_limit_s)
        for place in {Path(picture.out).parent for picture in missing}:
            remove_leftovers(place)
    missing = _missing(pictures)
    if missing:
        count = f"{len(missing)} of {len(pictures)} pictures"
        message = f"{count} could not be drawn in {attempts} attempts, first {missing[0].out}."
        raise StudyError(f"{message}\n{last_words}")


def _missing(pictures: Sequence[Picture]) -> list[Picture]:
    return [picture for picture in pictures if not Path(picture.out).exists()]


def _folder_of_links() -> str:
    """The system's place for temporary files, unless there is a space in its path, which kaleido cannot bear."""
    return "/tmp" if " " in tempfile.gettempdir() else tempfile.gettempdir()


def _attempt(command: list[str], pictures: list[Picture], start_limit_s: float, picture_limit_s: float) -> str:
    """Run a command in a process group of its own; end the whole group when it no longer draws. Its last words."""
    # The browser's own temporary files go where they are removed with the job list.
    environment = os.environ | {"TMPDIR": os.path.dirname(command[-1])}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=environment,
        )
        try:
            ending = _watch(process, pictures, start_limit_s, picture_limit_s)
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        output.seek(0)
        return "\n".join([f"{ending}; its last words:", *output.read().decode(errors="replace").splitlines()[-8:]])


def _watch(process: subprocess.Popen, pictures: list[Picture], start_limit_s: float, picture_limit_s: float) -> str:
    """Wait until a drawing process has ended, or has drawn nothing for too long; says which."""
    n_missing, limit_s, since_s = len(pictures), start_limit_s + picture_limit_s, time.monotonic()
    while time.monotonic() - since_s <= limit_s:
        try:
            process.wait(_LOOK_EVERY_S)
            return f"The drawing process ended with code {process.returncode}"
        except subprocess.TimeoutExpired:
            pass
        n_still_missing = len(_missing(pictures))
        if n_still_missing < n_missing:
            n_missing, since_s = n_still_missing, time.monotonic()
            limit_s = picture_limit_s if n_missing else min(picture_limit_s, _SHUTDOWN_LIMIT_S)
    return f"The drawing process was ended after {limit_s:g} s without a new picture, {n_missing} missing"


def _draw(pictures: list[Picture], folder: Path) -> None:
    """Draw pictures in this process. Kaleido's own start script cannot bear a space in a path: it gets links."""
    from kaleido.scopes.plotly import PlotlyScope

    program = Path(PlotlyScope.executable_path())
    (folder / "kaleido").symlink_to(program.parent)
    (folder / "plotly.min.js").symlink_to(plotly_library())

    class Scope(PlotlyScope):
        @classmethod
        def executable_path(cls) -> str:
            return f"{folder}/kaleido/{program.name}"

    scope = Scope(plotlyjs=f"{folder}/plotly.min.js")
    scope.mathjax = None  # once: it restarts the browser
    for picture in pictures:
        figure = json.loads(Path(picture.drawing).read_text(encoding="utf-8"))
        kind = Path(picture.out).suffix[1:]
        content = scope.transform(figure, kind, width=picture.width, height=picture.height, scale=picture.scale)
        content = _without_dates(content) if kind == "pdf" else with_palette(content, picture.colours)
        write_bytes(picture.out, content)
    scope._shutdown_kaleido()


def plotly_library() -> Path:
    """The JavaScript library that the installed Plotly brings."""
    import plotly

    return Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def _without_dates(pdf: bytes) -> bytes:
    """A PDF whose dates are a constant of the same length, so that the same figure gives the same file."""
    return re.sub(rb"/(CreationDate|ModDate) \(D:[0-9]{14}", rb"/\1 (D:20000101000000", pdf)


def with_palette(png: bytes, colours: int) -> bytes:
    """A PNG of few colours: a third of the size with 256, a fifth with 32.

    Parameters
    ----------
    png : bytes
        In true colours.
    colours : int
        At most this many, at most 256.

    Returns
    -------
    bytes
        Each pixel has the nearest colour of the palette.

    Notes
    -----
    The palette grows one colour at a time: the next is the one whose squared distance to the palette, times the square
    root of its number of pixels, is largest (farthest-point traversal, Gonzalez 1985, with weights). So small areas
    keep their colour, which the usual median cut mixes into their neighbours: it made a small orange area brown.
    """
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        pixels = np.asarray(image.convert("RGB")).astype(np.int64)
    packed, place, count = np.unique(pixels @ [65536, 256, 1], return_inverse=True, return_counts=True)
    present = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1)
    nearest, distance = np.zeros(len(present), dtype=np.uint8), np.full(len(present), np.inf)
    palette = []
    chosen = int(count.argmax())
    while len(palette) < colours and distance[chosen] > 0:
        to_chosen = np.square(present - present[chosen]).sum(axis=1)
        nearest[to_chosen < distance] = len(palette)
        distance = np.minimum(distance, to_chosen)
        palette.append(present[chosen])
        chosen = int((distance * np.sqrt(count)).argmax())
    reduced = Image.fromarray(nearest[place].reshape(pixels.shape[:2]))
    reduced.putpalette(np.concatenate(palette).astype(np.uint8).tobytes())
    with io.BytesIO() as file:
        reduced.save(file, "PNG", optimize=True)
        return file.getvalue()


if __name__ == "__main__":
    job_list = Path(sys.argv[1])
    _draw([Picture(**job) for job in json.loads(job_list.read_text(encoding="utf-8"))], job_list.parent)
