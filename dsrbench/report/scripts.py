"""JSON that stands inside a web page."""

from __future__ import annotations

import json
from typing import Any

from dsrbench.records import to_json


def script_json(value: Any) -> str:
    r"""JSON that may stand inside a `<script>` element, whatever texts it holds: plain ASCII, no `<`, `>` or `&`.

    >>> script_json("</script>")
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(to_json(value), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
