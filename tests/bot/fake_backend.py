"""A stand-in for the backend's /api/bot/*: the pack's scripts, an order or two, complaints in memory."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
PACK = ROOT / "data" / "packs" / "retail" / "scripts"
SECRET = "test-secret-of-both-directions"

ORDERS = {
    "HM260917-3382": {
        "order_no": "HM260917-3382",
        "status": "shipped",
        "status_text": "已发货",
        "item_name": "云杉升降书桌",
        "carrier": "德邦快递",
        "tracking_no": "DPK3002917746",
        "eta_text": "预计 10月12日（周一）送到",
    },
    "HM260920-1107": {
        "order_no": "HM260920-1107",
        "status": "paid",
        "status_text": "待发货",
        "item_name": "榫卯书架",
        "carrier": None,
        "tracking_no": None,
        "eta_text": "预计 9月26日前发货",
    },
}


def pack_scripts() -> list[dict[str, Any]]:
    """Every script of the pack as the feed would give it, version 1."""
    rows = []
    for path in sorted(PACK.glob("*.yml")):
        for row in yaml.safe_load(path.read_text(encoding="utf-8")) or []:
            rows.append(
                {
                    "key": row["key"],
                    "version": 1,
                    "version_id": f"v-{row['key']}",
                    "topic": row["topic"],
                    "title": row["title"],
                    "channel": "any",
                    "text": row["text"],
                    "variables": row.get("variables") or [],
                    "buttons": row.get("buttons") or [],
                    "examples": [str(example) for example in row.get("examples") or []],
                    "default": bool(row.get("default")),
                    "hash": "",
                }
            )
    return rows


class FakeBackend:
    """Runs in a thread; `refuse_filing` and `down` switch faults on."""

    def __init__(self) -> None:
        self.scripts = pack_scripts()
        self.revision = 1
        self.refuse_filing = False
        self.down = False
        self.filed: dict[str, dict[str, Any]] = {}  # by idempotency key
        self.urged: list[str] = []
        self.supplements: list[tuple[str, str]] = []
        self.withdrawn: list[str] = []
        self.lookups = 0
        self._changed = threading.Condition()
        backend = self

        class Handler(_Handler):
            pass

        Handler.backend = backend
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        with self._changed:
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def publish(self, key: str, text: str) -> None:
        """An approval: the script's next version, told to whoever is polling."""
        with self._changed:
            for row in self.scripts:
                if row["key"] == key:
                    row["text"], row["version"] = text, row["version"] + 1
            self.revision += 1
            self._changed.notify_all()

    def feed(self, revision: int, wait: float) -> dict[str, Any]:
        with self._changed:
            if revision == self.revision:
                self._changed.wait(timeout=min(wait, 2))
            if revision == self.revision:
                return {"revision": self.revision, "unchanged": True}
            settings = {"service_hours": "每天 9:00 至 21:00", "hotline": "400-820-0000", "shop_name": "禾木家居"}
            return {"revision": self.revision, "as_of": "", "settings": settings, "scripts": self.scripts}

    def complaint(self, body: dict[str, Any]) -> dict[str, Any]:
        key = body["idempotency_key"]
        if key not in self.filed:
            number = f"TS20260924-{len(self.filed) + 17:04d}"
            self.filed[key] = {**body, "number": number}
        return self.shape(self.filed[key])

    def twin_of(self, body: dict[str, Any]) -> dict[str, Any] | None:
        """An earlier complaint of this conversation in the same words, under another key."""
        same = ("conversation_id", "description")
        return next((row for key, row in self.filed.items() if key != body["idempotency_key"]
                     and all(row[name] == body[name] for name in same)), None)

    def shape(self, row: dict[str, Any]) -> dict[str, Any]:
        return {
            **self.named(row),
            "can_withdraw": row.get("stage") is None,
            "promised_at": "2026-10-12T10:00:00Z",
            "promised_text": "10月12日（周一）18:00",
        }

    @staticmethod
    def named(row: dict[str, Any]) -> dict[str, str]:
        """What a refused withdrawal says of the complaint; `stage` is set by the test that moves it on."""
        names = {None: "已登记", "withdrawn": "已撤回", "closed": "已结案"}
        stage = row.get("stage")
        return {
            "number": row["number"],
            "title": str(row["description"])[:24],
            "stage": stage or "registered",
            "stage_text": names[stage],
            "receipt_url": f"https://shop.example/r/{row['number']}",
        }

    def withdraw(self, number: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """As the product's route does: refused until confirmed, and once it is over."""
        row = next((row for row in self.filed.values() if row["number"] == number), None)
        if row is None or body["conversation_id"] not in (row["conversation_id"], row.get("found_by")):
            return 404, {"code": "complaint_not_found", "message": ""}
        if row.get("stage") or not body["confirmed"]:
            code = "move_not_allowed" if row.get("stage") else "withdraw_not_confirmed"
            return 409, {"code": code, "message": "", "fields": self.named(row)}
        row["stage"] = "withdrawn"
        self.withdrawn.append(number)
        return 200, self.shape(row)


class _Handler(BaseHTTPRequestHandler):
    backend: FakeBackend
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _body(self) -> dict[str, Any]:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        result: dict[str, Any] = json.loads(raw or b"{}")
        return result

    def _refused(self) -> bool:
        if self.headers.get("X-Zhike-Secret") != SECRET:
            self._send(401, {"code": "wrong_secret", "message": "no"})
            return True
        if self.backend.down:
            self._send(503, {"code": "unavailable", "message": "down"})
            return True
        return False

    def do_GET(self) -> None:
        if self._refused():
            return
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/api/bot/scripts":
            self._send(200, self.backend.feed(int(query.get("revision", -1)), float(query.get("wait", 0))))
        elif parts.path == "/api/bot/complaints":
            mine = [r for r in self.backend.filed.values() if r["conversation_id"] == query["conversation_id"]]
            self._send(200, {"complaints": [self.backend.shape(row) for row in reversed(mine)]})
        elif parts.path.startswith("/api/bot/orders/"):
            order = ORDERS.get(unquote(parts.path.rsplit("/", 1)[1]))
            self._send(200, order) if order else self._send(404, {"code": "order_not_found", "message": ""})
        else:
            self._send(404, {"code": "not_found", "message": ""})

    def do_POST(self) -> None:
        body = self._body()
        if self._refused():
            return
        path = urlsplit(self.path).path
        rows = {row["number"]: row for row in self.backend.filed.values()}
        if path == "/api/bot/complaints":
            if self.backend.refuse_filing:
                self._send(503, {"code": "unavailable", "message": "down"})
            elif (twin := self.backend.twin_of(body)) and not body.get("force"):
                fields = {"number": twin["number"], "stage_text": "已登记"}
                self._send(409, {"code": "complaint_probably_known", "message": "", "fields": fields})
            else:
                self._send(201, self.backend.complaint(body))
        elif path == "/api/bot/complaints/lookup":
            self.backend.lookups += 1
            row = rows.get(body["number"])
            if row and row["contact"].endswith(body["last4"]):
                row["found_by"] = body["conversation_id"]
                self._send(200, self.backend.shape(row))
            else:
                self._send(404, {"code": "complaint_not_found", "message": ""})
        elif path.endswith("/urge"):
            number = path.split("/")[-2]
            self.backend.urged.append(number)
            self._send(200, self.backend.shape(rows[number]))
        elif path.endswith("/withdraw"):
            self._send(*self.backend.withdraw(path.split("/")[-2], body))
        elif path.endswith("/supplement"):
            number = path.split("/")[-2]
            self.backend.supplements.append((number, body["text"]))
            self._send(200, self.backend.shape(rows[number]))
        else:
            self._send(404, {"code": "not_found", "message": ""})
