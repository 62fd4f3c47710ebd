"""TeX to MathML, which browsers draw by themselves; TeX in plain sight where no converter is installed."""

from __future__ import annotations

import html
import re
from functools import cache
from importlib.util import find_spec

__all__ = ["cut_out", "has_converter", "put_back", "to_html"]

_CODE_OR_FORMULA = re.compile(
    r"(?P<code>^```.*?^```|(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))"
    r"|(?<!\\)\$\$(?P<block>.+?)\$\$"
    r"|(?<![\\$\w])\$(?![\s$])(?P<inline>[^$]+?)(?<![\s\\])\$(?![\w$])",
    re.DOTALL | re.MULTILINE,
)
_OPEN, _CLOSE = "\ue000", "\ue001"  # of Unicode's private area: nothing else uses them


@cache
def has_converter() -> bool:
    """Whether the package latex2mathml is installed (extra ``site``)."""
    return find_spec("latex2mathml") is not None


@cache
def to_html(tex: str, *, block: bool = False) -> str:
    """A formula for a page.

    Parameters
    ----------
    tex : str
        Without dollar signs.
    block : bool
        On a line of its own.

    Returns
    -------
    str
        MathML, or a ``code`` element with the TeX if there is no converter, or if it does not know a command.
    """
    tex = tex.strip()
    if has_converter():
        from latex2mathml.converter import convert
        from latex2mathml.exceptions import NoAvailableTokensError

        try:
            formula = convert(tex, display="block" if block else "inline")
        except (NoAvailableTokensError, ValueError, LookupError):
            formula = _as_code(tex)
    else:
        formula = _as_code(tex)
    return f'<div class="formula">{formula}</div>' if block else formula


def _as_code(tex: str) -> str:
    return f'<code class="tex">{html.escape(tex)}</code>'


def cut_out(markdown: str) -> tuple[str, list[str]]:
    """Replace formulas by marks that Markdown leaves alone; code stays as it is.

    Returns
    -------
    text : str
    formulas : list of str
        HTML of each, for `put_back`.
    """
    formulas: list[str] = []

    def mark(match: re.Match) -> str:
        if match["code"]:
            return match[0]
        formulas.append(to_html(match["block"] or match["inline"], block=bool(match["block"])))
        return f"{_OPEN}{len(formulas) - 1}{_CLOSE}"

    return _CODE_OR_FORMULA.sub(mark, markdown), formulas


def put_back(page: str, formulas: list[str]) -> str:
    """Put formulas in the place of their marks; a block formula that is a paragraph of its own leaves that."""
    mark = f"{_OPEN}([0-9]+){_CLOSE}"
    page = re.sub(f"<p>{mark}</p>", lambda match: formulas[int(match[1])], page)
    page = re.sub(mark, lambda match: formulas[int(match[1])], page)
    return re.sub(r'<p>((?:(?!</p>).)*?)(<div class="formula">.*?</div>)(.*?)</p>', _split, page, flags=re.DOTALL)


def _split(match: re.Match) -> str:
    """A paragraph cannot hold a block: it ends before and goes on after."""
    before, formula, after = (part.strip() for part in match.groups())
    return (f"<p>{before}</p>" if before else "") + formula + (f"<p>{after}</p>" if after else "")
