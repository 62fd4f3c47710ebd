"""Pages of packages: what each module is for and its public functions, read with `ast`; nothing is imported."""

from __future__ import annotations

import ast
import html
from dataclasses import dataclass
from pathlib import Path

from evlib.errors import StudyError
from study.workflow.site.docstrings import docstring_html
from study.workflow.site.markdown import heading_html
from study.workflow.site.page import Page
from study.workflow.site.sources import Sources, module_page

__all__ = ["Module", "modules_of", "room_pages"]


@dataclass(frozen=True)
class Module:
    """A module as its source tells it: dotted name, docstring, and public definitions in the order of the file."""

    name: str
    doc: str
    members: tuple[ast.FunctionDef | ast.ClassDef, ...]
    is_package: bool

    @property
    def page(self) -> str:
        """The page that shows it."""
        return module_page(self.name.split("."), is_package=self.is_package)


def modules_of(folder: Path) -> list[Module]:
    """All modules of a package, the package itself first.

    Raises
    ------
    StudyError
        A file is not Python; names it.
    """
    modules = []
    for path in sorted(folder.rglob("*.py")):
        names = [folder.name, *path.relative_to(folder).with_suffix("").parts]
        is_package = names[-1] == "__init__"
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError) as error:
            raise StudyError(f"{path}: cannot be read as Python: {error}") from error
        kinds = (ast.FunctionDef, ast.ClassDef)
        members = tuple(node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_"))
        doc = ast.get_docstring(tree) or ""
        modules.append(Module(".".join(names[:-1] if is_package else names), doc, members, is_package))
    return sorted(modules, key=lambda module: (module.name.split("."),))


def room_pages(sources: Sources) -> list[Page]:
    """A page for each package and each of its rooms."""
    modules = [module for name in sources.packages for module in modules_of(sources.root / name)]
    places = _places(modules)
    texts: dict[str, list[str]] = {}
    for module in modules:
        texts.setdefault(module.page, []).append(_module_html(module, places))
    pages = []
    for name, parts in sorted(texts.items(), key=lambda item: item[0].removesuffix(".html")):
        title = name.removeprefix("api_").removesuffix(".html")
        body = f"<h1>{html.escape(title)}</h1>\n{''.join(parts)}"
        pages.append(Page(name, title, body, group="Code"))
    return pages


def _places(modules: list[Module]) -> dict[str, str]:
    """Links by name: dotted names of modules, and bare names of modules and members where only one bears them."""
    named: dict[str, set[str]] = {}
    for module in modules:
        place = f"{module.page}#{module.name}"
        for name in (module.name, module.name.rpartition(".")[2]):
            named.setdefault(name, set()).add(place)
        for member in module.members:
            for name in (member.name, f"{module.name}.{member.name}"):
                named.setdefault(name, set()).add(f"{place}.{member.name}")
    return {name: next(iter(places)) for name, places in named.items() if len(places) == 1}


def _module_html(module: Module, places: dict[str, str]) -> str:
    room = module.name if module.is_package else module.name.rpartition(".")[0]

    def resolve(name: str) -> str | None:
        return places.get(f"{module.name}.{name}") or places.get(f"{room}.{name}") or places.get(name)

    parts = [
        heading_html(f"<code>{html.escape(module.name)}</code>", 2, module.name),
        docstring_html(module.doc, resolve),
    ]
    for member in module.members:
        heading = f"<code>{html.escape(_signature(member))}</code>"
        parts.append(heading_html(heading, 3, f"{module.name}.{member.name}"))
        parts.append(docstring_html(ast.get_docstring(member) or "", resolve))
        if isinstance(member, ast.ClassDef):
            parts.append(_methods(member, resolve))
    return f'<section class="module">{"".join(parts)}</section>\n'


def _signature(node: ast.FunctionDef | ast.ClassDef) -> str:
    if isinstance(node, ast.ClassDef):
        return f"class {node.name}"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({ast.unparse(node.args)}){returns}"


def _methods(node: ast.ClassDef, resolve) -> str:
    """Public methods that say what they do."""
    parts = []
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
            doc = ast.get_docstring(method)
            if doc:
                parts.append(f"<dt><code>{html.escape(_signature(method))}</code></dt>")
                parts.append(f"<dd>{docstring_html(doc, resolve)}</dd>")
    return f"<dl>{''.join(parts)}</dl>" if parts else ""
