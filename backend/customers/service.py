"""Use cases of customers: recognised, reachable, shown masked."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from backend.customers import rules, store
from backend.customers.orders import DemoOrderBook, Order, OrderBook
from backend.customers.tables import Customer, CustomerNote
from backend.infra.db import blind_index
from backend.infra.work import Work
from backend.kernel.actors import Permission
from backend.kernel.clock import shanghai_date, zh_datetime
from backend.kernel.contacts import parse_contact, parse_order_no
from backend.kernel.errors import Invalid, NotFound
from backend.kernel.ids import new_id
from backend.kernel.masking import mask_contact
from backend.people import service as people
from backend.settings import settings

__all__ = [
    "Customer",
    "Order",
    "OrderBook",
    "add_note",
    "card",
    "find_order",
    "get",
    "name_of",
    "names_of",
    "order_book",
    "recognise",
    "remember_contact",
    "reveal_contact",
]

MOST_NAME = 40
MOST_NOTE = 1000


def recognise(
    work: Work, channel: str, ref: str, name: str | None = None, *, signed_by: str | None = None
) -> Customer:
    """The customer whom the channel calls ``ref``, new or known; a return after a pause counts as a visit.

    The reference is kept as a blind index only. Two first messages at once give one customer. ``signed_by``: the
    site that vouched for the reference. What a site signed and what a browser made up never meet, even where
    the letters are the same.
    """
    ref_index = blind_index(f"customer_ref:{channel}:signed:{signed_by}" if signed_by else f"customer_ref:{channel}", ref)
    shown = (name or "").strip()[:MOST_NAME] or None
    known = store.by_ref(work.session, channel, ref_index)
    if known is None:
        fresh = Customer(
            id=new_id(),
            channel=channel,
            ref_index=ref_index,
            name=shown,
            signed_by=signed_by,
            visits=1,
            created_at=work.now,
            last_seen_at=work.now,
        )
        try:
            with work.session.begin_nested():
                work.session.add(fresh)
                work.flush()
            return fresh
        except IntegrityError:
            known = store.by_ref(work.session, channel, ref_index)
            if known is None:
                raise
    if rules.is_new_visit(known.last_seen_at, work.now):
        known.visits += 1
    known.last_seen_at = max(known.last_seen_at, work.now)
    known.name = shown or known.name
    work.session.add(known)
    return known


def get(session: Session, customer_id: str) -> Customer:
    """Raises NotFound (``customer_not_found``)."""
    found = store.by_id(session, customer_id)
    if found is None:
        raise NotFound("customer_not_found", "没有找到这位客户，请核对后再试。")
    return found


def name_of(session: Session, customer_id: str) -> str:
    """As pages call them: the name told, else 访客 and a mark."""
    found = store.by_id(session, customer_id)
    return rules.display_name(found.name if found else None, customer_id)


def names_of(session: Session, customer_ids: Collection[str]) -> dict[str, str]:
    """Many at once, in one query."""
    found = {one.id: one.name for one in store.by_ids(session, customer_ids)}
    return {one: rules.display_name(found.get(one), one) for one in customer_ids}


def remember_contact(work: Work, customer_id: str, contact: str) -> Customer:
    """Keep how to reach them, in its normal form, encrypted. Raises Invalid (``bad_contact``), NotFound."""
    customer = get(work.session, customer_id)
    _, value = parse_contact(contact)
    customer.contact = value
    # E-mail names are compared without case: two spellings of one mailbox are one customer.
    customer.contact_index = blind_index("contact", value.lower())
    work.session.add(customer)
    return customer


def reveal_contact(work: Work, customer_id: str, why: str) -> str | None:
    """The whole number or address, for somebody who has to call; every use is journalled with its reason."""
    work.actor.require(Permission.CUSTOMER_REVEAL)
    customer = get(work.session, customer_id)
    work.journal("contact_revealed", "customer", customer_id, why=why[:200])
    return customer.contact


def add_note(work: Work, customer_id: str, text: str) -> CustomerNote:
    """What colleagues should know. Raises Invalid (``note_empty``, ``note_too_long``)."""
    work.actor.require(Permission.CUSTOMER_READ)
    get(work.session, customer_id)
    words = text.strip()
    if not words:
        raise Invalid("note_empty", "备注还是空的，写一句再保存。", fields={"text": "写一句再保存"})
    if len(words) > MOST_NOTE:
        raise Invalid(
            "note_too_long", f"备注最多 {MOST_NOTE} 个字。", fields={"text": f"最多 {MOST_NOTE} 个字"}
        )
    note = CustomerNote(id=new_id(), customer_id=customer_id, staff_id=work.actor.id, text=words, at=work.now)
    work.session.add(note)
    work.journal("customer_note_added", "customer", customer_id)
    return note


def card(session: Session, customer_id: str, now: datetime | None = None) -> dict[str, Any]:
    """What staff see beside a conversation: identity masked, visits, notes, newest first."""
    customer = get(session, customer_id)
    return {
        "id": customer.id,
        "name": rules.display_name(customer.name, customer.id),
        "channel": customer.channel,
        "channel_text": rules.channel_name(customer.channel),
        "contact_masked": _masked(customer.contact),
        "signed": customer.signed_by is not None,
        "visits": customer.visits,
        "first_seen_at": customer.created_at,
        "last_seen_at": customer.last_seen_at,
        "also_on": [
            rules.channel_name(other.channel)
            for other in (store.by_contact(session, customer.contact_index) if customer.contact_index else [])
            if other.id != customer.id
        ],
        "notes": [
            {
                "text": note.text,
                "who": people.staff_name(session, note.staff_id),
                "at": note.at,
                "at_text": zh_datetime(note.at, now),
            }
            for note in store.notes(session, customer_id)
        ],
    }


def _masked(contact: str | None) -> str | None:
    return mask_contact("email" if "@" in contact else "phone", contact) if contact else None


def order_book() -> OrderBook:
    """The order system of this installation: the pack's demo book until a real one is connected."""
    return DemoOrderBook(settings().pack_dir / "orders.yml")


def find_order(order_no: str, now: datetime) -> Order:
    """An order's state. Raises Invalid (``bad_order_no``), NotFound (``order_not_found``)."""
    normal = parse_order_no(order_no)
    found = order_book().find(normal, shanghai_date(now))
    if found is None:
        raise NotFound("order_not_found", f"没有查到订单 {normal}，请核对后再试。")
    return found
