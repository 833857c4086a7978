"""The sole reader of the environment.

Every value has a working default, so that a fresh clone starts without a file to fill in. Secrets are drawn
once, on first start, into ``<var>/secrets.json`` (mode 600) and never stand in the repository.
"""

import base64
import json
import os
import secrets
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Secrets:
    """Keys of this installation, base64url text; losing ``column_key`` loses every encrypted column."""

    column_key: str  # 32 bytes, AES-256-GCM for personal data at rest
    index_key: str  # 32 bytes, HMAC key of blind indexes (look-up of encrypted values)
    bot_secret: str  # shared by backend, bot and actions on the loopback interface

    @staticmethod
    def load(path: Path) -> "Secrets":
        """Read the secrets, drawing them first when the file is not there yet."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            drawn = {name: _draw() for name in ("column_key", "index_key", "bot_secret")}
            # O_EXCL: of two programs starting at once, one writes and the other reads.
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                pass
            else:
                with os.fdopen(handle, "w") as file:
                    json.dump(drawn, file)
        return Secrets(**json.loads(path.read_text()))


def _draw() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True)
class Settings:
    """What this installation is told from outside. Durations are seconds."""

    var_dir: Path
    database_url: str
    port: int = 8000
    bot_port: int = 5005
    actions_port: int = 5055
    pack: str = "retail"
    secure_cookies: bool = False
    demo_password: str | None = None
    log_level: str = "INFO"
    run_worker: bool = True
    bot_timeout: float = 15.0
    session_hours: int = 12
    chat_per_minute: int = 30
    chats_opened_per_hour: int = 60
    # Letters: smtps://host:465 (TLS from the start) or smtp://host:587 (STARTTLS; plain only to this machine).
    smtp_url: str | None = None
    smtp_user: str | None = None
    smtp_password: str | None = field(default=None, repr=False)
    mail_from: str | None = None
    # Where staff reach this house, for links in letters; behind a proxy it cannot know by itself.
    public_url: str | None = None
    secrets: Secrets = field(repr=False, kw_only=True)

    @property
    def bot_url(self) -> str:
        return f"http://127.0.0.1:{self.bot_port}"

    @property
    def address(self) -> str:
        """Scheme, host and port ahead of a path, without a slash at the end."""
        return (self.public_url or f"http://127.0.0.1:{self.port}").rstrip("/")

    @property
    def pack_dir(self) -> Path:
        """The organisation's pack: a name under ``data/packs``, or a folder of one's own."""
        return Path(self.pack) if "/" in self.pack else ROOT / "data" / "packs" / self.pack

    @property
    def journal_anchor(self) -> Path:
        """How far the journal's chain reached, apart from the database."""
        return self.var_dir / "journal-anchor.json"

    @property
    def files_dir(self) -> Path:
        return self.var_dir / "files"


def read_environment() -> Settings:
    """Settings as the environment has them now."""
    env = os.environ
    var_dir = Path(env.get("VAR_DIR") or ROOT / "var").resolve()
    var_dir.mkdir(parents=True, exist_ok=True)
    return Settings(
        var_dir=var_dir,
        database_url=env.get("DATABASE_URL") or f"sqlite:///{var_dir / 'zhike.db'}",
        port=int(env.get("PORT", "8000")),
        bot_port=int(env.get("BOT_PORT", "5005")),
        actions_port=int(env.get("ACTIONS_PORT", "5055")),
        pack=env.get("ZHIKE_PACK", "retail"),
        secure_cookies=env.get("ZHIKE_SECURE_COOKIES", "") == "1",
        demo_password=env.get("ZHIKE_DEMO_PASSWORD") or None,
        log_level=env.get("ZHIKE_LOG_LEVEL", "INFO"),
        run_worker=env.get("ZHIKE_WORKER", "1") == "1",
        bot_timeout=float(env.get("ZHIKE_BOT_TIMEOUT", "15")),
        chat_per_minute=int(env.get("ZHIKE_CHAT_PER_MINUTE", "30")),
        chats_opened_per_hour=int(env.get("ZHIKE_CHATS_PER_HOUR", "60")),
        smtp_url=env.get("ZHIKE_SMTP_URL") or None,
        smtp_user=env.get("ZHIKE_SMTP_USER") or None,
        smtp_password=env.get("ZHIKE_SMTP_PASSWORD") or None,
        mail_from=env.get("ZHIKE_MAIL_FROM") or None,
        public_url=env.get("ZHIKE_PUBLIC_URL") or None,
        secrets=Secrets.load(var_dir / "secrets.json"),
    )


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once."""
    return read_environment()
