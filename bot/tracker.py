"""Where dialogues are kept between turns: in a file that survives a restart, with the recent ones also in memory.

Rasa's SQL store reads a dialogue back event by event before each turn, asks the database what it already has before
each save, and waits for the disk at each commit: more than half of what a message costs without its understanding.
Here a dialogue is read back only after a restart or a failed turn.
"""

from __future__ import annotations

import itertools
import json
from collections import OrderedDict
from typing import Any, Optional, Text

import sqlalchemy as sa
from rasa.core.tracker_store import SQLTrackerStore
from rasa.shared.core.trackers import DialogueStateTracker

#: Dialogues kept in memory; the others are read back from the file.
RECENT = 500


def _on_connect(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    # The conversation itself is safe in the backend: a power cut may cost the bot its place in a form, no more.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


class RecentTrackerStore(SQLTrackerStore):
    """SQLTrackerStore with memory. The gateway sends one turn of a conversation at a time, to one process."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.engine.dialect.name == "sqlite":
            sa.event.listen(self.engine, "connect", _on_connect)
            self.engine.dispose()  # connections opened before the listener do not know the rules yet
        self._live: OrderedDict[Text, DialogueStateTracker] = OrderedDict()
        self._stored: dict[Text, int] = {}  # events of a dialogue that the file has

    async def retrieve(self, sender_id: Text) -> Optional[DialogueStateTracker]:
        # Taken out until it is saved: a turn that fails half-way leaves nothing half-done in memory.
        live = self._live.pop(sender_id, None)
        if live is not None:
            return live
        found = await super().retrieve(sender_id)
        self._stored[sender_id] = len(found.events) if found else 0
        return found

    async def peek(self, sender_id: Text) -> Optional[DialogueStateTracker]:
        """The dialogue as it stands before a turn, to be read only; it stays where it is."""
        found = await self.retrieve(sender_id)
        if found is not None:
            self._live[sender_id] = found
        return found

    async def save(self, tracker: DialogueStateTracker) -> None:
        sender_id = tracker.sender_id
        stored = self._stored.pop(sender_id, None)
        if stored is None or stored > len(tracker.events):
            await super().save(tracker)
            return
        await self.stream_events(tracker)
        rows = [self._row(sender_id, event.as_dict()) for event in itertools.islice(tracker.events, stored, None)]
        with self.session_scope() as session:
            session.bulk_insert_mappings(self.SQLEvent, rows)
            session.commit()
        self._live[sender_id] = tracker
        self._stored[sender_id] = len(tracker.events)
        while len(self._live) > RECENT:
            forgotten, _ = self._live.popitem(last=False)
            self._stored.pop(forgotten, None)

    @staticmethod
    def _row(sender_id: Text, data: dict[str, Any]) -> dict[str, Any]:
        return {
            "sender_id": sender_id,
            "type_name": data.get("event"),
            "timestamp": data.get("timestamp"),
            "intent_name": (data.get("parse_data") or {}).get("intent", {}).get("name"),
            "action_name": data.get("name"),
            "data": json.dumps(data),
        }
