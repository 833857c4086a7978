"""Order and complaint numbers, phones and e-mail addresses in a customer's sentence. Pure."""

from __future__ import annotations

import re

from actions.folding import fold

_EMAIL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_MOBILE = re.compile(r"(?<![\dA-Za-z-])(?:(?:\+|00)?86[- ]?)?(1[3-9]\d)[- ]?(\d{4})[- ]?(\d{4})(?!\d)")
_LANDLINE = re.compile(r"(?<![\dA-Za-z-])\(?(010|02\d|0[3-9]\d{2})\)?[- ]?([2-9]\d{6,7})(?!\d)")
_COMPLAINT_NO = re.compile(r"(?<![A-Za-z0-9])(?:TS)?[- ]?(20\d{6})[- ]?(\d{4})(?![A-Za-z0-9])", re.IGNORECASE)
#: yymmdd and four digits: the shop's own numbers, whatever is written between and before.
_SHAPE = r"(\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))[- ]?(\d{4})"
_ORDER_HM = re.compile(
    rf"(?<![A-Za-z0-9])HM[- ]?(\d{{6}})[- ]?(\d{{4}})(?!\d)|(?<![A-Za-z0-9])(\d{{6}})-(\d{{4}})(?![\d-])|(?<![A-Za-z0-9]){_SHAPE}(?!\d)",
    re.IGNORECASE,
)
_ORDER_ANY = re.compile(
    r"(?<![A-Za-z0-9@._-])(?=[A-Za-z0-9-]*\d{4})[A-Za-z]{0,4}[- ]?[0-9][A-Za-z0-9-]{5,19}(?![A-Za-z0-9@])"
)
_DATE = re.compile(r"20\d\d-\d{1,2}-\d{1,2}")
_PARCEL = re.compile(r"(?:快递|运单|物流|包裹)(?:单号|单|号)?(?:是|为|[:：])?\s*$")
_LAST4 = re.compile(r"(?<!\d)(\d{4})(?!\d)")
#: Before or after a number that is somebody else's.
_THEIRS_BEFORE = re.compile(
    r"(?:你们|他们?|她|对方|客服|师傅|快递员?|配送员?|店里|商家|卖家|物业)(?:的|那个|这个|打|电话|手机|号码|号|用|拿|是|[:：])*\s*$"
)
_THEIRS_AFTER = re.compile(r"\s*(?:那个|这个)(?:号|电话)|\s*(?:给我打|打给我|打来|骚扰|一直占线|打不通)")


def contacts(text: str) -> list[tuple[int, int, str]]:
    """(start, end, normalised) of every mobile, landline and e-mail address."""
    folded = fold(text)
    found = [(m.start(), m.end(), m.group().lower()) for m in _EMAIL.finditer(folded)]
    found += [(m.start(), m.end(), "".join(m.groups())) for m in _MOBILE.finditer(folded)]
    found += [(m.start(), m.end(), f"{m.group(1)}-{m.group(2)}") for m in _LANDLINE.finditer(folded)]
    return sorted(found)


def find_contact(text: str) -> str | None:
    """The customer's own phone or e-mail address; 打你们13800001111那个号 is not it."""
    folded = fold(text)
    for start, end, value in contacts(text):
        theirs = _THEIRS_BEFORE.search(folded[max(0, start - 12) : start]) or _THEIRS_AFTER.match(folded, end)
        if not theirs:
            return value
    return None


def any_contact(text: str) -> str | None:
    """Where a contact was asked for, whatever number is given counts."""
    found = contacts(text)
    return find_contact(text) or (found[0][2] if found else None)


def without_numbers(text: str) -> str:
    """The sentence with every number of ours and every address blanked out."""
    folded = _blank_contacts(text)
    for pattern in (_COMPLAINT_NO, _ORDER_HM, _ORDER_ANY):
        folded = pattern.sub(lambda match: " " * len(match.group()), folded)
    return folded


def _blank_contacts(text: str) -> str:
    folded = fold(text)
    for start, end, _ in contacts(text):
        folded = folded[:start] + " " * (end - start) + folded[end:]
    return folded


def mask_contact(contact: str) -> str:
    """139****8000, z***@example.com: enough to recognise one's own."""
    if "@" in contact:
        name, _, host = contact.partition("@")
        return f"{name[:1]}***@{host}"
    digits = contact.replace("-", "")
    return f"{digits[:3]}****{digits[-4:]}"


def find_order_no(text: str) -> str | None:
    """HM260917-3382 in any of its spellings, else 6 to 20 letters and digits as the customer gave them."""
    folded = _COMPLAINT_NO.sub(lambda match: " " * len(match.group()), _blank_contacts(text))
    exact = _ORDER_HM.search(folded)
    if exact:
        day, number = (part for part in exact.groups() if part)
        return f"HM{day}-{number}"
    for other in _ORDER_ANY.finditer(folded):
        value = other.group().strip().replace(" ", "")
        if _DATE.fullmatch(value) or _PARCEL.search(folded[max(0, other.start() - 8) : other.start()]):
            continue
        return value.upper()
    return None


def find_complaint_no(text: str) -> str | None:
    """TS20260924-0017; TS and the dash may be missing."""
    found = _COMPLAINT_NO.search(fold(text))
    return f"TS{found.group(1)}-{found.group(2)}" if found else None


def find_last4(text: str) -> str | None:
    """The last four digits of a phone; the whole number is welcome too."""
    contact = any_contact(text)
    if contact and "@" not in contact:
        return contact[-4:]
    found = _LAST4.findall(_COMPLAINT_NO.sub(" ", fold(text)))
    return found[-1] if found else None
