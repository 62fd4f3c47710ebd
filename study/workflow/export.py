"""From what the notebooks recorded to html, png, pdf and csv, and into ``figures`` where the numbers have changed."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from evlib.files import replacing, sha256_file, write_bytes, write_json, write_text
from evlib.leftovers import remove_leftovers
from study.workflow.compare import same_drawing, same_table
from study.workflow.notebooks import NotebookRun
from study.workflow.render import Picture, plotly_library, render

__all__ = ["export_figures", "page_drawing", "picture_size", "update_figures"]

log = logging.getLogger(__name__)

WIDTH, HEIGHT, SCALE = 900, 520, 1.5
_KINDS = ("csv", "html", "pdf", "png")
_LIBRARY = "plotly.min.js"  # as Plotly's writer calls it
_CONFIG = {"displaylogo": False, "responsive": True}

# Around what Plotly writes: a still picture in its place while the library is missing, as in a fresh checkout, and the
# caption.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
</head>
<body style="font-family: sans-serif; max-width: 75rem; margin: 1rem auto; padding: 0 1rem">
<figure style="margin: 0">
<div role="img" aria-label="{alt}">
<img class="still" src="{name}.png" alt="{alt}" style="max-width: 100%">
<div class="live">
{drawing}
</div>
</div>
<figcaption>{caption} <a href="{name}.csv">The numbers</a>, <a href="{name}.pdf">PDF</a>.
<span class="still">A still picture until <code>make reproduce</code> has put {library} beside it.</span></figcaption>
</figure>
<script>
for (const part of document.querySelectorAll(window.Plotly ? ".still" : ".live")) part.remove();
</script>
</body>
</html>
"""
_NEW_PLOT = re.compile(r'Plotly\.newPlot\(\s*"[^"]*",\s*(?=\[)')


def export_figures(runs: Sequence[NotebookRun], build: Path, figures: Path) -> None:
    """Export every recorded figure and table, and bring ``figures`` up to date.

    Parameters
    ----------
    runs : sequence of NotebookRun
        All notebooks of the study.
    build : Path
        Folder of artefacts; the export goes to ``build/figures``.
    figures : Path
        Folder of committed figures, see `update_figures`.

    Raises
    ------
    StudyError
        A picture could not be drawn.
    """
    if not runs:
        return
    recorded, exported = build / "recorded", build / "figures"
    for folder in (exported, figures):
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
    names = sorted(name for run in runs for name in run.recorded)
    metas = {name: json.loads((recorded / f"{name}.meta.json").read_text(encoding="utf-8")) for name in names}
    stamp = exported / "stamp.json"
    known = _read_stamp(stamp)
    stale = [name for name in names if not _is_exported(name, known, recorded, exported)]
    drawn = [name for name in stale if metas[name]["kind"] == "figure"]
    render([job for name in drawn for job in _pictures(name, recorded, exported)])
    for name in stale:
        _write_page_and_numbers(name, metas[name], recorded, exported)
    write_json(stamp, {name: _fingerprint(name, recorded, exported) for name in names})
    if any(meta["kind"] == "figure" for meta in metas.values()):
        for folder in (exported, figures):
            _place_library(folder)
    changed = update_figures(metas, exported, figures)
    log.info("%d figures and tables, %d exported; %s/: %s", len(names), len(stale), figures.name, _summary(changed))


def update_figures(metas: dict[str, dict], exported: Path, figures: Path) -> list[str]:
    """Copy what has changed beyond its tolerance, or is missing or cut short, and remove what is no longer made.

    Parameters
    ----------
    metas : dict from name to dict
        What `evlib.figures.publish` wrote about each figure and table.
    exported : Path
        Folder of the fresh export.
    figures : Path
        Folder of committed figures, with SHA256SUMS over its csv files.

    Returns
    -------
    list of str
        File names that were written or removed.

    Notes
    -----
    Numbers differ in their last digits from machine to machine, and pictures with the fonts at hand. So a figure's
    files are replaced together, when its csv or its drawing differs by more than the declared tolerance, or its caption
    or alternative text at all.
    """
    changed = []
    for name, meta in metas.items():
        kinds = _kinds(meta)
        replaced = not _same_figure(name, meta, exported, figures)
        for kind in kinds:
            target = figures / f"{name}.{kind}"
            if replaced or not _is_whole(target):
                with replacing(target) as temporary:
                    shutil.copyfile(exported / target.name, temporary)
                changed.append(target.name)
    sums = figures / "SHA256SUMS"
    for name in _names_in(sums) - metas.keys():
        for kind in _KINDS:
            if (figures / f"{name}.{kind}").exists():
                (figures / f"{name}.{kind}").unlink()
                changed.append(f"{name}.{kind}")
    text = "".join(f"{sha256_file(figures / f'{name}.csv')}  {name}.csv\n" for name in sorted(metas))
    if not sums.exists() or sums.read_text(encoding="utf-8") != text:
        write_text(sums, text)
        changed.append(sums.name)
    return changed


def picture_size(drawing: Path) -> tuple[int, int]:
    """Width and height of a recorded figure's layout [px]; 900 x 520 where it does not say."""
    layout = json.loads(drawing.read_text(encoding="utf-8"))["layout"]
    return int(layout.get("width", WIDTH)), int(layout.get("height", HEIGHT))


def page_drawing(page: Path) -> dict | None:
    """The figure that an exported html page holds; None when it holds none."""
    try:
        text = page.read_text(encoding="utf-8")
        call = _NEW_PLOT.search(text)
        if call is None:
            return None
        decoder = json.JSONDecoder()
        data, end = decoder.raw_decode(text, call.end())
        layout, _ = decoder.raw_decode(text, text.index("{", end))
        return {"data": data, "layout": layout}
    except (OSError, ValueError):
        return None


def _kinds(meta: dict) -> Iterable[str]:
    return _KINDS if meta["kind"] == "figure" else ("csv",)


def _pictures(name: str, recorded: Path, exported: Path) -> list[Picture]:
    drawing = recorded / f"{name}.json"
    width, height = picture_size(drawing)
    return [
        Picture(str(drawing), str(exported / f"{name}.png"), width, height, SCALE),
        Picture(str(drawing), str(exported / f"{name}.pdf"), width, height),
    ]


def _write_page_and_numbers(name: str, meta: dict, recorded: Path, exported: Path) -> None:
    write_bytes(exported / f"{name}.csv", (recorded / f"{name}.csv").read_bytes())
    if meta["kind"] != "figure":
        return
    from plotly.io import to_html  # here, so that a run that exports nothing need not load Plotly

    drawing = json.loads((recorded / f"{name}.json").read_text(encoding="utf-8"))
    page = _PAGE.format(
        name=name,
        library=_LIBRARY,
        title=escape(_plain_text(drawing["layout"]["title"]["text"])),
        caption=escape(meta["caption"]),
        alt=escape(meta["alt"]),
        drawing=to_html(
            drawing,
            config=_CONFIG,
            include_plotlyjs="directory",
            full_html=False,
            default_height=HEIGHT,
            validate=False,  # as it was recorded
            div_id=name,
        ),
    )
    write_text(exported / f"{name}.html", page)


def _plain_text(text: str) -> str:
    """A Plotly title without its line breaks and tags."""
    return re.sub(r"<[^>]*>", "", re.sub(r"<br ?/?>", " ", text))


def _place_library(folder: Path) -> None:
    library, target = plotly_library(), folder / _LIBRARY
    if not target.exists() or target.stat().st_size != library.stat().st_size:
        with replacing(target) as temporary:
            shutil.copyfile(library, temporary)


def _same_figure(name: str, meta: dict, exported: Path, figures: Path) -> bool:
    if not (figures / f"{name}.csv").exists():
        return False
    if not same_table(figures / f"{name}.csv", exported / f"{name}.csv", meta["tolerance"]):
        return False
    if meta["kind"] != "figure" or not (figures / f"{name}.html").exists():
        return True
    pages = figures / f"{name}.html", exported / f"{name}.html"
    if _words(pages[0]) != _words(pages[1]):
        return False
    old, new = map(page_drawing, pages)
    return same_drawing(old, new, max(meta["tolerance"].values(), default=0.0))


def _words(page: Path) -> list[str]:
    """Caption and alternative text of an exported html page."""
    text = page.read_text(encoding="utf-8", errors="replace")
    return re.findall(r'<figcaption>.*?</figcaption>|aria-label="[^"]*"', text, re.DOTALL)


def _is_whole(path: Path) -> bool:
    """Whether a file is there and complete to its end: a checkout or a copy may have been cut short."""
    if not path.exists():
        return False
    ending = {".png": b"IEND\xaeB`\x82", ".pdf": b"%%EOF", ".html": b"</html>", ".csv": b"\n"}[path.suffix]
    return path.read_bytes()[-16:].rstrip(b"\n" if path.suffix != ".csv" else b"").endswith(ending)


def _read_stamp(stamp: Path) -> dict:
    try:
        return dict(json.loads(stamp.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _is_exported(name: str, known: dict, recorded: Path, exported: Path) -> bool:
    try:
        return known.get(name) == _fingerprint(name, recorded, exported)
    except OSError:
        return False


def _fingerprint(name: str, recorded: Path, exported: Path) -> dict[str, str]:
    """Checksums of what was recorded under a name and of what was exported from it."""
    figure = (recorded / f"{name}.json").exists()
    paths = [recorded / f"{name}.{kind}" for kind in (("csv", "json", "meta.json") if figure else ("csv", "meta.json"))]
    paths += [exported / f"{name}.{kind}" for kind in (_KINDS if figure else ("csv",))]
    return {f"{path.parent.name}/{path.name}": sha256_file(path) for path in paths}


def _names_in(sums: Path) -> set[str]:
    if not sums.exists():
        return set()
    lines = sums.read_text(encoding="utf-8").splitlines()
    return {line.split(maxsplit=1)[1].removesuffix(".csv") for line in lines if line.strip()}


def _summary(changed: list[str]) -> str:
    """What was changed, a figure in one word whatever the number of its files."""
    return f"changed {', '.join(sorted({Path(name).stem for name in changed}))}" if changed else "nothing changed"
