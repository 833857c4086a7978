"""How customers write phones, e-mails, order and complaint numbers, and what we make of it. Pure parsing."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Literal

from backend.kernel.errors import Invalid

ContactKind = Literal["phone", "email"]

_ZERO_WIDTH = re.compile("[\u200b-\u200f\u2060\ufeff]")
_DASHES = str.maketrans("‐‑‒–—―−－﹣ー", "-" * 10)
_EMAIL = re.compile(r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+")
_PHONE_RUN = re.compile(r"\+?[0-9(（][0-9 \-()（）.]{4,}[0-9]")
_LANDLINE = re.compile(r"0(?:10|2\d|[3-9]\d{2})\d{7,8}")


def plain(text: str) -> str:
    """Full-width characters, odd dashes, no-break and zero-width spaces made ordinary; ends trimmed."""
    return _ZERO_WIDTH.sub("", unicodedata.normalize("NFKC", text.translate(_DASHES))).strip()


def _bad(message: str) -> Invalid:
    return Invalid("bad_contact", message, fields={"contact": message})


def parse_contact(text: str) -> tuple[ContactKind, str]:
    """("phone", "13812346027"), ("phone", "010-62345678") or ("email", "lin@example.com").

    Takes +86, spaces, dashes, brackets, full-width digits, and words around it (我的电话是 138 1234 6027).
    Raises Invalid (`bad_contact`) with what is wrong: how many digits are missing or too many, or what an
    e-mail lacks.
    """
    words = plain(text)
    if not words:
        raise _bad("请填写手机号或邮箱，方便我们告诉您结果。")
    if "@" in words:
        return "email", _email(words)
    runs = _PHONE_RUN.findall(words)
    digits = re.sub(r"\D", "", runs[0] if runs else words)
    if len(runs) > 1:
        good = [run for run in runs if _mobile_or_landline(re.sub(r"\D", "", run))]
        digits = re.sub(r"\D", "", good[0]) if good else digits
    if not digits:
        raise _bad("没有看到手机号或邮箱，手机号是 11 位数字，例如 13800000000。")
    number = _mobile_or_landline(digits)
    if number:
        return "phone", number
    raise _bad(_what_is_wrong(_without_country(digits)))


def _without_country(digits: str) -> str:
    """The digits after +86 or 0086, where what follows begins like a Chinese number."""
    for prefix in ("0086", "86"):
        if digits.startswith(prefix) and digits[len(prefix) : len(prefix) + 1] in ("0", "1"):
            return digits[len(prefix) :]
    return digits


def _mobile_or_landline(digits: str) -> str | None:
    candidates = [digits]
    for prefix in ("0086", "86"):
        if digits.startswith(prefix):
            rest = digits[len(prefix) :]
            # After a country code people drop the area code's zero: +86 10 6234 5678.
            candidates += [rest, f"0{rest}"]
    return next((number for number in map(_national, candidates) if number), None)


def _national(digits: str) -> str | None:
    if re.fullmatch(r"1[3-9]\d{9}", digits):
        return digits
    if _LANDLINE.fullmatch(digits):
        area = digits[:3] if digits[1] in "12" else digits[:4]
        local = digits[len(area) :]
        # A local number never starts with 0 or 1; three-digit areas (010, 02x) have eight digits.
        if local[0] in "01" or (len(area) == 3 and len(local) != 8):
            return None
        return f"{area}-{local}"
    return None


def _what_is_wrong(digits: str) -> str:
    n = len(digits)
    if digits.startswith("0"):
        return "固定电话请连区号一起写，例如 010-62345678；也可以留手机号。"
    if digits.startswith("1"):
        if n < 11:
            return f"少了 {11 - n} 位，手机号是 11 位，请核对后再发一次。"
        if n > 11:
            return f"多了 {n - 11} 位，手机号是 11 位，请核对后再发一次。"
        return "手机号的前三位不对，请核对后再发一次。"
    if n in (7, 8):
        return "这像固定电话，请加上区号，例如 010-62345678；也可以留手机号。"
    if n == 11:
        return "手机号以 1 开头，请核对后再发一次。"
    return f"这是 {n} 位数字，手机号是 11 位，请核对后再发一次。"


def _email(words: str) -> str:
    """The domain is lower-cased; the name before @ stays as written, as it may be case-sensitive."""
    if words.count("@") == 1 and re.search(r"[。，、]\S*$", words.split("@")[1]):
        # 中文句号 typed for a dot is the commonest slip on a Chinese keyboard.
        name, host = words.split("@")
        words = f"{name}@{host.replace('。', '.').rstrip('.，、')}"
    found = _EMAIL.findall(words)
    for address in found:
        name, host = address.split("@")
        sound = ".." not in address and not name.startswith(".") and not name.endswith(".")
        labels = host.split(".")
        sound = sound and all(label and label[0] != "-" and label[-1] != "-" for label in labels)
        if (
            sound
            and len(address) <= 254
            and len(name) <= 64
            and re.fullmatch(r"[A-Za-z]{2,}|xn--.+", labels[-1])
        ):
            return f"{name}@{host.lower()}"
    if words.startswith("@"):
        raise _bad("邮箱 @ 前面少了名字，请核对后再发一次，例如 lin@example.com。")
    if "." not in words.split("@", 1)[1]:
        raise _bad("邮箱 @ 后面不完整，请核对后再发一次，例如 lin@example.com。")
    raise _bad("这个邮箱的写法不对，请核对后再发一次，例如 lin@example.com。")


_HM = re.compile(r"(?:HM[ \-#:]*)?(\d{6})[ \-]*(\d{4})", re.IGNORECASE)
_HM_SEARCH = re.compile(rf"(?<![0-9A-Za-z]){_HM.pattern}(?![0-9A-Za-z])", re.IGNORECASE)
_GIVEN = re.compile(r"(?<![A-Za-z0-9\-])[A-Za-z0-9](?:[A-Za-z0-9\-]{4,38})[A-Za-z0-9](?![A-Za-z0-9\-])")


def _is_yymmdd(digits: str) -> bool:
    try:
        date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        return False
    return True


def parse_order_no(text: str) -> str:
    """HM260917-3382 however it was typed (hm2609173382, 260917 3382, 订单号 HM260917—3382).

    Anything else with 6 to 20 letters and digits, one digit at least, is taken as the customer gave it, in
    capitals. Raises Invalid (`bad_order_no`).
    """
    words = plain(text)
    for match in _HM_SEARCH.finditer(words):
        if _is_yymmdd(match[1]):
            return f"HM{match[1]}-{match[2]}"
    for candidate in _GIVEN.findall(words):
        bare = candidate.replace("-", "")
        if 6 <= len(bare) <= 20 and any(char.isdigit() for char in bare):
            return str(candidate.upper())
    message = "没有看到订单号。订单号在“我的订单”里，例如 HM260917-3382。"
    raise Invalid("bad_order_no", message, fields={"order_no": message})


_TS = re.compile(r"(?<![0-9A-Za-z])(?:TS[ \-#:]*)?(\d{8})[ \-]*(\d{4,6})(?![0-9A-Za-z])", re.IGNORECASE)


def parse_complaint_no(text: str) -> str:
    """TS20260924-0017 however it was typed (ts202609240017, 20260924-0017).

    Raises Invalid (`bad_complaint_no`).
    """
    for match in _TS.finditer(plain(text)):
        day = match[1]
        try:
            date(int(day[:4]), int(day[4:6]), int(day[6:8]))
        except ValueError:
            continue
        if day.startswith("20"):
            return f"TS{day}-{match[2]}"
    message = "没有看到投诉编号。投诉编号在受理回复里，例如 TS20260924-0017。"
    raise Invalid("bad_complaint_no", message, fields={"number": message})
