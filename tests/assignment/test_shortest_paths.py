"""Cheapest paths: zones that are not passed, free and parallel roads, faults named."""

import pytest

from evlib.assignment.shortest_paths import Roads, cheapest_paths
from evlib.errors import InputError


def test_zones_are_not_passed_through():
    """1-2-3 costs 2 and leads through zone 2; 1-4-3 costs 5. With zones 1 to 3 closed, the second must do."""
    ends = [1, 2, 1, 4], [2, 3, 4, 3]
    passed, around = ([(0, 1)], [(2, 3)])
    for first, cost, path in ((1, 2.0, passed), (2, 2.0, passed), (3, 5.0, around), (4, 5.0, around)):
        found = cheapest_paths(Roads(4, *ends, first), [1], [3], [1.0, 1.0, 2.0, 3.0])
        assert (found[0].tolist(), found[1]) == ([cost], path)


def test_free_roads_and_parallel_roads_are_found():
    """A road of cost 0 is a road; of two parallel roads the cheaper one is taken; order of pairs is kept."""
    roads = Roads(4, [1, 1, 2, 3], [2, 2, 3, 4])
    cost, paths = cheapest_paths(roads, [2, 1, 1], [4, 3, 2], [3.0, 2.0, 0.0, 0.0])
    assert cost.tolist() == [0, 2, 2]
    assert paths == [(2, 3), (1, 2), (1,)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Roads(2, [1], [3]), "head of arc 0 is 3; must be a node 1..2"),
        (lambda: Roads(2, [1.5], [2]), "tail of arc 0 is 1.5"),
        (lambda: Roads(2, [1], [1]), "to itself"),
        (lambda: Roads(3, [1, 2], [2]), "shapes"),
        (lambda: Roads(2, [1], [2], 0), "first_through_node = 0"),
        (lambda: cheapest_paths(Roads(2, [1], [2]), [1], [2], [-1.0]), "arc_cost of arc 0 is -1"),
        (lambda: cheapest_paths(Roads(2, [1], [2]), [1], [2], [1.0, 2.0]), "one cost an arc"),
    ],
)
def test_roads_that_make_no_sense_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
