"""The website: every link leads somewhere, nothing is loaded from elsewhere, the same bytes whenever it is made."""

import hashlib
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from evlib.errors import StudyError
from evlib.folders import ROOT
from study.workflow.site import build, formulas
from study.workflow.site.build import build_site
from study.workflow.site.docstrings import docstring_html
from study.workflow.site.formulas import cut_out, put_back
from study.workflow.site.glossary import linked, terms
from study.workflow.site.links import complaints
from study.workflow.site.markdown import anchor_of
from study.workflow.site.sources import Sources

FIRST = """# 1. Roads

**The question of this notebook.** How long is a queue?

A [road](#A-road-by-hand), the [next notebook](02_grid.ipynb), [numbers](../data/results/runs.csv), the
[code](../toy/room/queue.py), the article ([DOI](https://doi.org/10.1/x)). Each cohort waits; a cohort has $N_a$ vehicles.

## A road by hand

$$ e(t) = t + \\frac{x}{Q}. $$"""


def executed(code, *outputs):
    return new_code_cell(code, outputs=list(outputs), execution_count=1)


def save(path, *cells):
    for number, cell in enumerate(cells):
        cell["id"] = f"cell{number}"
    nbformat.write(new_notebook(cells=list(cells)), path)


@pytest.fixture
def study(tmp_path):
    """Two notebooks, a figure, a table, a package with one room."""
    root = tmp_path / "study"
    for folder in ("notebooks", "figures", "data/results", "toy/room"):
        (root / folder).mkdir(parents=True)
    about = {"evlib": {"figure": "01_queue"}, "image/png": {"alt": "A line that rises"}}
    picture = new_output("display_data", {"image/png": "AAAA", "text/plain": "A queue."}, metadata=about)
    table = new_output("execute_result", {"text/html": "<table><tr><td>7</td></tr></table>", "text/plain": "7"})
    printed = new_output("stream", name="stdout", text="5 < 7 vehicles\n")
    save(
        root / "notebooks/01_roads.ipynb", new_markdown_cell(FIRST), executed("x = 1", printed), executed("y", picture)
    )
    save(root / "notebooks/02_grid.ipynb", new_markdown_cell("# 2. Grid\n\n## A road by hand"), executed("z", table))
    (root / "figures/01_queue.png").write_bytes(b"png")
    page = '<html><head><title>A queue</title></head><body><script src="plotly.min.js"></script></body></html>'
    (root / "figures/01_queue.html").write_text(page)
    (root / "figures/claims.csv").write_text("claim,ours\nA1,0.123456789\n")
    (root / "data/results/runs.csv").write_text("# made by hand\nrun,cost_cny\nplain,1234.5\n")
    (root / "toy/__init__.py").write_text('"""A toy.\n\n``room``   of queues\n"""\n')
    (root / "toy/room/__init__.py").write_text('"""Queues."""\n')
    text = (
        '"""A queue."""\n\n\ndef wait(x, q=1):\n    """Wait at a queue, see `wait`.\n\n    .. math:: x / Q\n    """\n'
    )
    (root / "toy/room/queue.py").write_text(text)
    (root / "README.md").write_text("# A toy study\n\nOne [figure](figures/01_queue.png), [code](toy).\n\n## More\n")
    return Sources(root, packages=("toy",))


def everything(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_small_study_becomes_a_site_that_needs_nothing_else(study, tmp_path):
    """Every link leads somewhere; what the sources hold is on the page where a reader looks for it."""
    site = tmp_path / "site"
    assert build_site(study, site) == []
    assert complaints(site) == []
    first, second = ((site / name).read_text() for name in ("01_roads.html", "02_grid.html"))
    assert 'src="figures/01_queue.png"' in first
    assert 'alt="A line that rises"' in first
    assert "A queue." in first
    assert "5 &lt; 7 vehicles" in first
    assert "<td>7</td>" in second
    assert 'rel="next" href="02_grid.html"' in first
    assert 'rel="prev" href="01_roads.html"' in second
    assert 'href="api_toy.room.html#toy.room.queue"' in first
    assert 'href="tables.html#runs"' in first
    assert first.count('href="glossary.html#cohort"') == 1
    assert "How long is a queue?" in (site / "index.html").read_text()
    assert "0.123457" in (site / "claims.html").read_text()
    assert 'id="toy.room.queue.wait"' in (site / "api_toy.room.html").read_text()
    assert '"A road by hand","01_roads.html#A-road-by-hand"' in (site / "search_index.js").read_text()
    loaded = re.findall(r"""<(?:script|link|img|iframe)\b[^>]*?(?:src|href)="([^"]*)""", "".join([first, second]))
    assert loaded
    assert not any("//" in link for link in loaded)


def test_the_same_sources_give_the_same_bytes(study, tmp_path):
    for name in ("one", "two"):
        build_site(Sources(study.root, study.packages), tmp_path / name)
    one, two = everything(tmp_path / "one"), everything(tmp_path / "two")
    assert {name: hashlib.sha256(content).digest() for name, content in one.items()} == {
        name: hashlib.sha256(content).digest() for name, content in two.items()
    }


def test_a_notebook_without_outputs_is_named(study, tmp_path):
    save(study.root / "notebooks/02_grid.ipynb", new_markdown_cell("# 2. Grid"), new_code_cell("z"))
    [warning] = build_site(study, tmp_path / "site")
    assert warning.startswith("notebooks/02_grid.ipynb: no outputs")
    assert "no outputs" in (tmp_path / "site/02_grid.html").read_text()


def test_an_error_in_a_notebook_ends_it_and_the_old_site_stays(study, tmp_path):
    build_site(study, tmp_path / "site")
    before = everything(tmp_path / "site")
    failed = new_output("error", ename="ValueError", evalue="no plug", traceback=[])
    save(study.root / "notebooks/02_grid.ipynb", new_markdown_cell("# 2. Grid"), executed("z", failed))
    with pytest.raises(StudyError, match=r"02_grid\.ipynb, cell 1: .*ValueError: no plug"):
        build_site(study, tmp_path / "site")
    assert everything(tmp_path / "site") == before


def test_a_link_to_nothing_is_named(study, tmp_path):
    save(study.root / "notebooks/02_grid.ipynb", new_markdown_cell("# 2. Grid\n\n[x](../nowhere.md), [y](#Nothing)"))
    with pytest.raises(
        StudyError, match=r"(?s)02_grid.html: \.\./nowhere\.md leads to no file.*#Nothing leads to no sec"
    ):
        build_site(study, tmp_path / "site")


def test_no_notebook_is_an_error(tmp_path):
    with pytest.raises(StudyError, match="no notebook"):
        build_site(Sources(tmp_path), tmp_path / "site")


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ('<script src="https://cdn.example/x.js"></script>', "another machine"),
        ('<img src="//cdn.example/x.png">', "another machine"),
        ('<iframe src="http://example.org"></iframe>', "another machine"),
        ('<link rel="stylesheet" href="https://fonts.example/css">', "another machine"),
        ('<p style="background: url(https://example.org/x.png)">x</p>', "another machine"),
        ('<a href="other.html">x</a>', "no file"),
        ('<a href="#there">x</a>', "no section"),
        ('<a href="javascript:alert(1)">x</a>', "another machine"),
        ('<p id="a"></p><p id="a"></p>', "twice"),
    ],
)
def test_a_fault_of_a_page_is_noticed(tmp_path, page, complaint):
    (tmp_path / "index.html").write_text(
        f'<a href="https://doi.org/10.1/x">fine</a><img src="data:,"><h1 id="x"></h1>{page}'
    )
    [found] = complaints(tmp_path)
    assert found.startswith("index.html")
    assert complaint in found


def test_a_style_sheet_that_loads_a_font_is_noticed(tmp_path):
    (tmp_path / "site.css").write_text("@font-face { src: url('https://fonts.example/x.woff2') }")
    assert "another machine" in complaints(tmp_path)[0]


def test_without_a_converter_formulas_are_shown_as_tex_and_the_page_says_so(study, tmp_path, monkeypatch):
    formulas.to_html.cache_clear()
    for module in (formulas, build.frame.__globals__):
        replaced = monkeypatch.setitem if isinstance(module, dict) else monkeypatch.setattr
        replaced(module, "has_converter", lambda: False)
    try:
        build_site(study, tmp_path / "site")
    finally:
        formulas.to_html.cache_clear()
    page = (tmp_path / "site/01_roads.html").read_text()
    assert r'<code class="tex">e(t) = t + \frac{x}{Q}.</code>' in page
    assert "Formulas are shown as TeX" in page


def test_code_and_prices_are_no_formulas():
    text = "`$a$` costs 3\\$, $x$ and\n```\n$y$\n```\n"
    marked, found = cut_out(text)
    assert len(found) == 1
    assert "x" in found[0]
    assert put_back(marked, found).count("$") == 5


def test_anchors_are_those_of_jupyter_and_of_github():
    """As both make them of a heading with punctuation; links in the sources are written for one or the other."""
    assert anchor_of("A queue, at the plugs") == "A-queue,-at-the-plugs"
    assert anchor_of("What to trust, and what not", github=True) == "what-to-trust-and-what-not"


def test_only_the_first_use_of_a_term_is_linked_and_none_in_code():
    glossary = terms("## Plug rent (rent)\n\nA price. More.\n")
    page = linked("<h2>Rent</h2><p><code>rent</code> Plug rents and a rent</p>", glossary)
    link = '<a class="term" href="glossary.html#plug-rent-rent" title="A price.">Plug rents</a>'
    assert page == f"<h2>Rent</h2><p><code>rent</code> {link} and a rent</p>"


def test_a_docstring_keeps_its_parts():
    """Formula, parameters with their explanations, and an example, each as what it is."""
    text = "Wait.\n\nParameters\n----------\nx : float\n    Vehicles <b>.\n\nExamples\n--------\n>>> wait(1)\n2"
    page = docstring_html(text)
    assert "<p>Wait.</p>" in page
    assert "<dt>x : float</dt><dd><p>Vehicles &lt;b&gt;.</p></dd>" in page
    assert page.index("Examples") < page.index("<pre>")
    assert "---" not in page


def test_the_room_says_what_lives_in_it():
    room = ROOT / "study/workflow/site"
    modules = {path.stem for path in room.glob("*.py")} - {"__init__"}
    words = (room / "__init__.py").read_text(encoding="utf-8").split("``")[1::2]
    assert modules <= set(words)
    assert len(modules) <= 12


@pytest.mark.verify
def test_the_study_itself_becomes_a_site(tmp_path):
    assert build_site(Sources(ROOT), tmp_path / "site") == []
