"""What nobody should read in a chat, not even those who serve it: secrets are covered wherever messages are shown.

Stored words stay as they were written (encrypted); the bot and the rules of risk read those. Pure.
"""

import re
import unicodedata

from backend.conversations.risk import CARD, CODE, ID_CARD, NOT_A_CARD, PASSWORD, is_bank_card, is_id_card

COVER = "*"
# Most messages hold neither a number of some length nor the word: they are not looked at further.
_WORTH_A_LOOK = re.compile(r"(?:\d[^\w\n]?){4}|密码|口令|passw", re.IGNORECASE)


def hide_secrets(text: str) -> str:
    """The text with passwords and codes covered, cards and identity numbers but for their last four digits.

    Full width, blanks and dashes between the digits do not help to get around it. Doing it twice changes nothing.
    """
    if not _WORTH_A_LOOK.search(text):
        return text
    covered: set[int] = set()
    words, places = _folded(text, skip="")
    for pattern in (PASSWORD, CODE):
        for found in pattern.finditer(words):
            covered.update(places[found.start(1) : found.end(1)])
    joined, places = _folded(text, skip="-")
    for found in ID_CARD.finditer(joined):
        if is_id_card(found[1]):
            covered.update(places[found.start(1) : found.end(1) - 4])
    for found in CARD.finditer(joined):
        if is_bank_card(found[1]) and not NOT_A_CARD.search(joined[: found.start(1)]):
            covered.update(places[found.start(1) : found.end(1) - 4])
    return "".join(COVER if place in covered else char for place, char in enumerate(text)) if covered else text


def _folded(text: str, skip: str) -> tuple[str, list[int]]:
    """As ``risk.fold`` makes it, and of each of its characters the place in the text."""
    folded, places = [], []
    for place, char in enumerate(text):
        for plain in unicodedata.normalize("NFKC", char).lower():
            if not plain.isspace() and plain not in skip:
                folded.append(plain)
                places.append(place)
    return "".join(folded), places
