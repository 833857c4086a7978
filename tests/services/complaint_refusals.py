"""What tests of cases share: a refusal by its code, and two small files."""

from typing import Any

import pytest

from backend.kernel.errors import ZhikeError

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64
PDF = b"%PDF-1.7 " + b"0" * 64


def refused(code: str, act: Any) -> ZhikeError:
    with pytest.raises(ZhikeError) as error:
        act()
    assert error.value.code == code
    return error.value
