"""Taking a complaint back: which one, one question, and only a plain yes does it."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional, Text

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import numbers, parsing
from actions.client import BackendError
from actions.complaints import AboutComplaint, no_answer
from actions.folding import bare
from actions.speech import say

#: `awaiting` while the customer is asked whether the pending complaint really is withdrawn.
YES_AWAITED = "withdraw_yes"
#: What the bot has said where it waits for something of ours. Anything said since has dropped the question: a yes or
#: a number then belongs to something else.
QUESTION = "complaint.withdraw_confirm"
QUESTIONS = frozenset(
    {QUESTION, "complaint.withdraw_which", "complaint.ask_number", "complaint.ask_last4", "complaint.not_found"}
)
#: More than these are not read out one by one.
MOST_NAMED = 5
_NTH = re.compile(
    r"第([1-5一二三四五])(?:个|件|条|项)|^(?:我|要|就|选|是|撤回?|把)*([1-5一二三四五])(?:个|件|条|项|号)?(?:吧|的|那|个|件|投诉|撤回?|了)*$"
)
_PLACES = {"1": 0, "一": 0, "2": 1, "二": 1, "3": 2, "三": 2, "4": 3, "四": 3, "5": 4, "五": 4}


def is_open(tracker: Tracker) -> bool:
    """A question about withdrawing was the last thing the customer saw."""
    awaited = str(tracker.get_slot("awaiting") or "")
    return awaited.startswith("withdraw_") and (tracker.latest_message or {}).get("said_last") in QUESTIONS


class WithdrawComplaint(AboutComplaint, Action):
    """withdraw_complaint: the want, and the yes or no to our question about it (bot/context.py)."""

    NUMBER_AWAITED, LAST4_AWAITED = "withdraw_no", "withdraw_last4"

    def name(self) -> Text:
        return "action_withdraw_complaint"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[Text, Any]) -> List[EventType]:
        said = parsing.Said.of(tracker.latest_message)
        awaiting = tracker.get_slot("awaiting") if is_open(tracker) else None
        pending = str(tracker.get_slot("pending_complaint_no") or "") if awaiting == YES_AWAITED else ""
        if pending and said.action == "confirm":
            return await self._withdraw(dispatcher, tracker, pending)
        if pending and said.action in ("cancel", "edit"):
            say(dispatcher, "complaint.withdraw_kept", complaint_no=pending)
            return _settled(pending)
        number = numbers.find_complaint_no(said.text)
        if number is None and awaiting == self.NUMBER_AWAITED:
            return await self.by_place(dispatcher, tracker)
        return await self.by_number(dispatcher, tracker, number or pending or None)

    async def by_number(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, number: Optional[str]
    ) -> List[EventType]:
        """Ask about the complaint that is meant; of several open ones, which."""
        try:
            if number is not None:
                return await self._ask(dispatcher, tracker, number)
            mine = await self._backend.complaints(tracker.sender_id)
            seen = tracker.get_slot("last_complaint_no")
            if seen and not any(one.get("number") == seen for one in mine):
                # Looked up a moment ago, filed elsewhere: that is what is being talked about.
                return await self._ask(dispatcher, tracker, str(seen))
        except BackendError as error:
            return no_answer(dispatcher, tracker, error)
        still_open = [one for one in mine if one.get("can_withdraw")]
        if len(still_open) > 1:
            return self._ask_which(dispatcher, still_open)
        if mine:
            return self._found(dispatcher, (still_open or mine)[0])
        return self._ask_number(dispatcher)

    async def by_place(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> List[EventType]:
        """第二件, or the end of a number, as the answer to which of several; anything else is asked again."""
        text = parsing.Said.of(tracker.latest_message).text
        try:
            mine = await self._backend.complaints(tracker.sender_id)
        except BackendError as error:
            return no_answer(dispatcher, tracker, error)
        named = [one for one in mine if one.get("can_withdraw")][:MOST_NAMED]
        nth, tail = _NTH.search(bare(text)), numbers.find_last4(text)
        place = _PLACES[nth.group(1) or nth.group(2)] if nth else len(named)
        if place < len(named):
            return self._found(dispatcher, named[place])
        ending = [one for one in named if tail and str(one.get("number")).endswith(tail)]
        if len(ending) == 1:
            return self._found(dispatcher, ending[0])
        return await self.by_number(dispatcher, tracker, None)

    async def _ask(self, dispatcher: CollectingDispatcher, tracker: Tracker, number: str) -> List[EventType]:
        """The backend knows whether this conversation may, and how the complaint stands. Raises BackendError."""
        try:
            done = await self._backend.withdraw(number, tracker.sender_id, confirmed=False)
        except BackendError as error:
            if error.status == 404:
                return await self._prove(dispatcher, tracker, number)
            if error.status != 409 or not error.fields.get("number"):
                raise
            can = error.code == "withdraw_not_confirmed"
            return self._found(dispatcher, {**error.fields, "can_withdraw": can})
        return self._found(dispatcher, {**done, "can_withdraw": False})

    def _found(self, dispatcher: CollectingDispatcher, complaint: Dict[Text, Any]) -> List[EventType]:
        number = str(complaint["number"])
        if complaint.get("can_withdraw"):
            say(
                dispatcher,
                "complaint.withdraw_confirm",
                complaint_no=number,
                description=complaint.get("title"),
                complaint_stage=complaint.get("stage_text"),
            )
            return [
                SlotSet("last_complaint_no", number),
                SlotSet("awaiting", YES_AWAITED),
                SlotSet("pending_complaint_no", number),
            ]
        over = complaint.get("stage") == "withdrawn"
        say(
            dispatcher,
            "complaint.withdrawn_already" if over else "complaint.withdraw_not_possible",
            complaint_no=number,
            complaint_stage=complaint.get("stage_text"),
            receipt_url=complaint.get("receipt_url"),
        )
        return _settled(number)

    def _ask_which(self, dispatcher: CollectingDispatcher, complaints: List[Dict[Text, Any]]) -> List[EventType]:
        lines = [
            f"{place}. {one.get('number')}：{one.get('title')}（{one.get('stage_text')}）"
            for place, one in enumerate(complaints[:MOST_NAMED], 1)
        ]
        say(dispatcher, "complaint.withdraw_which", options="\n".join(lines))
        return [SlotSet("awaiting", self.NUMBER_AWAITED), SlotSet("pending_complaint_no", None)]

    async def _withdraw(self, dispatcher: CollectingDispatcher, tracker: Tracker, number: str) -> List[EventType]:
        try:
            done = await self._backend.withdraw(number, tracker.sender_id, confirmed=True)
        except BackendError as error:
            if error.status == 404:
                return await self._prove(dispatcher, tracker, number)
            if error.status == 409 and error.fields.get("number"):
                # Decided and told, or withdrawn on the receipt page, while we were asking.
                return self._found(dispatcher, {**error.fields, "can_withdraw": False})
            return no_answer(dispatcher, tracker, error)
        say(dispatcher, "complaint.withdrawn", complaint_no=number, receipt_url=done.get("receipt_url"))
        return _settled(number)


def _settled(number: str) -> List[EventType]:
    return [
        SlotSet("last_complaint_no", number),
        SlotSet("awaiting", None),
        SlotSet("pending_complaint_no", None),
    ]
