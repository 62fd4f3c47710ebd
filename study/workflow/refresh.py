"""Write outputs and pictures into the committed notebooks: the same bytes whenever the outputs are the same."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

from evlib.files import write_text
from study.workflow.export import picture_size
from study.workflow.notebooks import NotebookRun
from study.workflow.render import Picture, render

__all__ = ["committed_notebook", "refresh_notebooks"]

log = logging.getLogger(__name__)

EMBEDDED_WIDTH = 680  # [px]: readable on a page
EMBEDDED_COLOURS, HEAT_MAP_COLOURS = 24, 64  # lines and areas need few, a scale of colours more: 10 to 25 kB a picture
NOT_EMBEDDED = "not-embedded"  # tag of a cell whose figure is in figures/ and live, but not in the committed notebook
SIZE_LIMIT_KB = 150
_KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}


def refresh_notebooks(runs: Sequence[NotebookRun], build: Path) -> None:
    """Write each executed notebook back to its source, with its figures as pictures.

    Parameters
    ----------
    runs : sequence of NotebookRun
        All notebooks of the study, executed.
    build : Path
        Folder of artefacts: drawings are read from ``build/recorded``, pictures go to ``build/embedded``.

    Raises
    ------
    StudyError
        A picture could not be drawn.
    """
    embedded = build / "embedded"
    embedded.mkdir(parents=True, exist_ok=True)
    drawings = [build / "recorded" / f"{name}.json" for run in runs for name in run.recorded]
    render([_embedded_picture(drawing, embedded) for drawing in drawings if drawing.exists()])
    for run in runs:
        notebook = committed_notebook(nbformat.read(run.executed, as_version=4), embedded)
        text = nbformat.writes(notebook) + "\n"
        size_kb = len(text.encode()) / 1000
        changed = run.source.read_text(encoding="utf-8") != text
        if changed:
            write_text(run.source, text)
        excess = f", above the {SIZE_LIMIT_KB} kB aimed at" if size_kb > SIZE_LIMIT_KB else ""
        log.info("%s: %s, %.0f kB%s", run.source.stem, "written" if changed else "as it was", size_kb, excess)


def committed_notebook(executed: Any, embedded: Path) -> Any:
    """An executed notebook as it is committed.

    Parameters
    ----------
    executed : NotebookNode
        As the runner left it.
    embedded : Path
        Folder of ``<figure>.png``.

    Returns
    -------
    NotebookNode
        With pictures and alternative texts, cells counted 1..n, identifiers made from the cells' text, and without
        times, traces of the runner and versions of the machine. The figure of a cell tagged `NOT_EMBEDDED` stays a
        caption.
    """
    cells, count, uses = [], 0, Counter()
    for cell in executed.cells:
        identifier = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        uses[identifier] += 1
        plain: dict[str, Any] = {
            "cell_type": cell.cell_type,
            "id": identifier if uses[identifier] == 1 else f"{identifier}-{uses[identifier]}",
            "metadata": _cell_metadata(cell),
            "source": cell.source,
        }
        if cell.cell_type == "code":
            count += bool(cell.source.strip())
            plain["execution_count"] = count if cell.source.strip() else None
            pictures = None if NOT_EMBEDDED in cell.metadata.get("tags", []) else embedded
            plain["outputs"] = [_output(output, count, pictures) for output in _merged_streams(cell.outputs)]
        cells.append(plain)
    notebook = {
        "cells": cells,
        "metadata": {"kernelspec": _KERNELSPEC, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    node = nbformat.from_dict(notebook)
    nbformat.validate(node)
    return node


def _embedded_picture(drawing: Path, embedded: Path) -> Picture:
    width, height = picture_size(drawing)
    out, scale = str(embedded / f"{drawing.stem}.png"), EMBEDDED_WIDTH / width
    traces = json.loads(drawing.read_text(encoding="utf-8"))["data"]
    colours = HEAT_MAP_COLOURS if any(trace["type"] == "heatmap" for trace in traces) else EMBEDDED_COLOURS
    return Picture(str(drawing), out, width, height, scale, colours)


def _cell_metadata(cell: Any) -> dict[str, Any]:
    tags = [tag for tag in cell.metadata.get("tags", []) if not tag.startswith("papermill")]
    return {"tags": tags} if tags else {}


def _merged_streams(outputs: Sequence[Any]) -> list[Any]:
    """Outputs with neighbouring texts joined: where a stream is cut depends on timing."""
    merged: list[Any] = []
    for output in outputs:
        if output.output_type == "stream" and merged and merged[-1].get("name") == output.name:
            merged[-1]["text"] += output.text
        else:
            merged.append(output.copy())
    return merged


def _output(output: Any, count: int, embedded: Path | None) -> dict[str, Any]:
    plain: dict[str, Any] = {key: output[key] for key in ("output_type", "name", "text") if key in output}
    if output.output_type in ("display_data", "execute_result"):
        plain["data"], plain["metadata"] = dict(output.data), {}
        label = output.metadata.get("evlib")
        if label:
            plain["metadata"] = {"evlib": dict(label)}
        if label and embedded is not None:
            picture = (embedded / f"{label['figure']}.png").read_bytes()
            plain["data"]["image/png"] = base64.b64encode(picture).decode()
            plain["metadata"] = {"evlib": {"figure": label["figure"]}, "image/png": {"alt": label["alt"]}}
        if output.output_type == "execute_result":
            plain["execution_count"] = count
    return plain
