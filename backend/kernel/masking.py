"""Personal data made unreadable: for logs, lists and texts that more people see than need to."""

from __future__ import annotations

import re
import unicodedata

# Starting at a word edge only keeps long runs without an @ linear.
_EMAIL = re.compile(r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+")
# Not preceded or followed by another digit or letter: an order number or a hash is not a phone.
_EDGE_L, _EDGE_R = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"
_SEP = r"[ \-]?"
_ID_CARD = re.compile(
    rf"{_EDGE_L}[1-9]\d{{5}}{_SEP}(?:18|19|20)\d{{2}}{_SEP}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]){_SEP}\d{{3}}[0-9Xx]"
    rf"{_EDGE_R}"
)
_BANK_CARD = re.compile(rf"{_EDGE_L}\d(?:{_SEP}\d){{14,18}}{_EDGE_R}")
_MOBILE = re.compile(
    rf"(?<![0-9A-Za-z])((?:\+|00)?86{_SEP})?(1[3-9]\d){_SEP}(\d{{4}}){_SEP}(\d{{4}}){_EDGE_R}"
)
_LANDLINE = re.compile(rf"(?<![0-9A-Za-z\-])(0\d{{2,3}})-(\d{{7,8}}){_EDGE_R}")


def mask_phone(number: str) -> str:
    """138****6027; 010-****6027 for a landline. Anything else keeps its last four at most."""
    if re.fullmatch(r"\d{11}", number) and number.startswith("1"):
        return f"{number[:3]}****{number[-4:]}"
    area = re.fullmatch(r"(0\d{2,3})-?(\d{7,8})", number)
    if area:
        return f"{area[1]}-****{area[2][-4:]}"
    if len(number) < 8:
        return "*" * len(number)
    return f"****{number[-4:]}"


def mask_email(address: str) -> str:
    """l***@example.com."""
    name, at, host = address.partition("@")
    return f"{name[:1]}***@{host}" if at else "***"


def mask_contact(kind: str, value: str) -> str:
    """By the kinds of `contacts.parse_contact`."""
    return mask_email(value) if kind == "email" else mask_phone(value)


def _fold(text: str) -> str:
    """Full-width digits and signs as plain ones, one character for one, so that positions stay."""
    return "".join(plain if len(plain := unicodedata.normalize("NFKC", char)) == 1 else char for char in text)


def _card(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match[0])
    return f"{'*' * (len(digits) - 4)}{digits[-4:]}"


def mask_text(text: str) -> str:
    """Free text with mobile and landline numbers, ID cards, bank cards and e-mails masked; the rest
    untouched.

    Full-width digits are recognised too (the text then comes back with plain ones). Masking twice changes
    nothing.
    """
    folded = _fold(text)
    masked = _EMAIL.sub(lambda found: mask_email(found[0]), folded)
    masked = _ID_CARD.sub(lambda found: f"{found[0][:3]}{'*' * 11}{found[0][-4:]}", masked)
    masked = _MOBILE.sub(lambda found: f"{found[2]}****{found[4]}", masked)
    masked = _BANK_CARD.sub(_card, masked)
    masked = _LANDLINE.sub(lambda found: f"{found[1]}-****{found[2][-4:]}", masked)
    return text if masked == folded else masked
