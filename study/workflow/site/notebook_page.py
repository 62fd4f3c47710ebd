"""A notebook as a page: prose, code and committed outputs; figures large, with their interactive form."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat

from evlib.errors import StudyError
from study.workflow.site.markdown import Markdown, code_html
from study.workflow.site.page import Page
from study.workflow.site.sources import Sources, first_heading

__all__ = ["figure_html", "missing_outputs", "notebook_page"]

_CODE_SWITCH = '<label class="switch"><input type="checkbox" id="hide-code"> hide code</label>'


def notebook_page(path: Path, sources: Sources) -> Page:
    """A page of one notebook.

    Parameters
    ----------
    path : Path
    sources : Sources
        Tells where its links lead, and which figures exist.

    Returns
    -------
    Page
        Without neighbours.

    Raises
    ------
    StudyError
        The file is no notebook, or an output is an error; names the notebook and the cell.
    """
    notebook = read_notebook(path)
    markdown = Markdown(lambda href: sources.link(href, f"notebooks/{path.name}"))
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    title = next(filter(None, map(first_heading, texts)), path.stem)
    parts = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            parts.append(markdown(cell.source))
        elif cell.cell_type == "code":
            parts.append(f'<div class="code">{code_html(cell.source)}</div>')
            parts += [_output(output, sources, f"{path.name}, cell {number}") for output in cell.outputs]
    if not any(re.search(r"<h1[ >]", part) for part in parts):
        parts.insert(0, f"<h1>{html.escape(title)}</h1>")
    unfinished = missing_outputs(notebook)
    if unfinished:
        parts.insert(1, f'<p class="warning">{html.escape(unfinished)}; make refresh writes the outputs.</p>')
    source = sources.link(path.name, "notebooks/x")  # registers nothing: a notebook is a page
    sources.copied.add(f"notebooks/{path.name}")
    parts.insert(
        1, f'<p class="tools">{_CODE_SWITCH} <a href="{quote(f"files/notebooks/{path.name}")}">notebook</a></p>'
    )
    return Page(source, title, "".join(parts), group="Notebooks", label=title)


def read_notebook(path: Path) -> Any:
    """A notebook of format 4; a `StudyError` that names the file if it cannot be read."""
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, AttributeError, nbformat.reader.NotJSONError) as error:
        raise StudyError(f"{path}: not a notebook that can be read: {error}") from error


def missing_outputs(notebook: Any) -> str:
    """Which code cells were never executed, as a phrase; empty if all were."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    missing = [cell for cell in cells if cell.execution_count is None and not cell.outputs]
    if not missing:
        return ""
    return "no outputs" if len(missing) == len(cells) else f"no outputs in {len(missing)} of {len(cells)} code cells"


def _output(output: Any, sources: Sources, where: str) -> str:
    if output.output_type == "error":
        raise StudyError(f"{where}: its output is an error, {output.ename}: {output.evalue}; mend it and make refresh")
    if output.output_type == "stream":
        return _text(output.text)
    data, metadata = output.data, output.metadata
    name = metadata.get("evlib", {}).get("figure")
    if name in sources.figures:
        alt = metadata["evlib"].get("alt") or metadata.get("image/png", {}).get("alt", "")
        return figure_html(name, sources.root / "figures", alt=alt, caption=data.get("text/plain", ""))
    if "text/html" in data:
        return f'<div class="scroll output">{data["text/html"]}</div>\n'
    if "image/svg+xml" in data:
        return f'<figure class="scroll">{data["image/svg+xml"]}</figure>\n'
    if "image/png" in data:
        picture = re.sub(r"\s", "", data["image/png"])
        alt = html.escape(metadata.get("image/png", {}).get("alt", ""))
        caption = html.escape(data.get("text/plain", ""))
        return f'<figure><img alt="{alt}" src="data:image/png;base64,{picture}"><figcaption>{caption}</figcaption></figure>\n'
    return _text(data.get("text/plain", ""))


def _text(text: str) -> str:
    return f'<pre class="output">{html.escape(text.rstrip())}</pre>\n' if text.strip() else ""


def figure_html(name: str, folder: Path, *, alt: str, caption: str) -> str:
    """A figure: its picture, caption, and what else there is of it.

    Parameters
    ----------
    name : str
        As in ``figures/<name>.png``.
    folder : Path
        Where the figure's files are.
    alt, caption : str
    """
    base = quote(f"figures/{name}")
    kinds = {"html": "full page", "pdf": "pdf", "csv": "numbers"}
    links = " · ".join(
        f'<a href="{base}.{kind}">{label}</a>' for kind, label in kinds.items() if (folder / f"{name}.{kind}").is_file()
    )
    live = ""
    if (folder / f"{name}.html").is_file():
        # site.js gives it its source when it is opened: browsers load even what is folded away
        frame = f'<iframe data-src="{base}.html" title="{html.escape(name)}, interactive"></iframe>'
        live = f"<details><summary>interactive</summary>{frame}</details>"
    return (
        f'<figure id="figure-{html.escape(name)}"><a href="{base}.png"><img loading="lazy" alt="{html.escape(alt)}" '
        f'src="{base}.png"></a><figcaption>{html.escape(caption)} <span class="links">{links}</span></figcaption>'
        f"{live}</figure>\n"
    )
