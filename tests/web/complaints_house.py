"""The whole application on a migrated database with the story of the mock pages in it: no bot, no worker."""

import hashlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from backend.complaints import proofs
from backend.complaints import service as complaints
from backend.complaints.tables import Complaint
from backend.deadlines import service as deadlines
from backend.infra.work import Works
from backend.kernel.actors import BOT, SYSTEM
from backend.kernel.clock import shanghai_instant, utc_now
from backend.kernel.ids import new_token
from backend.main import create_app
from backend.people.tables import SignIn
from backend.settings import settings
from backend.web import deps
from tests.builders import a_conversation, a_customer
from tests.cast import NOW, hire

NUMBER = "TS20260924-0001"  # of the first complaint that is filed
FILED = shanghai_instant(2026, 9, 24, 10, 12)
REGIMES = """
regimes:
  - key: house_default
    title: 零售投诉时限
    version: 3
    source: 2026 年放假通知（国办）
    valid_from: 2026-01-01
    rules:
      - {stage: acknowledge, amount: 1, unit: minutes, start: filed}
      - {stage: first_person, amount: 1, unit: working_days, end_time: "18:00", start: filed}
      - {stage: decide, amount: 5, unit: working_days, end_time: "18:00", start: filed}
      - {stage: promise, amount: 7, unit: working_days, end_time: "18:00", start: filed}
"""


class House:
    """The application and its database; routes see ``now`` as the mock pages do."""

    def __init__(self, template: Path, folder: Path) -> None:
        path = folder / "zhike.db"
        shutil.copy(template, path)
        config = replace(settings(), database_url=f"sqlite:///{path}", run_worker=False)
        self.app = create_app(config)
        self.app.dependency_overrides[deps.now] = lambda: NOW
        self.works: Works = self.app.state.works
        (folder / "regimes.yml").write_text(REGIMES, encoding="utf-8")
        with self.works.begin(SYSTEM, NOW) as work:
            hire(work)
            deadlines.seed(work, folder)

    def close(self) -> None:
        self.works.engine.dispose()

    def client(self) -> TestClient:
        """A browser. Redirects are looked at, not followed."""
        return TestClient(self.app, follow_redirects=False, headers={"accept": "text/html"})

    def sign_in(self, client: TestClient, staff_id: str) -> str:
        """Sign a member of the cast in; gives the page forms' CSRF token."""
        token, csrf = new_token(), new_token()
        row = SignIn(
            token_hash=hashlib.sha256(token.encode()).hexdigest(),
            staff_id=staff_id,
            kind="page",
            csrf=csrf,
            created_at=utc_now(),
            expires_at=utc_now() + timedelta(hours=1),
        )
        with self.works.begin(SYSTEM) as work:
            work.session.add(row)
        client.cookies.set(deps.SESSION_COOKIE, token)
        return csrf

    def filed(self, **changed: Any) -> Complaint:
        given = {
            "idempotency_key": "key-1",
            "description": "桌板开裂，换货取件两次没来",
            "remedy": "换一张完好的桌板，说清取件为何没来",
            "order_no": "HM260917-3382",
            "contact": "13812346027",
        } | changed
        with self.works.begin(BOT, FILED) as work:
            customer = a_customer(work, name="陈雨薇")
            conversation = a_conversation(work, customer)
            return complaints.file(
                work, customer_id=customer.id, conversation_id=conversation.id, channel="web", **given
            )


def hidden_csrf(html: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found, "no form token on the page"
    return found[1]


# --- fixtures, taken over by the modules that need them ------------------------------------------------


def house_on(database: str) -> Any:
    """The fixture `house`: the application on a copy of ``packed_sqlite`` or ``migrated_sqlite``."""
    @pytest.fixture
    def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
        own = House(request.getfixturevalue(database), tmp_path)
        yield own
        own.close()

    return house


@pytest.fixture
def complaint(house: House) -> Complaint:
    return house.filed()


@pytest.fixture
def link(complaint: Complaint) -> str:
    """The customer's own address of the receipt."""
    return proofs.receipt_url(complaint.id)


@pytest.fixture
def lin_jia(house: House) -> TestClient:
    """林佳 at her browser."""
    client = house.client()
    house.sign_in(client, "linjia")
    return client
