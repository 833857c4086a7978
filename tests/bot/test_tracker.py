"""The bot's memory between turns, checked in the bot's own environment."""

from tests.bot.own_python import checked


def test_dialogues_are_kept_without_doubles_and_a_failed_turn_leaves_nothing() -> None:
    checked("tracker_check")
