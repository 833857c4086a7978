"""ScriptNLG: every word the bot says is an approved script; the domain's texts are only keys."""

from __future__ import annotations

import logging
from typing import Any, Dict, List, Optional, Text

from rasa.core.nlg.generator import NaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from bot.answers import INQUIRIES, OFFERS_PERSON, Candidate, Second, choose, failures_before, last_said, rescued
from bot.render import render, wanted
from bot.scripts import Script, ScriptCache, shared_cache
from bot.thresholds import Thresholds, shared_thresholds
from bot.understanding import Understanding, shared_understanding

logger = logging.getLogger(__name__)

FALLBACK = "system.fallback"
CHOOSE_ONE = "system.choose_one"
#: Script variables that come from slots, where the action sends none.
FROM_SLOTS = {
    "description": "complaint_description",
    "remedy": "complaint_remedy",
    "order_no": "complaint_order_no",
    "contact_masked": "contact_masked",
    "complaint_no": "last_complaint_no",
    "complaint_stage": "complaint_twin_stage",
}
#: What a person must know when the bot hands over.
KNOWN_SLOTS = {
    "order_no": "order_no",
    "complaint_no": "last_complaint_no",
    "description": "complaint_description",
    "remedy": "complaint_remedy",
    "complaint_order_no": "complaint_order_no",
    "contact": "complaint_contact",
}


class ScriptNLG(NaturalLanguageGenerator):
    """Chosen in endpoints.yml. Never raises, never returns None, always a fresh dict."""

    def __init__(
        self,
        endpoint_config: Optional[EndpointConfig] = None,
        domain: Optional[Domain] = None,
        cache: Optional[ScriptCache] = None,
        understanding: Optional[Understanding] = None,
        limits: Optional[Thresholds] = None,
    ) -> None:
        self._limits = limits or shared_thresholds()
        self._cache = cache or shared_cache()
        self._understanding = understanding or shared_understanding()

    async def generate(
        self, utter_action: Text, tracker: DialogueStateTracker, output_channel: Text, **kwargs: Any
    ) -> Dict[Text, Any]:
        try:
            return self._generate(utter_action, tracker, output_channel, kwargs)
        except Exception:  # a raised error would lose the turn and every event of the action
            logger.exception("cannot speak %s", utter_action)
            return self._say(FALLBACK, tracker, kwargs, not_understood=True)

    def _generate(
        self, name: str, tracker: DialogueStateTracker, channel: str, kwargs: Dict[str, Any]
    ) -> Dict[str, Any]:
        if name.startswith("utter_handoff_"):
            return self._handoff(name.removeprefix("utter_handoff_"), tracker)
        if name == "utter_answer":
            return self._answer(tracker, kwargs)
        if name == "utter_yes_no":
            return self._yes_no(tracker, kwargs)
        if name == "utter_not_understood":
            return self._not_understood(tracker, kwargs)
        key = kwargs.get("key") if name == "utter_script" else None
        if key is None and name.startswith("utter_ask_"):
            # After a refused answer the question is put in other words (complaint.bad_contact …).
            key = tracker.get_slot("form_say")
        return self._say(key or _key_of(name, kwargs) or FALLBACK, tracker, kwargs)

    def _answer(self, tracker: DialogueStateTracker, kwargs: Dict[str, Any]) -> Dict[str, Any]:
        data = _parse_data(tracker)
        if data.get("chosen_script"):
            # Picked by its title: exactly this one, or nothing if it has been withdrawn since.
            key = str(data["chosen_script"])
            known = self._cache.get(key) is not None
            return self._say(key, tracker, kwargs, score=1.0) if known else self._not_understood(tracker, kwargs)
        topic = str((data.get("intent") or {}).get("name") or "")
        confidence = float((data.get("intent") or {}).get("confidence") or 0.0)
        within, overall = self._candidates(tracker, topic)
        default = self._cache.default_of(topic)
        may_ask = topic in INQUIRIES and tracker.active_loop_name is None and not data.get("part")
        second = self._second(tracker, data, topic)
        found = choose(
            topic, confidence, within, overall, default.key if default else None, self._limits, second, may_ask
        )
        if found.options:
            return self._ask_back(found.options, tracker, kwargs)
        if found.key is None:
            return self._not_understood(tracker, kwargs)
        message = self._say(found.key, tracker, kwargs, score=found.score)
        # 你好 has nothing but its topic's words; an inquiry that gets no more lacks a script of its own.
        message["by_default"] = found.by_default and topic in INQUIRIES and message["script"]["key"] == found.key
        return message

    def _second(self, tracker: DialogueStateTracker, data: Dict[str, Any], topic: str) -> Optional[Second]:
        for row in data.get("intent_ranking") or []:
            name = str(row.get("name") or "")
            if name != topic and name in INQUIRIES:
                within, _ = self._candidates(tracker, name)
                return Second(name, float(row.get("confidence") or 0.0), within[0] if within else None)
        return None

    def _ask_back(
        self, options: tuple[str, ...], tracker: DialogueStateTracker, kwargs: Dict[str, Any]
    ) -> Dict[str, Any]:
        """The titles of what may be meant; the gateway makes the buttons from the approved versions."""
        message = self._say(CHOOSE_ONE, tracker, kwargs)
        if message["script"]["key"] == CHOOSE_ONE:  # not where the question itself has been withdrawn
            titles = [(key, script.title) for key in options if (script := self._cache.get(key)) is not None]
            message["options"] = [key for key, _ in titles]
            message["said_buttons"] = [
                *({"title": title, "script": key} for key, title in titles), *message["said_buttons"]
            ]  # fmt: skip
        return message

    def _yes_no(self, tracker: DialogueStateTracker, kwargs: Dict[str, Any]) -> Dict[str, Any]:
        """好的 answers the bot's last offer; without one it is a courtesy."""
        data = _parse_data(tracker)
        said_yes = (data.get("intent") or {}).get("name") == "affirm"
        # The house may have spoken after the bot: the gateway knows what the customer saw last.
        if said_yes and (data.get("said_last") or last_said(_events(tracker))) in OFFERS_PERSON:
            return self._handoff("customer_request", tracker)
        return self._answer(tracker, kwargs)

    def _not_understood(self, tracker: DialogueStateTracker, kwargs: Dict[str, Any]) -> Dict[str, Any]:
        """What may be meant is offered; else the first failure asks again, then a person is offered, then fetched."""
        data = _parse_data(tracker)
        foreign = (data.get("intent") or {}).get("name") == "out_of_scope"
        typed = data.get("button_action") is None and not data.get("chosen_script")
        if typed and not foreign:
            found = rescued(self._candidates(tracker, None)[1], self._limits)
            if found.key is not None:
                return self._say(found.key, tracker, kwargs, score=found.score)
            if found.options and tracker.active_loop_name is None and not data.get("part"):
                return self._ask_back(found.options, tracker, kwargs)
        failures = failures_before(_events(tracker)) + 1
        if failures >= self._limits.failures_handoff:
            return self._handoff("repeated_failure", tracker)
        if failures >= self._limits.failures_offer:
            return self._say("system.fallback_again", tracker, kwargs, not_understood=True)
        out_of_scope = self._cache.default_of("out_of_scope")
        if out_of_scope is not None and foreign:
            return self._say(out_of_scope.key, tracker, kwargs, not_understood=True)
        return self._say(FALLBACK, tracker, kwargs, not_understood=True)

    def _candidates(
        self, tracker: DialogueStateTracker, topic: Optional[str]
    ) -> tuple[List[Candidate], List[Candidate]]:
        text = (tracker.latest_message.text if tracker.latest_message else "") or ""
        matcher = self._understanding.matcher
        overall = [Candidate(m.key, m.topic, m.score) for m in matcher.match(text)]
        within = [Candidate(m.key, m.topic, m.score) for m in matcher.match(text, topic)] if topic else []
        return within, overall

    def _handoff(self, reason: str, tracker: DialogueStateTracker) -> Dict[str, Any]:
        """A command for the backend, which speaks the words itself (queue length, hours, calming)."""
        known = {name: tracker.get_slot(slot) for name, slot in KNOWN_SLOTS.items()}
        command = {
            "command": "handoff",
            "reason": reason,
            "known": {name: value for name, value in known.items() if value},
        }
        return {"text": "", "custom": command}

    def _say(
        self,
        key: str,
        tracker: DialogueStateTracker,
        kwargs: Dict[str, Any],
        score: Optional[float] = None,
        not_understood: bool = False,
    ) -> Dict[str, Any]:
        script = None
        if not self._cache.is_stale():
            script = self._cache.get(key)
        if script is None:
            if key != FALLBACK:
                logger.warning("script %s is not in the approved set, speaking %s", key, FALLBACK)
            key, script = FALLBACK, self._cache.get(FALLBACK)
        values = self._values(script, tracker, kwargs)
        return {
            # Rasa drops a message without text, so an unknown script keeps a blank; the gateway
            # renders by key from its own approved version anyway.
            "text": render(script.text, values) if script else " ",
            "script": {
                "key": key,
                "version": script.version if script else None,
                "version_id": script.version_id if script else None,
            },
            "variables": values,
            "said_buttons": [dict(button) for button in script.buttons] if script else [],
            "match_score": score,
            "not_understood": not_understood,
        }

    def _values(
        self, script: Optional[Script], tracker: DialogueStateTracker, kwargs: Dict[str, Any]
    ) -> Dict[str, str]:
        given = kwargs.get("variables") or {}
        values: Dict[str, str] = {}
        for name in wanted(script.text) if script else []:
            value = given.get(name)
            if value is None and name in FROM_SLOTS:
                value = tracker.get_slot(FROM_SLOTS[name])
            if value is None:
                value = self._cache.organisation.get(name)
            values[name] = str(value) if value is not None else ""
        return values


def _parse_data(tracker: DialogueStateTracker) -> Dict[str, Any]:
    return dict(tracker.latest_message.parse_data or {}) if tracker.latest_message else {}


def _events(tracker: DialogueStateTracker) -> List[Dict[str, Any]]:
    """Only user and bot events of the recent past: that is all the pure rules read."""
    recent = [event for event in tracker.events if event.type_name in ("user", "bot")][-12:]
    return [{"event": event.type_name, "metadata": getattr(event, "metadata", None) or {}} for event in recent]


def _key_of(name: str, kwargs: Dict[str, Any]) -> Optional[str]:
    """response name → script key: in this domain a response's text is the key it speaks."""
    variations = (kwargs.get("domain_responses") or {}).get(name) or []
    return str(variations[0].get("text") or "") if variations else None
