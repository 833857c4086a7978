"""The held-out tables themselves: a broken or thinned-out table is seen before anything is measured with it."""

import re
import unicodedata
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).parent
RISKS = ("request_human", "report_emergency", "report_fraud", "threaten_escalation")
INTENTS = {
    "greet", "goodbye", "thank", "affirm", "deny", "bot_challenge", "chitchat",
    "request_human", "file_complaint", "query_complaint", "urge_complaint", "withdraw_complaint",
    "supplement_complaint", "dispute_outcome", "threaten_escalation", "report_emergency", "report_fraud",
    "express_anger", "give_praise", "give_suggestion", "rate_service",
    "ask_order_status", "ask_logistics", "cancel_order", "modify_order", "ask_return_exchange", "ask_refund",
    "ask_invoice", "ask_price_protection", "ask_payment", "ask_promotion", "ask_product", "ask_warranty_repair",
    "ask_account", "ask_review", "ask_service_info", "ask_privacy", "out_of_scope",
}  # fmt: skip
LABELS = {"confirm", "deny", "correct", "cancel", "other"}
FIELDS = {"description", "remedy", "order_no", "contact"}
CONTACT = re.compile(r"1[3-9]\d{9}|0\d{2,3}-\d{7,8}|[a-z0-9._%+-]+@example\.com")
ORDER_NO = re.compile(r"HM\d{6}-\d{4}|(?!HM\d)[A-Z0-9]{6,20}")


def table(name: str) -> dict[str, Any]:
    return yaml.safe_load((HERE / name).read_text(encoding="utf-8"))


def bare(text: str) -> str:
    """Two phrases that differ in width, case or a space only are the same phrase."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).lower()


def repeated(texts: list[str]) -> list[str]:
    return [text for text, times in Counter(map(bare, texts)).items() if times > 1]


def texts_of(name: str) -> list[str]:
    content = table(name)
    if name == "risk_phrases.yml":
        return [text for risk in RISKS for text in content[risk]] + [row["text"] for row in content["none"]]
    key = {"dates.yml": "expressions", "amounts.yml": "amounts", "yes_no.yml": "answers",
           "first_sentence.yml": "sentences"}[name]  # fmt: skip
    return [row["text"] for row in content[key]]


TABLES = ["risk_phrases.yml", "dates.yml", "amounts.yml", "yes_no.yml", "first_sentence.yml"]


@pytest.mark.parametrize("name", TABLES)
def test_every_text_is_a_trimmed_string_and_stands_once(name: str) -> None:
    texts = texts_of(name)
    assert [text for text in texts if not isinstance(text, str) or not text.strip() or text != text.strip()] == []
    assert repeated(texts) == []


def test_each_risk_has_enough_phrases_and_there_are_enough_near_misses() -> None:
    phrases = table("risk_phrases.yml")
    assert set(phrases) == {*RISKS, "none"}
    assert {risk: len(phrases[risk]) for risk in RISKS if len(phrases[risk]) < 75} == {}
    assert len(phrases["none"]) >= 200


def test_near_misses_bear_a_known_intent_that_is_none_of_the_risks() -> None:
    allowed = INTENTS - set(RISKS)
    wrong = [
        row["text"]
        for row in table("risk_phrases.yml")["none"]
        if not {row["intent"], *row.get("also", [])} <= allowed or set(row) - {"text", "intent", "also"}
    ]
    assert wrong == []


def moment(value: str) -> datetime:
    """Only the two written shapes pass: a padded ISO day, or that and a padded minute."""
    shape = "%Y-%m-%d %H:%M" if len(value) == 16 else "%Y-%m-%d"
    read = datetime.strptime(value, shape)
    assert read.strftime(shape) == value
    return read


def test_the_dates_are_measured_from_a_friday_afternoon() -> None:
    now = moment(table("dates.yml")["now"])
    assert now == datetime(2026, 10, 9, 14, 36)
    assert now.isoweekday() == 5


def test_every_date_expression_has_ends_that_fit_its_kind() -> None:
    rows = table("dates.yml")["expressions"]
    assert len([row for row in rows if row["kind"] != "none"]) >= 80
    for row in rows:
        assert set(row) == {"text", "kind", "from", "to"}, row
        ends = [end for end in (row["from"], row["to"]) if end is not None]
        match row["kind"]:
            case "none":
                assert ends == [], row
            case "date":
                assert len(ends) == 2 and row["from"] == row["to"] and len(row["from"]) == 10, row
                moment(row["from"])
            case "datetime":
                assert len(ends) == 2 and row["from"] == row["to"] and len(row["from"]) == 16, row
                moment(row["from"])
            case "range":
                assert ends and len({len(end) for end in ends}) == 1, row
                assert len(ends) == 1 or moment(row["from"]) < moment(row["to"]), row
                for end in ends:
                    moment(end)
            case kind:
                pytest.fail(f"unknown kind {kind!r}: {row}")


def test_date_traps_are_there() -> None:
    assert len([row for row in table("dates.yml")["expressions"] if row["kind"] == "none"]) >= 6


def test_the_weekday_a_sentence_names_is_the_weekday_expected() -> None:
    names = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "日": 7, "天": 7, "1": 1, "3": 3}
    for row in table("dates.yml")["expressions"]:
        named = re.findall(r"(?:周|礼拜|星期)([一二三四五六日天13])", row["text"])
        if len(named) == 1 and row["kind"] in {"date", "datetime"} and "一周" not in row["text"]:
            assert moment(row["from"]).isoweekday() == names[named[0]], row


def test_amounts_are_positive_numbers_of_yuan_or_nothing() -> None:
    rows = table("amounts.yml")["amounts"]
    assert len([row for row in rows if row["yuan"] is not None]) >= 50
    assert len([row for row in rows if row["yuan"] is None]) >= 10
    for row in rows:
        assert set(row) <= {"text", "yuan", "approx"}, row
        yuan = row["yuan"]
        assert yuan is None or (type(yuan) in (int, float) and yuan > 0 and round(yuan, 2) == yuan), row
        assert row.get("approx", True) is True and not ("approx" in row and yuan is None), row


def test_there_are_enough_ways_of_each_answer() -> None:
    counts = Counter(row["label"] for row in table("yes_no.yml")["answers"])
    assert set(counts) == LABELS
    assert {label: counts[label] for label in LABELS - {"other"} if counts[label] < 60} == {}
    assert counts["other"] >= 30


def test_answers_carry_a_field_only_when_they_correct_and_an_intent_only_when_they_are_other() -> None:
    for row in table("yes_no.yml")["answers"]:
        extra = set(row) - {"text", "label"}
        assert extra <= {"correct": {"field", "value"}, "other": {"intent"}}.get(row["label"], set()), row
        assert row.get("field", "contact") in FIELDS and row.get("intent", "greet") in INTENTS, row
        if "value" in row:
            shape = {"contact": CONTACT, "order_no": ORDER_NO}[row["field"]]
            assert shape.fullmatch(row["value"]), row


def test_first_sentences_expect_slots_of_a_valid_shape() -> None:
    rows = table("first_sentence.yml")["sentences"]
    assert len(rows) >= 40
    for row in rows:
        assert set(row) == {"text", *FIELDS}, row
        assert isinstance(row["description"], bool), row
        assert row["remedy"] is None or row["remedy"] in row["text"], row
        assert row["contact"] is None or CONTACT.fullmatch(row["contact"]), row
        assert row["order_no"] is None or ORDER_NO.fullmatch(row["order_no"]), row


def test_first_sentences_show_every_slot_both_given_and_missing() -> None:
    rows = table("first_sentence.yml")["sentences"]
    for field in FIELDS:
        given = sum(1 for row in rows if row[field])
        assert 10 <= given <= len(rows) - 5, field


@pytest.mark.parametrize("name", TABLES)
def test_e_mail_addresses_are_of_the_example_domain(name: str) -> None:
    hosts = re.findall(r"[\w.+-]+@([\w-]+\.[\w.-]+)", " ".join(texts_of(name)))
    assert set(hosts) <= {"example.com"}
