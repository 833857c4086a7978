"""Root causes in two storeys, and the five whys that lead to one. Pure; the tree itself stands in the pack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.complaints.rules.policy import Policy
from backend.kernel.errors import Conflict, Invalid

MOST_WHYS = 5
MOST_WORDS = 500
MOST_FEN = 100_000_000_00  # a hundred million yuan: beyond that somebody slipped
CORRECTION = "correction"


@dataclass(frozen=True)
class Cause:
    key: str
    title: str
    parent: str | None = None


@dataclass(frozen=True)
class Why:
    question: str
    answer: str


@dataclass(frozen=True)
class CauseBook:
    """The tree of causes, the kinds of remedies, and from which level on a cause must be known."""

    causes: Mapping[str, Cause]
    remedies: Mapping[str, str]
    require_from_level: str = ""
    least_whys: int = 1
    recurrence_days: int = 90

    def tree(self) -> list[tuple[Cause, list[Cause]]]:
        tops = [one for one in self.causes.values() if one.parent is None]
        return [(top, [one for one in self.causes.values() if one.parent == top.key]) for top in tops]

    def title(self, key: str | None) -> str:
        """产品，设计有缺陷. A code that is gone, or words from before there was a tree, read as stored."""
        one = self.causes.get(key or "")
        if one is None:
            return key or ""
        parent = self.causes.get(one.parent or "")
        return f"{parent.title}，{one.title}" if parent else one.title

    def short(self, key: str | None) -> str:
        one = self.causes.get(key or "")
        return one.title if one else (key or "")

    def under(self, key: str) -> list[str]:
        return [one.key for one in self.causes.values() if key in (one.key, one.parent)]

    def check(self, key: str) -> str:
        """A cause of the lower storey. Raises Invalid (``unknown_cause``)."""
        one = self.causes.get(key)
        if one is None or one.parent is None:
            message = "请在第二层选一个根因，例如「没人盯进度」。"
            raise Invalid("unknown_cause", message, fields={"cause": message})
        return key


def check_whys(given: Sequence[tuple[str, str]]) -> tuple[Why, ...]:
    """One to five questions with their answers, without a gap. An empty question asks about the last answer.

    Raises Invalid (``field_missing``, ``field_too_long``, ``too_many_whys``).
    """
    if len(given) > MOST_WHYS:
        raise Invalid("too_many_whys", f"最多追问 {MOST_WHYS} 层。")
    whys: list[Why] = []
    ended = False
    for place, (question, answer) in enumerate(given, start=1):
        question, answer = question.strip(), answer.strip()
        if max(len(question), len(answer)) > MOST_WORDS:
            message = f"第 {place} 层太长了，最多 {MOST_WORDS} 个字。"
            raise Invalid("field_too_long", message, fields={f"answer{place}": message})
        if not answer:
            if question:
                message = f"第 {place} 层写了问题，没有写回答。"
                raise Invalid("field_missing", message, fields={f"answer{place}": message})
            ended = True
            continue
        if ended:
            message = f"第 {place} 层上面有空着的，请从第一层往下写。"
            raise Invalid("field_missing", message, fields={f"answer{place - 1}": message})
        whys.append(Why(question or (f"为什么{whys[-1].answer}？" if whys else "为什么会发生？"), answer))
    if not whys:
        message = "请写下第一层：为什么会发生。"
        raise Invalid("field_missing", message, fields={"answer1": message})
    return tuple(whys)


def needs_cause(policy: Policy, book: CauseBook, level: str | None) -> bool:
    """Whether a case of this level may only be closed with its root cause known."""
    threshold, here = policy.level_of(book.require_from_level), policy.level_of(level)
    return threshold is not None and here is not None and here.from_score >= threshold.from_score


def check_cause_known(policy: Policy, book: CauseBook, level: str | None, layers: int) -> None:
    """Raises Conflict (``cause_missing``, ``whys_too_few``): a severe case is not closed without learning."""
    if not needs_cause(policy, book, level):
        return
    here = policy.level_of(level)
    title = here.title if here else ""
    if layers == 0:
        raise Conflict(
            "cause_missing", f"这件评为「{title}」，结案前要先做根因分析。请在案件页填「根因」再结案。"
        )
    if layers < book.least_whys:
        raise Conflict(
            "whys_too_few",
            f"这件评为「{title}」，根因至少追问 {book.least_whys} 层，现在 {layers} 层。请补上再结案。",
        )


def check_remedy(book: CauseBook, kind: str, fen: int, total_before: int) -> None:
    """Raises Invalid (``unknown_remedy``, ``bad_amount``)."""
    if kind not in book.remedies:
        message = "没有这种补偿，请从列表里选。"
        raise Invalid("unknown_remedy", message, fields={"kind": message})
    if isinstance(fen, bool) or not isinstance(fen, int) or abs(fen) > MOST_FEN:
        raise _bad_amount("金额写不对，请填元数，例如 128.50。")
    if fen < 0 and kind != CORRECTION:
        raise _bad_amount("金额不能是负数。记错了，请选「更正」。")
    if total_before + fen < 0:
        raise _bad_amount("更正以后合计成了负数，请核对金额。")


def fen_of(text: str) -> int:
    """128.50 yuan as 12850; a correction may carry a minus. Raises Invalid (``bad_amount``)."""
    plain = text.strip().replace(",", "").replace("，", "")
    minus, digits = plain.startswith("-"), plain.removeprefix("-")
    whole, _, rest = digits.partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 9 and len(rest) <= 2):
        raise _bad_amount("金额写不对，请填元数，例如 128.50。")
    if rest and not (rest.isascii() and rest.isdigit()):
        raise _bad_amount("金额写不对，请填元数，例如 128.50。")
    fen = int(whole) * 100 + int((rest or "0").ljust(2, "0"))
    return -fen if minus else fen


def yuan(fen: int) -> str:
    """1,286.50 元; whole yuan without decimals."""
    sign, fen = ("-" if fen < 0 else ""), abs(fen)
    return f"{sign}{fen // 100:,} 元" if fen % 100 == 0 else f"{sign}{fen // 100:,}.{fen % 100:02d} 元"


def _bad_amount(message: str) -> Invalid:
    return Invalid("bad_amount", message, fields={"amount": message})


# --- from the pack ------------------------------------------------------------------------------------


def causes_from(raw: Mapping[str, Any], policy: Policy) -> CauseBook:
    """Raises Invalid (``bad_causes``) saying what does not fit."""
    causes: dict[str, Cause] = {}
    for top in raw.get("causes") or []:
        rows: list[tuple[str, str, str | None]] = [(str(top["key"]), str(top["title"]), None)]
        rows += [(str(row["key"]), str(row["title"]), str(top["key"])) for row in top.get("children") or []]
        if len(rows) == 1:
            raise _bad(f"「{rows[0][1]}」下面没有具体的根因")
        for key, title, parent in rows:
            if key in causes or len(key) > 40:
                raise _bad(f"key「{key}」重复或超过 40 个字")
            causes[key] = Cause(key, title, parent)
    if not causes:
        raise _bad("causes 是空的")
    level = str(raw.get("require_from_level") or "")
    if level and policy.level_of(level) is None:
        raise _bad(f"require_from_level 里没有「{level}」这一级")
    least, days = int(raw.get("least_whys", 1)), int(raw.get("recurrence_days", 90))
    if not 1 <= least <= MOST_WHYS or not 1 <= days <= 366:
        raise _bad("least_whys 要在 1 到 5，recurrence_days 要在 1 到 366")
    remedies = {str(row["key"]): str(row["title"]) for row in raw.get("remedies") or []}
    return CauseBook(causes, remedies, level, least, days)


def _bad(what: str) -> Invalid:
    return Invalid("bad_causes", f"causes.yml 不对：{what}。请改好后重启。")
