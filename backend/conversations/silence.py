"""A customer who says nothing more: one gentle reminder, then the end. How long both take is the organisation's word."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from backend.conversations import service, store
from backend.conversations.tables import Conversation
from backend.infra.work import Work
from backend.kernel.errors import Invalid
from backend.scripts import service as scripts

REMINDER = "system.still_there"
# Whoever has said goodbye is not asked whether they are still there.
NOT_AFTER = frozenset({"chat.goodbye"})


@dataclass(frozen=True)
class Silence:
    """``idle`` of the pack's organisation.yml: minutes after the bot's answer, and after the reminder."""

    remind_after: timedelta = timedelta(minutes=10)
    close_after: timedelta = timedelta(minutes=20)

    @staticmethod
    def parse(row: Mapping[str, Any]) -> "Silence":
        """Raises Invalid (``idle_setting``): a time of nothing would close conversations under the customer."""
        times = {}
        for name, field in (("remind_after_minutes", "remind_after"), ("close_after_minutes", "close_after")):
            value = row.get(name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 24 * 60:
                raise Invalid("idle_setting", f"organisation.yml 里 idle 的 {name} 应是 1 到 1440 之间的分钟数，现在是「{value}」。")
            times[field] = timedelta(minutes=value)
        return Silence(**times)


def settings_of_house() -> Silence:
    return Silence.parse(scripts.organisation().get("idle") or {})


def sweep(work: Work) -> tuple[int, int]:
    """Remind once and close what stays silent; returns how many of each. Doing it twice changes nothing."""
    limits = settings_of_house()
    reminded = closed = 0
    for conversation, message in store.silent_since(work.session, work.now - limits.remind_after, after_bot=True):
        if _moved_on(work, conversation):
            continue
        version = (scripts.version_card(work.session, message.script_version_id)
                   if message is not None and message.script_version_id else None)
        if version is not None and version.key in NOT_AFTER:
            if conversation.last_message_at < work.now - limits.close_after:
                service.close(work, conversation, "idle")
                closed += 1
            continue
        spoken = scripts.speak(work, REMINDER, {}, conversation.channel)
        # In the system's voice: the reminder is no answer, and after it comes the end, not another reminder.
        service.say(work, conversation, spoken, sender="system")
        reminded += 1
    for conversation, _ in store.silent_since(work.session, work.now - limits.close_after, after_bot=False):
        if _moved_on(work, conversation):
            continue
        service.close(work, conversation, "idle")
        closed += 1
    return reminded, closed


def _moved_on(work: Work, conversation: Conversation) -> bool:
    """Under the lock: somebody wrote, took over or swept in the meantime."""
    seen = (conversation.last_seq, conversation.state)
    held = service.lock(work, conversation.id)
    return (held.last_seq, held.state) != seen
