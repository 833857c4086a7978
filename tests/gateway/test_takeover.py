"""A person comes while the bot thinks: at once, and what the bot had prepared is neither said nor missed."""

import asyncio

import pytest

from backend.conversations import service as conversations
from backend.handoffs import service as handoffs
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from tests.gateway.test_intake import House


@pytest.fixture
async def house(pack_loaded: Works) -> House:
    return House(pack_loaded)


async def until_held_by(house: House, state: str) -> None:
    for _ in range(500):
        if house.state().state == state:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"never {state}: {house.state().state}")


@pytest.mark.parametrize("way", [{"button_id": "request_human", "text": ""}, {"text": "桌子起火了，人受伤了"}])
async def test_who_asks_for_a_person_does_not_wait_for_a_bot_that_thinks(house: House, way: dict[str, str]) -> None:
    house.bot.gate = asyncio.Event()  # the bot hangs over the first question
    await house.send("发票怎么开")
    await house.asked()
    await house.send(**way)
    await until_held_by(house, "queued")
    assert len(house.bot.asked) == 1
    house.bot.gate.set()
    await house.settled()
    assert [sender for sender, _ in house.thread()].count("bot") == 0, "the bot spoke after somebody was fetched"
    with house.works.read(SYSTEM) as work:
        assert conversations.unanswered(work.session) == []


async def test_a_person_is_fetched_once_although_the_turn_and_the_button_both_fetch(house: House) -> None:
    for number in range(3):
        await house.send("", button_id="request_human", client_id=f"press-{number}")
    await house.settled()
    assert house.state().epoch == 1
    assert [key for _, key in house.thread()].count("handoff.next_in_line") <= 1


async def test_a_question_whose_answer_a_visit_to_the_queue_voided_is_answered_after_it(house: House) -> None:
    house.bot.gate = asyncio.Event()
    await house.send("发票怎么开")
    await house.asked()
    with house.works.begin(SYSTEM) as work:
        handoffs.request(work, house.conversation.id, "customer_request")
    with house.works.begin(SYSTEM) as work:
        handoffs.cancel(work, house.conversation.id)
    assert house.state().epoch == 2
    house.bot.gate.set()
    await house.settled()
    assert [key for sender, key in house.thread() if sender == "bot"] == ["invoice.how_to_issue"]
    assert len({one["message_id"] for one in house.bot.asked}) == 1


async def test_a_question_that_a_person_has_answered_meanwhile_is_not_answered_again(house: House) -> None:
    from tests.cast import LIN_JIA

    house.bot.gate = asyncio.Event()
    await house.send("发票怎么开")
    await house.asked()
    with house.works.begin(SYSTEM) as work:
        handoffs.request(work, house.conversation.id, "customer_request")
    house.lin_jia_takes()
    with house.works.begin(LIN_JIA) as work:
        handoffs.reply(work, house.conversation.id, "在「我的订单」里点「开发票」。", "r1")
        conversation = conversations.lock(work, house.conversation.id)
        conversations.change_hands(work, conversation, "bot")
    house.bot.gate.set()
    await house.settled()
    assert [sender for sender, _ in house.thread()].count("bot") == 0
