"""Where the sources of the site are, and where a link between them leads on the site."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

__all__ = ["Sources", "first_heading", "module_page"]

# Documents that become pages, where they exist: page and name in the navigation.
DOCUMENTS = {
    "README.md": ("readme.html", "Read me"),
    "data/README.md": ("data.html", "Data"),
    "CONTRIBUTING.md": ("contributing.html", "Contributing"),
    "CHANGELOG.md": ("changelog.html", "Changes"),
}
GLOSSARY = "study/workflow/site/glossary.md"


@dataclass
class Sources:
    """The committed files of a study, and the pages that are made of them.

    Attributes
    ----------
    root : Path
        Folder that holds ``notebooks``, ``figures``, ``data/results``, ``README.md`` and packages; each may be missing.
    packages : tuple of str
        Packages whose docstrings are shown.
    copied : set of str
        Files that pages link to, as paths below ``root``; they are copied into ``files`` of the site.
    listed : set of str
        Folders that pages link to; each gets a list of its files.
    """

    root: Path
    packages: tuple[str, ...] = ("evlib", "study")
    copied: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)

    @property
    def notebooks(self) -> list[Path]:
        """All notebooks, in the order of their names."""
        return sorted((self.root / "notebooks").glob("*.ipynb"))

    @property
    def figures(self) -> list[str]:
        """Names of all figures with a picture, in order."""
        return sorted(path.stem for path in (self.root / "figures").glob("*.png"))

    @property
    def tables(self) -> list[Path]:
        """The committed tables, in order."""
        return sorted((self.root / "data" / "results").glob("*.csv"))

    @property
    def documents(self) -> dict[str, tuple[str, str]]:
        """Documents that exist: path below the root to page and name."""
        return {path: page for path, page in DOCUMENTS.items() if (self.root / path).is_file()}

    def link(self, href: str, document: str) -> str:
        """Where a link of a document leads on the site.

        Parameters
        ----------
        href : str
            As written in the document.
        document : str
            Path of the document below the root, with slashes.

        Returns
        -------
        str
            A page of the site, a file that will be copied, or the link as it is where it leads to the web, stays on
            the page, or leads to nothing that exists; `links.complaints` names the last kind.
        """
        path, hash_sign, anchor = href.partition("#")
        if not path or "://" in href or href.startswith("mailto:"):
            return href
        target = posixpath.normpath(posixpath.join(posixpath.dirname(document), unquote(path)))
        place = self._place(target)
        return href if place is None else place if "#" in place else place + hash_sign + anchor

    def _place(self, target: str) -> str | None:
        parts, source = target.split("/"), self.root / target
        if target == GLOSSARY:
            return "glossary.html"
        if target in self.documents:
            return self.documents[target][0]
        if parts[0] == "notebooks" and target.endswith(".ipynb") and source.is_file():
            return quote(f"{source.stem}.html")
        if parts[0] == "figures" and source.is_file() and target != "figures/claims.csv":
            return quote(target)
        if parts[0] in self.packages and (source.is_dir() or source.suffix == ".py") and source.exists():
            names = target.removesuffix(".py").removesuffix("/__init__").split("/")
            page = module_page(names, is_package=source.is_dir() or source.stem == "__init__")
            return f"{page}#{'.'.join(names)}"
        known = {"figures/claims.csv": "claims.html", "figures": "figures.html", "notebooks": "index.html"}
        known["data/results"] = "tables.html"
        if target in known and source.exists():
            return known[target]
        if target.startswith("data/results/") and source.is_file():
            return f"tables.html#{source.stem}"
        if source.is_file():
            self.copied.add(target)
            return quote(f"files/{target}")
        if source.is_dir():  # shown as a list of its files
            self.copied |= {path.relative_to(self.root).as_posix() for path in source.iterdir() if path.is_file()}
            self.listed.add(target)
            return quote(f"files/{target}/index.html")
        return None


def module_page(names: list[str], *, is_package: bool) -> str:
    """The page of a module: that of its room, as ``api_evlib.grid.html``; outside of rooms that of its package."""
    return f"api_{'.'.join(names[: 2 if is_package or len(names) > 2 else 1])}.html"


def first_heading(markdown: str) -> str | None:
    """The text of the first ``# heading`` of a Markdown text."""
    lines = (line for line in markdown.splitlines() if line.startswith("# "))
    heading = next(lines, None)
    return heading and heading[2:].strip()
