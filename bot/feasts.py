"""Chinese feasts and working days: which date 中秋 is, and when three working days are over."""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache
from typing import Optional

import chinese_calendar
from lunar_python import Lunar

#: name → (month, day, length in days) of the solar calendar
_SOLAR = {
    "元旦": (1, 1, 1),
    "情人节": (2, 14, 1),
    "妇女节": (3, 8, 1),
    "清明": (4, 5, 1),
    "五一": (5, 1, 5),
    "儿童节": (6, 1, 1),
    "六一八": (6, 18, 1),
    "国庆": (10, 1, 7),
    "双十一": (11, 11, 1),
    "双十二": (12, 12, 1),
    "平安夜": (12, 24, 1),
    "圣诞": (12, 25, 1),
}
#: name → (month, day, offset in days) of the lunar calendar
_LUNAR = {
    "除夕": (1, 1, -1),
    "春节": (1, 1, 0),
    "元宵": (1, 15, 0),
    "端午": (5, 5, 0),
    "七夕": (7, 7, 0),
    "中秋": (8, 15, 0),
    "重阳": (9, 9, 0),
}
#: 春节期间 is the holiday, 春节 the day.
_HOLIDAY_DAYS = {"春节": 7}
_SPELLINGS = {
    "劳动节": "五一",
    "十一": "国庆",
    "618": "六一八",
    "双11": "双十一",
    "双12": "双十二",
    "大年三十": "除夕",
    "年三十": "除夕",
    "大年初一": "春节",
    "过年": "春节",
    "元宵节": "元宵",
    "六一儿童节": "儿童节",
    "三八妇女节": "妇女节",
}
#: Feasts whose name is also a number or a place need a sign after (or before) them.
_NEED_A_SIGN = {"十一", "618", "六一八", "过年"}
_SIGN = re.compile(
    r"长假|假期|小长假|黄金周|期间|那天|那会|当天|当晚|的时候|前|后|之前|以前|之后|放假|大促|活动|促销|节|优惠|买|抢|下的?单|付|送|到货|去|出"
)
_NOT_AFTER = re.compile(r"广场|路|大道|大街|店|街|村|桥|区|镇|厂|巷|公园|[个点号月楼栋块元斤米岁块级室%]|\d")
NAMES = re.compile(
    "(?P<feast>"
    + "|".join(sorted({*_SOLAR, *_LUNAR, *_SPELLINGS}, key=len, reverse=True))
    + ")(?:节(?!目|约|能|奏|省|点))?"
)


def named(text: str, position: int) -> Optional[re.Match[str]]:
    """A feast named at this place; 十一个 and 五一广场 are none."""
    match = NAMES.match(text, position)
    if match is None:
        return None
    name, before = match.group("feast"), text[max(0, position - 4) : position]
    if re.search(r"[一二三四五六七八九十百\d¥$a-z]$", before) or _NOT_AFTER.match(text, match.end()):
        return None
    if name in _NEED_A_SIGN and not before.endswith("年") and not _SIGN.match(text, position + len(name)):
        return None
    return match


def days_of(name: str, today: date, year: Optional[int] = None, holiday: bool = False) -> tuple[date, date]:
    """First and last day; without a year the one nearest to today."""
    name = _SPELLINGS.get(name, name)
    if year is None:
        year = min((today.year + step for step in (-1, 0, 1)), key=lambda y: abs((_first(name, y) - today).days))
    first = _first(name, year)
    length = _SOLAR[name][2] if name in _SOLAR else 1
    if holiday:
        length = max(length, _HOLIDAY_DAYS.get(name, 1))
    return first, first + timedelta(days=length - 1)


@lru_cache(maxsize=256)
def _first(name: str, year: int) -> date:
    if name in _SOLAR:
        month, day, _ = _SOLAR[name]
        return date(year, month, day)
    month, day, offset = _LUNAR[name]
    solar = Lunar.fromYmd(year, month, day).getSolar()
    return date(solar.getYear(), solar.getMonth(), solar.getDay()) + timedelta(days=offset)


def after_working_days(today: date, count: int) -> date:
    """The count-th working day after today, by the official calendar; Monday to Friday in a year not yet published."""
    day = today
    while count > 0:
        day += timedelta(days=1)
        try:
            working = chinese_calendar.is_workday(day)
        except NotImplementedError:
            working = day.isoweekday() <= 5
        count -= working
    return day
