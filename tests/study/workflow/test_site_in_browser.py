"""The website as a browser shows it: no error, nothing from another machine, every picture drawn, readable on a phone."""

import json

import pytest

from evlib.folders import ROOT
from study.workflow.browser import Browser, find_browser
from study.workflow.site.build import build_site
from study.workflow.site.sources import Sources

pytestmark = [
    pytest.mark.verify,
    pytest.mark.skipif(
        find_browser() is None, reason="no Chromium or Chrome on the path; name one in EVLIB_BROWSER to check the site"
    ),
]

PHONE, DESK = 390, 1280  # [px]
BROKEN_PICTURES = """
Promise.all([...document.images].map(async (image) => {
  image.loading = "eager";
  await image.decode().catch(() => {});
  return image.naturalWidth > 0 ? "" : image.src;
})).then((names) => names.filter(Boolean))
"""
# A page may not be wider than its window, save in boxes that scroll by themselves. The window's own innerWidth is no
# measure: a phone zooms out until all fits.
PAGE_WIDTH = "document.documentElement.scrollWidth"
DRAWN = """
(() => { const plot = document.querySelector(".js-plotly-plot");
  return plot ? plot.querySelectorAll(".main-svg").length > 0 && plot.calcdata.length === plot.data.length : false; })()
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("in_browser") / "site"
    build_site(Sources(ROOT), folder)
    return folder


@pytest.fixture(scope="module")
def browser():
    with Browser(find_browser()) as browser:
        yield browser


def faults(visit):
    return [*visit.errors, *(f"asked for {address}" for address in visit.left)]


def test_every_page_is_clean_and_fits_a_phone(site, browser):
    found = {}
    for page in sorted(site.glob("*.html")):
        for width in (PHONE, DESK):
            visit = browser.open(page, width=width)
            wrong = [*faults(visit), *browser.run(BROKEN_PICTURES)]
            if (beyond := browser.run(PAGE_WIDTH) - width) > 0:
                wrong.append(f"{beyond} px beyond the right edge")
            if wrong:
                found[f"{page.name} at {width} px"] = wrong
    assert found == {}


def test_every_figure_is_drawn_and_asks_for_nothing(site, browser):
    found = {}
    for page in sorted((site / "figures").glob("*.html")):
        visit = browser.open(page, width=800)
        wrong = faults(visit) if browser.run(DRAWN) else [*faults(visit), "not drawn"]
        if wrong:
            found[page.name] = wrong
    assert found == {}


def test_the_explorer_plays_and_follows_its_sliders(site, browser):
    visit = browser.open(site / "explorer.html")
    clock = "document.querySelector('.day-map output').textContent"
    before = browser.run(clock)
    browser.run("document.querySelector('.day-map button').click()")
    moved = f"new Promise((done) => setInterval(() => {clock} !== {json.dumps(before)} && done(true), 50))"
    assert browser.run(moved)
    text = """(() => { const root = document.querySelector("[aria-label='Plugs and roads']");
      const slider = root.querySelector("input");
      slider.value = slider.max;
      slider.dispatchEvent(new Event("input"));
      return root.querySelector("output").textContent + root.querySelectorAll(".frame:not([hidden])").length; })()"""
    assert browser.run(text) == "2551"
    assert faults(visit) == []


def test_a_page_weighs_less_than_three_megabytes(site):
    """With its style and scripts; figures are drawn by a library of their own, which a reader asks for."""
    besides = sum((site / name).stat().st_size for name in ("site.css", "site.js"))
    assert max(page.stat().st_size for page in site.glob("*.html")) + besides < 3_000_000


def test_a_figure_is_loaded_when_it_is_unfolded(site, browser):
    """Sixty figures at once stop a phone, so not one of them may load before a reader asks for it."""
    visit = browser.open(site / "figures.html")
    assert not any(address.endswith("plotly.min.js") for address in visit.requests)
    drawn = """new Promise((done) => {
      const fold = document.querySelector("details:has(> iframe)");
      fold.querySelector("iframe").addEventListener("load", () => done(true));
      fold.open = true; })"""
    assert browser.run(drawn)
    assert any(address.endswith("plotly.min.js") for address in visit.requests)
    assert faults(visit) == []


def test_the_search_finds_a_section(site, browser):
    visit = browser.open(site / "search.html", query="?q=bottleneck%20hand")
    titles = json.loads(
        browser.run("JSON.stringify([...document.querySelectorAll('#search-results a')].map(a => a.href))")
    )
    assert any("02_dynamic_network_loading.html#" in link for link in titles)
    assert faults(visit) == []


def test_the_check_itself_sees_what_is_wrong(tmp_path, browser):
    """A page with one fault of each kind."""
    page = tmp_path / "page.html"
    page.write_text(
        '<!DOCTYPE html><img src="gone.png"><img src="https://elsewhere.invalid/x.png">'
        '<div style="width: 2000px">wide</div><script>console.error("loud"); nothing.here();</script>'
    )
    visit = browser.open(page, width=PHONE)
    assert any("loud" in text for text in visit.errors)
    assert any("nothing is not defined" in text for text in visit.errors)
    assert visit.left == ["https://elsewhere.invalid/x.png"]
    assert len(browser.run(BROKEN_PICTURES)) == 2
    assert browser.run(PAGE_WIDTH) >= 2000
