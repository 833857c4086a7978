"""The table: fact → reactions. Every "when this happened, then that" of the house stands here and nowhere else.

Reactions run inside the transaction that recorded the fact.
"""

from backend.infra.work import Reactions

REACTIONS: Reactions = {}
