"""The bot's settings: the only place of this process that reads the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODEL_NAME = "zhike.tar.gz"

#: TensorFlow and OpenMP grab every core unless told otherwise; one message needs one core, and OpenMP
#: threads that wait for a busy core make a sentence twice as slow.
THREADS = {
    "OMP_NUM_THREADS": "1",
    "TF_INTER_OP_PARALLELISM_THREADS": "1",
    "TF_INTRA_OP_PARALLELISM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "RASA_TELEMETRY_ENABLED": "false",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "SQLALCHEMY_WARN_20": "0",
}


@dataclass(frozen=True)
class Settings:
    """What the bot must know about its surroundings."""

    backend_url: str
    actions_url: str
    secret: str
    var_dir: Path
    models_dir: Path
    port: int
    pack: str
    scripts_max_age_seconds: float

    @property
    def pack_dir(self) -> Path:
        """The organisation's pack: a name under ``data/packs``, or a folder of one's own."""
        return Path(self.pack) if "/" in self.pack else ROOT / "data" / "packs" / self.pack

    @property
    def dictionary(self) -> Path:
        """The organisation's words for the tokenizer."""
        return ROOT / "data" / "dictionary.txt"

    @property
    def scripts_file(self) -> Path:
        """The copy of the approved scripts that survives a restart."""
        return self.var_dir / "bot" / "scripts.json"

    @property
    def tracker_file(self) -> Path:
        """Conversations in progress, so that a restart does not lose a half-filled form."""
        return self.var_dir / "bot" / "tracker.db"

    @property
    def cache_dir(self) -> Path:
        """Embeddings of training phrases and script questions (never of customers' words)."""
        return self.var_dir / "cache"

    @property
    def model(self) -> Path:
        return self.models_dir / MODEL_NAME


def load() -> Settings:
    """Read the environment, with defaults that fit a demo on one machine."""
    env = os.environ
    return Settings(
        backend_url=env.get("ZHIKE_BACKEND_URL", "http://127.0.0.1:8000").rstrip("/"),
        actions_url=env.get("ZHIKE_ACTIONS_URL", "http://127.0.0.1:5055/webhook"),
        secret=env.get("ZHIKE_BOT_SECRET", ""),
        var_dir=Path(env.get("ZHIKE_VAR_DIR", str(ROOT / "var"))).resolve(),
        models_dir=Path(env.get("ZHIKE_MODELS_DIR", str(ROOT / "models"))).resolve(),
        port=int(env.get("BOT_PORT", "5005")),
        pack=env.get("ZHIKE_PACK", "retail"),
        scripts_max_age_seconds=float(env.get("ZHIKE_SCRIPTS_MAX_AGE_HOURS", "24")) * 3600,
    )


def quiet_environment() -> None:
    """Set thread counts and switch telemetry off; must run before Rasa is imported."""
    for name, value in THREADS.items():
        os.environ.setdefault(name, value)
