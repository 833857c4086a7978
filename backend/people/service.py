"""Staff accounts, sign-in and the limits on trying."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import yaml
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from sqlmodel import Session

from backend.infra.db import blind_index
from backend.infra.work import Work, Works
from backend.kernel.actors import SYSTEM, Actor, Role, staff_actor
from backend.kernel.clock import utc_now
from backend.kernel.contacts import parse_contact
from backend.kernel.errors import Conflict, Invalid, NotFound, TooMany, Unauthorised
from backend.kernel.ids import new_id, new_token
from backend.people import rules, store
from backend.people.tables import Attempt, SignIn, Staff, StaffRole
from backend.settings import settings
from backend.web.deps import SignedIn


@lru_cache(maxsize=1)
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()  # argon2id


@lru_cache(maxsize=1)
def _decoy() -> str:
    return _hasher().hash(secrets.token_hex(8))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# --- accounts -----------------------------------------------------------------------------------


def add(work: Work, username: str, display_name: str, roles: list[str], password: str,
        skill_groups: str = "", staff_id: str | None = None, languages: str = "zh", mail: str = "") -> Staff:
    """Put a person on the payroll. Raises Conflict (``username_taken``), Invalid."""
    username = username.strip().lower()
    known = {role.value for role in Role}
    if unknown := [role for role in roles if role not in known]:
        raise Invalid("unknown_role", f"没有「{unknown[0]}」这个角色，可选：{'、'.join(sorted(known))}。")
    if store.by_username(work.session, username):
        raise Conflict("username_taken", f"登录名「{username}」已经有人用了，请换一个。")
    rules.check_password(password, username)
    staff = Staff(id=staff_id or new_id(), username=username, display_name=display_name,
                  password_hash=_hasher().hash(password), skill_groups=skill_groups,
                  languages=languages, mail=_address(mail), created_at=work.now)
    work.session.add(staff)
    work.flush()
    for role in roles:
        work.session.add(StaffRole(staff_id=staff.id, role=role))
    work.journal("staff_added", "staff", staff.id, username=username, roles=roles)
    return staff


def _address(mail: str) -> str | None:
    """Raises Invalid (``bad_mail``)."""
    if not mail.strip():
        return None
    try:
        kind, address = parse_contact(mail)
    except Invalid:
        kind, address = "phone", ""
    if kind != "email" or address.lower() != mail.strip().lower():
        raise Invalid("bad_mail", "这不是一个邮箱地址，应像 lin@example.com。", fields={"mail": "写不对"})
    return address


def set_mail(work: Work, username: str, mail: str) -> Staff:
    """Where this person's letters go; empty: none are sent. Raises NotFound, Invalid (``bad_mail``)."""
    staff = store.by_username(work.session, username)
    if staff is None:
        raise NotFound("staff_not_found", f"没有登录名是「{username}」的同事。")
    staff.mail = _address(mail)
    work.session.add(staff)
    work.journal("mail_changed", "staff", staff.id, given=staff.mail is not None)
    return staff


def mail_of(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Addresses of those who are here and have one, by id."""
    found = staff_by_ids(session, ids)
    return {one: found[one].mail or "" for one in ids if one in found and found[one].active and found[one].mail}


def set_password(work: Work, username: str, password: str) -> None:
    """Change a password and end every sign-in made with the old one."""
    staff = store.by_username(work.session, username)
    if staff is None:
        raise NotFound("staff_not_found", f"没有登录名是「{username}」的同事。")
    rules.check_password(password, staff.username)
    staff.password_hash = _hasher().hash(password)
    work.session.add(staff)
    for row in store.sign_ins_of(work.session, staff.id):
        work.session.delete(row)
    work.journal("password_changed", "staff", staff.id)


def staff_name(session: Session, staff_id: str | None) -> str:
    """The name shown to others; ids that are not people (system, pack) read as 系统."""
    # Kept for the session, which is one request: a thread names the same few people again and again.
    names: dict[str, str] = session.info.setdefault("staff_names", {})
    if (staff_id or "") not in names:
        staff = store.by_id(session, staff_id) if staff_id else None
        names[staff_id or ""] = staff.display_name if staff else "系统"
    return names[staff_id or ""]


def staff_by_id(session: Session, staff_id: str) -> Staff | None:
    return store.by_id(session, staff_id)


def staff_by_ids(session: Session, ids: Collection[str]) -> dict[str, Staff]:
    """Several people in one query; unknown ids are left out."""
    return {one.id: one for one in store.by_ids(session, ids)} if ids else {}


def staff_in_group(session: Session, group: str) -> list[Staff]:
    """Active people who serve a skill group."""
    return [one for one in store.everybody(session) if one.active and group in one.skill_groups.split(",")]


def everybody(session: Session) -> list[tuple[Staff, list[str]]]:
    return [(one, store.roles(session, one.id)) for one in store.everybody(session)]


def actor_of(session: Session, staff: Staff) -> Actor:
    return staff_actor(staff.id, staff.display_name, store.roles(session, staff.id))


# --- limited tries ------------------------------------------------------------------------------


def count_attempt(work: Work, purpose: str, subject: str) -> None:
    """Note one try. ``subject`` (an account, an address, a conversation) is kept as a blind index only."""
    work.session.add(Attempt(id=new_id(), purpose=purpose, subject=blind_index(purpose, subject), at=work.now))


def attempts(work: Work, purpose: str, subject: str, window: timedelta) -> int:
    """How many tries were noted within ``window`` before now."""
    return store.attempts(work.session, purpose, blind_index(purpose, subject), work.now - window)


# --- signing in ---------------------------------------------------------------------------------


def sign_in(works: Works, username: str, password: str, address: str, kind: str,
            now: datetime | None = None) -> tuple[str, SignedIn]:
    """Check name and password; gives the token (shown once) and who it is.

    The failed try is committed in a transaction of its own, so that the refusal does not roll it back.
    Raises TooMany (``too_many_tries``), Unauthorised (``bad_credentials``).
    """
    now = now or utc_now()
    username = username.strip().lower()
    with works.read(SYSTEM, now) as work:
        if (attempts(work, "sign_in_account", username, rules.WINDOW) >= rules.TRIES_PER_ACCOUNT
                or attempts(work, "sign_in_address", address, rules.WINDOW) >= rules.TRIES_PER_ADDRESS):
            raise TooMany("too_many_tries", "试的次数太多了，请 15 分钟后再试，或请管理员重设密码。",
                          retry_after=int(rules.WINDOW.total_seconds()))
        staff = store.by_username(work.session, username)
        # An unknown name costs the same time as a wrong password, so that names cannot be guessed by the clock.
        good = _verify(password, staff.password_hash if staff else _decoy())
        actor = actor_of(work.session, staff) if staff else None
    if not (staff and staff.active and good and actor):
        with works.begin(SYSTEM, now) as work:
            count_attempt(work, "sign_in_account", username)
            count_attempt(work, "sign_in_address", address)
        raise Unauthorised("bad_credentials", "登录名或密码不对，请再核对一下。")
    token = new_token()
    row = SignIn(token_hash=_hash(token), staff_id=staff.id, kind=kind, csrf=new_token(), created_at=now,
                 expires_at=now + timedelta(hours=settings().session_hours))
    with works.begin(actor, now) as work:
        store.drop_expired(work.session, now)
        work.session.add(row)
        work.journal("signed_in", "staff", staff.id, kind=kind)
    return token, SignedIn(actor=actor, kind=kind, csrf=row.csrf, expires_at=row.expires_at)


def _verify(password: str, stored: str) -> bool:
    try:
        return _hasher().verify(password, stored)
    except UnknownHashError:  # an account without a usable password ("!"): nothing fits
        return False


def identify(works: Works, token: str, kind: str, now: datetime | None = None) -> SignedIn | None:
    """Who holds this token now; None when it is unknown, of the other kind, expired, or the person has left."""
    now = now or utc_now()
    with works.read(SYSTEM, now) as work:
        row = store.sign_in(work.session, _hash(token))
        if row is None or row.kind != kind or row.expires_at <= now:
            return None
        staff = store.by_id(work.session, row.staff_id)
        if staff is None or not staff.active:
            return None
        return SignedIn(actor=actor_of(work.session, staff), kind=kind, csrf=row.csrf, expires_at=row.expires_at)


def sign_out(work: Work, token: str) -> None:
    """End one sign-in; harmless when it has ended already."""
    row = store.sign_in(work.session, _hash(token))
    if row is not None:
        work.session.delete(row)
        work.journal("signed_out", "staff", row.staff_id)


# --- the pack's demo staff ----------------------------------------------------------------------


def seed(work: Work, pack_dir: Path, demo_password: str) -> list[str]:
    """Add the pack's people who are not there yet; returns their usernames. Never changes an existing account."""
    added = []
    for person in yaml.safe_load((pack_dir / "staff.yml").read_text(encoding="utf-8"))["staff"]:
        if store.by_username(work.session, person["username"]):
            continue
        add(work, person["username"], person["name"], person["roles"], demo_password,
            ",".join(person.get("skill_groups", [])), staff_id=person["username"],
            languages=",".join(person.get("languages", ["zh"])), mail=str(person.get("mail") or ""))
        added.append(person["username"])
    return added
