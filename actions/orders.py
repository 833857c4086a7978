"""Where an order stands, and what a bare number means."""

from __future__ import annotations

import logging
from typing import Any, Dict, List, Optional, Text, Union

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import numbers, parsing
from actions.client import Backend, BackendError
from actions.complaints import QueryComplaint
from actions.speech import answer, not_understood, say
from actions.withdrawing import WithdrawComplaint, is_open

logger = logging.getLogger(__name__)

#: Which script tells which state; every other state is told by order.status.
STATUS_SCRIPTS = {
    "shipped": "order.shipped",
    "out_for_delivery": "order.shipped",
    "delivered": "order.delivered",
}


class _Orders:
    def __init__(self, backend: Optional[Backend] = None) -> None:
        self._backend = backend or Backend.from_environment()

    async def _status(self, dispatcher: CollectingDispatcher, tracker: Tracker, order_no: str) -> List[EventType]:
        try:
            order = await self._backend.order(order_no, tracker.sender_id)
        except BackendError as error:
            if error.status in (404, 422):
                say(dispatcher, "order.not_found")
                return [SlotSet("order_no", None), SlotSet("awaiting", "order_no")]
            logger.error("order look-up failed: %s", error)
            say(dispatcher, "order.lookup_failed")
            return [SlotSet("order_no", order_no), SlotSet("awaiting", "order_no")]
        say(
            dispatcher,
            STATUS_SCRIPTS.get(str(order.get("status")), "order.status"),
            order_no=order.get("order_no") or order_no,
            order_status=order.get("status_text"),
            item_name=order.get("item_name"),
            carrier=order.get("carrier"),
            tracking_no=order.get("tracking_no"),
            eta=order.get("eta_text"),
        )
        return [SlotSet("order_no", order.get("order_no") or order_no), SlotSet("awaiting", None)]


class OrderStatus(_Orders, Action):
    """ask_order_status and ask_logistics: one's own order is looked up, anything else is a script."""

    def name(self) -> Text:
        return "action_order_status"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[Text, Any]) -> List[EventType]:
        said = parsing.Said.of(tracker.latest_message)
        named = numbers.find_order_no(said.text)
        if named:
            return await self._status(dispatcher, tracker, named)
        if not parsing.wants_own_order(said):
            answer(dispatcher)
            return []
        remembered = numbers.find_order_no(str(tracker.get_slot("order_no") or ""))
        if remembered:
            return await self._status(dispatcher, tracker, remembered)
        if tracker.active_loop_name:
            # Inside the complaint form a second question would be one too many.
            answer(dispatcher)
            return []
        say(dispatcher, "order.ask_number")
        return [SlotSet("awaiting", "order_no")]


class Inform(_Orders, Action):
    """A number alone: the answer to what was asked, else what its shape says."""

    def __init__(self, backend: Optional[Backend] = None) -> None:
        super().__init__(backend)
        self._complaints = QueryComplaint(self._backend)
        self._withdrawals = WithdrawComplaint(self._backend)

    def name(self) -> Text:
        return "action_inform"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[Text, Any]) -> List[EventType]:
        text = parsing.Said.of(tracker.latest_message).text
        awaiting, pending = tracker.get_slot("awaiting"), tracker.get_slot("pending_complaint_no")
        complaint_no = numbers.find_complaint_no(text)
        # A number answers for the purpose it was asked for.
        about: Union[QueryComplaint, WithdrawComplaint] = self._withdrawals if is_open(tracker) else self._complaints
        if complaint_no:
            return await about.by_number(dispatcher, tracker, complaint_no)
        last4 = numbers.find_last4(text)
        if awaiting == about.LAST4_AWAITED and pending and last4:
            return await about.look_up(dispatcher, tracker, str(pending), last4)
        if about is self._withdrawals and awaiting == about.NUMBER_AWAITED and last4 and not numbers.find_contact(text):
            return await self._withdrawals.by_place(dispatcher, tracker)
        if numbers.find_contact(text):
            not_understood(dispatcher)
            return []
        order_no = numbers.find_order_no(text)
        if order_no:
            return await self._status(dispatcher, tracker, order_no)
        if awaiting == "order_no":
            say(dispatcher, "order.not_found")
        elif awaiting in (about.NUMBER_AWAITED, about.LAST4_AWAITED):
            say(dispatcher, "complaint.not_found")
        else:
            not_understood(dispatcher)
        return []
