"""Letters to staff by SMTP: left in the outbox with the deed that asks for them, sent by the worker.

A letter leaves the house, so phones, cards and addresses in it are masked. Each bears a Message-ID of its own, drawn
when it was left: sent twice (a worker died between sending and noting it), the mailbox sees that it is the same one.
Without a mail server, or with one that will not have us, letters are parked: kept, said so, tried after the next start.
"""

import ipaddress
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

from backend.infra import outbox
from backend.infra.outbox import Hopeless, Parked
from backend.infra.work import Work, Works
from backend.kernel.ids import new_id
from backend.kernel.masking import mask_text
from backend.settings import Settings

KIND = "mail"
# How long each step of the talk with the server may take. A talk longer than the outbox's lease may be held twice:
# then the same Message-ID comes twice.
WAIT = 10.0
PORTS = {"smtp": 587, "smtps": 465}
MOST_WORDS = 2_000

NOT_SET = "还没有配置发信。请管理员设置 ZHIKE_SMTP_URL 和 ZHIKE_MAIL_FROM，再重启。"
BAD_URL = "ZHIKE_SMTP_URL 写得不对，应像 smtps://smtp.example.com:465 或 smtp://smtp.example.com:587。请改好再重启。"
BAD_SENDER = "ZHIKE_MAIL_FROM 不是一个邮箱地址。请改好再重启。"
NOT_LET_IN = "邮件服务器不接受这个账号或密码。请核对 ZHIKE_SMTP_USER 和 ZHIKE_SMTP_PASSWORD，再重启。"
NOT_PRIVATE = "邮件服务器不支持加密连接，信没有发。请换用支持 TLS 的地址，再重启。"


def put(work: Work, to: str, subject: str, text: str, once: str | None = None) -> None:
    """Leave a letter that is sent once this transaction has committed. What identifies a person is masked.

    ``once`` names the news and who hears it: however often it is left, it is one letter.
    """
    outbox.put(work, KIND, {
        "to": to, "subject": " ".join(mask_text(subject).split())[:200], "text": mask_text(text)[:MOST_WORDS],
        "id": new_id(), "at": work.now.isoformat(),
    }, once=once)  # fmt: skip


@dataclass(frozen=True)
class Postbox:
    """Where letters are handed in. ``trouble`` says, for the administrator, why none can be."""

    host: str = ""
    port: int = 0
    secret_from_start: bool = False
    sender: str = ""
    user: str | None = None
    password: str | None = None
    trouble: str = ""

    def handle(self, _works: Works, payload: dict[str, Any]) -> None:
        """The outbox's handler. Raises Parked, Hopeless; anything else is tried again with patience."""
        if self.trouble:
            raise Parked(self.trouble)
        try:
            letter = _letter(payload, self.sender)
        except ValueError as error:
            raise Hopeless(f"收件地址写得不对：{mask_text(payload['to'])}") from error
        try:
            self._send(letter)
        except smtplib.SMTPAuthenticationError as error:
            if error.smtp_code >= 500:
                raise Parked(NOT_LET_IN) from error
            raise
        except smtplib.SMTPNotSupportedError as error:
            raise Parked(NOT_PRIVATE) from error
        except smtplib.SMTPRecipientsRefused as error:
            code, words = next(iter(error.recipients.values()))
            _judge(code, words, error)
        except smtplib.SMTPResponseException as error:
            _judge(error.smtp_code, error.smtp_error, error)

    def _send(self, letter: EmailMessage) -> None:
        context = ssl.create_default_context()
        server: smtplib.SMTP
        if self.secret_from_start:
            server = smtplib.SMTP_SSL(self.host, self.port, timeout=WAIT, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=WAIT)
        try:
            # A relay on this very machine may speak plainly; nothing else hears it.
            if not self.secret_from_start and not _is_here(self.host):
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password or "")
            server.send_message(letter)
            with suppress(smtplib.SMTPException, OSError):
                server.quit()  # handed in is handed in, however the good-bye goes
        finally:
            server.close()


def postbox(settings: Settings) -> Postbox:
    """By the settings: a working one, or one that says what is missing."""
    if not settings.smtp_url or not settings.mail_from:
        return Postbox(trouble=NOT_SET)
    try:
        parts = urlsplit(settings.smtp_url)
        port = parts.port or PORTS[parts.scheme]
    except (KeyError, ValueError):
        return Postbox(trouble=BAD_URL)
    if not parts.hostname:
        return Postbox(trouble=BAD_URL)
    try:
        _address(settings.mail_from)
    except ValueError:
        return Postbox(trouble=BAD_SENDER)
    return Postbox(parts.hostname, port, parts.scheme == "smtps", settings.mail_from, settings.smtp_user,
                   settings.smtp_password)


def _letter(payload: dict[str, Any], sender: str) -> EmailMessage:
    letter = EmailMessage(policy=SMTP)
    letter["From"] = _address(sender)
    letter["To"] = _address(payload["to"])
    letter["Subject"] = payload["subject"]
    letter["Date"] = format_datetime(datetime.fromisoformat(payload["at"]))
    letter["Message-ID"] = f"<{payload['id']}@{sender.rpartition('@')[2]}>"
    letter["Auto-Submitted"] = "auto-generated"  # no answering machine answers it
    letter.set_content(payload["text"] + "\n", charset="utf-8", cte="base64")
    return letter


def _address(text: str) -> Address:
    """Raises ValueError for what is no plain address."""
    name, at, host = text.strip().rpartition("@")
    if not (name and at and host and text.isascii()):
        raise ValueError("not an address")
    return Address(username=name, domain=host)


def _judge(code: int, words: bytes | str, error: Exception) -> None:
    """What the server says for good (5xx) is not asked again."""
    if code >= 500:
        said = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
        raise Hopeless(f"邮件服务器拒收（{code}）：{mask_text(said)[:120]}") from error
    raise error


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
