"""The organisation's order system behind one small door. The demo book reads the pack's invented orders."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import yaml

from backend.kernel.clock import zh_day

OrderStatus = Literal["unpaid", "paid", "packing", "shipped", "out_for_delivery", "delivered", "cancelled"]

STATUS_TEXTS: dict[str, str] = {
    "unpaid": "待付款",
    "paid": "已付款，等待备货",
    "packing": "正在备货",
    "shipped": "已发货，运输中",
    "out_for_delivery": "正在派送",
    "delivered": "已签收",
    "cancelled": "已取消",
}


@dataclass(frozen=True)
class Order:
    """What may be said to anybody who knows the order number: no name, address, phone or amount."""

    order_no: str
    status: OrderStatus
    item_name: str
    carrier: str | None = None
    tracking_no: str | None = None
    eta: date | None = None  # a Shanghai calendar day

    @property
    def status_text(self) -> str:
        return STATUS_TEXTS[self.status]

    def as_dict(self) -> dict[str, str | None]:
        """As the bot's variables take it; ``eta_text`` is empty when no day is known."""
        return {
            "order_no": self.order_no,
            "status": self.status,
            "status_text": self.status_text,
            "item_name": self.item_name,
            "carrier": self.carrier,
            "tracking_no": self.tracking_no,
            # The words are kept in a conversation: no 今天, and no year, as the day is near.
            "eta_text": zh_day(self.eta, self.eta) if self.eta else "",
        }


class OrderBook(Protocol):
    """The door. A real one asks the shop's system, with a time-out; raises Unavailable when that is down."""

    def find(self, order_no: str, today: date) -> Order | None:
        """``order_no`` in its normal form; ``today`` is the Shanghai day."""
        ...


class DemoOrderBook:
    """Orders of the pack; ``eta_days`` counts from today, so that the demo never grows old."""

    def __init__(self, path: Path) -> None:
        rows = _read(path, path.stat().st_mtime_ns) if path.exists() else ()
        self._orders = {str(row["order_no"]): row for row in rows}

    def find(self, order_no: str, today: date) -> Order | None:
        row = self._orders.get(order_no)
        if row is None:
            return None
        days = row.get("eta_days")
        return Order(
            order_no=order_no,
            status=row["status"],
            item_name=row["item_name"],
            carrier=row.get("carrier"),
            tracking_no=row.get("tracking_no"),
            eta=None if days is None else today + timedelta(days=days),
        )


@lru_cache(maxsize=4)
def _read(path: Path, _changed: int) -> tuple[dict[str, Any], ...]:
    """The file's rows, read again only when it changed. Raises ValueError for an unknown status."""
    rows = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("orders", [])
    for row in rows:
        if row.get("status") not in get_args(OrderStatus):
            raise ValueError(f"{path.name}: {row.get('order_no')} has no such status {row.get('status')!r}")
    return tuple(rows)
