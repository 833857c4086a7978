"""A draft's effect is seen before its approval: which answers change, from what to what, and which get worse."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from backend.infra.work import Works
from backend.scripts import nearness, replay
from backend.scripts.replay import Replay
from tests.cast import NOW, SU_MIN
from tests.services.script_house import PlainStudy, published, submitted

LIVE = {"address.change": ["怎么改收货地址", "地址写错了"], "delivery.late": ["送晚了怎么办", "一直没送到"]}


@dataclass(frozen=True)
class Asked:
    message_id: str
    conversation_id: str
    text: str
    intent: str | None
    confidence: float | None
    answered_key: str | None
    at: datetime = NOW


def turn(number: int, text: str, key: str | None, intent: str = "ask_logistics") -> Asked:
    return Asked(f"m{number}", f"c{number}", text, intent, 0.95, key)


def library(works: Works) -> None:
    published(works, "在「我的订单」里改地址。", key="address.change", examples=LIVE["address.change"], title="改地址",
              topic="modify_order")
    published(works, "请在「我的订单」里看物流。", key="delivery.late", examples=LIVE["delivery.late"], title="送晚了")


def replayed(works: Works, version_id: str, turns: list[Asked], study: PlainStudy | None, limit: int = 200) -> Replay:
    def last(session: Session, until: datetime, most: int) -> list[Asked]:
        return turns[:most]

    with works.read(SU_MIN, NOW) as work:
        plan = replay.prepare(work, version_id, last, limit)
    return replay.run(plan, study)


def test_new_words_for_the_same_questions_are_shown_side_by_side(works: Works) -> None:
    library(works)
    draft = submitted(works, "看物流，超过三天请转人工。", examples=LIVE["delivery.late"], key="delivery.late")
    turns = [turn(1, "送晚了怎么办", "delivery.late"), turn(2, "一直没送到呢 13812345678", "delivery.late"),
             turn(3, "怎么改收货地址", "address.change", "modify_order")]
    found = replayed(works, draft, turns, PlainStudy(LIVE))
    (change,) = found.changes
    assert (found.total, found.same, found.changed, found.wrong, found.matched) == (3, 1, 2, 0, True)
    assert (change.kind, change.count) == ("text", 2)
    assert change.before and change.after
    assert change.before.text.endswith("看物流。") and change.after.text.endswith("请转人工。")
    assert [one["text"] for one in change.samples] == ["送晚了怎么办", "一直没送到呢 138****5678"]


def test_a_draft_that_takes_questions_from_another_script_is_seen_and_warned_of(works: Works) -> None:
    library(works)
    draft = submitted(works, "请在「我的订单」里看物流。", key="delivery.late",
                      examples=["送晚了怎么办", "怎么改下收货地址呀", "地址写错咯"])
    turns = [turn(1, "怎么改下收货地址呀", "address.change", "modify_order"), turn(2, "地址写错咯", "address.change", "order_other"),
             turn(3, "一直没送到", "delivery.late")]
    found = replayed(works, draft, turns, PlainStudy(LIVE))
    by_kind = {(change.kind, bool(change.wrong)): change for change in found.changes}
    assert by_kind["gained", True].wrong == "可能答错，应仍用「改地址」"
    assert by_kind["gained", False].count == 1
    assert by_kind["lost", True].wrong == "原来答得上，换了以后没有话术可答"
    assert found.wrong == 2 and [change.wrong != "" for change in found.changes] == [False, True, True]


def test_a_draft_that_changes_nothing_says_so(works: Works) -> None:
    library(works)
    draft = submitted(works, "请在「我的订单」里看物流。", key="delivery.late", examples=LIVE["delivery.late"])
    found = replayed(works, draft, [turn(1, "送晚了怎么办", "delivery.late")], PlainStudy(LIVE))
    assert (found.changes, found.same, found.matched) == ([], 1, True)


def test_while_the_bot_is_down_the_words_are_compared_and_the_page_says_what_is_missing(works: Works) -> None:
    library(works)
    draft = submitted(works, "看物流，超过三天请转人工。", key="delivery.late", examples=["别的问法"])
    study = PlainStudy(LIVE)
    study.down = True
    for asked in (study, None):
        found = replayed(works, draft, [turn(1, "送晚了怎么办", "delivery.late"), turn(2, "你好", "x.y")], asked)
        assert not found.matched and "只能看文字" in found.why
        assert [(change.kind, change.count) for change in found.changes] == [("text", 1)] and found.same == 1


def test_a_channels_own_wording_and_what_the_system_speaks_are_compared_by_their_words(works: Works) -> None:
    library(works)
    draft = submitted(works, "微信里看物流。", key="delivery.late", channel="wechat")
    assert "只在微信说" in replayed(works, draft, [turn(1, "送晚了怎么办", "delivery.late")], PlainStudy(LIVE)).why
    system = submitted(works, "没听懂，请换个说法。", key="system.nothing", topic="system", title="没听懂")
    assert "按问法" in replayed(works, system, [turn(1, "啊", "system.nothing")], PlainStudy(LIVE)).why


def test_many_turns_are_asked_in_portions_and_never_more_than_wanted(works: Works) -> None:
    library(works)
    draft = submitted(works, "看物流。", key="delivery.late", examples=LIVE["delivery.late"])
    study = PlainStudy(LIVE)
    found = replayed(works, draft, [turn(number, "送晚了怎么办", "delivery.late") for number in range(450)], study, 430)
    assert [len(batch) for batch in study.asked] == [200, 200, 30] and found.changed == 430
    (sample,) = found.changes[0].samples  # the same question is shown once, with how often it was asked
    assert sample["times"] == found.changes[0].count > 1


def test_without_any_turn_there_is_nothing_to_replay(works: Works) -> None:
    library(works)
    draft = submitted(works, "看物流。", key="delivery.late")
    found = replayed(works, draft, [], PlainStudy(LIVE))
    assert (found.total, found.changes) == (0, [])


# --- collisions by meaning ----------------------------------------------------------------------


def test_example_questions_that_another_script_answers_today_are_named() -> None:
    study = PlainStudy({"address.change": ["怎么改收货地址"], "my.own": ["送晚了怎么办"]})
    found = nearness.near(study, "my.own", ["怎么改收货地址", "送晚了怎么办"], {"address.change": "改地址"})
    assert found.asked and [(one.question, one.title) for one in found.found] == [("怎么改收货地址", "改地址")]


def test_a_bot_that_cannot_be_asked_is_no_reason_not_to_write() -> None:
    study = PlainStudy()
    study.down = True
    assert nearness.near(study, "a.b", ["x"], {}).asked is False
    assert nearness.near(None, "a.b", ["x"], {}).asked is False
    assert nearness.near(None, "a.b", [], {}).asked is True
