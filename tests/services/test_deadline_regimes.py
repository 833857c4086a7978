"""Regimes are data with a source, an author and another person's approval; running cases keep the version they began by."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from backend.deadlines import reckoning, regime_editing, store
from backend.deadlines import service as deadlines
from backend.deadlines.events import DeadlineMoved
from backend.deadlines.regime_editing import Wanted
from backend.deadlines.tables import RegimeDraft, RegimeVersion
from backend.infra.journal import JournalEntry
from backend.kernel.actors import SYSTEM
from backend.kernel.errors import Conflict, Forbidden, Invalid
from tests.cast import ADMIN, HAN_TAO, LIN_JIA, NOW, SHEN_LAN
from tests.deadline_house import FILED, House, shown

TODAY = date(2026, 10, 9)


def rules(decide: int = 4, promise: int = 6) -> list[dict[str, Any]]:
    return [
        {"stage": "decide", "amount": decide, "unit": "working_days", "end_time": "18:00", "start": "filed"},
        {"stage": "promise", "amount": promise, "unit": "working_days", "end_time": "18:00", "start": "filed"},
    ]


WANTED = Wanted(key="house", title="测试时限", source="本店自定", rules=rules(), reason="旺季过去，答复可以更快",
                valid_from=date(2026, 10, 12))  # fmt: skip


@pytest.fixture
def house(engine: Engine, tmp_path: Path) -> House:
    return House(engine, tmp_path)


def approved(house: House, wanted: Wanted = WANTED) -> RegimeVersion:
    with house.works.begin(HAN_TAO, NOW) as work:
        draft = regime_editing.draft(work, wanted)
        regime_editing.submit(work, draft.id)
    with house.works.begin(SHEN_LAN, NOW) as work:
        return regime_editing.approve(work, draft.id)


def test_a_version_takes_force_on_its_day_and_running_cases_keep_theirs(house: House) -> None:
    old = house.start(at=NOW)
    version = approved(house)
    assert (version.version, version.author_id, version.approved_by) == (2, "hantao", "shenlan")
    assert house.row().regime_version_id == old.regime_version_id and house.row().due_at == old.due_at
    before = house.start(subject="c2", at=NOW + timedelta(days=1))
    after = house.start(subject="c3", at=NOW + timedelta(days=3))
    assert (before.explanation["version"], after.explanation["version"]) == (1, 2)
    assert any("v2" in line for line in deadlines.explain(after))


def test_nobody_approves_their_own_version_not_even_past_the_program(house: House) -> None:
    with house.works.begin(HAN_TAO, NOW) as work:
        draft = regime_editing.draft(work, WANTED)
        regime_editing.submit(work, draft.id)
    with pytest.raises(Forbidden) as alone, house.works.begin(HAN_TAO, NOW) as work:
        regime_editing.approve(work, draft.id)
    assert alone.value.code == "same_person"
    with pytest.raises(Forbidden), house.works.begin(LIN_JIA, NOW) as work:
        regime_editing.approve(work, draft.id)
    with pytest.raises(IntegrityError), house.works.begin(SYSTEM, NOW) as work:
        work.session.execute(text("UPDATE regime_drafts SET state = 'approved', decided_by = author_id"))


def test_a_draft_goes_back_with_a_reason_is_changed_and_approved_once(house: House) -> None:
    with house.works.begin(HAN_TAO, NOW) as work:
        draft = regime_editing.draft(work, WANTED)
    with pytest.raises(Conflict) as early, house.works.begin(SHEN_LAN, NOW) as work:
        regime_editing.approve(work, draft.id)
    assert early.value.code == "draft_decided"
    with house.works.begin(HAN_TAO, NOW) as work:
        regime_editing.submit(work, draft.id)
    with pytest.raises(Invalid), house.works.begin(SHEN_LAN, NOW) as work:
        regime_editing.send_back(work, draft.id, " ")
    with house.works.begin(SHEN_LAN, NOW) as work:
        regime_editing.send_back(work, draft.id, "六天做不到，请改回七天")
    with pytest.raises(Forbidden), house.works.begin(ADMIN, NOW) as work:
        regime_editing.edit(work, draft.id, WANTED)
    with house.works.begin(HAN_TAO, NOW) as work:
        regime_editing.edit(work, draft.id, replace(WANTED, rules=rules(5, 7)))
        regime_editing.submit(work, draft.id)
    with house.works.begin(SHEN_LAN, NOW) as work:
        version = regime_editing.approve(work, draft.id)
    with pytest.raises(Conflict), house.works.begin(ADMIN, NOW) as work:
        regime_editing.approve(work, draft.id)
    with house.works.read(SYSTEM) as work:
        kept = work.session.exec(select(RegimeDraft)).one()
        assert (kept.state, kept.version_id) == ("approved", version.id)
        actions = [one.action for one in work.session.exec(select(JournalEntry))]
        assert actions.count("regime_approved") == 1 and "regime_returned" in actions


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"rules": []}, "bad_regime"),
        ({"source": " "}, "bad_regime"),
        ({"rules": [*rules(), rules()[0]]}, "bad_regime"),
        ({"rules": rules()[:1]}, "regime_gap"),
        ({"rules": rules(9, 6)}, "regime_order"),
        ({"rules": [*rules(), {"stage": "refund", "amount": 3, "unit": "hours", "start": "someday"}]}, "regime_unreachable"),
        ({"rules": [*rules(), {"stage": "refund", "amount": 3, "unit": "hours", "start": "met:accept"}]}, "regime_unreachable"),
        (
            {
                "rules": [
                    *rules(),
                    {"stage": "refund", "amount": 3, "unit": "hours", "start": "met:callback"},
                    {"stage": "callback", "amount": 3, "unit": "hours", "start": "met:refund"},
                ]
            },
            "regime_cycle",
        ),
        ({"rules": [{**rules()[0], "start": "met:decide"}, rules()[1]]}, "regime_cycle"),
        ({"rules": [{**rules()[0], "amount": 0}, rules()[1]]}, "bad_rule"),
        ({"rules": [{**rules()[0], "escalation": [{"share": 0.8, "tell": []}]}, rules()[1]]}, "bad_ladder"),
        ({"rules": [{**rules()[0], "escalation": [{"share": 0.8, "tell": ["boss"]}]}, rules()[1]]}, "bad_ladder"),
        ({"binds": "regulator"}, "regime_is_reference"),
        ({"valid_from": date(2026, 10, 8)}, "regime_backdated"),
        ({"valid_to": date(2026, 10, 11)}, "bad_regime"),
        ({"reason": ""}, "reason_missing"),
    ],
)
def test_a_regime_that_cannot_be_kept_is_refused_with_a_sentence(house: House, changed: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused, house.works.begin(HAN_TAO, NOW) as work:
        regime_editing.draft(work, replace(WANTED, **changed))
    assert refused.value.code == code and refused.value.message.endswith("。")
    with house.works.read(SYSTEM) as work:
        assert store.drafts(work.session) == []


def test_days_without_a_rule_between_two_versions_are_a_gap(house: House) -> None:
    approved(house, replace(WANTED, key="own", valid_to=date(2026, 10, 31)))
    with pytest.raises(Invalid) as gap, house.works.begin(HAN_TAO, NOW) as work:
        regime_editing.draft(work, replace(WANTED, key="own", valid_from=date(2026, 11, 5)))
    assert gap.value.code == "regime_gap" and "11月1日" in gap.value.message
    approved(house, replace(WANTED, key="own", valid_from=date(2026, 11, 1)))


def test_a_rebase_is_decided_by_another_person_with_a_reason_and_never_postpones_a_promise(house: House) -> None:
    promise, decide = house.start("promise", at=NOW), house.start("decide", at=NOW)
    later = approved(house, replace(WANTED, rules=rules(6, 9)))
    for actor, reason, error in ((HAN_TAO, "节后积压", Forbidden), (SHEN_LAN, " ", Invalid), (LIN_JIA, "x", Forbidden)):
        with pytest.raises(error), house.works.begin(actor, NOW) as work:
            reckoning.rebase(work, later, reason)
    with house.works.begin(SHEN_LAN, NOW) as work:
        counts = reckoning.rebase(work, later, "节后积压，统一口径")
    assert counts == {"moved": 1, "kept": 1, "left": 0}
    assert house.row("promise").due_at == promise.due_at  # nine days would be later
    assert decide.due_at < house.row("decide").due_at <= promise.due_at
    assert any("改按「测试时限 v2」" in line and "沈岚决定：节后积压" in line for line in deadlines.explain(house.row("decide")))
    sooner = approved(house, replace(WANTED, rules=rules(3, 5)))
    with house.works.begin(SHEN_LAN, NOW) as work:
        assert reckoning.rebase(work, sooner, "改快")["moved"] == 2
    assert house.row("promise").due_at < promise.due_at
    moves = house.said(DeadlineMoved)
    assert {one.why for one in moves} == {"rebased"} and moves[-1].earlier
    with house.works.read(SYSTEM) as work:
        journal = [one for one in work.session.exec(select(JournalEntry)) if one.action == "deadlines_rebased"]
        assert [one.detail["reason"] for one in journal] == ["节后积压，统一口径", "改快"]


def test_what_stands_still_or_has_run_out_is_left_alone_by_a_rebase(house: House) -> None:
    stopped, late = house.start(at=NOW), house.start(subject="c2", at=FILED - timedelta(days=60))
    with house.works.begin(LIN_JIA, NOW) as work:
        deadlines.pause(work, "case", "c1", "等客户")
    version = approved(house)
    with house.works.begin(SHEN_LAN, NOW) as work:
        assert reckoning.rebase(work, version, "统一口径") == {"moved": 0, "kept": 0, "left": 2}
    assert house.row().due_at == stopped.due_at and house.row(subject="c2").due_at == late.due_at


def test_the_packs_reference_regimes_start_no_clock_and_can_be_taken_over(engine: Engine, tmp_path: Path) -> None:
    house = House(engine, tmp_path)
    pack = Path(__file__).parents[2] / "data" / "packs" / "retail"
    with house.works.begin(SYSTEM, NOW) as work:
        added = deadlines.seed(work, pack)
        assert deadlines.seed(work, pack) == []
    assert {"house_default", "ref_bank_insurance", "ref_telecom", "ref_express", "ref_consumer_refund",
            "ref_market_regulator"} <= set(added)
    with house.works.read(SYSTEM) as work:
        bank = store.newest(work.session, "ref_bank_insurance")
        assert bank is not None and bank.valid_from is None
        complex_one = next(rule for rule in bank.rules if rule["stage"] == "decide_complex")
        assert complex_one["legal"] and complex_one["extension"]["most"] == 30
    own = Wanted(key="bank", title="银行投诉期限", source=bank.source, reason="法务核对后采用", valid_from=TODAY,
                 rules=[*bank.rules, {**bank.rules[0], "stage": "promise"}])
    assert approved(house, own).version == 1
    with house.works.begin(SYSTEM, NOW) as work:
        row = deadlines.start(work, "case", "b1", "decide", "bank", "decide")
    assert shown(row.legal_due_at)[:5] == "10-26"  # the fifteenth day, 24 October, is a Saturday
    assert row.due_at < row.legal_due_at


def test_seconds_of_difference_do_not_change_which_version_counts(house: House) -> None:
    approved(house)
    edge = datetime(2026, 10, 11, 15, 59, 59, tzinfo=NOW.tzinfo)  # 23:59:59 on the 11th in Shanghai
    assert house.start(subject="a", at=edge).explanation["version"] == 1
    assert house.start(subject="b", at=edge + timedelta(seconds=1)).explanation["version"] == 2
