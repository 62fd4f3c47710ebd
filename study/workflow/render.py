"""Figure JSON to pictures: the one place that knows kaleido.

Kaleido 0.2.1 brings its own browser and now and then hangs when that starts. So it runs in a process group of its own,
with a time limit; a group that overruns is ended as a whole and what it left undone is tried again.
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
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from evlib.errors import StudyError
from evlib.files import write_bytes, write_json

__all__ = ["Picture", "render", "with_palette"]

_WORKER = (sys.executable, "-m", "study.workflow.render")


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
    start_limit_s: float = 30.0,
    picture_limit_s: float = 5.0,
    attempts: int = 3,
    worker: Sequence[str] = _WORKER,
) -> None:
    """Draw pictures, in one browser, outside of any kernel.

    Parameters
    ----------
    pictures : sequence of Picture
    start_limit_s, picture_limit_s : float
        Time limit of one attempt [s]: the first plus the second for each picture.
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
    for _ in range(attempts):
        missing = [picture for picture in pictures if not Path(picture.out).exists()]
        if not missing:
            return
        with tempfile.TemporaryDirectory(prefix="evlib-") as folder:
            jobs = Path(folder) / "jobs.json"
            write_json(jobs, [asdict(picture) for picture in missing])
            last_words = _attempt([*worker, str(jobs)], start_limit_s + picture_limit_s * len(missing))
    missing = [picture.out for picture in pictures if not Path(picture.out).exists()]
    if missing:
        count = f"{len(missing)} of {len(pictures)} pictures"
        message = f"{count} could not be drawn in {attempts} attempts, first {missing[0]}."
        raise StudyError(f"{message}\n{last_words}")


def _attempt(command: list[str], limit_s: float) -> str:
    """Run a command in a process group of its own; end the whole group at the time limit. Its last words."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        try:
            process.wait(limit_s)
            ending = f"The drawing process ended with code {process.returncode}"
        except subprocess.TimeoutExpired:
            ending = f"The drawing process was ended after {limit_s:g} s"
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        output.seek(0)
        return "\n".join([f"{ending}; its last words:", *output.read().decode(errors="replace").splitlines()[-8:]])


def _draw(pictures: list[Picture]) -> None:
    """Draw pictures in this process. Kaleido's own start script cannot bear a space in a path: it gets links."""
    from kaleido.scopes.plotly import PlotlyScope

    with tempfile.TemporaryDirectory(prefix="evlib-", dir="/tmp") as folder:
        program = Path(PlotlyScope.executable_path())
        (Path(folder) / "kaleido").symlink_to(program.parent)
        (Path(folder) / "plotly.min.js").symlink_to(plotly_library())

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
    _draw([Picture(**job) for job in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))])
