"""A lifecycle is a table; what is not in it is refused by name."""

from __future__ import annotations

from enum import StrEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.kernel.actors import must_differ
from backend.kernel.errors import Conflict, Forbidden
from backend.kernel.transitions import Lifecycle, Move


class Kettle(StrEnum):
    EMPTY = "empty"
    FULL = "full"
    HOT = "hot"
    BROKEN = "broken"


class Do(StrEnum):
    FILL = "fill"
    BOIL = "boil"
    POUR = "pour"
    DROP = "drop"


def another_person(*, author: str, approver: str) -> None:
    must_differ(author, approver)


TABLE = {
    (Kettle.EMPTY, Do.FILL): Move(Kettle.FULL),
    (Kettle.FULL, Do.BOIL): Move(Kettle.HOT, guard=lambda *, power: power),
    (Kettle.HOT, Do.POUR): Move(Kettle.EMPTY, guard=another_person),
    (Kettle.HOT, Do.DROP): Move(Kettle.BROKEN),
}
KETTLE = Lifecycle(TABLE, {Kettle.EMPTY: "空"}, {Do.BOIL: "烧水"})


def test_a_move_in_the_table_leads_to_its_state() -> None:
    assert KETTLE.next(Kettle.EMPTY, Do.FILL) is Kettle.FULL
    assert KETTLE.next(Kettle.FULL, Do.BOIL, power=True) is Kettle.HOT


def test_a_move_that_is_not_in_the_table_is_a_coded_conflict_that_names_both_in_chinese() -> None:
    with pytest.raises(Conflict) as caught:
        KETTLE.next(Kettle.EMPTY, Do.BOIL, power=True)
    assert caught.value.code == "move_not_allowed"
    assert "空" in caught.value.message and "烧水" in caught.value.message


def test_a_guard_refuses_by_saying_no_or_by_its_own_error() -> None:
    with pytest.raises(Conflict) as caught:
        KETTLE.next(Kettle.FULL, Do.BOIL, power=False)
    assert caught.value.code == "move_refused"
    with pytest.raises(Forbidden) as own:
        KETTLE.next(Kettle.HOT, Do.POUR, author="a", approver="a")
    assert own.value.code == "same_person"


def test_buttons_ask_the_table() -> None:
    assert KETTLE.actions(Kettle.HOT) == [Do.POUR, Do.DROP]
    assert KETTLE.allows(Kettle.HOT, Do.POUR, author="a", approver="b")
    assert not KETTLE.allows(Kettle.HOT, Do.POUR, author="a", approver="a")
    assert not KETTLE.allows(Kettle.BROKEN, Do.FILL)


def test_reachable_and_final_states_follow_from_the_table() -> None:
    assert KETTLE.reachable(Kettle.EMPTY) == set(Kettle)
    assert KETTLE.reachable(Kettle.BROKEN) == {Kettle.BROKEN}
    assert KETTLE.final_states(Kettle) == {Kettle.BROKEN}


@given(st.lists(st.sampled_from(Do), max_size=12))
@settings(max_examples=80)
def test_no_sequence_of_actions_leaves_the_table(actions: list[Do]) -> None:
    here = Kettle.EMPTY
    for action in actions:
        facts: dict[str, object] = {}
        if action is Do.BOIL:
            facts = {"power": True}
        elif action is Do.POUR:
            facts = {"author": "a", "approver": "b"}
        row = TABLE.get((here, action))
        try:
            here = KETTLE.next(here, action, **facts)
        except Conflict as error:
            assert row is None and error.code == "move_not_allowed"
        else:
            assert row is not None and here is row.to
