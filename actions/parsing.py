"""One customer turn as the rules read it, and whether it is about the customer's own order. Pure, without Rasa.

Wording patterns are understanding, not speech: everything the customer reads is a script. Numbers are found in
actions/numbers.py, wishes and stories in actions/wishes.py, short replies in actions/replies.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actions.folding import bare, fold
from actions.wishes import tells_something

_PERSONAL = re.compile(
    r"到哪|哪了|在哪(了)?$|还没(到|发|收|送|来|出库|动静)|没(到|发货|收到|发)|什么时候(到|发|送|能到|发货|送到)|啥时候(到|发|送)|何时(到|发)|多久(能)?到|几时到|"
    r"查(一下|下|个|询)?(我的)?(订单|快递|物流|包裹|货)|订单(状态|进度|情况)|物流(信息|进度|情况|状态)?$|(快递|包裹|货|东西|桌子|椅子|订单).*(呢|到了没|发了没|到没)|发货了?(没|吗)|发了(没|吗)|到了(没|吗)"
)
_HOW_TO = re.compile(
    r"怎么(查|看|查询|修改|联系|追踪)|如何|在哪(里|儿)?(看|查|能)|能不能|可以.*吗|可不可以|一般|通常|默认|支持|运费|邮费|包邮|哪家|哪个快递|送不送|能送|送到.*吗|改约|预约|自提|签收但|没收到"
)


@dataclass(frozen=True)
class Said:
    """One customer turn, as far as the rules need it."""

    text: str
    intent: str = ""
    confidence: float = 0.0
    action: str | None = None
    match_score: float = 0.0
    match_key: str | None = None

    @staticmethod
    def of(latest: Mapping[str, Any] | None) -> Said:
        """From Rasa's latest_message, which our channel made."""
        latest = latest or {}
        intent = latest.get("intent") or {}
        match = latest.get("script_match") or {}
        return Said(
            # As written: it becomes the complaint's own words. Whoever looks for numbers folds the width.
            text=str(latest.get("text") or "").strip(),
            intent=str(intent.get("name") or ""),
            confidence=float(intent.get("confidence") or 0.0),
            action=latest.get("button_action"),
            match_score=float(match.get("score") or 0.0),
            match_key=match.get("key"),
        )


def wants_own_order(said: Said) -> bool:
    """订单到哪了 asks for one's own order; 怎么查物流 asks how it is done."""
    if _HOW_TO.search(fold(said.text)):
        return False
    return bool(_PERSONAL.search(fold(said.text)))


def supplements_something(text: str) -> bool:
    """我要补充材料 announces; 补充：外箱照片上有破口 tells."""
    rest = re.sub(r"补充(材料|一下|资料|证据|说明|信息|内容)?|材料|证据|投诉|上传|提交", "", bare(text))
    return tells_something(rest)
