"""A docstring in numpydoc's form to HTML."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Callable

from study.workflow.site.formulas import to_html
from study.workflow.site.markdown import code_html

__all__ = ["docstring_html"]

_LISTS = {"Parameters", "Returns", "Yields", "Raises", "Attributes", "Warns", "Other Parameters"}
_INLINE = re.compile(r":math:`(?P<math>[^`]+)`|``(?P<code>.+?)``|(?::[a-z]+:)?`~?(?P<name>[^`\n]+)`")


def docstring_html(text: str, resolve: Callable[[str], str | None] = lambda name: None) -> str:
    """HTML of a docstring.

    Parameters
    ----------
    text : str
        Without indentation, as `ast.get_docstring` gives it.
    resolve : callable
        Takes a name in backticks and returns the link to it, or None.
    """
    sections, title, block = [], "", []
    lines = text.splitlines()
    for line, below in zip(lines, [*lines, ""][1:], strict=True):
        if line.strip() and re.fullmatch(r"-{3,}", below.strip()):
            sections.append((title, block))
            title, block = line.strip(), []
        elif not (re.fullmatch(r"-{3,}", line.strip()) and not block):
            block.append(line)
    sections.append((title, block))
    parts = []
    for title, block in sections:
        content = "\n".join(block).strip("\n")
        if title:
            parts.append(f'<p class="section">{html.escape(title)}</p>')
        if title in _LISTS:
            parts.append(_definitions(content, resolve))
        elif content:
            parts.append(_paragraphs(content, resolve))
    return "".join(parts)


def _inline(text: str, resolve: Callable[[str], str | None]) -> str:
    parts, end = [], 0
    for match in _INLINE.finditer(text):
        parts.append(html.escape(text[end : match.start()], quote=False))
        end = match.end()
        if match["math"]:
            parts.append(to_html(match["math"]))
            continue
        name = match["code"] or match["name"]
        code, place = f"<code>{html.escape(name)}</code>", resolve(name)
        parts.append(f'<a href="{html.escape(place)}">{code}</a>' if place else code)
    return "".join(parts) + html.escape(text[end:], quote=False)


def _definitions(text: str, resolve: Callable[[str], str | None]) -> str:
    """Terms at the margin, each with the indented lines below it."""
    parts, below = [], []

    def end_term() -> None:
        if below:
            parts.append(f"<dd>{_paragraphs(textwrap.dedent(chr(10).join(below)), resolve)}</dd>")
            below.clear()

    for line in text.splitlines():
        if line[:1].strip():
            end_term()
            parts.append(f"<dt>{_inline(line, resolve)}</dt>")
        else:
            below.append(line)
    end_term()
    return f"<dl>{''.join(parts)}</dl>"


def _paragraphs(text: str, resolve: Callable[[str], str | None]) -> str:
    parts = []
    text = re.sub(r"(\.\. math::)\s+", r"\1 ", text)
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = block.splitlines()
        formula = block.partition(".. math::")
        if formula[1]:
            parts.append(f"<p>{_inline(formula[0], resolve)}</p>" if formula[0].strip() else "")
            parts.append(to_html(formula[2], block=True))
        elif block.lstrip().startswith(">>>"):
            parts.append(code_html(textwrap.dedent(block), "pycon"))
        elif all(line[:2] in ("``", "- ", "  ") for line in lines):
            items = re.split(r"\n(?=``|- )", re.sub(r"`` {2,}", "``: ", block))
            points = "".join(f"<li>{_inline(item.removeprefix('- '), resolve)}</li>" for item in items)
            parts.append(f"<ul>{points}</ul>")
        elif all(line.startswith("    ") for line in lines):
            parts.append(f"<pre>{html.escape(textwrap.dedent(block))}</pre>")
        else:
            parts.append(f"<p>{_inline(block, resolve)}</p>")
    return "".join(parts)
