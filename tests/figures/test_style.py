"""The look of all figures: told apart in grey and by colour-blind readers, and large enough when printed."""

import itertools
import re

import numpy as np
import plotly.colors
import plotly.graph_objects as go
import pytest

from evlib.figures.style import (
    COLOURS,
    DASHES,
    FILLS,
    LEAST_PT,
    LOOKS,
    PRINT_MM,
    SMALLEST,
    finish,
    heat_scale,
    line_look,
)
from evlib.folders import FIGURES, ROOT
from study.workflow.export import page_drawing

# Machado, Oliveira, Fernandes (2009), severity 1: linear RGB as each reader sees it.
BLINDNESS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
SRGB_TO_XYZ = np.array([[0.41246, 0.35758, 0.18044], [0.21267, 0.71515, 0.07218], [0.01933, 0.11919, 0.95030]])
WHITE = SRGB_TO_XYZ.sum(axis=1)
APART, APART_GREY = 12.0, 9.0  # distance in CIELAB, difference in its lightness


def linear(colour):
    """Linear RGB of a colour such as ``#0072B2``."""
    share = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    ratio = SRGB_TO_XYZ @ np.clip(rgb, 0, 1) / WHITE
    x, y, z = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def lightness(colour):
    return lab(linear(colour))[0]


def seen_apart(one, other, kind):
    return np.linalg.norm(lab(BLINDNESS[kind] @ linear(one)) - lab(BLINDNESS[kind] @ linear(other)))


def smallest_pt(drawing, width_mm):
    """Size of the smallest font of a drawing [pt] that is printed at a width."""

    def sizes(value, key=""):
        if isinstance(value, dict):
            for name, member in value.items():
                if name == "size" and "font" in key:
                    yield member
                elif name != "template":
                    yield from sizes(member, name)
        elif isinstance(value, list):
            for member in value:
                yield from sizes(member, key)

    return min(sizes(drawing)) * width_mm / 25.4 * 72 / drawing["layout"]["width"]


@pytest.mark.parametrize("kind", BLINDNESS)
def test_all_colours_differ_for_colour_blind_readers(kind):
    for one, other in itertools.combinations(COLOURS, 2):
        assert seen_apart(one, other, kind) > APART, (one, other)


def test_the_measure_sees_what_colour_blind_readers_mix_up():
    """Plotly's old red and green, which deuteranopes cannot tell apart."""
    assert seen_apart("#2CA02C", "#D62728", "deuteranopia") < APART
    assert lab(linear("#FFFFFF")) == pytest.approx([100, 0, 0], abs=1e-6)
    assert lightness("#777777") == pytest.approx(50, abs=0.5)


def test_in_grey_two_lines_differ_in_lightness_or_dash():
    looks = [line_look(number) for number in range(len(COLOURS))]
    for one, other in itertools.combinations([*looks], 2):
        apart = abs(lightness(one["color"]) - lightness(other["color"]))
        assert apart > APART_GREY or one["dash"] != other["dash"]
    for one, other in itertools.combinations(LOOKS, 2):
        apart = abs(lightness(one["color"]) - lightness(other["color"]))
        assert apart > APART_GREY or one["dash"] != other["dash"]
    assert len(set(DASHES)) == len(DASHES)
    assert len(set(FILLS)) == len(FILLS) >= len(COLOURS)


def test_heat_maps_grow_steadily_lighter():
    colours = plotly.colors.get_colorscale(heat_scale())
    steps = np.diff([lightness(colour) for _, colour in colours])
    assert (steps > 0).all()


@pytest.mark.parametrize("width", [400, 760, 900, 1100, 1600])
def test_a_figure_of_any_width_is_readable_in_print(width):
    figure = finish(go.Figure(go.Scatter(y=[1, 2])), title="It rises", width=width)
    assert smallest_pt(figure.to_plotly_json(), PRINT_MM) >= LEAST_PT
    assert SMALLEST * PRINT_MM / 25.4 * 72 / 760 >= LEAST_PT


def test_no_figure_asks_for_a_font_below_the_smallest():
    for path in sorted((ROOT / "evlib/figures").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        sizes = re.findall(r'font(?:": |=)\{"size": (\d+)', text)
        assert all(int(size) >= SMALLEST for size in sizes), path.name


@pytest.mark.verify
def test_every_committed_figure_is_readable_in_print():
    """After a change of fonts, make refresh draws the figures anew."""
    small = {path.stem: smallest_pt(page_drawing(path), PRINT_MM) for path in sorted(FIGURES.glob("*.html"))}
    assert {name: round(size, 1) for name, size in small.items() if size < LEAST_PT} == {}
