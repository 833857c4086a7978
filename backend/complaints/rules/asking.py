"""Which complaints are looked at: one filter for the learning page, its rows, its files and improvement items. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from hashlib import sha256
from json import dumps

from backend.complaints.rules.learning import NOTHING, PRESETS, USUAL, check_days, preset_days, unknown
from backend.kernel.errors import Invalid

BASES = {"filed": "登记", "closed": "结案"}
ONLY = {"recurring": "重复发生的", "costed": "有补偿成本的"}
CODES = ("category", "cause", "unit", "product", "channel", "level", "script")
MOST_NUMBERS = 100

_TITLES = {
    "category": "类别",
    "cause": "根因",
    "unit": "责任部门",
    "product": "商品",
    "channel": "渠道",
    "level": "严重程度",
    "script": "话术版本",
}


@dataclass(frozen=True)
class Ask:
    """Days are Shanghai days, both included. A code of "-" asks for what has none; ``numbers`` for these cases."""

    first: date
    last: date
    category: str = ""
    cause: str = ""
    unit: str = ""
    product: str = ""
    channel: str = ""
    level: str = ""
    script: str = ""
    basis: str = "filed"
    only: str = ""
    numbers: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, str]:
        """As it is kept and sent: words only, what is not asked left out."""
        kept = {"from": self.first.isoformat(), "to": self.last.isoformat()}
        kept |= {name: getattr(self, name) for name in CODES if getattr(self, name)}
        if self.basis != "filed":
            kept["basis"] = self.basis
        if self.only:
            kept["only"] = self.only
        if self.numbers:
            kept["numbers"] = ",".join(self.numbers)
        return kept

    def scope(self) -> str:
        """A digest of the filter without its period: what a frozen baseline belongs to."""
        kept = {key: value for key, value in self.as_dict().items() if key not in ("from", "to", "basis")}
        return sha256(dumps(kept, sort_keys=True).encode()).hexdigest()

    def over(self, first: date, last: date) -> "Ask":
        """The same question of other days; named cases give way to what they have in common."""
        return replace(self, first=first, last=last, numbers=(), only="")

    @property
    def preset(self) -> str:
        """The preset that these days are, or nothing."""
        return next((name for name in PRESETS if preset_days(name, self.last) == (self.first, self.last)), "")


def ask_from(given: Mapping[str, str], today: date, known: Callable[[str, str], bool]) -> Ask:
    """Read a filter. ``known(field, code)`` says whether a code exists.

    Raises Invalid: ``bad_date``, ``period_backwards``, ``period_too_long``, ``unknown_code``.
    """
    window = given.get("window") or ""
    if window and window not in PRESETS:
        raise unknown("window", "没有这个周期，请从列表里选。")
    default = preset_days(window or USUAL, today)
    if window:
        first, last = default
    else:
        first = _day(given.get("from") or "", "from", default[0])
        last = _day(given.get("to") or "", "to", max(first, default[1]) if given.get("from") else default[1])
    check_days(first, last)
    codes: dict[str, str] = {}
    for name in CODES:
        value = (given.get(name) or "").strip()
        if value and value != NOTHING and not known(name, value):
            raise unknown(name, f"没有这个{_TITLES[name]}：「{value[:40]}」。请从列表里选。")
        codes[name] = value
    basis, only = given.get("basis") or "filed", given.get("only") or ""
    if basis not in BASES:
        raise unknown("basis", "只能按登记或结案的日期看。")
    if only and only not in ONLY:
        raise unknown("only", "没有这种筛选，请从列表里选。")
    numbers = tuple(one.strip().upper() for one in (given.get("numbers") or "").split(",") if one.strip())
    if len(numbers) > MOST_NUMBERS:
        raise Invalid("too_many_numbers", f"一次最多看 {MOST_NUMBERS} 个编号。")
    return Ask(first, last, **codes, basis=basis, only=only, numbers=numbers)


def _day(text: str, field: str, default: date) -> date:
    if not text:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid("bad_date", "日期要写成 2026-10-09 这样。", fields={field: "日期不对"}) from None


ASKED = tuple(one.name for one in fields(Ask))
