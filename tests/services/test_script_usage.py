"""The figures beside each script, counted by hand."""

from datetime import timedelta

import pytest

from backend.conversations import service as conversations
from backend.dashboards import usage
from backend.handoffs import service as handoffs
from backend.infra.work import Work, Works
from backend.kernel.actors import BOT, SYSTEM
from backend.kernel.errors import NotFound
from backend.scripts import service as scripts
from backend.scripts.library import Usage
from backend.scripts.service import Content
from backend.surveys import service as surveys
from tests import builders
from tests.cast import LIN_JIA, NOW, SHEN_LAN, SU_MIN

KEY = "invoice.how_to_issue"


def test_use_resolution_handoff_and_satisfaction_are_counted_per_script(pack_loaded: Works) -> None:
    ids = []
    for number in range(3):
        with pack_loaded.begin(BOT, NOW) as work:
            conversation = builders.a_conversation(work, builders.a_customer(work, f"visitor-{number}"))
            conversations.receive(work, conversation, client_id="a", text="发票怎么开")
            conversations.receive(work, conversation, client_id="b", text="在吗")
            for _ in range(number + 1):
                conversations.say(work, conversation, scripts.speak(work, KEY))
            ids.append(conversation.id)
    with pack_loaded.begin(SYSTEM, NOW) as work:
        handoffs.request(work, ids[0], "customer_request", {}, "")
    for conversation_id in ids[:2]:  # the third is still open
        with pack_loaded.begin(SYSTEM, NOW) as work:
            conversations.close(work, conversations.get(work.session, conversation_id), "customer")
    with pack_loaded.begin(SYSTEM, NOW) as work:
        card = conversations.thread(work.session, ids[1])[-1].card
        assert card is not None
        surveys.answer(work, surveys.token_of(card["invitation_id"]), 5)
    with pack_loaded.read(SYSTEM, NOW) as work:
        found = usage.of_scripts(work)[KEY]
    assert found.used == 1 + 2 + 3
    assert found.resolved is not None and (found.resolved.k, found.resolved.n) == (1, 2)
    assert found.handed_off is not None and (found.handed_off.k, found.handed_off.n) == (1, 2)
    assert found.satisfied is not None and (found.satisfied.k, found.satisfied.n) == (1, 1)
    # Each figure opens to the very conversations that it counts.
    with pack_loaded.read(SYSTEM, NOW) as work:
        behind = {part: usage.rows(work, KEY, part=part) for part in usage.PARTS}
    full = {row["href"].rpartition("/")[2]: row for row in behind[""]["rows"]}
    assert set(full) == set(ids) and behind[""]["said"] == 6 and [full[one]["said"] for one in ids] == [1, 2, 3]
    listed = {part: [row["href"].rpartition("/")[2] for row in one["rows"]] for part, one in behind.items()}
    assert listed["handed_off"] == [ids[0]] and listed["resolved"] == listed["satisfied"] == [ids[1]]
    assert listed["open"] == [ids[2]] and listed["unsatisfied"] == []
    assert [count for _, _, count in behind[""]["parts"]] == [3, 1, 1, 1, 1, 0]
    assert (full[ids[0]]["handed"], full[ids[1]]["score"], full[ids[2]]["score"]) == (True, 5, None)


def test_a_script_nobody_heard_has_no_figures(pack_loaded: Works) -> None:
    with pack_loaded.read(SYSTEM, NOW) as work:
        assert usage.of_scripts(work) == {}


def test_each_version_has_its_own_figures(pack_loaded: Works) -> None:
    def say_once(number: int) -> str:
        with pack_loaded.begin(BOT, NOW) as work:
            conversation = builders.a_conversation(work, builders.a_customer(work, f"visitor-{number}"))
            conversations.receive(work, conversation, client_id="a", text="发票怎么开")
            spoken = scripts.speak(work, KEY)
            conversations.say(work, conversation, spoken)
        with pack_loaded.begin(SYSTEM, NOW) as work:
            conversations.close(work, conversations.get(work.session, conversation.id), "customer")
        return spoken.version_id

    first = say_once(0)
    with pack_loaded.begin(SU_MIN, NOW) as work:
        newer = scripts.draft(work, KEY, Content(text="在「我的订单」里点「开发票」。"))
        scripts.submit(work, newer.id)
    with pack_loaded.begin(SHEN_LAN, NOW) as work:
        scripts.approve(work, newer.id)
    assert [say_once(1), say_once(2)] == [newer.id, newer.id]
    with pack_loaded.read(SYSTEM, NOW) as work:
        found = usage.of_versions(work, KEY)
        assert {one: figures.used for one, figures in found.items()} == {first: 1, newer.id: 2}
        resolved = found[newer.id].resolved
        assert resolved is not None and (resolved.k, resolved.n) == (2, 2)
        assert resolved.interval is not None and resolved.interval[0] < 1
        assert usage.of_versions(work, "refund.when") == {}


def test_rows_of_a_version_are_its_own_and_come_in_pages(pack_loaded: Works) -> None:
    for number in range(3):
        with pack_loaded.begin(BOT, NOW + timedelta(minutes=number)) as work:
            conversation = builders.a_conversation(work, builders.a_customer(work, f"visitor-{number}"))
            spoken = scripts.speak(work, KEY)
            conversations.say(work, conversation, spoken)
    with pack_loaded.read(SHEN_LAN, NOW + timedelta(hours=1)) as work:
        first, second = (usage.rows(work, KEY, spoken.version_id, page=page, per_page=2) for page in (1, 9))
        assert (first["pages"], second["page"], len(first["rows"]), len(second["rows"])) == (2, 2, 2, 1)
        assert first["version"] == 1
        figures = usage.of_scripts(work)[KEY]
        assert figures.rows("resolved") == f"/dashboard/rows/scripts/{KEY}?part=resolved"
        assert usage.of_versions(work, KEY)[spoken.version_id].rows("open") == (
            f"/dashboard/rows/scripts/{KEY}?version={spoken.version_id}&part=open")
        for key, version_id in (("no.such", ""), (KEY, "0000"), ("invoice.download", spoken.version_id)):
            with pytest.raises(NotFound):
                usage.rows(work, key, version_id)
    # Whoever may not read the dashboard is shown no door to it.
    with pack_loaded.read(LIN_JIA, NOW + timedelta(hours=1)) as work:
        assert usage.of_scripts(work)[KEY].rows("resolved") is None


def test_figures_are_kept_for_fifty_times_as_long_as_they_took(
        pack_loaded: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, counted = [100.0], []

    def slowly(work: Work, name: object) -> dict[str, Usage]:
        counted.append(clock[0])
        clock[0] += 1.5
        return {KEY: Usage(len(counted))}

    monkeypatch.setattr(usage, "_figures", slowly)
    monkeypatch.setattr(usage.time, "monotonic", lambda: clock[0])
    recent = usage.RecentFigures()
    with pack_loaded.read(SHEN_LAN, NOW) as work, pack_loaded.read(LIN_JIA, NOW) as agents:
        assert recent(work)[KEY].used == 1
        clock[0] = 174.9
        # The figures are everybody's, the way to their conversations is not.
        assert (recent(work)[KEY].used, recent(work)[KEY].href is None, recent(agents)[KEY].href) == (1, False, None)
        clock[0] = 175.0
        assert recent(work)[KEY].used == 2
    assert counted == [100.0, 175.0]
