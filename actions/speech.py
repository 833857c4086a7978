"""How actions speak: by script key and variables, or a command or card for the backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rasa_sdk.executor import CollectingDispatcher


def say(dispatcher: CollectingDispatcher, key: str, **variables: str | None) -> None:
    """Speak a script; bot/nlg.py finds the approved words."""
    given = {name: value for name, value in variables.items() if value is not None}
    dispatcher.utter_message(response="utter_script", key=key, variables=given)


def answer(dispatcher: CollectingDispatcher) -> None:
    """Let the matcher pick the script, as for any inquiry."""
    dispatcher.utter_message(response="utter_answer")


def not_understood(dispatcher: CollectingDispatcher) -> None:
    dispatcher.utter_message(response="utter_not_understood")


def card(dispatcher: CollectingDispatcher, content: Mapping[str, Any]) -> None:
    dispatcher.utter_message(json_message={"card": dict(content)})
