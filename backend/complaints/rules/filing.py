"""What filing needs, how a complaint is numbered and found again, what urging does. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.kernel.clock import shanghai_date, to_shanghai
from backend.kernel.contacts import ContactKind, parse_contact, parse_order_no, plain
from backend.kernel.errors import Invalid

MIN_DESCRIPTION = 4
MOST_DESCRIPTION = 4000
MOST_REMEDY = 1000
MOST_SUPPLEMENT = 2000


@dataclass(frozen=True)
class Filing:
    """A complaint's content, checked and in its normal forms."""

    description: str
    remedy: str
    order_no: str | None
    contact_kind: ContactKind
    contact: str


def check_filing(description: str, remedy: str, order_no: str | None, contact: str) -> Filing:
    """All fields are checked before anything is said. Raises Invalid (``complaint_invalid``) naming each."""
    wrong: dict[str, str] = {}
    description, remedy = _tidy(description), _tidy(remedy)
    if len(description) < MIN_DESCRIPTION:
        wrong["description"] = f"请说明发生了什么，至少 {MIN_DESCRIPTION} 个字。"
    elif len(description) > MOST_DESCRIPTION:
        wrong["description"] = f"太长了，最多 {MOST_DESCRIPTION} 个字。请先写要点，其余登记后再补充。"
    if not remedy:
        wrong["remedy"] = "请说明希望怎么解决。"
    elif len(remedy) > MOST_REMEDY:
        wrong["remedy"] = f"太长了，最多 {MOST_REMEDY} 个字。"
    number: str | None = None
    if order_no and order_no.strip():
        try:
            number = parse_order_no(order_no)
        except Invalid as error:
            wrong["order_no"] = error.message
    kind: ContactKind = "phone"
    try:
        kind, contact = parse_contact(contact or "")
    except Invalid as error:
        wrong["contact"] = error.message
    if wrong:
        raise Invalid("complaint_invalid", "还有内容要补全：" + "".join(wrong.values()), fields=wrong)
    return Filing(description, remedy, number, kind, contact)


def _tidy(text: str) -> str:
    """Trimmed, without control characters (line breaks stay)."""
    return "".join(char for char in text or "" if char >= " " or char == "\n").strip()


def check_supplement(text: str) -> str:
    """Raises Invalid (``supplement_empty``, ``supplement_too_long``)."""
    words = _tidy(text)
    if not words:
        raise Invalid("supplement_empty", "还没有写内容，写几句再提交。", fields={"text": "写几句再提交"})
    if len(words) > MOST_SUPPLEMENT:
        message = f"一次最多 {MOST_SUPPLEMENT} 个字，可以分几次补充。"
        raise Invalid("supplement_too_long", message, fields={"text": message})
    return words


def title(description: str) -> str:
    """The first 24 characters on one line."""
    words = " ".join(description.split())
    return words if len(words) <= 24 else words[:24] + "…"


# --- numbers and proof --------------------------------------------------------------------------------


def day_key(now: datetime) -> str:
    """20260924: the Shanghai day of a number series."""
    return to_shanghai(now).strftime("%Y%m%d")


def number_of(day: str, running: int) -> str:
    """TS20260924-0017; five digits from the 10,000th complaint of a day."""
    return f"TS{day}-{running:04d}"


def last4(contact: str) -> str:
    """The last four digits of a phone, or the last four characters of an e-mail's name."""
    if "@" in contact:
        return contact.split("@")[0][-4:].lower()
    return "".join(char for char in contact if char.isdigit())[-4:]


def given_last4(text: str) -> str:
    """What a customer typed for it, made comparable."""
    words = plain(text).lower().replace(" ", "")
    return words[-4:] if len(words) >= 4 else words


# Four digits have 10,000 values: at five wrong guesses an hour, trying them all takes twelve weeks.
WRONG_TRIES = 5
TRY_WINDOW = timedelta(hours=1)
# Once found, a complaint may be urged and added to from that conversation for a day.
FOUND_FOR = timedelta(days=1)
RECEIPT_POSTS = 10

# --- urging -------------------------------------------------------------------------------------------


# The same act again this soon is the same act: a double click, or a retry after a lost answer.
REPEAT = timedelta(seconds=20)


def is_repeat(last_at: datetime | None, now: datetime) -> bool:
    return last_at is not None and timedelta(0) <= now - last_at < REPEAT


def raises_priority(last_urged_at: datetime | None, now: datetime) -> bool:
    """The first urging of a Shanghai day lifts the priority; more of them are counted only."""
    return last_urged_at is None or shanghai_date(last_urged_at) < shanghai_date(now)
