"""One saving inside Rasa 3.6.21, which is pinned: the check of an action's answer, made once instead of every time.

Rasa builds the JSON schema anew and proves the schema itself valid on every action call, about 7 ms of a message's
cost. The schema never changes; the answers are checked as strictly as before.
"""

from __future__ import annotations

from typing import Any, Dict


def check_schema_once() -> None:
    """Give RemoteAction a validator that was built and proved once. Raises AttributeError on another Rasa."""
    from jsonschema.validators import validator_for
    from rasa.core.actions.action import RemoteAction

    schema = RemoteAction.action_response_format_spec()
    kind = validator_for(schema)
    kind.check_schema(schema)
    validator = kind(schema)

    def validated(self: RemoteAction, result: Dict[str, Any]) -> bool:
        validator.validate(result)
        return True

    # Named, so that another version that lost the method stops the start instead of silently going unchecked.
    _ = RemoteAction._validate_action_result
    RemoteAction._validate_action_result = validated  # type: ignore[method-assign]
