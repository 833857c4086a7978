"""Run in the bot's environment: the tracker store keeps, forgets and restores what it should. Prints OK."""

import asyncio
import sys
import tempfile
from pathlib import Path

from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, SessionStarted, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

import bot.tracker
from bot.tracker import RecentTrackerStore


async def main() -> None:
    domain = Domain.from_yaml("slots: {matter: {type: text, mappings: [{type: custom}]}}")
    file = str(Path(tempfile.mkdtemp()) / "tracker.db")
    store = RecentTrackerStore(domain=domain, dialect="sqlite", db=file)
    assert await store.retrieve("a") is None
    tracker = DialogueStateTracker("a", domain.slots)
    tracker.update_with_events([ActionExecuted("action_session_start"), SessionStarted(), UserUttered("一")], domain)
    await store.save(tracker)

    # The next turn sees the same dialogue, and only what is new is written.
    again = await store.retrieve("a")
    assert again is tracker
    again.update(SlotSet("matter", "裂缝"), domain)
    await store.save(again)

    # A turn that fails before its save leaves nothing behind.
    failed = await store.retrieve("a")
    failed.update(SlotSet("matter", "half done"), domain)
    fresh = await store.retrieve("a")
    assert fresh.get_slot("matter") == "裂缝", fresh.get_slot("matter")
    await store.save(fresh)

    # After a restart the file tells the same, without doubles; a second session starts from its own beginning.
    restarted = RecentTrackerStore(domain=domain, dialect="sqlite", db=file)
    read = await restarted.retrieve("a")
    assert [type(event).__name__ for event in read.events].count("UserUttered") == 1
    assert read.get_slot("matter") == "裂缝"
    read.update_with_events([ActionExecuted("action_session_start"), SessionStarted(), UserUttered("二")], domain)
    await restarted.save(read)
    await restarted.save(await restarted.retrieve("a"))
    whole = await RecentTrackerStore(domain=domain, dialect="sqlite", db=file).retrieve_full_tracker("a")
    assert [event.text for event in whole.events if isinstance(event, UserUttered)] == ["一", "二"]

    # Memory is bounded; what it dropped is read back.
    bot.tracker.RECENT = 3
    for number in range(6):
        await restarted.retrieve(f"b{number}")
        one = DialogueStateTracker(f"b{number}", domain.slots)
        one.update(UserUttered(str(number)), domain)
        await restarted.save(one)
    assert len(restarted._live) == 3
    assert (await restarted.retrieve("b0")).latest_message.text == "0"
    print("OK")


if __name__ == "__main__":
    asyncio.run(main())
    sys.exit(0)
