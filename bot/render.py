"""Filling a script's {variables}. Pure; the gateway renders the words the customer sees the same way."""

from __future__ import annotations

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\{([a-z_]{1,40})\}")


def render(text: str, values: Mapping[str, str]) -> str:
    """Replace known names; an unknown one becomes nothing rather than a brace on the screen."""
    return _VARIABLE.sub(lambda match: str(values.get(match.group(1)) or ""), text)


def wanted(text: str) -> list[str]:
    """Names a text asks for, in order."""
    return list(dict.fromkeys(_VARIABLE.findall(text)))
