"""Handing over to a person: a command; the backend queues, counts and speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rasa_sdk.executor import CollectingDispatcher


def known_of(slots: Mapping[str, Any]) -> dict[str, Any]:
    """What the customer has already said, so that nobody asks again."""
    named = {
        "description": slots.get("complaint_description"),
        "remedy": slots.get("complaint_remedy"),
        "complaint_order_no": slots.get("complaint_order_no"),
        "contact": slots.get("complaint_contact"),
        "order_no": slots.get("order_no"),
        "complaint_no": slots.get("last_complaint_no"),
        "idempotency_key": slots.get("complaint_key"),
    }
    return {name: value for name, value in named.items() if value}


def hand_over(dispatcher: CollectingDispatcher, reason: str, slots: Mapping[str, Any]) -> None:
    """`reason` is one of the gateway's: customer_request, emergency, fraud, escalation, only_a_person …"""
    command = {"command": "handoff", "reason": reason, "known": known_of(slots)}
    dispatcher.utter_message(json_message=command)
