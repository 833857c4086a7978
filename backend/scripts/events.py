"""What happened to approved phrasings."""

from dataclasses import dataclass

from backend.kernel.events import Fact


@dataclass(frozen=True, kw_only=True)
class ScriptPublished(Fact):
    """A version has taken effect: on approval, on its from-date or by a rollback."""

    key: str
    version_id: str
    revision: int


@dataclass(frozen=True, kw_only=True)
class ScriptWithdrawn(Fact):
    """An effective version is no longer said and nothing took its place (``reason``: withdrawn or expired)."""

    key: str
    version_id: str
    revision: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class ScriptMissing(Fact):
    """Somebody wanted to say ``key`` and there were no approved words for it; the fallback was said instead.

    ``reason``: ``not_effective`` (no version in force), ``variable_missing`` (the caller did not know a value
    that the words need), ``altered`` (the stored text is not the text that was approved).
    """

    key: str
    reason: str = "not_effective"
    detail: str = ""
