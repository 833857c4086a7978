"""Deprecation noise of frozen dependencies that nobody here can mend."""

from __future__ import annotations

import logging
import sys
import warnings


def quiet_warnings() -> None:
    """Rasa 3.6 is the last of its line: its libraries' deprecations are known and final."""
    import sanic.app  # noqa: F401  # switches deprecations on when imported, so it must come first

    for category in (DeprecationWarning, PendingDeprecationWarning):
        warnings.filterwarnings("ignore", category=category)
    warnings.filterwarnings("ignore", message=".*pkg_resources.*")
    try:
        from sqlalchemy.exc import MovedIn20Warning

        warnings.filterwarnings("ignore", category=MovedIn20Warning)
    except ImportError:
        pass


def without_jax() -> None:
    """TensorFlow imports jax for its converter only, which costs seconds at every start; it can do without."""
    sys.modules.setdefault("jax", None)  # type: ignore[arg-type]


def quiet_logs(level: int = logging.INFO) -> None:
    """Rasa's own command line does this; without it every rule lookup is printed."""
    from rasa.utils.common import configure_logging_and_warnings
    from rasa.utils.log_utils import configure_structlog

    configure_logging_and_warnings(level)
    configure_structlog(level)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("matplotlib").setLevel(logging.WARNING)
    quiet_warnings()
