"""What the charts draw: labels, values and where each mark leads. The look stands in dashboard.js."""

from collections.abc import Callable
from typing import Any

from backend.dashboards.figures import percent


def chart_data(seen: dict[str, Any], rows: Callable[..., str]) -> dict[str, Any]:
    """Data of the three charts, each with the sentence that a screen reader says instead."""
    weekly = seen["weekly"]
    points = [point | {
        "href": rows("csat", **{"from": point["week"], "to": point["last_day"], "part": "n"}),
        "text": (f"{point['words']} {percent(point['value'])}，{point['k']:,} / {point['n']:,}" if point["n"]
                 else f"{point['words']} 没有人评价"),
    } for point in weekly["points"]]
    signals = [point["text"] for point in points if point["signal"]]
    funnel = [step | {"href": rows(step["key"], part=step["part"])} for step in seen["funnel"]]
    why = [row | {"href": rows("unsatisfied", reason=row["reason"])} for row in seen["reasons"]["rows"]]
    return {
        "weekly": {
            "points": points, "centre": weekly["centre"], "note": weekly["note"],
            "label": f"每周满意度，有评价的 {weekly['filled']} 周"
                     + (f"，超出控制限：{'；'.join(signals)}" if signals else ""),
        },
        "funnel": {"steps": funnel, "label": "从提问到评价：" + "，".join(f"{s['title']} {s['k']:,}" for s in funnel)},
        "reasons": {"rows": why, "mentions": seen["reasons"]["mentions"],
                    "label": "为什么不满意：" + "，".join(f"{row['reason']} {row['k']:,} 次" for row in why)},
    }
