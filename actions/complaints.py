"""The complaint form and what comes after it: progress, urging, supplements."""

from __future__ import annotations

import logging
import uuid
from typing import Any, Dict, List, Optional, Text

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import numbers, parsing
from actions import slots as rules
from actions.client import Backend, BackendError
from actions.handoff import hand_over
from actions.speech import card, say

logger = logging.getLogger(__name__)

FORM = "complaint_form"
DRAFT = (
    *rules.STEPS,
    "contact_masked",
    "complaint_key",
    "complaint_outcome",
    "complaint_editing",
    "complaint_unfiled",
    "form_say",
    "complaint_twin",
    "complaint_twin_stage",
)


def _cleared() -> List[EventType]:
    return [SlotSet(name, None) for name in DRAFT]


class ValidateComplaintForm(Action):
    """Called by Rasa at every turn of the form; no SlotSet at all means: not mine, let a rule answer."""

    def name(self) -> Text:
        return f"validate_{FORM}"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[Text, Any]) -> List[EventType]:
        asked = tracker.get_slot("requested_slot")
        if asked in rules.STEPS and rules.answered_in_between(tracker.events, FORM):
            say(dispatcher, "complaint.resume")
            return [SlotSet("form_say", None)]
        said = parsing.Said.of(tracker.latest_message)
        draft = {name: tracker.get_slot(name) for name in (*DRAFT, "order_no")}
        step = rules.next_step(asked, said, draft) if asked in rules.STEPS else rules.start(said, draft)
        if step.kind == "digress":
            return []
        events: List[EventType] = [SlotSet(name, value) for name, value in step.slots.items()]
        events.append(SlotSet("form_say", step.say))
        if step.slots.get(rules.CONTACT):
            events.append(SlotSet("contact_masked", numbers.mask_contact(step.slots[rules.CONTACT])))
        if not draft["complaint_key"]:
            # Made once, here: however often 确认 arrives, it is one complaint.
            events.append(SlotSet("complaint_key", uuid.uuid4().hex))
        if step.kind == "end":
            events.append(SlotSet("complaint_outcome", step.outcome))
            events.append(SlotSet("requested_slot", None))
        return events


class ComplaintDone(Action):
    """The form has closed: file, leave, or hand over, as the outcome says."""

    def __init__(self, backend: Optional[Backend] = None) -> None:
        self._backend = backend or Backend.from_environment()

    def name(self) -> Text:
        return "action_complaint_done"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[Text, Any]) -> List[EventType]:
        slots = tracker.current_slot_values()
        outcome = slots.get("complaint_outcome")
        if outcome in ("file", "file_anyway"):
            return await self._file(dispatcher, tracker.sender_id, slots)
        if outcome == "same":
            return await self._add_to_known(dispatcher, tracker, slots)
        if outcome == "cancel":
            say(dispatcher, "complaint.cancelled")
            return _cleared()
        hand_over(dispatcher, outcome or "only_a_person", slots)
        return _cleared()

    async def _file(
        self, dispatcher: CollectingDispatcher, conversation_id: str, slots: Dict[Text, Any]
    ) -> List[EventType]:
        order_no = slots.get(rules.ORDER_NO)
        contact = str(slots.get(rules.CONTACT) or "")
        try:
            filed = await self._backend.file_complaint(
                idempotency_key=str(slots.get("complaint_key") or uuid.uuid4().hex),
                conversation_id=conversation_id,
                description=str(slots.get(rules.DESCRIPTION) or ""),
                remedy=str(slots.get(rules.REMEDY) or ""),
                order_no=None if order_no in (None, rules.SKIPPED) else str(order_no),
                contact=contact,
                known_not_the_same=slots.get("complaint_outcome") == "file_anyway",
            )
            number = str(filed["number"])
        except (BackendError, KeyError) as error:
            return self._not_filed(dispatcher, error, slots)
        say(
            dispatcher,
            "complaint.filed",
            complaint_no=number,
            promised_at=filed.get("promised_text"),
            receipt_url=filed.get("receipt_url"),
        )
        card(
            dispatcher,
            {
                "kind": "complaint_filed",
                "number": number,
                "promised_text": filed.get("promised_text"),
                "receipt_url": filed.get("receipt_url"),
                "description": slots.get(rules.DESCRIPTION),
                "remedy": slots.get(rules.REMEDY),
                "contact_masked": slots.get("contact_masked"),
            },
        )
        return [*_cleared(), SlotSet("last_complaint_no", number)]

    async def _add_to_known(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, slots: Dict[Text, Any]
    ) -> List[EventType]:
        """It is the complaint that stands already: what was just told is added to it, nothing is filed twice."""
        number = str(slots["complaint_twin"])
        try:
            mine = await self._backend.complaints(tracker.sender_id)
            if not any(one.get("number") == number for one in mine):
                # Filed in another conversation: opened by the phone's last digits, as any other.
                say(dispatcher, "complaint.ask_last4")
                return [*_cleared(), SlotSet("awaiting", "last4"), SlotSet("pending_complaint_no", number)]
            stored = await self._backend.supplement(number, tracker.sender_id, str(slots.get(rules.DESCRIPTION) or ""))
        except BackendError as error:
            return [*_cleared(), *no_answer(dispatcher, tracker, error)]
        return [*_cleared(), *_tell(dispatcher, "complaint.supplemented", stored)]

    def _not_filed(self, dispatcher: CollectingDispatcher, error: Exception, slots: Dict[Text, Any]) -> List[EventType]:
        """A refused contact is asked again; anything else goes to a person with all that was said."""
        fields = error.fields if isinstance(error, BackendError) else {}
        if "contact" in fields:
            return [
                SlotSet(rules.CONTACT, None),
                SlotSet(rules.CONFIRMED, None),
                SlotSet("complaint_outcome", None),
                SlotSet("form_say", "complaint.bad_contact"),
                FollowupAction(FORM),
            ]
        if isinstance(error, BackendError) and error.code == "complaint_probably_known" and fields.get("number"):
            return [
                SlotSet(rules.CONFIRMED, None),
                SlotSet("complaint_outcome", None),
                SlotSet("complaint_twin", fields["number"]),
                SlotSet("complaint_twin_stage", fields.get("stage_text")),
                SlotSet("last_complaint_no", fields["number"]),
                SlotSet("form_say", "complaint.known_already"),
                FollowupAction(FORM),
            ]
        logger.error("complaint not filed: %s", error)
        say(dispatcher, "complaint.file_failed")
        hand_over(dispatcher, "only_a_person", slots)
        # The draft stays with its key: 确认提交 tries again without filing twice.
        return [SlotSet("complaint_unfiled", True), SlotSet("form_say", None)]


class AboutComplaint:
    """Finds the complaint that is meant: named, last filed here, or the newest of the conversation."""

    #: What `awaiting` says while the number, and then the last four digits, are asked for this purpose.
    NUMBER_AWAITED, LAST4_AWAITED = "complaint_no", "last4"

    def __init__(self, backend: Optional[Backend] = None) -> None:
        self._backend = backend or Backend.from_environment()

    async def _mine(self, tracker: Tracker, number: Optional[str] = None) -> Optional[Dict[Text, Any]]:
        """A complaint of this very conversation; None when there is none (or not that one)."""
        complaints = await self._backend.complaints(tracker.sender_id)
        for complaint in complaints:
            if number is None or complaint.get("number") == number:
                return complaint
        return None

    def _ask_number(self, dispatcher: CollectingDispatcher) -> List[EventType]:
        say(dispatcher, "complaint.ask_number")
        return [SlotSet("awaiting", self.NUMBER_AWAITED), SlotSet("pending_complaint_no", None)]

    async def _prove(self, dispatcher: CollectingDispatcher, tracker: Tracker, number: str) -> List[EventType]:
        """Another conversation's complaint: opened by the phone's last digits, said already or asked now."""
        last4 = numbers.find_last4(parsing.Said.of(tracker.latest_message).text)
        if last4:
            return await self.look_up(dispatcher, tracker, number, last4)
        say(dispatcher, "complaint.ask_last4")
        return [SlotSet("awaiting", self.LAST4_AWAITED), SlotSet("pending_complaint_no", number)]

    async def look_up(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, number: str, last4: str
    ) -> List[EventType]:
        try:
            complaint = await self._backend.look_up(tracker.sender_id, number, last4)
        except BackendError as error:
            if error.status == 404:
                say(dispatcher, "complaint.not_found")
                return [SlotSet("awaiting", self.NUMBER_AWAITED), SlotSet("pending_complaint_no", None)]
            if error.status == 429:
                say(dispatcher, "complaint.lookup_locked")
                return [SlotSet("awaiting", None), SlotSet("pending_complaint_no", None)]
            return no_answer(dispatcher, tracker, error)
        return self._found(dispatcher, complaint)

    def _found(self, dispatcher: CollectingDispatcher, complaint: Dict[Text, Any]) -> List[EventType]:
        return _tell(dispatcher, "complaint.progress", complaint)


def _tell(dispatcher: CollectingDispatcher, key: str, complaint: Dict[Text, Any]) -> List[EventType]:
    say(
        dispatcher,
        key,
        complaint_no=complaint.get("number"),
        complaint_stage=complaint.get("stage_text"),
        promised_at=complaint.get("promised_text"),
        receipt_url=complaint.get("receipt_url"),
    )
    return [
        SlotSet("last_complaint_no", complaint.get("number")),
        SlotSet("awaiting", None),
        SlotSet("pending_complaint_no", None),
    ]


class QueryComplaint(AboutComplaint, Action):
    def name(self) -> Text:
        return "action_query_complaint"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[Text, Any]) -> List[EventType]:
        said = parsing.Said.of(tracker.latest_message)
        return await self.by_number(dispatcher, tracker, numbers.find_complaint_no(said.text))

    async def by_number(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, number: Optional[str]
    ) -> List[EventType]:
        """Progress at once for one's own; for another number the last four digits are asked."""
        try:
            complaint = await self._mine(tracker, number)
        except BackendError as error:
            return no_answer(dispatcher, tracker, error)
        if complaint is not None:
            return self._found(dispatcher, complaint)
        if number is None:
            return self._ask_number(dispatcher)
        return await self._prove(dispatcher, tracker, number)


class UrgeComplaint(AboutComplaint, Action):
    def name(self) -> Text:
        return "action_urge_complaint"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[Text, Any]) -> List[EventType]:
        number = numbers.find_complaint_no(parsing.Said.of(tracker.latest_message).text)
        try:
            complaint = await self._mine(tracker, number)
            if complaint is None:
                say(dispatcher, "complaint.none_to_urge")
                return [SlotSet("awaiting", "complaint_no")]
            urged = await self._backend.urge(str(complaint["number"]), tracker.sender_id)
        except BackendError as error:
            return no_answer(dispatcher, tracker, error)
        return _tell(dispatcher, "complaint.urged", {**complaint, **urged})


class SupplementComplaint(AboutComplaint, Action):
    def name(self) -> Text:
        return "action_supplement_complaint"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[Text, Any]) -> List[EventType]:
        said = parsing.Said.of(tracker.latest_message)
        try:
            complaint = await self._mine(tracker, numbers.find_complaint_no(said.text))
            if complaint is None:
                say(dispatcher, "complaint.ask_number")
                return [SlotSet("awaiting", "complaint_no")]
            if not parsing.supplements_something(said.text):
                # Only announced: the receipt, where material is added, is part of the progress script.
                return _tell(dispatcher, "complaint.progress", complaint)
            number = str(complaint["number"])
            stored = await self._backend.supplement(number, tracker.sender_id, said.text)
        except BackendError as error:
            return no_answer(dispatcher, tracker, error)
        return _tell(dispatcher, "complaint.supplemented", {**complaint, **stored})


def no_answer(dispatcher: CollectingDispatcher, tracker: Tracker, error: BackendError) -> List[EventType]:
    """The backend did not help: only a person can look it up now."""
    logger.error("complaint look-up failed: %s", error)
    hand_over(dispatcher, "only_a_person", tracker.current_slot_values())
    return [SlotSet("awaiting", None)]
