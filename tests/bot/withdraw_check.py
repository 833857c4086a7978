"""Run in the bot's environment: the action that withdraws, on the fake backend over HTTP. Prints OK."""

from __future__ import annotations

import asyncio
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.client import Backend
from actions.complaints import QueryComplaint
from actions.orders import Inform
from actions.withdrawing import WithdrawComplaint
from tests.bot.fake_backend import SECRET, FakeBackend

ASKED = "complaint.withdraw_confirm"


class Talk:
    """One conversation: slots are kept from turn to turn, and what was said last."""

    def __init__(self, house: FakeBackend, sender: str = "here") -> None:
        self.house, self.sender = house, sender
        self.slots: dict[str, Any] = {}
        self.said_last: str | None = None
        self.variables: dict[str, str] = {}
        backend = Backend(house.url, SECRET)
        self.actions = {one.name(): one for one in (WithdrawComplaint(backend), Inform(backend), QueryComplaint(backend))}

    async def turn(self, text: str, action: str | None = None, run: str = "action_withdraw_complaint") -> list[str]:
        latest = {"text": text, "intent": {"name": "withdraw_complaint", "confidence": 1.0}, "button_action": action,
                  "said_last": self.said_last}  # fmt: skip
        names = ("awaiting", "pending_complaint_no", "last_complaint_no", "order_no")
        slots = {**dict.fromkeys(names), **self.slots}
        tracker = Tracker(self.sender, slots, latest, [], False, None, {}, "action_listen")
        dispatcher = CollectingDispatcher()
        for event in await self.actions[run].run(dispatcher, tracker, {}):
            assert event["event"] == "slot", event
            self.slots[event["name"]] = event["value"]
        said = []
        for message in dispatcher.messages:
            custom = message.get("custom") or {}
            said.append(message.get("key") or f"{custom.get('command')}:{custom.get('reason')}")
            self.variables = message.get("variables") or {}
        self.said_last = said[-1]
        return said


def file(house: FakeBackend, sender: str, *stories: str) -> list[str]:
    """Numbers, oldest first."""
    return [
        str(house.complaint({"idempotency_key": f"{sender}-{story}", "conversation_id": sender, "description": story,
                             "contact": "13812346027"})["number"])
        for story in stories
    ]  # fmt: skip


def row(house: FakeBackend, number: str) -> dict[str, Any]:
    return next(one for one in house.filed.values() if one["number"] == number)


async def the_only_one_is_named_and_withdrawn_after_a_yes(house: FakeBackend) -> None:
    talk = Talk(house, "only")
    [number] = file(house, "only", "桌板开裂，取件两次没来")
    assert await talk.turn("我要撤回投诉") == [ASKED]
    assert talk.variables == {"complaint_no": number, "description": "桌板开裂，取件两次没来", "complaint_stage": "已登记"}
    assert house.withdrawn == []
    assert await talk.turn("确定撤回", "confirm") == ["complaint.withdrawn"]
    assert talk.variables["complaint_no"] == number and house.withdrawn == [number]
    assert talk.slots["awaiting"] is None and talk.slots["pending_complaint_no"] is None
    # Said again, and pressed again although the question is answered: nothing happens twice.
    assert await talk.turn("撤回投诉") == ["complaint.withdrawn_already"]
    assert await talk.turn("确定撤回", "confirm") == ["complaint.withdrawn_already"]
    assert house.withdrawn == [number]


async def a_no_keeps_it_and_a_repeated_want_is_asked_again(house: FakeBackend) -> None:
    talk = Talk(house, "kept")
    [number] = file(house, "kept", "快递员骂人")
    await talk.turn("撤诉")
    assert await talk.turn("撤回吧我真的想好了麻烦你们了谢谢谢谢") == [ASKED], "not plain enough"
    assert await talk.turn("不撤了", "cancel") == ["complaint.withdraw_kept"]
    assert talk.variables == {"complaint_no": number}
    assert row(house, number).get("stage") is None


async def a_yes_after_something_else_was_said_withdraws_nothing(house: FakeBackend) -> None:
    talk = Talk(house, "late")
    [number] = file(house, "late", "送货迟到")
    await talk.turn("撤诉")
    talk.said_last = "invoice.how_to_issue"
    assert await talk.turn("确定撤回", "confirm") == [ASKED], "asked anew, not done"
    talk.said_last = "invoice.how_to_issue"
    assert await talk.turn(number, run="action_inform") == ["complaint.progress"], "a number is about progress again"
    assert row(house, number).get("stage") is None


async def of_several_open_ones_it_asks_which(house: FakeBackend) -> None:
    talk = Talk(house, "many")
    first, second, third = file(house, "many", "桌子裂了", "椅子歪了", "少一箱")
    row(house, first)["stage"] = "closed"
    assert await talk.turn("撤回投诉") == ["complaint.withdraw_which"]
    assert talk.variables["options"].splitlines() == [f"1. {third}：少一箱（已登记）", f"2. {second}：椅子歪了（已登记）"]
    assert await talk.turn("都撤了") == ["complaint.withdraw_which"], "one at a time"
    assert await talk.turn("第三件") == ["complaint.withdraw_which"], "there is none"
    assert await talk.turn("第二件") == [ASKED] and talk.variables["complaint_no"] == second
    await talk.turn("不撤了", "cancel")
    await talk.turn("撤回投诉")
    assert await talk.turn(third[-4:], run="action_inform") == [ASKED] and talk.variables["complaint_no"] == third
    assert await talk.turn(f"是{second}", run="action_inform") == [ASKED] and talk.variables["complaint_no"] == second
    assert await talk.turn("撤", "confirm") == ["complaint.withdrawn"]
    assert await talk.turn(f"撤回{third}") == [ASKED], "named in the sentence"
    await talk.turn("对", "confirm")
    assert house.withdrawn[-2:] == [second, third]


async def one_that_is_over_is_said_to_be_over(house: FakeBackend) -> None:
    talk = Talk(house, "over")
    [number] = file(house, "over", "发票开错")
    row(house, number)["stage"] = "closed"
    assert await talk.turn("撤回投诉") == ["complaint.withdraw_not_possible"]
    assert talk.variables["complaint_stage"] == "已结案" and talk.variables["receipt_url"]
    assert await talk.turn(f"撤回{number}") == ["complaint.withdraw_not_possible"]
    row(house, number)["stage"] = None
    assert await talk.turn("撤回投诉") == [ASKED]
    row(house, number)["stage"] = "closed"  # while we were asking
    assert await talk.turn("是", "confirm") == ["complaint.withdraw_not_possible"]


async def one_of_another_conversation_needs_the_digits(house: FakeBackend) -> None:
    [number] = file(house, "elsewhere", "椅子有异味")
    talk = Talk(house, "stranger")
    assert await talk.turn("撤回投诉") == ["complaint.ask_number"]
    assert await talk.turn(number, run="action_inform") == ["complaint.ask_last4"]
    assert await talk.turn("1111", run="action_inform") == ["complaint.not_found"]
    assert await talk.turn(number, run="action_inform") == ["complaint.ask_last4"]
    assert await talk.turn("6027", run="action_inform") == [ASKED]
    assert await talk.turn("撤", "confirm") == ["complaint.withdrawn"]
    again = Talk(house, "in one sentence")
    row(house, number)["stage"] = None
    assert await again.turn(f"撤回{number}，尾号6027") == [ASKED]
    progress = Talk(house, "progress first")
    assert await progress.turn(f"{number} 尾号6027", run="action_query_complaint") == ["complaint.progress"]
    assert await progress.turn("那撤了吧，撤回投诉") == [ASKED], "just looked up: this one is meant"


async def without_the_backend_a_person_comes(house: FakeBackend) -> None:
    talk = Talk(house, "down")
    [number] = file(house, "down", "安装师傅迟到")
    house.down = True
    assert await talk.turn("撤回投诉") == ["handoff:only_a_person"]
    house.down = False
    assert await talk.turn("撤回投诉") == [ASKED]
    house.down = True
    assert await talk.turn("对", "confirm") == ["handoff:only_a_person"]
    house.down = False
    assert row(house, number).get("stage") is None


async def main() -> None:
    for check in (
        the_only_one_is_named_and_withdrawn_after_a_yes,
        a_no_keeps_it_and_a_repeated_want_is_asked_again,
        a_yes_after_something_else_was_said_withdraws_nothing,
        of_several_open_ones_it_asks_which,
        one_that_is_over_is_said_to_be_over,
        one_of_another_conversation_needs_the_digits,
        without_the_backend_a_person_comes,
    ):
        house = FakeBackend()
        try:
            await check(house)
        finally:
            house.stop()
    print("OK")


if __name__ == "__main__":
    asyncio.run(main())
