"""Static assignment against published optima, closed forms, a one-shot convex program and finite differences."""

import os
from itertools import pairwise
from pathlib import Path

import cvxpy as cp
import networkx as nx
import numpy as np
import pandas as pd
import pytest

from evlib.assignment.link_costs import PowerCost
from evlib.assignment.shortest_paths import Roads, cheapest_paths
from evlib.assignment.static_assignment import assign
from evlib.assignment.tno import reply
from evlib.errors import InputError
from evlib.folders import DATA, ROOT
from evlib.inputs.tntp import read_network, read_trips

# Published networks are for academic research only, so everybody fetches their own copy.
TNTP = Path(os.environ.get("EVLIB_TNTP", ROOT.parent / "shared" / "data" / "tntp"))


def published(name):
    """Roads, cost and trips of a published network, or the test is skipped."""
    if not (TNTP / f"{name}_net.tntp").is_file():
        pytest.skip(f"no {name}_net.tntp in {TNTP}: fetch github.com/bstabler/TransportationNetworks, set EVLIB_TNTP")
    network = read_network(TNTP / f"{name}_net.tntp")
    return network.roads, network.cost(), read_trips(TNTP / f"{name}_trips.tntp")


def trips(*rows):
    return pd.DataFrame(rows, columns=["origin", "destination", "demand_veh"])


@pytest.fixture(scope="module")
def nguyen():
    """Nguyen and Dupuis 1984: costs ``a`` + ``b`` flow belong to ``static_demand`` and ``ue_cost``.

    The columns ``han_*`` of both files, and Han's own link table, are a later dynamic study on the same graph; it has
    neither a nor b.
    """
    links = pd.read_csv(DATA / "nguyen_links.csv", comment="#")
    pairs = pd.read_csv(DATA / "nguyen_od.csv", comment="#").rename(columns={"static_demand": "demand_veh"})
    roads = Roads(13, links["from"].to_numpy(), links["to"].to_numpy())
    return roads, PowerCost.linear(links["a"], links["b"]), pairs[["origin", "destination", "demand_veh"]]


def simple_paths(roads, pairs):
    """Every simple path as arcs, with the pair that it serves."""
    number = {ends: a for a, ends in enumerate(zip(roads.tail.tolist(), roads.head.tolist(), strict=True))}
    graph = nx.DiGraph(number.keys())
    return [
        (w, [number[ends] for ends in pairwise(nodes)])
        for w, pair in enumerate(pairs.itertuples())
        for nodes in nx.all_simple_paths(graph, pair.origin, pair.destination)
    ]


def arc_program(roads, cost, pairs, *, unit=1.0):
    """Beckmann's program over arc flows by origin, without any path: value and arc flows. One power for all arcs."""
    origins = sorted(pairs["origin"].unique().tolist())
    leaves = np.zeros((roads.n_nodes, roads.n_arcs))
    leaves[roads.tail - 1, np.arange(roads.n_arcs)] += 1
    leaves[roads.head - 1, np.arange(roads.n_arcs)] -= 1
    supply = np.zeros((roads.n_nodes, len(origins)))
    for pair in pairs.itertuples():
        supply[pair.origin - 1, origins.index(pair.origin)] += pair.demand_veh / unit
        supply[pair.destination - 1, origins.index(pair.origin)] -= pair.demand_veh / unit
    by_origin = cp.Variable((roads.n_arcs, len(origins)), nonneg=True)
    flow, power = cp.sum(by_origin, axis=1), cost.power[0] + 1
    # Flows in units at which each arc's cost doubles: fifth powers of vehicles are too large for any solver.
    size = (np.maximum(cost.constant, 1.0) / cost.factor) ** (1 / cost.power) / unit
    rise = cost.factor * (size * unit) ** power / power / unit
    value = cost.constant @ flow + rise @ cp.power(cp.multiply(1 / size, flow), power)
    problem = cp.Problem(cp.Minimize(value / unit), [leaves @ by_origin == supply])
    problem.solve(solver=cp.CLARABEL)
    assert problem.status == cp.OPTIMAL
    return problem.value * unit**2, flow.value * unit


def test_sioux_falls_reaches_the_published_optimum():
    """4,231,335.28710744 in 0.01 veh h, between the bound and the value; flows are the published ones to a vehicle."""
    roads, cost, pairs = published("SiouxFalls")
    found = assign(roads, cost, pairs, gap=1e-8)

    assert found.converged
    assert found.objective == pytest.approx(4_231_335.28710744, rel=1e-5)
    assert found.lower_bound <= 4_231_335.28710744 * (1 + 1e-12)
    assert found.objective >= 4_231_335.28710744 * (1 - 1e-12)
    known = pd.read_csv(TNTP / "SiouxFalls_flow.tntp", sep=r"\s+")
    assert (known["From"].to_numpy() == roads.tail).all()
    assert (known["To"].to_numpy() == roads.head).all()
    assert np.abs(found.flow_veh - known["Volume"].to_numpy()).max() < 1.0


@pytest.mark.verify
def test_sioux_falls_system_optimum_is_that_of_one_convex_program():
    """1,824 arc flows in one go know nothing of paths, searches and projections."""
    roads, cost, pairs = published("SiouxFalls")
    found = assign(roads, cost, pairs, objective="system", gap=1e-8)
    value, _ = arc_program(roads, cost.marginal(), pairs, unit=1000.0)
    assert found.objective == pytest.approx(value, rel=1e-6)
    assert found.total_cost == pytest.approx(found.objective, rel=1e-12)
    assert found.total_cost < assign(roads, cost, pairs).total_cost


def test_anaheim_reaches_the_published_optimum():
    """1,286,032.171 veh min; 38 zones that nobody may pass through."""
    roads, cost, pairs = published("Anaheim")
    found = assign(roads, cost, pairs)
    assert found.converged
    assert found.objective == pytest.approx(1_286_032.171, rel=1e-4)
    assert found.lower_bound <= 1_286_032.1715
    assert all(roads.tail[a] >= 39 for path in found.paths for a in path[1:])


def test_nguyen_costs_are_the_known_ones(nguyen):
    """Costs of the four pairs and Beckmann's sum, at linear costs and demands of 400, 800, 600 and 200."""
    found = assign(*nguyen, gap=1e-8)
    assert found.pairs["cost"].to_numpy() == pytest.approx([47.5307, 55.5737, 47.1666, 43.9101], rel=1e-4)
    assert found.objective == pytest.approx(85_028.0717, rel=1e-6)
    used = found.path_table()
    least = found.pairs["cost"].to_numpy()[found.path_pair]
    assert used["cost"].to_numpy() == pytest.approx(least, rel=1e-5)
    assert used.groupby(["origin", "destination"])["flow_veh"].sum().tolist() == pytest.approx([400, 800, 600, 200])


@pytest.mark.parametrize("power", [1.0, 4.0])
def test_one_convex_program_agrees_on_nguyen(nguyen, power):
    """The same problem in arc flows, solved by an interior-point method in one go."""
    roads, line, pairs = nguyen
    cost = line if power == 1 else PowerCost.bpr(line.constant, np.full(roads.n_arcs, 400.0), 0.15, power)
    value, flow = arc_program(roads, cost, pairs, unit=100.0)
    found = assign(roads, cost, pairs, gap=1e-8)
    assert found.objective == pytest.approx(value, rel=1e-6)
    assert found.flow_veh == pytest.approx(flow, abs=0.5)


def test_the_reply_of_the_study_finds_the_same_equilibrium(nguyen):
    """Generated paths, static costs and :func:`evlib.assignment.tno.reply`, its metric the row sums of path slopes."""
    roads, cost, pairs = nguyen
    demand = pairs["demand_veh"].to_numpy(dtype=float)
    flow, paths, pair_of, veh = np.zeros(roads.n_arcs), [], np.zeros(0, dtype=int), np.zeros(0)
    for i in range(120):
        least, new = cheapest_paths(roads, pairs["origin"], pairs["destination"], cost(flow))
        gap = 1 - demand @ least / (flow @ cost(flow)) if i else 1.0
        if gap < 1e-4:
            break
        for w, path in enumerate(new):
            if path not in paths:
                paths, pair_of, veh = [*paths, path], np.append(pair_of, w), np.append(veh, 0.0 if i else demand[w])
        on = np.array([np.isin(np.arange(roads.n_arcs), path) for path in paths], dtype=float)
        metric = (on * cost.slope(flow) @ on.T).sum(axis=1)
        shape = (len(paths), 1, 1)
        now = (on @ cost(veh @ on)).reshape(shape)
        veh = reply(now, demand.reshape(4, 1, 1), pair_of, veh.reshape(shape), metric.reshape(shape)).ravel()
        flow = veh @ on
    assert gap < 1e-4
    assert least == pytest.approx([47.5307, 55.5737, 47.1666, 43.9101], rel=1e-3)
    assert cost.integral(flow).sum() == pytest.approx(85_028.0717, rel=1e-4)


def test_two_routes_by_hand():
    """5 + 0.2 x and 11 + 0.1 (60 - x): 40 to 20 at 13 each, 780 in all; with the toll 30 to 30, 750 in all."""
    roads, cost, pairs = Roads(2, [1, 1], [2, 2]), PowerCost.linear([5.0, 11.0], [0.2, 0.1]), trips((1, 2, 60.0))
    user, system = (assign(roads, cost, pairs, objective=name, gap=1e-12) for name in ("user", "system"))
    assert user.flow_veh == pytest.approx([40, 20])
    assert user.arc_cost == pytest.approx([13, 13])
    assert user.arc_toll == pytest.approx([0, 0])
    assert user.total_cost == pytest.approx(780)
    assert system.flow_veh == pytest.approx([30, 30])
    assert system.arc_toll == pytest.approx([6, 3])
    assert system.pairs["cost"].tolist() == pytest.approx([17])
    assert system.total_cost == pytest.approx(750)


@pytest.mark.parametrize("power", [1.0, 2.0, 4.0])
def test_price_of_anarchy_of_pigou(power):
    """Costs 1 and v^p, demand 1: all take the second; its price is 4/3 for p = 1 and Roughgarden's bound for any p."""
    roads, cost, pairs = Roads(2, [1, 1], [2, 2]), PowerCost([1.0, 0.0], [0.0, 1.0], [1.0, power]), trips((1, 2, 1.0))
    user, system = (assign(roads, cost, pairs, objective=name, gap=1e-10) for name in ("user", "system"))
    bound = 1 / (1 - power * (power + 1) ** (-(power + 1) / power))
    assert user.flow_veh == pytest.approx([0, 1], abs=1e-6)
    assert system.flow_veh[1] == pytest.approx((power + 1) ** (-1 / power), rel=1e-6)
    assert user.total_cost / system.total_cost == pytest.approx(4 / 3 if power == 1 else bound)


def test_price_of_anarchy_with_straight_lines_is_at_most_four_thirds(nguyen):
    user, system = (assign(*nguyen, objective=name) for name in ("user", "system"))
    assert 1 < user.total_cost / system.total_cost < 4 / 3


def test_braess_paradox():
    """Six drivers: 83 each on two routes; one more road, and they pay 92. The optimum leaves the new road empty."""
    tail, head = np.array([1, 1, 2, 3, 2]), np.array([2, 3, 4, 4, 3])
    cost = np.array([0.0, 50, 50, 0, 10]), np.array([10.0, 1, 1, 10, 1])
    pairs = trips((1, 4, 6.0))
    before = assign(Roads(4, tail[:4], head[:4]), PowerCost.linear(cost[0][:4], cost[1][:4]), pairs, gap=1e-10)
    roads, costs = Roads(4, tail, head), PowerCost.linear(*cost)
    after = assign(roads, costs, pairs, gap=1e-10)
    best = assign(roads, costs, pairs, objective="system", gap=1e-10)
    assert before.pairs["cost"].tolist() == pytest.approx([83])
    assert after.pairs["cost"].tolist() == pytest.approx([92])
    assert after.path_table().set_index("path")["flow_veh"].to_dict() == pytest.approx(
        {"1-2-4": 2, "1-3-4": 2, "1-2-3-4": 2}, rel=1e-6
    )
    assert best.flow_veh[4] == pytest.approx(0, abs=1e-6)
    assert best.total_cost == pytest.approx(6 * 83)


def test_no_move_of_a_vehicle_improves_the_system_optimum(nguyen):
    """Finite differences of everybody's cost v t(v), over all 25 paths: none to gain, nothing to lose among the used."""
    roads, line, pairs = nguyen
    cost = PowerCost.bpr(line.constant, np.full(roads.n_arcs, 400.0))
    found = assign(roads, cost, pairs, objective="system", gap=1e-11)

    def added_by(path, veh=1e-2):
        up, down = found.flow_veh.copy(), found.flow_veh.copy()
        up[list(path)] += veh
        down[list(path)] -= veh
        return (up @ cost(up) - down @ cost(down)) / (2 * veh)

    used = np.array([added_by(path) for path in found.paths])
    least = np.array([used[found.path_pair == w].min() for w in range(4)])
    assert used == pytest.approx(least[found.path_pair], rel=1e-5)
    assert found.pairs["cost"].to_numpy() == pytest.approx(least, rel=1e-5)
    everywhere = [(w, path) for w, path in simple_paths(roads, pairs) if (found.flow_veh[path] > 1).all()]
    assert len(everywhere) > len(found.paths)
    assert all(added_by(path) > least[w] * (1 - 1e-5) for w, path in everywhere)


@pytest.mark.parametrize("seeds", [range(10), pytest.param(range(10, 30), marks=pytest.mark.verify)], ids=len)
def test_gap_and_bound_hold_on_random_networks(seeds):
    """Mixed powers, free and constant roads, parallel roads: demand met, the value never rises nor passes the bound."""
    for seed in seeds:
        rng = np.random.default_rng(seed)
        n = int(rng.integers(4, 12))
        tail, head = np.r_[1 : n + 1, rng.integers(1, n + 1, 3 * n)], np.r_[2 : n + 1, 1, rng.integers(1, n + 1, 3 * n)]
        tail, head = tail[tail != head], head[tail != head]
        power, empty = rng.choice([1.0, 1.5, 2.0, 4.0, 6.0], len(tail)), rng.choice([0.0, 1.0, 5.0], len(tail))
        cost = PowerCost(empty, rng.choice([0.0, 1.0], len(tail), p=[0.2, 0.8]) / 50.0**power, power)
        pairs = trips(*[(o, d, 1.0 + 100 * rng.random()) for o in range(1, 4) for d in range(4, n + 1)])
        roads = Roads(n, tail, head)
        found = assign(roads, cost, pairs, gap=1e-8)
        assert found.converged
        assert np.bincount(found.path_pair, found.path_flow_veh) == pytest.approx(pairs["demand_veh"].to_numpy())
        assert found.path_flow_veh.min() > 0
        on_paths = np.zeros(roads.n_arcs)
        for path, veh in zip(found.paths, found.path_flow_veh, strict=True):
            assert (roads.head[list(path[:-1])] == roads.tail[list(path[1:])]).all()
            on_paths[list(path)] += veh
        assert on_paths == pytest.approx(found.flow_veh)
        values = found.table["objective"].to_numpy()
        assert (np.diff(values) <= 1e-12 * values[0]).all()
        assert found.table["lower_bound"].max() <= values.min() * (1 + 1e-12)


def test_missing_the_gap_is_reported(nguyen):
    """One search is not enough: not converged, and the true optimum is still between bound and value."""
    found = assign(*nguyen, gap=1e-8, max_iterations=1)
    assert not found.converged
    assert found.relative_gap > 1e-8
    assert found.table["iteration"].tolist() == [0, 1]
    assert found.lower_bound < 85_028.0717 < found.objective


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pairs": trips((1, 3, 1.0))}, "no path leads from node 1 to node 3"),
        ({"pairs": trips((1, 2, 0.0))}, "demand_veh of pair 0 is 0"),
        ({"pairs": trips((1, 2, np.nan))}, "demand_veh of pair 0 is nan"),
        ({"pairs": trips((1, 2, 1.0), (1, 2, 2.0))}, "pair 1, 1 to 2, is there twice"),
        ({"pairs": trips((1, 1, 1.0))}, "starts and ends at node 1"),
        ({"pairs": trips((1, 7, 1.0))}, "destination of pair 0 is 7"),
        ({"pairs": trips()}, "table is empty"),
        ({"pairs": trips((1, 2, 1.0)).drop(columns="origin")}, "column 'origin' is missing"),
        ({"cost": PowerCost.linear([1.0, 1.0], [1.0, 1.0])}, "for 1 arcs"),
        ({"objective": "selfish"}, "'user' or 'system'"),
        ({"gap": 0.0}, "above 0"),
    ],
)
def test_problems_that_make_no_sense_are_refused(change, message):
    given = {"roads": Roads(3, [1], [2]), "cost": PowerCost.linear([1.0], [1.0]), "pairs": trips((1, 2, 1.0))} | change
    with pytest.raises(InputError, match=message):
        assign(**given)
