"""A visitor of the website, without a browser."""

from typing import Any

from starlette.testclient import TestClient

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64


class Visitor:
    """A customer's browser, as far as HTTP goes."""

    def __init__(self, client: TestClient, ref: str = "visitor-1") -> None:
        self.client = client
        opened = client.post("/api/chat/sessions", json={"channel": "web", "customer": {"ref": ref}})
        assert opened.status_code == 201
        self.id, self.token = opened.json()["conversation_id"], opened.json()["token"]
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def send(self, text: str, client_id: str = "c1", **more: Any) -> Any:
        return self.client.post(f"/api/chat/{self.id}/messages", headers=self.headers,
                                json={"client_id": client_id, "text": text, **more})

    def read(self, after: int = 0, wait: float = 0) -> Any:
        return self.client.get(f"/api/chat/{self.id}/messages", headers=self.headers,
                               params={"after": after, "wait": wait}).json()

    def wait_for(self, sender: str, after: int = 0) -> dict[str, Any]:
        for _ in range(40):
            for message in self.read(after, wait=0.5)["messages"]:
                if message["from"] == sender:
                    return message
        raise AssertionError(f"no message from {sender}")
