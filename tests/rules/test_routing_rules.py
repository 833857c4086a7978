"""Who is offered to whom, judged on thousands of invented houses: nobody over capacity, nobody away, nobody starving."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.handoffs import routing
from backend.handoffs.groups import read_book
from backend.handoffs.routing import CHAT, COMPLAINT, Assignment, OnDuty, Policy, Scene, Waiting, assign
from backend.kernel.errors import Invalid
from tests.cast import NOW

GROUPS = ("presale", "aftersale", "complaint")
POLICY = Policy(helpers={"complaint": frozenset({"aftersale"})})


def seconds(most: int) -> st.SearchStrategy[timedelta]:
    return st.integers(0, most).map(lambda number: timedelta(seconds=number))


def a_team(most: int = 6) -> st.SearchStrategy[list[OnDuty]]:
    one = st.builds(
        OnDuty, st.sampled_from([f"agent{number}" for number in range(8)]), st.frozensets(st.sampled_from(GROUPS)),
        st.integers(0, 7), st.integers(1, 6), st.booleans(), complaint_load=st.sampled_from([0, 1.5, 3]),
        complaint_capacity=st.sampled_from([0, 1, 3]), languages=st.sampled_from([frozenset({"zh"}), frozenset({"zh", "en"})]),
        idle_since=st.none() | seconds(7200).map(lambda ago: NOW - ago))
    return st.lists(one, max_size=most, unique_by=lambda agent: agent.id)


people = st.none() | st.sampled_from([f"agent{number}" for number in range(8)])
waiters = st.lists(st.builds(
    Waiting, st.uuids().map(str), st.sampled_from(GROUPS), st.sampled_from([20, 30, 35, 50, 60, 89, 90, 100]),
    seconds(7200).map(lambda ago: NOW - ago), people, people, st.sampled_from(["zh", "zh", "en"]),
    st.sampled_from([CHAT, COMPLAINT]), st.sampled_from([0.8, 1.0, 1.5])), max_size=25, unique_by=lambda one: one.id)
opened = st.none() | st.frozensets(st.sampled_from(GROUPS))


@st.composite
def houses(draw: st.DrawFn) -> tuple[list[Waiting], list[OnDuty], list[Assignment], dict[Assignment, datetime], frozenset[str] | None]:
    """A queue, a team, offers under way, refusals, and which groups work."""
    queue, team = draw(waiters), draw(a_team())
    pairs = st.builds(Assignment, st.sampled_from([one.id for one in queue] or ["-"]),
                      st.sampled_from([one.id for one in team] or ["-"]))
    standing = draw(st.lists(pairs, max_size=4, unique_by=lambda pair: pair.handoff_id))
    refused = draw(st.dictionaries(pairs, seconds(300).map(lambda ago: NOW - ago), max_size=6))
    return queue, team, standing, refused, draw(opened)


def carried(agent: OnDuty, kind: str, given_to: list[Assignment], queue: list[Waiting]) -> float:
    places = {one.id: one for one in queue}
    before = agent.complaint_load if kind == COMPLAINT else agent.load
    return before + sum(places[one.handoff_id].weight for one in given_to
                        if one.staff_id == agent.id and one.handoff_id in places and places[one.handoff_id].kind == kind)


@given(houses())
@settings(max_examples=400)
def test_nobody_is_given_more_than_they_can_carry_and_nobody_who_is_away_is_given_anyone(house) -> None:  # type: ignore[no-untyped-def]
    queue, team, standing, refused, groups = house
    found = assign(queue, team, NOW, POLICY, offered=standing, refused=refused, open_groups=groups)
    there = {agent.id: agent for agent in team}
    assert all(there[one.staff_id].offered for one in found), "never to somebody busy, at break or gone"
    for agent in team:
        for kind in (CHAT, COMPLAINT):
            mine = [one for one in found if one.staff_id == agent.id
                    and next(place for place in queue if place.id == one.handoff_id).kind == kind]
            if mine:
                total = carried(agent, kind, [*standing, *found], queue)
                first = carried(agent, kind, standing, queue) == 0 and len(mine) == 1
                assert total <= agent.limit(kind) + 1e-6 or first, "the first is never too heavy, the second is"


@given(houses())
@settings(max_examples=400)
def test_nobody_suitable_is_free_while_a_suitable_customer_waits(house) -> None:  # type: ignore[no-untyped-def]
    queue, team, standing, refused, groups = house
    found = assign(queue, team, NOW, POLICY, offered=standing, refused=refused, open_groups=groups)
    scene = Scene(team, NOW, POLICY, groups)
    seen_to = {one.handoff_id for one in (*standing, *found)}
    for one in queue:
        if one.id in seen_to:
            continue
        for agent in team:
            asked = refused.get(Assignment(one.id, agent.id))
            if not agent.offered or (asked is not None and NOW - asked < POLICY.again_after) or not scene.suits(one, agent):
                continue
            if one.priority < routing.URGENT and sum(
                    1 for offer in (*standing, *found) if offer.staff_id == agent.id) >= POLICY.offers_at_once:
                continue  # they have offers to answer first
            load = carried(agent, one.kind, [*standing, *found], queue)
            assert not routing.fits(agent, one, load), f"{agent.id} had room for {one.id}"


@given(houses(), st.randoms(use_true_random=False))
def test_the_same_house_in_any_order_gives_the_same_offers(house, shuffle) -> None:  # type: ignore[no-untyped-def]
    queue, team, standing, refused, groups = house
    first = assign(queue, team, NOW, POLICY, offered=standing, refused=refused, open_groups=groups)
    shuffle.shuffle(queue)
    shuffle.shuffle(team)
    shuffle.shuffle(standing)
    assert assign(queue, team, NOW, POLICY, offered=standing, refused=refused, open_groups=groups) == first


@given(houses())
def test_each_customer_is_offered_once_and_never_again_to_whoever_has_just_let_them_pass(house) -> None:  # type: ignore[no-untyped-def]
    queue, team, standing, refused, groups = house
    found = assign(queue, team, NOW, POLICY, offered=standing, refused=refused, open_groups=groups)
    ids = [one.handoff_id for one in found]
    assert len(ids) == len(set(ids)) and not set(ids) & {one.handoff_id for one in standing}
    assert all(NOW - refused[one] >= POLICY.again_after for one in found if one in refused)


@given(houses())
def test_whoever_has_waited_longest_is_never_passed_over_for_a_later_one_that_was_not_danger(house) -> None:  # type: ignore[no-untyped-def]
    """Two hours make everybody equally urgent, but for safety: from there on it is strictly who came first."""
    queue, team, _, _, groups = house
    later = NOW + timedelta(hours=2)
    found = assign(queue, team, later, POLICY, open_groups=groups)
    offered = {one.handoff_id: one.staff_id for one in found}
    places, scene = {one.id: one for one in queue}, Scene(team, later, POLICY, groups)
    for left in (one for one in queue if one.id not in offered):
        for other_id, staff_id in offered.items():
            other = places[other_id]
            if other.priority < routing.URGENT and other.requested_at > left.requested_at and other.kind == left.kind:
                agent = next(one for one in team if one.id == staff_id)
                assert left.weight > other.weight or not scene.suits(left, agent), "came first, suited, and was passed over"


@given(st.lists(st.tuples(st.integers(0, 90), st.sampled_from([20, 50, 60])), min_size=1, max_size=30),
       st.integers(1, 3), st.integers(1, 8))
@settings(max_examples=60)
def test_nobody_starves_however_many_graver_ones_keep_coming(arrivals, agents, minutes) -> None:  # type: ignore[no-untyped-def]
    """A stream of graver newcomers for as long as the first one waits: they are still served within a bound."""
    team = [OnDuty(f"agent{number}", frozenset(), 0, 1) for number in range(agents)]
    queue = {"patient": Waiting("patient", "aftersale", 20, NOW)}
    queue |= {f"c{n}": Waiting(f"c{n}", "aftersale", priority, NOW + timedelta(minutes=at))
              for n, (at, priority) in enumerate(arrivals)}
    busy_until: dict[str, datetime] = {}
    for minute in range(600):
        now = NOW + timedelta(minutes=minute)
        queue[f"new{minute}"] = Waiting(f"new{minute}", "aftersale", 60, now)  # one graver every minute, for ever
        free = [replace(agent, load=0 if busy_until.get(agent.id, NOW) <= now else 1) for agent in team]
        for one in assign([place for place in queue.values() if place.requested_at <= now], free, now):
            busy_until[one.staff_id] = now + timedelta(minutes=minutes)
            del queue[one.handoff_id]
        if "patient" not in queue:
            return
    raise AssertionError("ten hours, and still waiting")


def duty(name: str, groups: str = "", load: float = 0, **more: object) -> OnDuty:
    return OnDuty(name, frozenset(groups.split()), load, 6, **more)  # type: ignore[arg-type]


def place(name: str = "x", group: str = "aftersale", minutes: float = 0, **more: object) -> Waiting:
    more.setdefault("priority", 20)
    return Waiting(name, group, requested_at=NOW - timedelta(minutes=minutes), **more)  # type: ignore[arg-type]


def to(queue: list[Waiting], team: list[OnDuty], **more: object) -> dict[str, str]:
    return {one.handoff_id: one.staff_id for one in assign(queue, team, NOW, POLICY, **more)}  # type: ignore[arg-type]


def test_who_has_least_to_do_is_asked_first_and_among_equals_who_has_been_idle_longest() -> None:
    long, short = NOW - timedelta(hours=1), NOW - timedelta(minutes=5)
    assert to([place()], [duty("a", load=3), duty("b", load=1), duty("c", load=2)]) == {"x": "b"}
    assert to([place()], [duty("a", idle_since=short), duty("b", idle_since=long)]) == {"x": "b"}
    assert to([place()], [duty("a", idle_since=long), duty("b")]) == {"x": "b"}, "who has had nobody yet has waited longest"


def test_nobody_is_asked_for_more_than_two_at_once_but_danger_comes_besides() -> None:
    crowd = [place(str(number)) for number in range(4)]
    assert len(to(crowd, [duty("a")])) == 2
    assert set(to([*crowd, place("fire", priority=100)], [duty("a")], offered=[Assignment("0", "a"), Assignment("1", "a")])
               ) == {"fire"}


def test_six_at_once_are_spread_and_not_heaped_on_one() -> None:
    given_to = to([place(str(number)) for number in range(6)], [duty("a"), duty("b"), duty("c")])
    assert sorted(given_to.values()) == ["a", "a", "b", "b", "c", "c"]


def test_the_person_who_served_them_last_is_asked_first_for_a_minute() -> None:
    team = [duty("a", load=4), duty("b")]
    assert to([place(last_agent_id="a")], team) == {"x": "a"}
    assert to([place(last_agent_id="a", minutes=1.1)], team) == {"x": "b"}
    assert to([place(last_agent_id="a")], [duty("a", load=6), duty("b")]) == {"x": "b"}, "nobody waits for a full colleague"


def test_a_colleague_asked_for_by_name_has_the_customer_for_themselves_first() -> None:
    team = [duty("a", "presale"), duty("b")]
    assert to([place(preferred_id="a")], team) == {"x": "a"}
    assert to([place(preferred_id="a")], [duty("a", load=6), duty("b")]) == {}
    assert to([place(preferred_id="a", minutes=1)], [duty("a", load=6), duty("b")]) == {"x": "b"}


def test_a_customer_who_writes_english_is_given_to_somebody_who_does() -> None:
    team = [duty("a"), duty("b", load=5, languages=frozenset({"zh", "en"}))]
    assert to([place(language="en")], team) == {"x": "b"}
    assert to([place(language="en")], [duty("a")]) == {"x": "a"}, "nobody there speaks it: better somebody than nobody"
    assert to([place(language="en", minutes=3)], [duty("a"), replace(team[1], load=6)]) == {"x": "a"}


def test_another_group_helps_out_after_its_time_and_the_named_helpers_before_everybody() -> None:
    own, helper, other = duty("own", "complaint", 6), duty("helper", "aftersale"), duty("other", "presale")
    own = replace(own, complaint_load=3)
    waiting = place(group="complaint", kind=COMPLAINT)
    assert to([waiting], [own, helper, other]) == {}
    assert to([replace(waiting, requested_at=NOW - timedelta(minutes=3))], [own, helper, other]) == {"x": "helper"}
    assert to([replace(waiting, requested_at=NOW - timedelta(minutes=5))], [own, other]) == {}
    assert to([replace(waiting, requested_at=NOW - timedelta(minutes=9))], [own, other]) == {"x": "other"}


def test_outside_a_groups_hours_only_an_open_group_is_asked_and_danger_reaches_anybody() -> None:
    team = [duty("a", "complaint"), duty("b", "aftersale")]
    assert to([place(group="complaint")], team, open_groups=frozenset({"aftersale"})) == {"x": "b"}
    assert to([place(group="complaint")], team, open_groups=frozenset()) == {}
    assert to([place(group="complaint", priority=100)], team, open_groups=frozenset()) == {"x": "a"}


def test_chats_and_complaints_are_measured_apart_and_a_complaint_weighs_more() -> None:
    full_of_chats = duty("a", load=6)
    cases = [place(str(number), "complaint", kind=COMPLAINT, weight=1.5) for number in range(3)]
    assert len(to([place()], [full_of_chats])) == 0
    assert len(to(cases, [full_of_chats])) == 2, "3 is the measure: two of 1.5"


def test_english_is_recognised_by_letters_without_chinese_and_a_number_is_no_language() -> None:
    assert routing.language_of(["hello, where is my order"]) == "en"
    assert routing.language_of(["hello", "我的订单到哪了"]) == "zh"
    assert routing.language_of(["HM260917-3382"]) == "zh" and routing.language_of([]) == "zh"


@pytest.mark.parametrize("wrong", [
    {"skill_groups": [{"key": "a", "name": "A", "weight": 0}]}, {"skill_groups": [{"key": "a", "name": "A", "kind": "mail"}]},
    {"skill_groups": [{"key": "a", "name": "A", "overflow_to": ["b"]}]}, {"routing": {"offer_seconds": "soon"}}])
def test_a_book_of_groups_that_makes_no_sense_is_refused_with_the_word_that_is_wrong(wrong: dict[str, object]) -> None:
    with pytest.raises(Invalid) as refused:
        read_book(wrong)
    assert refused.value.code == "bad_groups"


def test_the_packs_own_book_says_how_long_an_offer_stands_and_how_heavy_a_complaint_is() -> None:
    from backend.handoffs.groups import book, measure_of

    assert book().policy.offer_for == timedelta(seconds=60) and book().policy.misses_before_busy == 2
    assert measure_of("complaint", "web") == (COMPLAINT, 1.5)
    assert measure_of("aftersale", "wechat") == (CHAT, 0.8)
