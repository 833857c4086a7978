"""Questions that ask the same come together, whatever the order in which they came."""

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from backend.scripts import clusters

NEAR = 0.8  # 37 degrees


def at(angle: float) -> list[float]:
    """A unit vector in the plane, by its angle in degrees."""
    return [math.cos(math.radians(angle)), math.sin(math.radians(angle))]


def groups_of(angles: list[float]) -> list[set[float]]:
    return [{angles[member] for member in one.members} for one in clusters.group(clusters.centred([at(a) for a in angles]), NEAR)]


def test_near_questions_form_a_group_and_the_middle_one_names_it() -> None:
    angles = [0.0, 10.0, 20.0, 120.0]
    found = clusters.group(clusters.centred([at(angle) for angle in angles]), NEAR)
    assert [one.members for one in found] == [(0, 1, 2), (3,)]
    assert found[0].centre == 1 and found[1].centre == 3


@given(st.permutations([0.0, 8.0, 16.0, 90.0, 95.0, 200.0]))
def test_the_order_in_which_they_came_changes_nothing(angles: list[float]) -> None:
    assert sorted(map(sorted, groups_of(angles))) == [[0.0, 8.0, 16.0], [90.0, 95.0], [200.0]]


@given(st.lists(st.floats(0, 359), max_size=25))
def test_everybody_is_in_exactly_one_group_and_the_largest_comes_first(angles: list[float]) -> None:
    found = clusters.group(clusters.centred([at(angle) for angle in angles]), NEAR)
    assert sorted(member for one in found for member in one.members) == list(range(len(angles)))
    assert all(one.centre in one.members for one in found)
    assert all(len(one.members) >= len(other.members) for one, other in pairwise(found))


def test_a_new_question_joins_the_nearest_standing_cluster_or_none() -> None:
    standing = {"a": clusters.centred([at(0)])[0], "b": clusters.centred([at(30)])[0]}
    rows = clusters.centred([at(5), at(28), at(180)])
    assert clusters.join(rows, standing, NEAR) == {0: "a", 1: "b"}
    assert clusters.join(rows, {}) == {} and clusters.join(clusters.centred([]), standing) == {}


def test_what_all_sentences_share_is_taken_away_first() -> None:
    shared = 5.0
    rows = [[shared, 1.0, 0.0], [shared, 0.9, 0.1], [shared, -1.0, 0.0]]
    assert len(clusters.group(clusters.centred(rows))) == 1, "in one narrow cone everything looks alike"
    background = [[shared, 0.0, 1.0], [shared, 0.0, -1.0]] * 10
    found = clusters.group(clusters.centred(rows, background))
    assert [one.members for one in found] == [(0, 1), (2,)]
    assert len(clusters.group(clusters.centred(rows, background[:2]))) == 1, "two sentences are no background"


def test_nothing_gives_nothing() -> None:
    assert clusters.group(clusters.centred([])) == []
    assert clusters.group(clusters.centred([[0.0, 0.0]]))[0].members == (0,)


def test_kinds_that_have_grown_into_each_other_become_one() -> None:
    middles = {name: clusters.centred([at(angle)])[0] for name, angle in {"a": 0, "b": 20, "c": 90, "d": 100}.items()}
    assert clusters.mergers(middles, {"a": 5, "b": 9, "c": 1, "d": 1}, NEAR) == [("a", "b"), ("d", "c")]
    assert clusters.mergers({"a": middles["a"]}, {"a": 1}) == [] and clusters.mergers({}, {}) == []
