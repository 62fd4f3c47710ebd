"""Draws of the ensemble with few plugs, at which Newton steps without more inertia ended far from equilibrium."""

import pytest

from evlib.coordination.coordinate import coordinate
from study.experiments.ensemble.draws import draws_of, scenario_of
from study.experiments.ensemble.knobs import read_design
from study.experiments.ensemble.one_draw import PRICE_TOLERANCE


@pytest.mark.verify
@pytest.mark.parametrize(("draw", "objective"), [(33, "system"), (4, "user"), (12, "system")])
def test_hard_draws_settle(draw, objective):
    """Certified as every draw is: relative gap and price gap within what the ensemble calls settled."""
    design = read_design("nguyen")
    scenario = scenario_of(design, draws_of(design, 64)[draw])
    certificate = coordinate(scenario, charging="v2g", objective=objective, method="newton").certificate
    assert certificate.relative_gap <= certificate.tol_relative_gap
    assert abs(certificate.price_gap) <= PRICE_TOLERANCE
