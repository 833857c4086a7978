"""A lifecycle is a table: (state, action) → next state, with a guard.

Whatever is not in it is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from backend.kernel.errors import Conflict, ZhikeError

S = TypeVar("S", bound=StrEnum)
A = TypeVar("A", bound=StrEnum)

# A guard looks at the facts of the case and either says yes or no, or raises its own coded error.
Guard = Callable[..., bool | None]


@dataclass(frozen=True, slots=True)
class Move(Generic[S]):  # noqa: UP046
    """One row's right side. `guard(**facts)` refuses by returning False or by raising a ZhikeError."""

    to: S
    guard: Guard | None = None


class Lifecycle(Generic[S, A]):  # noqa: UP046
    """The table of one noun. `state_names` and `action_names` give the Chinese words for error messages."""

    def __init__(
        self,
        table: Mapping[tuple[S, A], S | Move[S]],
        state_names: Mapping[S, str] | None = None,
        action_names: Mapping[A, str] | None = None,
    ) -> None:
        self._table = {key: to if isinstance(to, Move) else Move(to) for key, to in table.items()}
        self._state_names = dict(state_names or {})
        self._action_names = dict(action_names or {})

    def next(self, state: S, action: A, **facts: object) -> S:
        """The state after `action`.

        Raises Conflict: `move_not_allowed` (not in the table), `move_refused` (guard).
        """
        move = self._table.get((state, action))
        if move is None:
            raise Conflict("move_not_allowed", self._refusal(state, action))
        if move.guard is not None and move.guard(**facts) is False:
            raise Conflict("move_refused", f"{self._refusal(state, action)}条件还不满足，请核对后再试。")
        return move.to

    def allows(self, state: S, action: A, **facts: object) -> bool:
        """Whether `next` would succeed; for showing or hiding a button."""
        try:
            self.next(state, action, **facts)
        except ZhikeError:
            return False
        return True

    def actions(self, state: S) -> list[A]:
        """The actions that the table knows in this state, in its order, guards not asked."""
        return [action for (from_state, action) in self._table if from_state == state]

    def reachable(self, start: S) -> set[S]:
        """Every state that can be reached, `start` included."""
        seen, todo = {start}, [start]
        while todo:
            here = todo.pop()
            fresh = {move.to for (state, _), move in self._table.items() if state == here} - seen
            seen |= fresh
            todo.extend(fresh)
        return seen

    def final_states(self, states: Iterable[S]) -> set[S]:
        """States that nothing leads out of."""
        return {state for state in states if not self.actions(state)}

    def _refusal(self, state: S, action: A) -> str:
        state_zh = self._state_names.get(state, str(state))
        action_zh = self._action_names.get(action, str(action))
        return f"当前是“{state_zh}”，不能“{action_zh}”。请刷新页面，按最新状态操作。"
