"""The invented month: made through the services, the same each time, never on top of real conversations."""

import re
from collections import Counter
from datetime import timedelta

import pytest

from backend.complaints import service as complaints
from backend.conversations import service as conversations
from backend.conversations import tallies, understanding
from backend.demo import month
from backend.demo.material import read
from backend.infra import journal
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.errors import Conflict, Invalid
from backend.settings import settings
from tests.builders import a_conversation
from tests.cast import HAN_TAO, NOW

SIZE = {"days": 20, "talks": 20}


def made(works: Works, seed: int = 4) -> dict[str, int]:
    return month.make(works, settings().pack_dir, NOW, seed=seed, **SIZE)


def turns(works: Works) -> list[understanding.ReplayTurn]:
    with works.read(SYSTEM, NOW) as work:
        return understanding.turns_to_replay(work.session, NOW, 500)


def test_a_month_holds_talks_answers_gaps_and_a_grave_complaint(pack_loaded: Works) -> None:
    count = made(pack_loaded)
    assert count["conversations"] == 20
    assert count["questions"] >= 20
    assert count["complaints"] >= 1
    with pack_loaded.read(HAN_TAO, NOW) as work:
        days = tallies.opened_by_day(work.session, NOW - timedelta(days=20), NOW)
        listed = complaints.listing(work.session, NOW, complaints.query_from({"which": "all"}))
        misunderstood = understanding.misunderstood(work.session, NOW - timedelta(days=20))
        general = understanding.answered_generally(work.session, NOW - timedelta(days=20))
    assert sum(days.values()) == 20
    assert len(days) > 5, "a month is not one busy day"
    assert len(misunderstood) == count.get("unanswered", 0)
    assert len(general) == count.get("general", 0) > 0
    assert all(one.text in read(settings().pack_dir).general[one.key] for one in general)
    assert len(listed["rows"]) == count["complaints"]
    assert any(row["major"] for row in listed["rows"])


def test_every_answered_question_names_the_script_that_answered_it(pack_loaded: Works) -> None:
    made(pack_loaded)
    material = read(settings().pack_dir)
    known = {key: (*material.questions.get(key, ()), *material.general.get(key, ()))
             for key in (*material.questions, *material.general)}
    found = turns(pack_loaded)
    assert found
    right = [turn for turn in found if turn.text in known[turn.answered_key]]
    assert len(right) >= len(found) * 0.8
    assert all(turn.intent and turn.confidence for turn in found)


def test_the_same_seed_makes_the_same_month_and_another_seed_another(pack_loaded: Works) -> None:
    first = made(pack_loaded)
    said = [(turn.at, turn.text, turn.answered_key) for turn in turns(pack_loaded)]
    with pytest.raises(Conflict, match="已有 20 次对话") as refusal:
        made(pack_loaded)
    assert refusal.value.code == "conversations_exist"
    again = month.make(pack_loaded, settings().pack_dir, NOW, seed=4, force=True, **SIZE)
    # Everything stands twice now, at the same instants.
    assert Counter((turn.at, turn.text, turn.answered_key) for turn in turns(pack_loaded)) == Counter(said + said)
    assert again["conversations"] == first["conversations"]
    month.make(pack_loaded, settings().pack_dir, NOW, seed=5, force=True, **SIZE)
    assert len(turns(pack_loaded)) != 3 * len(said)


def test_an_opened_but_silent_chat_does_not_count_as_a_conversation(pack_loaded: Works) -> None:
    with pack_loaded.begin(SYSTEM, NOW - timedelta(days=2)) as work:
        a_conversation(work)
    assert made(pack_loaded)["conversations"] == 20


def test_a_real_conversation_is_not_mixed_with_invented_ones_by_mistake(pack_loaded: Works) -> None:
    with pack_loaded.begin(SYSTEM, NOW - timedelta(days=2)) as work:
        conversations.receive(work, a_conversation(work), client_id="one", text="发票怎么开")
    with pytest.raises(Conflict) as refusal:
        made(pack_loaded)
    assert refusal.value.code == "conversations_exist"
    assert turns(pack_loaded) == []


def test_a_database_without_scripts_or_staff_says_what_to_do_first(works: Works) -> None:
    with pytest.raises(Conflict, match="db prepare"):
        made(works)


@pytest.mark.parametrize(("days", "talks"), [(0, 10), (93, 10), (30, 0), (30, 20_001)])
def test_a_size_beyond_reason_is_refused(pack_loaded: Works, days: int, talks: int) -> None:
    with pytest.raises(Invalid) as refusal:
        month.make(pack_loaded, settings().pack_dir, NOW, days=days, talks=talks)
    assert refusal.value.code == "demo_size"


def test_the_material_is_large_enough_and_holds_no_personal_data() -> None:
    material = read(settings().pack_dir)
    words = [text for texts in material.questions.values() for text in texts]
    beyond = [text for row in material.unanswerable for text in row]
    assert len(set(words)) >= 80
    assert len(set(beyond)) >= 25
    told = [*words, *beyond, *(case.text for case in material.complaints)]
    assert not [text for text in told if re.search(r"1[3-9]\d{9}|\d{17}[\dXx]|@", text)]


def test_the_journal_still_verifies_after_an_invented_month(pack_loaded: Works) -> None:
    made(pack_loaded)
    while True:
        with pack_loaded.begin(SYSTEM, NOW + timedelta(hours=1)) as work:
            if not journal.seal(work.session, work.now):
                break
    with pack_loaded.read(SYSTEM) as work:
        assert journal.verify(work.session).intact
