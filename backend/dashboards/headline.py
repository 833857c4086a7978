"""The one sentence above all numbers: what needs a person now, then how it stands. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from backend.dashboards.figures import wait_words


def headline(figures: Mapping[str, Mapping[str, Any]], weekly: Mapping[str, Any], alerts: Sequence[Mapping[str, Any]],
             queue: Mapping[str, Any]) -> dict[str, Any]:
    """Segments ``{"text", "link"?, "strong"?}`` and a tone: danger, warning, calm, or empty.

    ``link`` names where it leads: a figure's rows, ``desk``, ``pressing`` or ``week:<date>``.
    """
    urgent = list(_urgent(figures, alerts, queue))
    standing = list(_standing(figures, weekly))
    if not urgent and not standing:
        nothing = figures["conversations"]["k"] == 0
        words = "这段时间还没有会话，换一段时间看看，或从演示商店页试聊一句。" if nothing else "现在没有要马上处理的事。"
        return {"tone": "empty" if nothing else "calm", "segments": [{"text": words}]}
    low = any(point["signal"] == "low" for point in weekly["points"][-4:])
    tone = "danger" if alerts else "warning" if urgent or low else "calm"
    if not urgent:
        standing.append({"text": "现在没有要马上处理的事。"})
    return {"tone": tone, "segments": urgent + standing if alerts else standing + urgent}


def _urgent(figures: Mapping[str, Mapping[str, Any]], alerts: Sequence[Mapping[str, Any]],
            queue: Mapping[str, Any]) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []
    if alerts:
        words = "、".join(dict.fromkeys(alert["title"] for alert in alerts))
        said.append({"text": f"{words}，请先处理。", "strong": True, "link": "alerts"})
    if queue["waiting"]:
        said.append({"text": f"{queue['waiting']} 位客户在排队，最久等了 {wait_words(queue['oldest_seconds'])}。",
                     "link": "desk", "strong": True})
    overdue, today = figures["complaints_overdue"]["k"], figures["complaints_due_today"]["k"]
    if overdue:
        said.append({"text": f"{overdue} 件投诉逾期，今天要处理。", "link": "pressing", "strong": True})
    elif today:
        said.append({"text": f"{today} 件投诉今天到期。", "link": "pressing", "strong": True})
    return said


def _standing(figures: Mapping[str, Mapping[str, Any]], weekly: Mapping[str, Any]) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []
    state = figures["csat"]["verdict"]["state"]
    if state in ("met", "missed"):
        said.append({"text": "满意度达标" if state == "met" else "满意度没有达标"})
    signals = [point for point in weekly["points"][-4:] if point["signal"]]
    if signals:
        point = signals[-1]
        if said:
            said.append({"text": "；"})
        said.append({"text": point["words"], "link": f"week:{point['week']}"})
        said.append({"text": "低于控制下限" if point["signal"] == "low" else "高于控制上限"})
    if said:
        said.append({"text": "。"})
    return said
