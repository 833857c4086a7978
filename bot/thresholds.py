"""The numbers that decide when the bot answers, asks back or hands over: data, read once at the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from bot.settings import ROOT

FILE = ROOT / "data" / "answering.yml"


class ThresholdsBroken(RuntimeError):
    """The file cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Thresholds:
    """Scores run from 0 to 1; `docs/decisions/0007-the-script-matcher.md` tells how they were found."""

    #: A match that speaks for itself, whatever topic the classifier saw.
    strong: float = 0.6
    #: Within the topic: below this the topic's default script answers.
    fits: float = 0.38
    #: A classifier that is less sure than this may be overruled by a strong match.
    sure: float = 0.6
    #: An override must also beat the best script of the intent's own topic by this much.
    lead: float = 0.1
    #: Best and second closer than this, both fitting: the customer chooses between their titles.
    near_tie: float = 0.06
    #: At most so many titles are offered.
    offers: int = 3
    #: The how-manieth failure in a row offers a person, and which one goes to a person.
    failures_offer: int = 2
    failures_handoff: int = 3

    @staticmethod
    def parse(row: Mapping[str, Any], source: str = "answering.yml") -> Thresholds:
        """Every value is optional; a name or number that makes no sense raises ThresholdsBroken."""
        known = {field.name for field in fields(Thresholds)}
        if unknown := sorted(set(map(str, row)) - known):
            raise ThresholdsBroken(
                f"{source} 里有不认识的设置“{'、'.join(unknown)}”。可用的是：{'、'.join(sorted(known))}。"
            )
        for name, value in row.items():
            wrong = _wrong(name, value)
            if wrong:
                raise ThresholdsBroken(f"{source} 里 {name} 的值“{value}”不对：{wrong}。请改正后重新启动机器人。")
        made = Thresholds(**row)
        if made.fits > made.strong:
            raise ThresholdsBroken(
                f"{source} 里 fits（{made.fits}）不能高于 strong（{made.strong}）。请改正后重新启动机器人。"
            )
        if made.failures_handoff <= made.failures_offer:
            raise ThresholdsBroken(
                f"{source} 里 failures_handoff（{made.failures_handoff}）要大于 failures_offer"
                f"（{made.failures_offer}）。请改正后重新启动机器人。"
            )
        return made


_COUNTS = {"offers": (1, 5), "failures_offer": (1, 10), "failures_handoff": (2, 10)}


def _wrong(name: str, value: Any) -> str | None:
    if isinstance(value, bool):
        return "应为数字"
    if name in _COUNTS:
        low, high = _COUNTS[name]
        return None if isinstance(value, int) and low <= value <= high else f"应为 {low} 到 {high} 之间的整数"
    # NaN compares false with everything, so the comparison itself refuses it.
    return None if isinstance(value, (int, float)) and 0.0 <= value <= 1.0 else "应为 0 到 1 之间的数"


def read(file: Path = FILE) -> Thresholds:
    """Raises ThresholdsBroken with a sentence that says what to do."""
    try:
        row = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ThresholdsBroken(f"读不了应答设置 {file}（{error}）。请从发布包里恢复这个文件。") from error
    except yaml.YAMLError as error:
        raise ThresholdsBroken(f"应答设置 {file} 不是合法的 YAML（{error}）。请改正后重新启动机器人。") from error
    if not isinstance(row, dict):
        raise ThresholdsBroken(f"应答设置 {file} 应为“名称: 值”的列表。请从发布包里恢复这个文件。")
    return Thresholds.parse(row, file.name)


@lru_cache(maxsize=1)
def shared_thresholds() -> Thresholds:
    """The thresholds of this process."""
    return read()
