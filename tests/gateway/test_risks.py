"""Risk first, through the whole gateway: what fetches a person, what is offered, and the reason that stays."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlmodel import select

from backend.conversations import service as conversations
from backend.conversations import silence, understanding
from backend.conversations.risk import RiskFinding
from backend.conversations.tables import Message
from backend.gateway.rasa import BotFailed
from backend.gateway.wire import BotMessage, BotTurn, Match, ScriptRef, Understanding
from backend.handoffs import desk
from backend.handoffs import service as handoffs
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.clock import utc_now
from backend.kernel.errors import Invalid
from backend.scripts import service as scripts
from backend.wiring import unanswered_questions
from tests import builders
from tests.cast import LIN_JIA
from tests.gateway.fakes import handoff, words
from tests.gateway.test_intake import House


@pytest.fixture
async def house(pack_loaded: Works) -> House:
    return House(pack_loaded)


async def say(house: House, *texts: str) -> list[str | None]:
    """Send and settle; the script keys said since."""
    before = len(house.thread())
    for text in texts:
        await house.send(text)
        await house.settled()
    return [key for sender, key in house.thread()[before:] if sender != "customer"]


def rules(house: House) -> list[str]:
    with house.works.read(SYSTEM) as work:
        return [one.rule for one in understanding.findings(work.session, house.conversation.id)]


def open_handoff(house: House) -> tuple[str, int, str]:
    with house.works.read(LIN_JIA) as work:
        found = desk.room(work, house.conversation.id)["handoff"]
        return found.reason, found.priority, found.summary


@pytest.mark.parametrize(("text", "reason", "script", "rule"), [
    ("桌子的电机着火了", "emergency", "risk.emergency", "fire_or_shock"),
    ("有人冒充你们客服让我转账", "fraud", "risk.fraud", "transfer_demanded"),
    ("我的密码是abc12345", "info_security", "risk.info_security", "password_posted"),
    ("我今年七十二岁了，不会弄", "elder", "risk.elder", "older_person"),
    ("我才12岁，能退吗", "minor", "risk.minor", "minor"),
    ("今天不解决我就打12315", "escalation", "risk.escalation", "outside_help"),
])
async def test_a_rule_fetches_a_person_with_its_calming_words_and_leaves_its_reason(
        house: House, text: str, reason: str, script: str, rule: str) -> None:
    said = await say(house, text)
    assert house.bot.asked == [], "a person comes before the bot says another word"
    assert said[0] == script
    assert house.state().state == "queued"
    assert open_handoff(house)[0] == reason
    assert rules(house) == [rule]


async def test_danger_and_secrets_go_before_ordinary_wishes_in_the_queue(house: House) -> None:
    await say(house, "我的密码是abc12345")
    _, priority, summary = open_handoff(house)
    assert priority > 20
    assert "abc12345" not in summary, "what travels to lists and cards does not repeat the secret"


async def test_the_desk_reads_why_in_words(house: House) -> None:
    await say(house, "我今年七十二岁了，不会弄")
    with house.works.read(LIN_JIA) as work:
        known = desk.room(work, house.conversation.id)["known"]
    assert known["findings"] == ["客户说自己年纪大，请同事先接，慢慢说。"]


async def test_a_rule_met_again_is_told_once_with_how_often(house: House) -> None:
    await say(house, "我今年七十二岁了，不会弄")
    with house.works.begin(SYSTEM) as work:
        (first,) = understanding.findings(work.session, house.conversation.id)
        again = RiskFinding(first.rule, first.reason, first.explanation)
        understanding.note_finding(work, house.conversation.id, first.seq + 2, again)
    with house.works.read(LIN_JIA) as work:
        known = desk.room(work, house.conversation.id)["known"]
    assert known["findings"] == ["客户说自己年纪大，请同事先接，慢慢说。（共 2 次）"]


async def test_the_bots_own_handover_leaves_how_sure_it_was(house: House) -> None:
    house.bot.answer = BotTurn(messages=[BotMessage(command="handoff", reason="emergency")],
                               nlu=Understanding(intent="report_emergency", confidence=0.93))
    await say(house, "这边出大事了")
    with house.works.read(SYSTEM) as work:
        (finding,) = understanding.findings(work.session, house.conversation.id)
    assert (finding.rule, finding.reason) == ("bot_emergency", "emergency")
    assert "93%" in finding.explanation


async def test_repeated_failure_is_named_and_a_plain_wish_for_a_person_is_no_finding(house: House) -> None:
    house.bot.answer = handoff("customer_request")
    await say(house, "转人工")
    assert rules(house) == []


async def test_two_displeased_turns_in_a_row_are_offered_a_person_once(house: House) -> None:
    assert await say(house, "怎么还不发货") == ["invoice.how_to_issue"]
    assert await say(house, "说了几遍了还是这句") == ["invoice.how_to_issue", "risk.anger_offer"]
    assert await say(house, "真差劲") == ["invoice.how_to_issue"], "a declined offer is not repeated at once"
    assert house.state().state == "bot", "confirmed first, fetched after"
    assert "displeased_twice" in rules(house)


async def test_one_furious_turn_is_enough_and_calm_ones_are_left_alone(house: House) -> None:
    assert await say(house, "发票怎么开", "谢谢") == ["invoice.how_to_issue"] * 2
    assert await say(house, "一群骗子，黑心商家！！！") == ["invoice.how_to_issue", "risk.anger_offer"]


async def test_an_answer_that_offers_a_person_is_not_followed_by_a_second_offer(house: House) -> None:
    house.bot.answer = words("feedback.express_anger")
    assert await say(house, "一群骗子，黑心商家！！！") == ["feedback.express_anger"]
    assert rules(house) == ["furious"]


async def test_a_complaint_being_filed_is_not_interrupted_by_an_offer(house: House) -> None:
    house.bot.answer = words("complaint.ask_remedy")
    assert await say(house, "你们太过分了，骗子", "气死我了，垃圾") == ["complaint.ask_remedy"] * 2


async def test_the_third_visit_of_a_day_with_displeasure_goes_to_a_person(house: House) -> None:
    with house.works.begin(SYSTEM) as work:
        customer = builders.a_customer(work)
        for _ in range(2):
            builders.a_conversation(work, customer)
    assert await say(house, "发票怎么开") == ["invoice.how_to_issue"], "a calm third visit is only a visit"
    said = await say(house, "还没处理，真差劲")
    assert said[0] == "risk.repeat_visits"
    assert "invoice.how_to_issue" not in said
    assert open_handoff(house)[0] == "repeat_visits"
    assert rules(house) == ["three_visits_displeased"]


async def test_compensation_is_answered_with_the_offer_of_a_person(house: House) -> None:
    assert await say(house, "能不能赔我点钱") == ["invoice.how_to_issue", "system.person_only"]
    assert rules(house) == ["only_a_person_decides"]


async def test_a_slow_bot_is_a_finding_and_a_second_time_a_person(house: House) -> None:
    house.bot.answer = BotFailed("bot_slow", "机器人超过 15 秒没有答复。")
    await say(house, "发票怎么开", "发票怎么开")
    assert rules(house) == ["bot_time_out", "bot_time_out"]
    assert house.state().state == "queued"


async def test_a_two_thousand_character_rant_is_heard(house: House) -> None:
    rant = "你们拖了十天，客服敷衍我，说话不算数，真是骗子，我受够了。" * 80
    said = await say(house, rant[:2000])
    assert said == ["invoice.how_to_issue", "risk.anger_offer"]


# --- choosing ------------------------------------------------------------------------------------


def choice(*keys: str) -> BotTurn:
    return BotTurn(messages=[BotMessage(script=ScriptRef(key="system.choose_one"), options=list(keys))],
                   nlu=Understanding(intent="ask_invoice", confidence=0.5))


def buttons(house: House) -> list[dict[str, str]]:
    with house.works.read(SYSTEM) as work:
        return conversations.thread(work.session, house.conversation.id)[-1].buttons


async def test_offered_titles_are_the_approved_ones_and_a_pressed_one_reaches_the_bot_by_key(house: House) -> None:
    house.bot.answer = choice("invoice.how_to_issue", "service.hours")
    await say(house, "发票几点开")
    titles = [one["title"] for one in buttons(house)]
    with house.works.read(SYSTEM) as work:
        approved = [scripts.version_card(work.session, version.id) for key in ("invoice.how_to_issue", "service.hours")
                    if (version := scripts.effective(work.session, key, "web", work.now)) is not None]
    assert titles == [*(card.title for card in approved if card is not None), "都不是"]
    house.bot.answer = words("service.hours")
    pressed = buttons(house)[1]
    await house.send("", button_id=pressed["id"])
    await house.settled()
    assert house.bot.asked[-1]["button"] == {"title": pressed["title"], "script": "service.hours"}
    assert house.bot.asked[-1]["said_last"] == "system.choose_one"
    assert house.thread()[-1] == ("bot", "service.hours")


async def test_words_of_the_house_and_unknown_scripts_are_never_offered(house: House) -> None:
    house.bot.answer = choice("risk.emergency", "invoice.how_to_issue", "no.such_script")
    await say(house, "发票")
    assert house.thread()[-1] == ("bot", "invoice.how_to_issue"), "one is left: it is the answer"
    house.bot.answer = choice("system.apology")
    assert "system.apology" not in await say(house, "发票呢")
    assert [one.get("script") for one in buttons(house)] == [None] * len(buttons(house))


async def test_a_choice_that_was_never_offered_here_is_refused(house: House) -> None:
    house.bot.answer = choice("invoice.how_to_issue", "service.hours")
    await say(house, "发票几点开")
    for forged in ("invoice.how_to_issue", "2-9", '{"script":"risk.emergency"}'):
        with pytest.raises(Invalid) as refused:
            await house.send("", button_id=forged)
        assert refused.value.code == "unknown_button"


# --- what is kept of each message ------------------------------------------------------------------


def understood(key: str, score: float, right: bool | None = True, by_default: bool = False) -> BotTurn:
    return BotTurn(messages=[BotMessage(script=ScriptRef(key=key))],
                   nlu=Understanding(intent="ask_invoice", confidence=0.8, understood=right,
                                     answer=Match(key=key, score=score, by_default=by_default) if right else None))


async def test_every_message_keeps_what_was_chosen_understood_and_felt(house: House) -> None:
    house.bot.answer = understood("invoice.how_to_issue", 0.83)
    await say(house, "发票怎么开，真差劲")
    with house.works.read(SYSTEM) as work:
        row = work.session.exec(select(Message).where(Message.sender == "customer")).one()
    assert (row.match_key, row.match_score, row.understood, row.mood) == ("invoice.how_to_issue", 0.83, True, -1)


async def test_misunderstood_messages_and_turns_to_replay_are_found_newest_first(house: House) -> None:
    house.bot.answer = understood("invoice.how_to_issue", 0.83)
    await say(house, "发票怎么开", "电子发票呢")
    house.bot.answer = understood("system.fallback", 0.0, right=False)
    await say(house, "呜啦啦", "哇啦啦")
    now = utc_now()
    with house.works.read(SYSTEM) as work:
        lost = understanding.misunderstood(work.session, now - timedelta(hours=1))
        turns = understanding.turns_to_replay(work.session, now + timedelta(minutes=1), 10)
        assert [one.text for one in understanding.misunderstood(work.session, now + timedelta(hours=1))] == []
        assert len(understanding.turns_to_replay(work.session, now + timedelta(minutes=1), 1)) == 1
    assert [one.text for one in lost] == ["哇啦啦", "呜啦啦"]
    assert [(one.text, one.answered_key) for one in turns] == [("电子发票呢", "invoice.how_to_issue"),
                                                               ("发票怎么开", "invoice.how_to_issue")]
    assert all(one.answered_version_id for one in turns)


async def test_an_inquiry_that_got_only_its_topics_default_words_is_collected_and_counts_as_understood(house: House) -> None:
    house.bot.answer = understood("invoice.how_to_issue", 0.83)
    await say(house, "发票怎么开")
    house.bot.answer = understood("invoice.how_to_issue", 0.21, by_default=True)
    await say(house, "一单能拆成几张发票吗")
    now = utc_now()
    with house.works.read(SYSTEM) as work:
        (one,) = understanding.answered_generally(work.session, now - timedelta(hours=1))
        assert (one.text, one.key) == ("一单能拆成几张发票吗", "invoice.how_to_issue")
        assert understanding.misunderstood(work.session, now - timedelta(hours=1)) == []
        assert len(understanding.turns_to_replay(work.session, now + timedelta(minutes=1), 10)) == 2
        (question,) = unanswered_questions(work.session, now - timedelta(hours=1))
        assert (question.default_key, question.message_id) == ("invoice.how_to_issue", one.message_id)
    assert house.state().misses == 0 and house.state().state == "bot"


async def test_default_words_that_nobody_heard_are_no_gap(house: House) -> None:
    """A pressed button chose them; they were withdrawn; a person was fetched instead."""
    house.bot.answer = choice("invoice.how_to_issue", "service.hours")
    await say(house, "发票几点开")
    house.bot.answer = understood("service.hours", 0.2, by_default=True)
    await house.send("", button_id=buttons(house)[1]["id"])
    await house.settled()
    house.bot.answer = understood("gone.since", 0.2, by_default=True)
    await say(house, "还能开票吗")
    with house.works.read(SYSTEM) as work:
        assert understanding.answered_generally(work.session, utc_now() - timedelta(hours=1)) == []


async def test_a_pressed_title_is_no_turn_to_learn_the_matching_from(house: House) -> None:
    house.bot.answer = choice("invoice.how_to_issue", "service.hours")
    await say(house, "发票几点开")
    house.bot.answer = understood("service.hours", 1.0)
    await house.send("", button_id=buttons(house)[1]["id"])
    await house.settled()
    with house.works.read(SYSTEM) as work:
        assert understanding.turns_to_replay(work.session, utc_now() + timedelta(minutes=1), 10) == []


@pytest.mark.parametrize("typed", [False, True])
async def test_none_of_these_tells_that_the_question_before_lacks_an_answer(house: House, typed: bool) -> None:
    house.bot.answer = choice("invoice.how_to_issue", "service.hours")
    await say(house, "发票几点开")
    house.bot.answer = understood("system.fallback", 0.0, right=False)
    house.bot.answer.nlu.refused_all = True
    if typed:
        await say(house, "都不是")
    else:
        await house.send("", button_id=buttons(house)[-1]["id"])
        await house.settled()
    with house.works.read(SYSTEM) as work:
        (lost,) = understanding.misunderstood(work.session, utc_now() - timedelta(hours=1))
    assert lost.text == "发票几点开", "the title of the choice is no question"


# --- silence ---------------------------------------------------------------------------------------


@pytest.fixture
def pass_time(house: House) -> Callable[[float], tuple[int, int]]:
    """Sweep as if so many minutes had gone by since the beginning of the test."""
    def at(minutes: float) -> tuple[int, int]:
        with house.works.begin(SYSTEM, utc_now() + timedelta(minutes=minutes)) as work:
            return silence.sweep(work)
    return at


async def test_silence_is_met_with_one_gentle_reminder_and_then_the_end(
        house: House, pass_time: Callable[[float], tuple[int, int]]) -> None:
    await say(house, "发票怎么开")
    assert pass_time(9) == (0, 0)
    assert pass_time(11) == (1, 0)
    assert house.thread()[-1] == ("system", "system.still_there")
    assert pass_time(12) == (0, 0), "one reminder, not one a sweep"
    assert pass_time(25) == (0, 0)
    assert pass_time(32) == (0, 1)
    assert house.state().closed_by == "idle"


async def test_a_word_after_the_reminder_begins_the_time_anew(
        house: House, pass_time: Callable[[float], tuple[int, int]]) -> None:
    await say(house, "发票怎么开")
    pass_time(11)
    await say(house, "还在")
    assert pass_time(9) == (0, 0)
    assert pass_time(12) == (1, 0)


async def test_whoever_said_goodbye_or_waits_for_a_person_is_not_reminded(
        house: House, pass_time: Callable[[float], tuple[int, int]]) -> None:
    house.bot.answer = words("chat.goodbye")
    await say(house, "再见")
    assert pass_time(11) == (0, 0)
    with house.works.begin(SYSTEM) as work:
        handoffs.request(work, house.conversation.id, "customer_request", {}, "")
    assert pass_time(600) == (0, 0), "the queue has its own clock"


@pytest.mark.parametrize("row", [{"remind_after_minutes": 0}, {"close_after_minutes": "bald"}, {"remind_after_minutes": True}])
def test_a_senseless_time_is_refused_with_a_sentence(row: dict[str, object]) -> None:
    with pytest.raises(Invalid) as refused:
        silence.Silence.parse(row)
    assert "分钟" in refused.value.message
