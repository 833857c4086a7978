"""The one who speaks for the bot, checked in the bot's own environment."""

from tests.bot.own_python import checked


def test_default_words_said_for_want_of_better_ones_are_told_and_no_others() -> None:
    checked("nlg_check")


def test_rasa_with_our_savings_does_what_rasa_does() -> None:
    checked("lean_check")
