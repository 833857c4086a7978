"""A message goes up only as many steps as it needs: an easy sentence never pays for the slow encoder (decision 0017)."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Sequence

import numpy as np
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message

#: Message attribute: an earlier classifier was sure enough, the later steps leave the message alone.
SETTLED = "zh_settled"
#: Message attribute: what the first look said, as logarithms of probabilities.
FIRST_LOOK = "zh_first_look"


def is_settled(message: Message) -> bool:
    return bool(message.get(SETTLED))


def settle(message: Message) -> None:
    message.set(SETTLED, True)


def first_look(message: Message) -> Optional[np.ndarray]:
    found: Optional[np.ndarray] = message.get(FIRST_LOOK)
    return found


def remember_look(message: Message, logs: np.ndarray) -> None:
    if message.get(FIRST_LOOK) is None:
        message.set(FIRST_LOOK, logs)


def blended(logs: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """Log-probabilities of two opinions, mixed and made whole again along the last axis."""
    return _whole((1 - share) * logs + share * other)


def _whole(logs: np.ndarray) -> np.ndarray:
    top = logs.max(axis=-1, keepdims=True)
    result: np.ndarray = logs - top - np.log(np.exp(logs - top).sum(axis=-1, keepdims=True))
    return result


def mixed(
    given: Mapping[str, Any], logs: np.ndarray, first: Optional[np.ndarray], near: Optional[np.ndarray]
) -> np.ndarray:
    """A look's opinion with the first look's and the neighbours' mixed in, by the shares in its settings.

    A mixture of opinions that differ is less sure than it may be; the temperature makes it mean what it says.
    """
    if first is not None and given["first_share"]:
        logs = blended(logs, first, given["first_share"])
    if near is not None:
        logs = blended(logs, near, given["neighbour_share"])
    return _whole(logs / given["temperature"])


def sure_enough(
    chances: Sequence[float], classes: Sequence[str], settle_lead: float, watch: Sequence[str], watch_below: float
) -> bool:
    """The best intent leads by enough, and none of those that must not be missed or cried in vain is in question.

    The lead says more than the best one's probability: at the same share of settled messages fewer are wrong.
    """
    second, best = np.partition(chances, -2)[-2:] if len(chances) > 1 else (0.0, chances[0])
    if best - second < settle_lead:
        return False
    return all(chance < watch_below for chance, name in zip(chances, classes, strict=True) if name in watch)


def features_of(message: Message, featurizers: Sequence[str]) -> List[Features]:
    """The text's features in the order named; without names all of them, in the pipeline's order."""
    found = [one for one in message.features if one.attribute == TEXT]
    if not featurizers:
        return found
    by_origin = {one.origin: one for one in found}
    return [by_origin[name] for name in featurizers if name in by_origin]
