"""In the queue and with a person: what the house itself acts on while the bot is silent."""

import asyncio

import pytest

from backend.conversations import service as conversations
from backend.gateway.rasa import BotFailed
from backend.gateway.wire import BotTurn
from backend.handoffs import callbacks
from backend.handoffs import desk as view
from backend.handoffs import service as handoffs
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.clock import utc_now
from tests.cast import LIN_JIA
from tests.gateway.fakes import handoff, words
from tests.gateway.test_intake import House


@pytest.fixture
async def house(pack_loaded: Works) -> House:
    return House(pack_loaded)


async def press(house: House, action: str) -> list[str | None]:
    """Press a standing button; the keys said since."""
    before = len(house.thread())
    await house.send("", button_id=action)
    await house.settled()
    return [key for sender, key in house.thread()[before:] if sender != "customer"]


async def pressing(house: House, title: str) -> list[str | None]:
    """Press a button of the newest message that has it."""
    with house.works.read(SYSTEM) as work:
        thread = conversations.thread(work.session, house.conversation.id)
    button = next(one["id"] for message in reversed(thread) for one in message.buttons if one["title"] == title)
    return await press(house, button)


async def say(house: House, text: str) -> list[str | None]:
    before = len(house.thread())
    await house.send(text)
    await house.settled()
    return [key for sender, key in house.thread()[before:] if sender != "customer"]


async def in_queue(house: House) -> None:
    assert "handoff.out_of_hours" in await press(house, "request_human")  # nobody is at the desk in this house
    assert house.state().state == "queued"


async def with_a_person(house: House) -> None:
    await in_queue(house)
    house.lin_jia_takes()


def open_handoff(house: House) -> tuple[str, int]:
    with house.works.read(LIN_JIA) as work:
        found = view.room(work, house.conversation.id)["handoff"]
        return found.reason, found.priority


async def test_the_bot_answers_meanwhile_and_the_place_is_kept(house: House) -> None:
    await in_queue(house)
    assert await say(house, "发票怎么开") == [], "silent as long as nobody agreed"
    assert await press(house, "bot_meanwhile") == ["handoff.bot_meanwhile"]
    assert await say(house, "发票怎么开") == ["invoice.how_to_issue"]
    assert house.state().state == "queued"


async def test_a_take_over_in_the_middle_of_a_turn_silences_the_bot_that_answers_meanwhile(house: House) -> None:
    await in_queue(house)
    await press(house, "bot_meanwhile")
    house.bot.gate = asyncio.Event()
    await house.send("发票怎么开")
    await house.asked()
    house.lin_jia_takes()
    house.bot.gate.set()
    await house.settled()
    assert "invoice.how_to_issue" not in {key for _, key in house.thread()}
    assert await say(house, "还在吗") == [] and house.state().waiting_since is not None


async def test_the_bots_own_handover_while_it_answers_meanwhile_only_says_where_they_stand(house: House) -> None:
    await in_queue(house)
    await press(house, "bot_meanwhile")
    house.bot.answer = handoff("customer_request")
    assert await say(house, "转人工") in (["handoff.already_queued"], [])
    assert house.state().state == "queued"


async def test_a_call_back_is_asked_for_booked_and_the_bot_is_back(house: House) -> None:
    await in_queue(house)
    assert await pressing(house, "请回电") == ["handoff.ask_contact"]
    assert await say(house, "一三八") == ["handoff.contact_unread"]
    assert await say(house, "13812346027") == ["handoff.callback_booked"]
    assert house.bot.asked == [] and house.state().state == "bot"
    assert await say(house, "发票怎么开") == ["invoice.how_to_issue"]


async def test_a_message_is_left_without_a_contact(house: House) -> None:
    await in_queue(house)
    assert await pressing(house, "留言") == ["handoff.ask_message"]
    assert await say(house, "桌腿少一颗螺丝") == ["handoff.ask_contact_optional"]
    assert await pressing(house, "不留，写在这里") == ["handoff.message_taken"]
    with house.works.read(SYSTEM) as work:
        (row,) = callbacks.open_for_team(work.session, "linjia", utc_now())
    assert (row["kind"], row["text"]) == ("message", "桌腿少一颗螺丝")


async def test_changing_ones_mind_keeps_the_place(house: House) -> None:
    await in_queue(house)
    await pressing(house, "请回电")
    assert await pressing(house, "先不登记") == ["handoff.already_queued"]
    assert house.state().state == "queued"
    assert await say(house, "不等了") == ["handoff.cancelled"] and house.state().state == "bot"


async def test_with_the_bot_a_call_can_be_asked_for_too_and_other_words_reach_the_bot(house: House) -> None:
    assert await press(house, "call_back") == ["handoff.ask_contact"]
    assert await say(house, "发票怎么开") == ["handoff.contact_unread"]
    assert await say(house, "发票怎么开") == ["handoff.contact_given_up", "invoice.how_to_issue"]


@pytest.mark.parametrize("action", ["bot_meanwhile", "cancel_queue"])
async def test_an_old_button_pressed_late_is_no_dead_end(house: House, action: str) -> None:
    assert await press(house, action) == ["handoff.with_bot"]


async def test_danger_in_the_queue_goes_to_the_front_and_is_answered(house: House) -> None:
    await in_queue(house)
    assert open_handoff(house) == ("customer_request", 20)
    assert await say(house, "桌子的电机着火了") == ["risk.emergency"]
    assert open_handoff(house) == ("emergency", 100)


async def test_a_word_of_danger_is_not_taken_for_a_message_to_leave(house: House) -> None:
    await in_queue(house)
    await pressing(house, "留言")
    assert await say(house, "桌子的电机着火了") == ["risk.emergency"]


@pytest.mark.parametrize(("answer", "state", "script"), [
    ("好，交给小知", "bot", "handoff.back_to_bot"), ("还是人工", "agent", "handoff.return_declined")])
async def test_back_to_the_bot_only_with_the_customers_word(house: House, answer: str, state: str, script: str) -> None:
    await with_a_person(house)
    with house.works.begin(LIN_JIA) as work:
        handoffs.return_to_bot(work, house.conversation.id)
    assert house.state().state == "agent"
    assert await pressing(house, answer) == [script]
    assert house.state().state == state


async def test_the_customers_plain_yes_counts_and_a_sentence_is_for_the_person(house: House) -> None:
    await with_a_person(house)
    assert await say(house, "好的") == [] and house.state().state == "agent", "nobody asked anything"
    with house.works.begin(LIN_JIA) as work:
        handoffs.return_to_bot(work, house.conversation.id)
    assert await say(house, "好的，不过螺丝什么时候到？") == [] and house.state().state == "agent"
    assert await say(house, "好的。") == ["handoff.back_to_bot"] and house.state().state == "bot"


async def test_a_time_out_twice_is_its_own_reason(house: House) -> None:
    house.bot.answer = BotFailed("bot_slow", "机器人超过 15 秒没有答复。")
    await say(house, "发票怎么开")
    await say(house, "发票怎么开")
    assert open_handoff(house)[0] == "bot_slow"


@pytest.mark.parametrize(("script", "reason"), [
    ("system.person_only", "only_a_person"), ("risk.anger_offer", "anger"), ("system.fallback_again", "repeated_failure"),
    ("invoice.how_to_issue", "customer_request")])
async def test_the_button_has_the_reason_of_the_offer_above_it(house: House, script: str, reason: str) -> None:
    house.bot.answer = words(script)
    await say(house, "发票怎么开")
    await press(house, "request_human")
    assert open_handoff(house)[0] == reason


@pytest.mark.parametrize("text", ["能申请个内部价吗", "可以仅退款吗", "能不能赔点钱"])
async def test_prices_refunds_and_compensation_are_left_to_people(house: House, text: str) -> None:
    assert (await say(house, text))[-1] == "system.person_only"


async def test_the_organisations_own_rule_fetches_a_person_of_the_group_it_names(house: House) -> None:
    await say(house, "我们公司想批量采购五十张桌子")
    assert house.bot.asked == []
    with house.works.read(LIN_JIA) as work:
        room = view.room(work, house.conversation.id)
    assert (room["handoff"].reason, room["handoff"].skill_group) == ("approved_rule", "presale")
    assert any("韩涛" in finding for finding in room["known"]["findings"])


async def test_what_is_pressed_in_the_queue_survives_a_dead_process(house: House) -> None:
    await in_queue(house)
    await house.send("", button_id="call_back")
    for task in list(house.intake._running.values()):
        task.cancel()
    await house.settled()
    house.intake = house.another_process()
    await house.intake.resume()
    await house.settled()
    assert [key for _, key in house.thread()].count("handoff.ask_contact") == 1


async def test_nothing_is_asked_of_the_bot_for_words_that_only_a_person_reads(house: House) -> None:
    await with_a_person(house)
    house.bot.answer = BotTurn(messages=[])
    for text in ("你好", "桌子的电机着火了", "取消排队", "13812346027"):
        assert await say(house, text) == []
    assert house.bot.asked == []
