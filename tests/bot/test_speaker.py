"""The one who speaks for the bot, checked in the bot's own environment."""

from tests.bot.own_python import checked


def test_default_words_said_for_want_of_better_ones_are_told_and_no_others() -> None:
    checked("nlg_check")
