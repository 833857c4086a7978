"""Questions gathered by likeness. Pure: vectors in, groups out; the same input always gives the same groups.

New questions first join the cluster whose name is near enough. What is left is grouped among itself around the
densest question, again and again, as Butina (J. Chem. Inf. Comput. Sci. 39, 1999) clusters molecules: no number of
groups to guess, no dependence on the order, and the question in the middle is the group's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

type Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]
type Vector = np.ndarray[tuple[int], np.dtype[np.float32]]

# Cosine from which two questions ask the same thing, after `centred`. With e5-small, ways of asking one thing lie
# between 0.50 and 0.97 of each other, questions of different things below 0.40 (before centring: above and below 0.91,
# too close together to tell apart).
NEAR = 0.50

ENOUGH = 20  # sentences that make a background


@dataclass(frozen=True)
class Group:
    """Positions of the questions in one group; ``centre`` is the one nearest to its middle."""

    members: tuple[int, ...]
    centre: int


def centred(vectors: Sequence[Sequence[float]], background: Sequence[Sequence[float]] = ()) -> Vectors:
    """Rows of unit length, seen from the middle of ``background``; an empty vector stays empty.

    Sentence encoders put everything of one language and trade into one narrow cone. What all sentences share tells
    nothing: it is taken away first. A handful of sentences would be their own middle, not the trade's.
    """
    rows = _unit(vectors)
    if len(background) >= ENOUGH and len(rows):
        rows = rows - _unit(background).mean(axis=0)
    return _unit(rows)


def _unit(vectors: Sequence[Sequence[float]] | Vectors) -> Vectors:
    rows = np.asarray(vectors, dtype=np.float32).reshape(len(vectors), len(vectors[0]) if len(vectors) else 0)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)


def join(vectors: Vectors, standing: Mapping[str, Vector], near: float = NEAR) -> dict[int, str]:
    """Which question joins which standing cluster: the nearest one, if it is near enough."""
    if not standing or not len(vectors):
        return {}
    names = list(standing)
    likeness = vectors @ np.stack([standing[name] for name in names]).T
    best = likeness.argmax(axis=1)
    return {row: names[best[row]] for row in range(len(vectors)) if likeness[row, best[row]] >= near}


def group(vectors: Vectors, near: float = NEAR) -> list[Group]:
    """All questions in groups, the largest first; a question that is like no other is a group of its own."""
    if not len(vectors):
        return []
    close = (vectors @ vectors.T) >= near
    np.fill_diagonal(close, True)
    free = np.ones(len(vectors), dtype=bool)
    groups = []
    while free.any():
        counts = np.where(free, (close & free).sum(axis=1), -1)
        middle = int(counts.argmax())  # the first of equals: the order of the input breaks ties
        members = np.flatnonzero(close[middle] & free)
        free[members] = False
        groups.append(Group(tuple(int(one) for one in members), int(members[central(vectors[members])])))
    return sorted(groups, key=lambda one: (-len(one.members), one.members[0]))


def central(vectors: Vectors) -> int:
    """The row nearest to the middle of them all."""
    return int((vectors @ vectors.mean(axis=0)).argmax())


def mergers(standing: Mapping[str, Vector], counts: Mapping[str, int], near: float = NEAR) -> list[tuple[str, str]]:
    """Clusters that have grown into one: (the smaller, the larger that takes it over). Each appears once as smaller."""
    names = sorted(standing, key=lambda name: (-counts[name], name))
    if len(names) < 2:
        return []
    rows = np.stack([standing[name] for name in names])
    close = (rows @ rows.T) >= near
    taken: set[int] = set()
    found = []
    for large in range(len(names)):
        if large in taken:
            continue
        for small in range(large + 1, len(names)):
            if small not in taken and close[large, small]:
                taken.add(small)
                found.append((names[small], names[large]))
    return found
