"""Times as the tables show them: p50 and p95, a column a database."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any


def figures(seconds: Sequence[float]) -> dict[str, float]:
    """Measured seconds as n, p50 and p95 in milliseconds."""
    ordered = sorted(seconds)
    return {"n": len(ordered), "p50_ms": round(statistics.median(ordered) * 1000, 2),
            "p95_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))] * 1000, 2)}


def row(title: str, width: int, databases: Mapping[str, Mapping[str, Any]], key: str) -> str:
    """One line of the table: ``key``'s figures in every database."""
    return f"  {title:<{width}}" + "".join(f"{one[key]['p50_ms']:>12,} /{one[key]['p95_ms']:>8,}" for one in databases.values())
