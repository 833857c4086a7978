"""The default pack says only what it may: every key the programs speak by, careful wording, no dead ends."""

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.deadlines import regime_rules

PACK = Path(__file__).parents[2] / "data" / "packs" / "retail"


def words(text: str) -> set[str]:
    return set(text.split())


SYSTEM_KEYS = words(
    """
    system.welcome system.fallback system.fallback_again system.apology system.too_long
    system.attachment_received system.person_only system.choose_one system.still_there system.teaser
    complaint.ask_description complaint.ask_remedy complaint.ask_order_no complaint.ask_contact
    complaint.bad_order_no complaint.bad_contact complaint.contact_too_short
    complaint.description_too_short complaint.confirm complaint.known_already complaint.ask_what_to_change complaint.filed
    complaint.cancelled complaint.file_failed complaint.resume
    complaint.progress complaint.ask_number complaint.ask_last4 complaint.not_found
    complaint.lookup_locked complaint.urged complaint.none_to_urge complaint.supplemented
    complaint.withdraw_confirm complaint.withdraw_which complaint.withdrawn complaint.withdraw_kept
    complaint.withdrawn_already complaint.withdraw_not_possible
    complaint.stage_acknowledged complaint.stage_investigating complaint.stage_communicated
    complaint.stage_closed complaint.stage_reopened complaint.stage_withdrawn complaint.stage_merged
    complaint.stage_referred complaint.stage_extended complaint.stage_paused complaint.stage_resumed
    complaint.news_waiting
    order.ask_number order.status order.shipped order.delivered order.not_found order.lookup_failed
    handoff.queued handoff.next_in_line handoff.out_of_hours handoff.already_queued
    handoff.agent_joined handoff.agent_left handoff.cancelled handoff.back_to_bot handoff.offer
    handoff.bot_meanwhile handoff.with_bot handoff.ask_message handoff.ask_contact handoff.ask_contact_optional handoff.contact_unread
    handoff.contact_given_up handoff.callback_booked handoff.message_taken handoff.return_ask handoff.return_declined
    risk.emergency risk.fraud risk.escalation risk.anger_offer
    risk.info_security risk.elder risk.minor risk.repeat_visits
    survey.invite survey.thanks survey.thanks_low conversation.closed
    """
)

# What the speaker of a fixed key fills in; a text may use fewer, never others.
SPOKEN_WITH = {
    "complaint.confirm": {"description", "remedy", "order_no", "contact_masked"},
    "complaint.known_already": {"complaint_no", "complaint_stage"},
    "complaint.filed": {"complaint_no", "promised_at", "receipt_url"},
    "complaint.progress": {"complaint_no", "complaint_stage", "promised_at", "receipt_url"},
    "complaint.urged": {"complaint_no", "complaint_stage", "promised_at"},
    "complaint.withdraw_confirm": {"complaint_no", "description", "complaint_stage"},
    "complaint.withdraw_which": {"options"},
    "complaint.withdrawn": {"complaint_no", "receipt_url"},
    "complaint.withdraw_kept": {"complaint_no"},
    "complaint.withdrawn_already": {"complaint_no", "receipt_url"},
    "complaint.withdraw_not_possible": {"complaint_no", "complaint_stage", "receipt_url"},
    **{
        f"complaint.stage_{stage}": {"complaint_no", "promised_at", "receipt_url", "progress", "days"}
        for stage in words(
            """
            acknowledged investigating communicated closed reopened withdrawn merged referred extended paused resumed
            """
        )
    },
    **{
        f"complaint_reply.{reply}": {"customer_name", "complaint_no", "progress", "remedy", "eta", "receipt_url"}
        for reply in words("accepted partly refused logistics")
    },
    "order.status": {"order_no", "order_status", "item_name"},  # no day of arrival in most states
    "order.shipped": {"order_no", "item_name", "carrier", "tracking_no", "eta"},
    "order.delivered": {"order_no", "item_name"},
    "handoff.queued": {"ahead", "eta_minutes"},
    "handoff.already_queued": {"ahead"},
    "handoff.agent_joined": {"agent_name"},
    "handoff.return_ask": {"agent_name"},
    "handoff.return_declined": {"agent_name"},
    "handoff.out_of_hours": {"promised_at"},
    "handoff.callback_booked": {"ticket_no", "promised_at", "contact_masked"},
    "handoff.message_taken": {"ticket_no", "promised_at"},
}
# Filled in everywhere, from organisation.yml.
SETTINGS = {"service_hours", "hotline", "shop_name"}
VARIABLES = SETTINGS | words(
    """
    customer_name order_no order_status item_name carrier tracking_no eta complaint_no complaint_stage
    promised_at receipt_url description remedy contact_masked ahead eta_minutes agent_name progress
    options days ticket_no
    """
)

INQUIRIES = words(
    """
    ask_order_status ask_logistics cancel_order modify_order ask_return_exchange ask_refund ask_invoice
    ask_price_protection ask_payment ask_promotion ask_product ask_warranty_repair ask_account ask_review
    ask_service_info ask_privacy
    """
)
CONVERSATION = words(
    """
    greet goodbye thank bot_challenge chitchat out_of_scope express_anger give_praise give_suggestion
    rate_service dispute_outcome withdraw_complaint affirm deny
    """
)
FORM_QUESTIONS = ("complaint.ask_remedy", "complaint.ask_what_to_change", "complaint.known_already")
ACTIONS = {"request_human", "file_complaint", "confirm", "edit", "cancel", "none_of_these", "skip"}
# Acted on by the house itself while the bot is silent.
QUEUE_ACTIONS = {"bot_meanwhile", "leave_message", "call_back", "stay_in_queue", "cancel_queue", "back_to_bot",
                 "stay_with_agent"}
# Words a button may say that belong to intents handled by rules, not by an example question.
COMMANDS = {"查投诉进度", "催一下我的投诉", "我要补充材料", "撤回我的投诉", "没有别的事了"}

# House voice, and 广告法 Art. 9 / 消保法 on absolute wording: a bot's promise binds the shop.
BANNED = ["亲", "请耐心等待", "百分之百", "绝对", "保证", "一定会", "！", "!"]

Script = dict[str, Any]


@cache
def load(name: str) -> Any:
    return yaml.safe_load((PACK / name).read_text(encoding="utf-8"))


def scripts() -> list[Script]:
    return [s for path in sorted((PACK / "scripts").glob("*.yml")) for s in load(f"scripts/{path.name}")]


def topic_scripts() -> list[Script]:
    """Answers that the bot gives; a reply to a complaint is chosen by a person."""
    return [s for s in scripts() if s["topic"] not in ("system", "complaint_reply")]


def used(script: Script) -> set[str]:
    return set(re.findall(r"\{(\w*)\}", script["text"]))


def canonical(phrase: str) -> str:
    """A customer's phrase without spaces, punctuation and case, for finding twins."""
    return re.sub(r"[\W_]+", "", phrase).lower()


def test_every_key_the_programs_speak_by_is_there_and_no_key_twice() -> None:
    keys = Counter(s["key"] for s in scripts())
    assert set(keys) >= SYSTEM_KEYS, SYSTEM_KEYS - set(keys)
    assert [k for k, n in keys.items() if n > 1] == []
    assert {s["key"] for s in scripts() if s["topic"] == "system"} == SYSTEM_KEYS


def test_every_script_has_the_known_fields_a_known_topic_and_an_owner_on_the_staff() -> None:
    known = words("key topic title default text variables buttons examples owner source")
    owners = {p["username"] for p in load("staff.yml")["staff"] if "script_owner" in p["roles"]}
    for s in scripts():
        assert set(s) <= known, s["key"]
        assert re.fullmatch(r"[a-z_]+\.[a-z0-9_]+", s["key"]), s["key"]
        assert s["title"].strip() and s["text"].strip(), s["key"]
        assert s["owner"] in owners, s["key"]
        assert s["topic"] in {"system", "complaint_reply"} | INQUIRIES | CONVERSATION, s["key"]


def test_nobody_both_writes_and_approves_scripts() -> None:
    roles = [set(person["roles"]) for person in load("staff.yml")["staff"]]
    assert any("script_approver" in r for r in roles)
    assert not any({"script_owner", "script_approver"} <= r for r in roles)


def test_every_variable_is_known_declared_and_filled_in_by_its_speaker() -> None:
    for s in scripts():
        assert used(s) == set(s.get("variables", [])), s["key"]
        assert used(s) <= VARIABLES, s["key"]
        # The matcher knows no order or complaint: an answer to a question may use settings only.
        filled = SPOKEN_WITH.get(s["key"], set()) | SETTINGS
        assert used(s) <= filled, (s["key"], used(s) - filled)
        assert not re.search(r"[{}]", re.sub(r"\{\w+\}", "", s["text"])), s["key"]


def test_the_confirmation_repeats_back_everything_that_will_be_filed() -> None:
    by_key = {s["key"]: s for s in scripts()}
    for key in ("complaint.confirm", "complaint.filed", "complaint.progress"):
        assert used(by_key[key]) == SPOKEN_WITH[key], key


def test_all_inquiries_are_answered_by_three_scripts_or_more_and_sixty_in_all() -> None:
    per_topic = Counter(s["topic"] for s in scripts())
    assert {t: per_topic[t] for t in INQUIRIES if per_topic[t] < 3} == {}
    assert sum(per_topic[t] for t in INQUIRIES) >= 75
    assert sum(n for t, n in per_topic.items() if t.startswith("ask_")) >= 60
    assert set(per_topic) >= CONVERSATION


def test_each_topic_has_exactly_one_default_answer_and_an_inquirys_default_offers_choices() -> None:
    defaults = Counter(s["topic"] for s in topic_scripts() if s.get("default"))
    assert defaults == Counter(INQUIRIES | CONVERSATION)
    for s in topic_scripts():
        if s.get("default") and s["topic"] in INQUIRIES:
            assert len(s.get("buttons", [])) >= 2, s["key"]
    assert not [s["key"] for s in scripts() if s["topic"] == "system" and s.get("default")]


def test_every_text_fits_one_wechat_message() -> None:
    # 2,048 bytes is WeChat's limit; the rest is room for variables.
    for s in scripts():
        assert len(s["text"].encode("utf-8")) <= 2000, s["key"]


@pytest.mark.parametrize("word", BANNED)
def test_no_script_says_a_banned_word(word: str) -> None:
    said = {
        s["key"]: s["text"] + s["title"] + "".join(b["title"] for b in s.get("buttons", []))
        for s in scripts()
    }
    survey = load("surveys.yml")
    said["surveys.yml"] = yaml.safe_dump(survey, allow_unicode=True)
    assert [key for key, text in said.items() if word in text] == []


def test_customers_are_called_nin_and_punctuation_is_chinese() -> None:
    for s in scripts():
        assert not re.search(r"你(?!好)", s["text"]), s["key"]
        assert not re.search(r"[\u4e00-\u9fff][,;:?]|[“”\"']", s["text"]), s["key"]
        for line in s["text"].splitlines():
            assert line == line.strip() and line, s["key"]


def test_numbered_steps_count_up_from_one() -> None:
    for s in scripts():
        steps = [int(n) for n in re.findall(r"^(\d+)\. ", s["text"], re.MULTILINE)]
        assert steps == list(range(1, len(steps) + 1)), s["key"]


def test_no_example_question_belongs_to_two_scripts() -> None:
    twins = Counter(canonical(e) for s in scripts() for e in s.get("examples", []))
    assert [e for e, n in twins.items() if n > 1] == []
    assert "" not in twins


def test_every_answer_has_five_to_ten_example_questions_and_system_texts_none() -> None:
    for s in topic_scripts():
        assert 5 <= len(s["examples"]) <= 10, s["key"]
        assert all(isinstance(e, str) for e in s["examples"]), s["key"]
    assert not [s["key"] for s in scripts() if s["topic"] == "system" and s.get("examples")]


def test_buttons_are_short_do_one_thing_and_lead_somewhere() -> None:
    topics = {canonical(e): s["key"] for s in scripts() for e in s.get("examples", [])}
    for s in scripts():
        titles = [b["title"] for b in s.get("buttons", [])]
        assert len(titles) == len(set(titles)) <= 5, s["key"]
        for button in s.get("buttons", []):
            assert 1 <= len(button["title"]) <= 12, s["key"]
            assert set(button) in ({"title", "say"}, {"title", "action"}), s["key"]
            if "action" in button:
                assert button["action"] in (ACTIONS | QUEUE_ACTIONS if s["topic"] == "system" else ACTIONS), s["key"]
            elif not s["key"].startswith(FORM_QUESTIONS):
                # Inside the form's questions a tap is an answer to the form; elsewhere it is a question.
                say = canonical(button["say"])
                assert button["say"] in COMMANDS or say in topics, (s["key"], button["say"])
                assert topics.get(say) != s["key"], f"{s['key']} leads back to itself"


def test_the_opening_says_it_is_automatic_and_how_to_reach_a_person() -> None:
    welcome = next(s for s in scripts() if s["key"] == "system.welcome")
    assert "自动" in welcome["text"] and "「转人工」" in welcome["text"]
    assert [b["title"] for b in welcome["buttons"]] == ["查订单", "退换货", "开发票", "我要投诉"]


def test_whoever_was_not_understood_is_offered_a_person() -> None:
    keys = words("system.fallback system.fallback_again system.apology handoff.offer feedback.express_anger")
    offering = {
        s["key"] for s in scripts() if "request_human" in {b.get("action") for b in s.get("buttons", [])}
    }
    assert keys <= offering


def test_danger_and_fraud_name_the_numbers_to_call() -> None:
    text = {s["key"]: s["text"] for s in scripts()}
    assert all(n in text["risk.emergency"] for n in ("119", "120", "110", "停用"))
    assert all(w in text["risk.fraud"] for w in ("不要转账", "验证码", "挂断", "96110"))


def test_the_house_regime_promises_seven_working_days_and_claims_no_law_for_it() -> None:
    regimes = {r["key"]: r for r in load("regimes.yml")["regimes"]}
    house = {r["stage"]: (r["amount"], r["unit"], r["start"]) for r in regimes["house_default"]["rules"]}
    assert house == {
        "acknowledge": (1, "minutes", "filed"),
        "first_person": (1, "working_days", "filed"),
        "decide": (5, "working_days", "filed"),
        "promise": (7, "working_days", "filed"),
    }
    assert not any(r["legal"] for r in regimes["house_default"]["rules"])
    assert regimes["house_default"]["source_mark"] == "P"
    assert load("organisation.yml")["default_regime"] == "house_default"


def all_regimes() -> list[dict[str, Any]]:
    own = load("regimes.yml")
    return own["regimes"] + [one for name in own["include"] for one in load(name)["regimes"]]


def test_every_regime_names_its_source_whom_it_binds_and_one_rule_a_stage() -> None:
    assert len(all_regimes()) == 7
    for regime in all_regimes():
        key = regime["key"]
        assert set(regime) - {"version"} == words("key title binds source source_mark valid_from rules"), key
        assert regime["binds"] in {"company", "regulator"} and regime["source"], key
        assert regime["source_mark"] in {"V", "S", "P"}, key
        for rule in regime["rules"]:
            optional = words("end_time warn_at escalation extension internal")
            assert set(rule) - optional == words("stage amount unit start legal note"), key
            assert rule["unit"] in words("minutes working_hours working_days calendar_days"), key
            assert rule["amount"] >= 1, key
            assert rule["legal"] == key.startswith("ref_"), key
        stages = [rule["stage"] for rule in regime["rules"]]
        assert len(stages) == len(set(stages)), key
        # A reference clock is shown beside the shop's own and never starts.
        assert (regime["valid_from"] is None) == key.startswith("ref_"), key
        regime_rules.check(key, regime["title"], regime["binds"], regime["source"], regime["rules"], regime["valid_from"])
        if regime["binds"] == "regulator":
            assert not {"promise", "decide"} & set(stages), key


def test_the_survey_has_five_grades_and_reasons_for_good_and_bad() -> None:
    survey, handling = load("surveys.yml")["surveys"]
    assert (handling["key"], len(handling["labels"])) == ("complaint_handling", 5)
    assert (survey["key"], survey["version"], survey["question"]) == ("after_chat", 1, "这次服务，您满意吗？")
    assert survey["labels"] == ["很不满", "不满", "一般", "满意", "很满意"]
    assert set(survey["reasons"]) == {"good", "bad"} and survey["comment_prompt"]
    assert load("organisation.yml")["default_survey"] == "after_chat"


def test_the_order_book_shows_every_state_with_dates_that_fit_it() -> None:
    orders = load("orders.yml")["orders"]
    assert len(orders) == len({o["order_no"] for o in orders}) == 12
    states = words("unpaid paid packing shipped out_for_delivery delivered cancelled")
    assert {o["status"] for o in orders} == states
    for o in orders:
        no, status = o["order_no"], o["status"]
        assert re.fullmatch(r"HM26(09|10|11)\d\d-\d{4}", no), no
        moved = status in words("shipped out_for_delivery delivered")
        assert (o["shipped_days_ago"] is not None) == moved, no
        assert (o["tracking_no"] is not None) == (o["carrier"] is not None) == moved, no
        assert (o["delivered_days_ago"] is not None) == (status == "delivered"), no
        assert (o["cancelled_days_ago"] is not None) == (status == "cancelled"), no
        assert o["paid_days_ago"] is not None or status in {"unpaid", "cancelled"}, no
        # 「已发货」 is said with the day of arrival; without one the sentence could not be spoken.
        assert (o["eta_days"] is not None) == (status in words("paid packing shipped out_for_delivery")), no
        days = [o[f"{step}_days_ago"] for step in ("placed", "paid", "shipped", "delivered")]
        steps = [d for d in days if d is not None]
        assert steps == sorted(steps, reverse=True), no
    desk = next(o for o in orders if o["order_no"] == "HM260917-3382")
    assert desk["status"] == "delivered" and "云杉升降书桌" in desk["item_name"]


def test_each_skill_group_has_hours_and_people_and_no_intent_goes_two_ways() -> None:
    groups = load("skill_groups.yml")["skill_groups"]
    assert [g["name"] for g in groups] == ["售前", "售后", "投诉"]
    assert sum(bool(g.get("default")) for g in groups) == 1
    assert max(Counter(i for g in groups for i in g["intents"]).values()) == 1
    assert set(groups[0]["intents"]) | set(groups[1]["intents"]) >= INQUIRIES
    manned = {
        key
        for person in load("staff.yml")["staff"]
        if "agent" in person["roles"]
        for key in person["skill_groups"]
    }
    assert {g["key"] for g in groups} == manned
    for hours in [load("organisation.yml")["hours"], *(g["hours"] for g in groups)]:
        for spans in hours["weekdays"].values():
            assert spans and all(re.fullmatch(r"\d{1,2}:\d\d-\d{1,2}:\d\d", span) for span in spans)


def test_the_hours_told_to_customers_are_the_hours_people_work() -> None:
    organisation = load("organisation.yml")
    hours = organisation["hours"]
    assert list(hours["weekdays"]) == ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    assert list(hours["weekdays"].values()) == [["9:00-21:00"]] * 7 and not hours["follows_holidays"]
    assert organisation["service_hours"] == "每天 9:00 至 21:00"


def test_no_password_is_in_the_pack() -> None:
    names = words("linjia zhouyang sumin shenlan hantao hechuan admin")
    assert {p["username"] for p in load("staff.yml")["staff"]} == names
    assert not [p["username"] for p in load("staff.yml")["staff"] if "password" in p]
