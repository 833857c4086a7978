"""The tables run on the product: dates, amounts, first sentences, replies; and what else they do not show."""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from actions import folding
from actions.fields import CONFIRMED, CONTACT, DESCRIPTION, ORDER_NO, REMEDY, SKIPPED
from actions.parsing import Said
from actions.slots import Step, next_step, start
from bot.amounts import find_amounts
from bot.canonical import canonical
from bot.folding import fold
from bot.numbers import number
from bot.simplified import to_simplified
from bot.times import find_times

HERE = Path(__file__).parent
SLOTS = {"description": DESCRIPTION, "remedy": REMEDY, "order_no": ORDER_NO, "contact": CONTACT}
FULL: dict[str, Any] = {
    DESCRIPTION: "快递员骂人",
    REMEDY: "道歉",
    ORDER_NO: "HM260917-3382",
    CONTACT: "13912348000",
    "complaint_editing": None,
}


def rows(name: str, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((HERE / name).read_text(encoding="utf-8"))[key]
    return found


def by_text(row: dict[str, Any]) -> str:
    return str(row["text"])


NOW = datetime.strptime(yaml.safe_load((HERE / "dates.yml").read_text(encoding="utf-8"))["now"], "%Y-%m-%d %H:%M")


def written(end: date | datetime | None) -> str | None:
    if end is None:
        return None
    return end.strftime("%Y-%m-%d %H:%M") if isinstance(end, datetime) else end.isoformat()


@pytest.mark.parametrize("row", rows("dates.yml", "expressions"), ids=by_text)
def test_a_date_in_a_sentence_is_read_as_the_table_says(row: dict[str, Any]) -> None:
    found = [(when.kind, written(when.first), written(when.last)) for when in find_times(fold(row["text"]), NOW)]
    expected = [] if row["kind"] == "none" else [(row["kind"], row["from"], row["to"])]
    assert found == expected


@pytest.mark.parametrize("row", rows("amounts.yml", "amounts"), ids=by_text)
def test_an_amount_in_a_sentence_is_read_as_the_table_says(row: dict[str, Any]) -> None:
    found = [(float(amount.yuan), amount.approx) for amount in find_amounts(fold(row["text"]))]
    assert found == ([] if row["yuan"] is None else [(row["yuan"], row.get("approx", False))])


@pytest.mark.parametrize("row", rows("first_sentence.yml", "sentences"), ids=by_text)
def test_a_first_sentence_fills_what_it_says(row: dict[str, Any]) -> None:
    slots = start(Said(row["text"], "file_complaint", 0.9), {}).slots
    assert bool(slots.get(DESCRIPTION)) == row["description"]
    found, expected = slots.get(REMEDY), row["remedy"]
    assert (found is None) == (expected is None)
    if expected is not None:
        assert expected in found or found in expected
        assert len(found) <= len(expected) + 8, "the wish, not the whole story"
    # 没有订单号 is an answer too: the number is not asked for.
    assert (None if slots.get(ORDER_NO) == SKIPPED else slots.get(ORDER_NO)) == row["order_no"]
    assert slots.get(CONTACT) == row["contact"]


def outcome_of(step: Step) -> str:
    """In the labels of yes_no.yml."""
    if step.outcome in ("file", "cancel"):
        return {"file": "confirm", "cancel": "cancel"}[step.outcome]
    if step.kind != "fill" or not step.slots:
        return "other"
    return "deny" if step.say == "complaint.ask_what_to_change" else "correct"


@pytest.mark.parametrize("row", rows("yes_no.yml", "answers"), ids=by_text)
def test_an_answer_to_the_repetition_is_taken_as_meant(row: dict[str, Any]) -> None:
    # Without an intent of its own the classifier is taken to have understood nothing: the words must do.
    said = Said(row["text"], row.get("intent", "nlu_fallback"), 0.9 if "intent" in row else 0.3)
    step = next_step(CONFIRMED, said, FULL)
    # 我想改 names no field: asking which one is what a correction without a field comes to.
    allowed = {row["label"]} | ({"deny"} if row["label"] == "correct" and "field" not in row else set())
    assert outcome_of(step) in allowed
    if outcome_of(step) == "correct" and "field" in row:
        assert SLOTS[row["field"]] in step.slots
        if "value" in row:
            assert step.slots[SLOTS[row["field"]]] == row["value"]


# ── beyond the tables ────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("昨天下午三点半到四点半打了五次电话", ["2026-10-08T15:30/2026-10-08T16:30"]),
        ("10月1号-7号都不在", ["2026-10-01/2026-10-07"]),
        ("周五17:00前回我", ["../2026-10-09T17:00"]),
        ("上周三、周四都打过", ["2026-09-30", "2026-10-08"]),
        ("后天晚上7点以后在家", ["2026-10-11T19:00/.."]),
        ("過年前能送嗎", ["../2027-02-05"]),
        ("等了三天了", []),
        ("每周三休息", []),
        ("前台态度差", []),
        ("第二天就坏了", []),
    ],
)
def test_times_that_no_table_holds(text: str, iso: list[str]) -> None:
    assert [when.iso for when in find_times(fold(text), NOW)] == iso


@pytest.mark.parametrize(
    ("text", "yuan"),
    [
        ("运费20块,安装费80元", ["20", "80"]),
        ("退500给我", ["500"]),
        ("我花了两块半", ["2.5"]),
        ("花了兩千三買的", ["2300"]),
        ("少了一块板", []),
        ("这个10w的灯泡", []),
        ("等了一百多天", []),
        ("退款3天了", []),
        ("千元机", []),
    ],
)
def test_amounts_that_no_table_holds(text: str, yuan: list[str]) -> None:
    assert [str(amount.yuan) for amount in find_amounts(fold(text))] == yuan


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("一百五", 150),
        ("一百零五", 105),
        ("一万二", 12000),
        ("1万2千", 12000),
        ("二〇二六", 2026),
        ("两千三百六", 2360),
    ],
)
def test_numbers_are_read_as_they_are_said(text: str, value: int) -> None:
    assert number(text) == value


def test_characters_that_make_no_number_are_none() -> None:
    assert [text for text in ("", "万", "千千", "三五百", "a") if number(text) is not None] == []


def test_every_single_character_becomes_exactly_one_simplified_character() -> None:
    everything = [*range(0x20, 0xD800), *range(0xE000, 0x11000), *range(0x1F000, 0x20000), *range(0x20000, 0x32000)]
    assert [hex(code) for code in everything if len(to_simplified(chr(code))) != 1] == []


@given(st.text(max_size=300))
def test_folding_moves_no_offset(text: str) -> None:
    assert len(fold(text)) == len(text)
    assert len(folding.fold(text)) == len(text)


@given(st.text(alphabet="妳們後麼乾著發髮麵裡裏臺台鐘鍾乾坤瞭解，a1", max_size=60))
def test_phrases_of_traditional_characters_keep_their_length(text: str) -> None:
    assert len(to_simplified(text)) == len(text)


def test_traditional_characters_mean_the_same() -> None:
    assert to_simplified("我要投訴，師傅態度好差，訂單還沒發貨") == "我要投诉，师傅态度好差，订单还没发货"
    step = start(Said("我要投訴,送貨員罵人,要求道歉,我的手機是13800001111", "file_complaint", 0.9), {})
    assert step.slots[REMEDY] == "道歉"
    assert step.slots[CONTACT] == "13800001111"
    assert step.slots[DESCRIPTION].startswith("送貨員罵人"), "kept in the customer's own characters"


def test_without_the_converter_the_start_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from bot import simplified

    monkeypatch.setitem(sys.modules, "opencc", None)
    simplified._converter.cache_clear()
    with pytest.raises(simplified.ConverterMissing, match="make setup"):
        simplified.check()
    monkeypatch.undo()
    simplified._converter.cache_clear()
    simplified.check()


@pytest.mark.parametrize(
    ("entity", "typed", "spelled"),
    [
        ("order_no", "hm2609173382", "HM260917-3382"),
        ("order_no", "260917-3382", "HM260917-3382"),
        ("order_no", "8800123456", "8800123456"),
        ("order_no", "jd2610030099887", "JD2610030099887"),
        ("complaint_no", "ts202609240017", "TS20260924-0017"),
        ("phone", "+86 138 0000 1111", "13800001111"),
        ("phone", "(010)62345678", "010-62345678"),
        ("phone", "0755 88888888", "0755-88888888"),
        ("email", "Muzi@Example.com", "muzi@example.com"),
    ],
)
def test_each_number_has_one_spelling(entity: str, typed: str, spelled: str) -> None:
    assert canonical(entity, typed) == spelled


@given(st.text(alphabet="一二三十百千万零两块元毛点半号月日周上下前后到今明天年0123456789.-/: 的", max_size=80))
def test_whatever_is_written_sums_are_positive_and_times_have_an_end(text: str) -> None:
    for amount in find_amounts(text):
        assert amount.yuan > 0
        assert 0 <= amount.start < amount.end <= len(text)
    for when in find_times(text, NOW):
        assert 0 <= when.start < when.end <= len(text)
        assert when.first is not None or when.last is not None
