"""A message's walk through the gateway, with a bot that does as told and a real database."""

import asyncio

import pytest
from sqlmodel import select

from backend.conversations import alerts
from backend.conversations import service as conversations
from backend.conversations.tables import Conversation, Message
from backend.gateway.hub import Hub
from backend.gateway.intake import Inbound, Intake
from backend.gateway.rasa import BotFailed
from backend.gateway.wire import BotMessage, BotTurn
from backend.handoffs import service as handoffs
from backend.infra.work import Works
from backend.kernel.actors import SYSTEM
from backend.kernel.errors import Conflict, Invalid, TooMany
from tests import builders
from tests.cast import LIN_JIA, NOW
from tests.gateway.fakes import FakeBot, handoff, words


class House:
    """The gateway's insides on one database, with one conversation begun."""

    def __init__(self, works: Works) -> None:
        self.bot = FakeBot()
        self.hub = Hub()
        self.hub.attach(asyncio.get_running_loop())
        self.works = Works(works.engine, works.reactions, self.hub.publish)
        self.intake = self.another_process()
        with self.works.begin(SYSTEM) as work:
            self.conversation = builders.a_conversation(work)

    def another_process(self) -> Intake:
        return Intake(self.works, self.bot, self.hub, per_minute=1000)

    async def send(self, text: str = "发票怎么开", client_id: str | None = None, **more: str) -> Message:
        self._count = getattr(self, "_count", 0) + 1
        return await self.intake.accept(Inbound("web", self.conversation.id, self.conversation.customer_id,
                                                client_id or f"c{self._count}", text, **more))

    async def asked(self) -> None:
        """Until the bot has been asked (it may still be thinking)."""
        for _ in range(500):
            if self.bot.asked:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("the bot was never asked")

    async def settled(self) -> None:
        while self.intake._running or self.intake._again:
            await asyncio.gather(*self.intake._running.values(), return_exceptions=True)
            await asyncio.sleep(0)

    def thread(self) -> list[tuple[str, str | None]]:
        """Sender and script key of every message so far."""
        with self.works.read(SYSTEM) as work:
            return [(one.sender, one.script_key) for one in conversations.thread(work.session, self.conversation.id)]

    def state(self) -> Conversation:
        with self.works.read(SYSTEM) as work:
            return conversations.get(work.session, self.conversation.id)

    def lin_jia_takes(self) -> None:
        """She comes to her desk and takes the conversation, which waits in the queue."""
        with self.works.begin(LIN_JIA) as work:
            handoffs.set_status(work, "online")
            handoffs.take(work, self.conversation.id)


@pytest.fixture
async def house(pack_loaded: Works) -> House:
    return House(pack_loaded)


async def test_a_message_is_stored_before_the_bot_is_asked(house: House) -> None:
    house.bot.gate = asyncio.Event()
    message = await house.send("发票怎么开")
    assert message.seq == 1
    assert house.thread() == [("customer", None)]
    house.bot.gate.set()
    await house.settled()
    assert house.thread() == [("customer", None), ("bot", "invoice.how_to_issue")]


async def test_the_words_said_are_the_stored_version_not_the_bots_own(house: House) -> None:
    await house.send()
    await house.settled()
    with house.works.read(SYSTEM) as work:
        said = conversations.thread(work.session, house.conversation.id)[-1]
        row = work.session.exec(select(Message).where(Message.seq == said.seq)).one()
        assert row.script_version_id is not None
        assert said.script_version == 1
        assert "发票" in said.text


async def test_the_same_client_id_again_is_the_same_message_and_is_asked_once(house: House) -> None:
    first = await house.send(client_id="same")
    again = await house.send(client_id="same", text="不一样的字")
    await house.settled()
    assert first.seq == again.seq
    assert again.text == "发票怎么开"
    assert len(house.bot.asked) == 1


async def test_two_sends_at_once_with_one_client_id_store_one_message(house: House) -> None:
    stored = await asyncio.gather(*(house.send(client_id="same") for _ in range(6)))
    await house.settled()
    assert {message.seq for message in stored} == {1}
    assert len(house.bot.asked) == 1


async def test_a_burst_is_answered_one_turn_at_a_time_and_in_order(house: House) -> None:
    await asyncio.gather(*(house.send(f"第{number}句") for number in range(8)))
    await house.settled()
    assert house.bot.most_at_once == 1
    assert len(house.bot.asked) == 8
    with house.works.read(SYSTEM) as work:
        seqs = [one.seq for one in conversations.thread(work.session, house.conversation.id)]
        sent = [one.text for one in conversations.thread(work.session, house.conversation.id) if one.sender == "customer"]
    assert seqs == list(range(1, 17))
    assert [ask["text"] for ask in house.bot.asked] == sent


async def test_two_processes_never_ask_for_one_conversation_at_once(house: House) -> None:
    house.bot.gate = asyncio.Event()
    other = house.another_process()
    await house.send("一")
    await house.send("二")
    await other.resume()
    await asyncio.sleep(0.3)
    assert house.bot.most_at_once == 1
    house.bot.gate.set()
    await house.settled()
    await asyncio.gather(*other._running.values())
    assert [ask["text"] for ask in house.bot.asked] == ["一", "二"]


async def test_what_a_dead_process_left_unanswered_is_answered_once_after_a_restart(house: House) -> None:
    house.bot.gate = asyncio.Event()
    await house.send("发票怎么开")
    await house.asked()
    for task in list(house.intake._running.values()):
        task.cancel()
    await house.settled()
    house.bot.gate = None
    house.bot.asked.clear()
    house.intake = house.another_process()
    assert await house.intake.resume() == 1
    await house.settled()
    assert house.thread() == [("customer", None), ("bot", "invoice.how_to_issue")]
    assert await house.intake.resume() == 0


@pytest.mark.parametrize("code", ["bot_down", "bot_slow", "bot_error", "bot_nonsense", "bot_silent"])
async def test_when_the_bot_fails_the_words_stay_an_apology_comes_and_staff_see_an_alert(house: House, code: str) -> None:
    house.bot.answer = BotFailed(code, "机器人没有启动或连不上。")
    await house.send("发票怎么开")
    await house.settled()
    assert house.thread() == [("customer", None), ("bot", "system.apology")]
    with house.works.read(SYSTEM) as work:
        assert [(alert.kind, alert.count) for alert in alerts.still_open(work.session)] == [("bot", 1)]
    assert house.state().state == "bot"


async def test_after_recovery_the_conversation_goes_on_and_the_alert_ends(house: House) -> None:
    house.bot.answer = BotFailed("bot_down", "机器人没有启动或连不上。")
    await house.send()
    await house.settled()
    house.bot.answer = words("invoice.how_to_issue")
    await house.send()
    await house.settled()
    assert house.thread()[-1] == ("bot", "invoice.how_to_issue")
    with house.works.read(SYSTEM) as work:
        assert list(alerts.still_open(work.session)) == []


async def test_a_second_failure_in_a_row_fetches_a_person(house: House) -> None:
    house.bot.answer = BotFailed("bot_slow", "机器人超过 15 秒没有答复。")
    for _ in range(2):
        await house.send()
        await house.settled()
    assert house.state().state == "queued"


async def test_nonsense_without_a_script_is_a_failure_not_silence(house: House) -> None:
    house.bot.answer = BotTurn(messages=[BotMessage()])
    await house.send()
    await house.settled()
    assert house.thread()[-1] == ("bot", "system.apology")


async def test_an_unknown_script_says_the_fallback_fetches_a_person_and_raises_an_alert(house: House) -> None:
    house.bot.answer = words("no.such_script")
    await house.send()
    await house.settled()
    assert ("bot", "system.fallback") in house.thread()
    assert house.state().state == "queued", "understood, yet without approved words: not the customer's fault"
    with house.works.read(SYSTEM) as work:
        assert "script_missing" in {alert.kind for alert in alerts.still_open(work.session)}


async def test_once_a_person_takes_over_the_bots_prepared_words_are_dropped(house: House) -> None:
    house.bot.gate = asyncio.Event()
    await house.send("发票怎么开")
    await house.asked()
    with house.works.begin(SYSTEM) as work:
        handoffs.request(work, house.conversation.id, "customer_request", {}, "")
    house.lin_jia_takes()
    house.bot.gate.set()
    await house.settled()
    assert "invoice.how_to_issue" not in {key for _, key in house.thread()}


async def test_while_a_person_holds_the_conversation_the_bot_is_not_even_asked(house: House) -> None:
    with house.works.begin(SYSTEM) as work:
        handoffs.request(work, house.conversation.id, "customer_request", {}, "")
    await house.send("在吗")
    await house.settled()
    assert house.bot.asked == []


async def test_danger_fetches_a_person_without_asking_the_bot(house: House) -> None:
    await house.send("桌子的电机着火了")
    await house.settled()
    assert house.bot.asked == []
    assert house.state().state == "queued"
    assert ("system", "risk.emergency") in house.thread()


async def test_the_person_button_works_while_the_bot_is_down(house: House) -> None:
    house.bot.answer = BotFailed("bot_down", "机器人没有启动或连不上。")
    await house.send("", button_id="request_human")
    await house.settled()
    assert house.state().state == "queued"
    assert house.bot.asked == []


async def test_the_bots_handoff_queues_and_whatever_it_says_after_is_void(house: House) -> None:
    turn = handoff("customer_request")
    turn.messages.extend(words("invoice.how_to_issue").messages)
    house.bot.answer = turn
    await house.send("转人工")
    await house.settled()
    assert house.state().state == "queued"
    assert "invoice.how_to_issue" not in {key for _, key in house.thread()}


async def test_leaving_the_queue_brings_the_bot_back(house: House) -> None:
    await house.send("", button_id="request_human")
    await house.settled()
    await house.send("", button_id="cancel_queue")
    await house.settled()
    assert house.state().state == "bot"
    await house.send("发票怎么开")
    await house.settled()
    assert house.thread()[-1] == ("bot", "invoice.how_to_issue")


async def test_filing_a_complaint_instead_of_waiting_leaves_the_queue_and_reaches_the_bot(house: House) -> None:
    night = NOW.replace(hour=18)  # 02:00 in Shanghai: nobody is on duty
    with house.works.begin(SYSTEM, night) as work:
        handoffs.request(work, house.conversation.id, "customer_request", {}, "")
    with house.works.read(SYSTEM) as work:
        said = conversations.thread(work.session, house.conversation.id)[-1]
    assert said.script_key == "handoff.out_of_hours"
    await house.send("", button_id=said.buttons[0]["id"])
    await house.settled()
    assert house.state().state == "bot"
    assert house.bot.asked[-1]["button"]["action"] == "file_complaint"


async def test_only_buttons_that_we_issued_here_can_be_pressed(house: House) -> None:
    with pytest.raises(Invalid) as refused:
        await house.send("", button_id="99-0")
    assert refused.value.code == "unknown_button"


async def test_a_slash_command_reaches_the_bot_as_harmless_text_and_stands_as_typed(house: House) -> None:
    message = await house.send("/restart")
    await house.settled()
    assert message.text == "/restart"
    assert house.bot.asked[0]["text"] == "／restart"


async def test_too_long_a_message_is_cut_with_notice_and_still_answered(house: House) -> None:
    message = await house.send("退" * 10_000)
    await house.settled()
    assert len(message.text) == 2000
    assert [key for _, key in house.thread()] == [None, "system.too_long", "invoice.how_to_issue"]


@pytest.mark.parametrize("text", ["", "  \n ", "\x00\x07"])
async def test_an_empty_message_is_refused_with_a_code(house: House, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        await house.send(text)
    assert refused.value.code == "empty_message"


async def test_a_closed_conversation_takes_no_more_words(house: House) -> None:
    with house.works.begin(SYSTEM) as work:
        conversations.close(work, conversations.get(work.session, house.conversation.id), "customer")
    with pytest.raises(Conflict) as refused:
        await house.send()
    assert refused.value.code == "conversation_closed"


async def test_a_flood_is_slowed_down_and_what_came_before_is_kept(house: House) -> None:
    house.intake._per_minute = 3
    for _ in range(3):
        await house.send()
    with pytest.raises(TooMany):
        await house.send()
    await house.settled()
    assert len([one for one in house.thread() if one[0] == "customer"]) == 3


