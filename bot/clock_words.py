"""Single words of time: days (昨天, 上周三, 10月3号, 国庆), clock times (八点半, 17:00) and parts of a day. Pure."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Optional

from bot import feasts
from bot.numbers import WRITTEN, whole


@dataclass(frozen=True)
class Days:
    """One day or several; `closing` where 前 includes the last of them (月底之前)."""

    end: int
    first: date
    last: date
    closing: bool = False


@dataclass(frozen=True)
class Clock:
    """A minute of the day (1440 is midnight at its end), or the part of a day between two times."""

    end: int
    minute_of_day: Optional[int] = None
    part_first: time = time(0)
    part_last: time = time(23, 59)
    part: str = ""


_CN = WRITTEN
_DAY_WORDS = {
    "大前": -3, "前": -2, "昨": -1, "寻": -1, "琴": -1, "今": 0, "明": 1, "听": 1, "后": 2, "大后": 3,
}  # fmt: skip
_DAY_WORD = re.compile(
    r"(?P<word>大前|大后|前|昨|今|明|后)(?:天|日(?![报常用])|儿个?)(?!牌|下第一)|(?P<hk>寻|琴|听)日|(?P<short>昨|今|明|后|前)(?=晚|早|夜|晨|午|下午|上午|中午|凌晨)"
)
_WEEK_WORDS = r"(?:周|星期|礼拜)"
_WHICH = r"(?P<which>上{1,3}|下{1,3}|这|本|今)(?:一)?(?:个)?"
_WEEKDAY = re.compile(
    rf"(?:{_WHICH})?{_WEEK_WORDS}(?:(?P<day>[一二三四五六日天])(?![个次]|[{_CN}](?![{_CN}]{{0,2}}点))|(?P<digit>[1-7])(?![\d天次个.]))"
)
_WEEKEND = re.compile(rf"(?:{_WHICH})?(?:周末|(?:个)?{_WEEK_WORDS}末|周六(?:、|和|到)?周?日)")
_WEEK = re.compile(rf"{_WHICH}{_WEEK_WORDS}")
_WEEKDAYS = {**{c: i for i, c in enumerate("一二三四五六日")}, "天": 6, **{str(i + 1): i for i in range(7)}}
_YEAR = re.compile(
    rf"(?P<word>今|去|前|明|后|大前)年|(?P<year>20\d\d|\d\d(?=年\d{{1,2}}月)|[二两][零〇]{{1}}[{_CN}]{{2}})\s*(?:年|[-/.](?=\d))"
)
_YEAR_WORDS = {"大前": -3, "前": -2, "去": -1, "今": 0, "明": 1, "后": 2}
_DAY_NUMBER = rf"(?P<day>\d{{1,2}}|[{_CN}]{{1,3}})"
_MONTH = re.compile(r"(?P<month>1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])月(?:份)?")
_THAT_MONTH = re.compile(r"(?P<which>上{1,3}|下{1,3}|这|本|当)(?:一)?(?:个)?月")
_IN_MONTH = re.compile(
    rf"\s*(?:(?P<part>初(?![一二三四五六七八九十])|底|末|上旬|中旬|下旬|中(?=旬))|{_DAY_NUMBER}\s*[号日](?!报|常|用)|"
    r"(?P<tens>二?十[一二三四五六七八九]|[二三]十|三十一)(?![个天块元多号日点]))"
)
_MONTH_PART = re.compile(r"月(?P<part>初(?![一二三四五六七八九十])|底|末)|年(?P<year_part>初|底|末)")
_NUMERIC = re.compile(r"(?P<month>1[0-2]|0?[1-9])(?P<sep>[-/.])(?P<day>3[01]|[12]\d|0?[1-9])(?![\d./-]|\s*:)")
_BARE_DAY = re.compile(rf"{_DAY_NUMBER}[号日]")
_DONE_THEN = re.compile(
    r"\s*(?:号|日|那天|当天|那会|晚|早|上午|下午|中午|凌晨|前|后|之前|之后|以前|以后|开始|起|到|至|就|才|还|又|也|我|你|他|说|假期|长假|放假|"
    r"[收买下付送签发装订寄退申来去打约取换拆]|,|，|的?(?:订单|单子|货|快递))"
)
_NOT_A_DATE = re.compile(
    r"\s*(?:楼|店|线|电池|机|客服|房|门|桌|仓|码|院|单元|柜|床|字|色|螺|师傅|馆|厅|库|路|栋|幢|室|款|箱|件|车|员|工|位|球|衣|鞋|板|洞|孔|"
    r"尺|站|口|套|配|技师|零件|腿|扳手|抽屉|隔板|选手|病|元素|地铁|公馆|寸|坑|窗)"
)
_NOT_BEFORE_NUMBER = re.compile(rf"[\d.\-/:a-z#¥$第型编工单百千{_CN}]\s*$")
_HOLIDAY = re.compile(r"长假|小长假|黄金周|期间|假期|放假")
_NTH_DAY = re.compile(
    rf"第\s*(?P<n>\d|[{_CN}]{{1,2}})\s*天|(?:的?)(?:那个|那|当中的?)(?P<week>(?:周|星期|礼拜)[一二三四五六日天])"
)

_PARTS = [
    ("dawn", r"凌晨|后半夜|半夜", time(0), time(5, 59)),
    ("noon", r"中午|正午|晌午|午间", time(11), time(13, 59)),
    ("evening_early", r"傍晚|黄昏", time(17), time(18, 59)),
    ("morning", r"上午|早上|早晨|清晨|清早|大清早|一大早|头晌|早", time(6), time(11, 59)),
    ("afternoon", r"下午|午后|后晌|下昼|下晌", time(12), time(17, 59)),
    ("evening", r"晚上|夜晚|夜里|晚间|夜间|晚夜|晚", time(18), time(23, 59)),
]
_PART = re.compile("|".join(f"(?P<{name}>{words})" for name, words, _, _ in _PARTS))
_PART_ENDS = {name: (first, last) for name, _, first, last in _PARTS}
_GREETING = re.compile(r"好(?![了的])|安(?!装|排)|饭|餐")
_CLOCK = re.compile(
    rf"(?P<h>[01]?\d|2[0-4])\s*:\s*(?P<m>[0-5]\d)(?!\d)|(?P<hour>[01]?\d|2[0-4]|[{_CN}]{{1,3}})(?P<sign>点|时(?!候|间|尚|常|半会))(?:钟)?"
    rf"(?:(?P<half>半)(?!天|路)|(?P<quarter>[一三])刻|(?P<minute>[0-5]\d|[零〇]?[{_CN}]{{1,3}})(?![\d个条次])分?)?"
)
_CLOCK_ALONE = re.compile(
    r"\s*(?:钟|整|多|左右|前|之前|以前|后|以后|之后|[来回到送开关就还才我你他能可会取装打见走]|上班|下班|[,，。!！?？]|$|吧|吗|的时候|准)"
)


def _before(text: str, position: int) -> str:
    """The few characters that a rule looks back on."""
    return text[max(0, position - 4) : position]


def read_days(text: str, position: int, today: date, leaning: Optional[Days] = None) -> Optional[Days]:
    """The day or days named at this place; after 到 a bare 7日 takes month and year of the day before it."""
    if leaning is not None:
        # What stands before 到 or a dash is no reason to doubt the number after it.
        days = _bare_day(text[position:], 0, today)
        moved = _safe(leaning.first.year, leaning.first.month, days.first.day) if days else None
        if days and moved:
            return Days(position + days.end, moved, moved)
    for rule in _RULES:
        days = rule(text, position, today)
        if days is not None:
            return days
    return None


def _day_word(text: str, position: int, today: date) -> Optional[Days]:
    match = _DAY_WORD.match(text, position)
    if match is None:
        return None
    word = match.group("word") or match.group("hk") or match.group("short")
    if match.group("short") and _before(text, position).endswith(("以", "之", "天", "点", "时")):
        return None
    day = today + timedelta(days=_DAY_WORDS[word])
    return Days(match.end(), day, day)


def _monday(today: date, which: Optional[str]) -> date:
    weeks = 0
    if which and which[0] in "上下":
        weeks = len(which) * (-1 if which[0] == "上" else 1)
    return today - timedelta(days=today.weekday()) + timedelta(weeks=weeks)


def _weekday(text: str, position: int, today: date) -> Optional[Days]:
    if re.search(rf"[\d每逐各{_CN}]$", _before(text, position)):
        return None  # 每周三, 三周一次
    match = _WEEKEND.match(text, position)
    if match:
        monday = _monday(today, match.group("which"))
        return Days(match.end(), monday + timedelta(days=5), monday + timedelta(days=6))
    match = _WEEKDAY.match(text, position)
    if match:
        offset = _WEEKDAYS[match.group("day") or match.group("digit")]
        day = _monday(today, match.group("which")) + timedelta(days=offset)
        return Days(match.end(), day, day)
    match = _WEEK.match(text, position)
    if match:
        monday = _monday(today, match.group("which"))
        return Days(match.end(), monday, monday + timedelta(days=6), closing=True)
    return None


def _that_month(text: str, position: int, today: date) -> Optional[Days]:
    match = _THAT_MONTH.match(text, position)
    if match is None:
        return None
    which = match.group("which")
    steps = len(which) * (-1 if which[0] == "上" else 1) if which[0] in "上下" else 0
    year, month = divmod(today.year * 12 + today.month - 1 + steps, 12)
    return _within_month(text, match.end(), year, month + 1, bare=True)


def _within_month(text: str, position: int, year: int, month: int, bare: bool) -> Optional[Days]:
    """3号, 底 or 中旬 after a month; the whole month where nothing stands (and that is allowed)."""
    length = calendar.monthrange(year, month)[1]
    match = _IN_MONTH.match(text, position)
    if match is None:
        return Days(position, date(year, month, 1), date(year, month, length), closing=True) if bare else None
    part = match.group("part")
    if part is None:
        number = whole(match.group("day") or match.group("tens"))
        day = _safe(year, month, number or 0)
        return Days(match.end(), day, day) if day else None
    first, last = {"初": (1, 5), "上旬": (1, 10), "中旬": (11, 20), "下旬": (21, length)}.get(
        part, (length - 4, length)
    )
    return Days(match.end(), date(year, month, first), date(year, month, last), closing=part in "底末")


def _year_given(text: str, position: int, today: date) -> Optional[Days]:
    match = _YEAR.match(text, position)
    if match is None or re.search(r"[\da-z]$", _before(text, position)):
        return None
    if match.group("word"):
        year = today.year + _YEAR_WORDS[match.group("word")]
    else:
        written = whole(match.group("year")) or 0
        year = written if written > 99 else 2000 + written
    if not 1990 <= year <= 2100:
        return None
    place = match.end()
    inner = _feast(text, place, today, year) or _month_given(text, place, today, year)
    inner = inner or (None if match.group("word") else _numeric(text, place, today, year))
    if inner is not None:
        return inner
    if match.group("word") is None and not match.group().endswith("年"):
        return None
    part = re.compile(r"[初底末]").match(text, place)
    if part:
        month = 1 if part.group() == "初" else 12
        return Days(part.end(), date(year, month, 1), date(year, month, 31), closing=month == 12)
    return Days(place, date(year, 1, 1), date(year, 12, 31), closing=True)


def _month_given(text: str, position: int, today: date, year: Optional[int] = None) -> Optional[Days]:
    match = _MONTH.match(text, position)
    if match is None or (year is None and _NOT_BEFORE_NUMBER.search(_before(text, position))):
        return None
    month = whole(match.group("month"))
    if month is None or not 1 <= month <= 12:
        return None
    bare = year is not None or match.group().endswith("份") or not re.match(r"不|无|有余|前|后", text[match.end() :])
    if year is None and re.search(r"[个几每这]$", _before(text, position)):
        return None
    return _within_month(text, match.end(), year or today.year, month, bare)


def _numeric(text: str, position: int, today: date, year: Optional[int] = None) -> Optional[Days]:
    """2026-10-03, and without a year 10.3, 10/3, 10-3 where the words after it speak of something done."""
    match = _NUMERIC.match(text, position)
    if match is None:
        return None
    if year is None and (_NOT_BEFORE_NUMBER.search(_before(text, position)) or not _DONE_THEN.match(text, match.end())):
        return None
    day = _safe(year or today.year, int(match.group("month")), int(match.group("day")))
    return Days(match.end(), day, day) if day else None


def _bare_day(text: str, position: int, today: date) -> Optional[Days]:
    match = _BARE_DAY.match(text, position)
    if match is None or _NOT_BEFORE_NUMBER.search(_before(text, position)) or _NOT_A_DATE.match(text, match.end()):
        return None
    if match.group().endswith("日") and not _DONE_THEN.match(text, match.end()):
        return None
    day = _safe(today.year, today.month, whole(match.group("day")) or 0)
    return Days(match.end(), day, day) if day else None


def _month_part(text: str, position: int, today: date) -> Optional[Days]:
    match = _MONTH_PART.match(text, position)
    if match is None or re.search(rf"[\d每{_CN}]$", _before(text, position)):
        return None
    if match.group("part"):
        return _within_month(text, match.start("part"), today.year, today.month, bare=False)
    month = 1 if match.group("year_part") == "初" else 12
    return Days(match.end(), date(today.year, month, 1), date(today.year, month, 31), closing=month == 12)


def _feast(text: str, position: int, today: date, year: Optional[int] = None) -> Optional[Days]:
    match = feasts.named(text, position)
    if match is None:
        return None
    holiday = _HOLIDAY.match(text, match.end())
    first, last = feasts.days_of(match.group("feast"), today, year, holiday=bool(holiday))
    end = holiday.end() if holiday else match.end()
    nth = _NTH_DAY.match(text, end)
    if nth and nth.group("n"):
        day = first + timedelta(days=(whole(nth.group("n")) or 1) - 1)
        return Days(nth.end(), day, day)
    if nth:
        wanted = _WEEKDAYS[nth.group("week")[-1]]
        for step in range(7):
            day = first + timedelta(days=step)
            if day.weekday() == wanted:
                return Days(nth.end(), day, day)
    return Days(end, first, last)


_Rule = Callable[[str, int, date], Optional[Days]]
_RULES: tuple[_Rule, ...] = (
    _year_given, _feast, _day_word, _weekday, _that_month, _month_given, _month_part, _numeric, _bare_day,
)  # fmt: skip


def _safe(year: int, month: int, day: int) -> Optional[date]:
    try:
        return date(year, month, day)
    except ValueError:
        return None


# ── time of day ──────────────────────────────────────────────────────────────


def read_part(text: str, position: int, with_day: bool) -> Optional[Clock]:
    """凌晨, 下午 …; 晚上 and 早上 alone say when in general, so they count only after a day."""
    match = _PART.match(text, position)
    if match is None or _GREETING.match(text, match.end()):
        return None
    name = str(match.lastgroup)
    if not with_day and (name in ("morning", "evening") and match.group() != "上午"):
        return None
    if not with_day and re.search(r"[每早中晚上下]$|每天|平时|一般|通常", _before(text, position)):
        return None
    first, last = _PART_ENDS[name]
    return Clock(match.end(), None, first, last, name)


def read_clock(text: str, position: int, with_day: bool, after: Optional[Clock] = None) -> Optional[Clock]:
    """八点半, 下午3点, 17:00; after 到 the part of the day is that of the time before."""
    part = _PART.match(text, position)
    place = part.end() if part else position
    if part:
        place += len(text[place:]) - len(text[place:].lstrip())
    match = _CLOCK.match(text, place)
    if match is None:
        return None
    name = str(part.lastgroup) if part else (after.part if after else "")
    known = with_day or bool(part) or after is not None
    if not known and not _stands_alone(text, place, match):
        return None
    if match.group("h"):
        hour, minute = int(match.group("h")), int(match.group("m"))
    else:
        read = whole(match.group("hour"))
        if read is None or read > 24 or re.match(r"\d", text[match.end() :]):
            return None
        hour, minute = read, _minute_of(match)
    if match.group("sign") == "时" and match.group("minute") is None and not known:
        return None
    return Clock(match.end(), _on_the_dial(hour, name, explicit=bool(match.group("h"))) * 60 + minute, part=name)


def _stands_alone(text: str, place: int, match: re.Match[str]) -> bool:
    """三点 in 我提三点意见 is no time: without day or part of day the words around must fit."""
    if re.search(rf"[这那有提几共列\d.{_CN}第]$", _before(text, place)):
        return False
    if match.group("h") or match.group("half") or match.group("quarter"):
        return match.group("sign") != "时"
    return bool(_CLOCK_ALONE.match(text, match.end()))


def _minute_of(match: re.Match[str]) -> int:
    if match.group("half"):
        return 30
    if match.group("quarter"):
        return 15 if match.group("quarter") == "一" else 45
    minute = whole(match.group("minute")) if match.group("minute") else 0
    return minute if minute is not None and minute < 60 else 0


def _on_the_dial(hour: int, part: str, explicit: bool) -> int:
    """下午三点 is 15, 晚上十二点 midnight; 三点 alone is the afternoon: nobody delivers at three at night."""
    if part in ("afternoon", "evening_early", "evening"):
        if hour == 12:
            return 24 if part == "evening" else 12
        return hour + 12 if hour < 12 else hour
    if part == "noon":
        return hour + 12 if hour < 11 else hour
    if part == "dawn":
        return 0 if hour == 12 else hour
    if not part and not explicit and 1 <= hour <= 6:
        return hour + 12
    return hour
