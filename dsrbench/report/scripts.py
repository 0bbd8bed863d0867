"""JSON for the scripts of a web page."""

from __future__ import annotations

import json
from typing import Any

from dsrbench.records import to_json


def script_json(value: Any) -> str:
    r"""Return JSON that is safe inside a `<script>` element: plain ASCII without `<`, `>` and `&`.

    >>> script_json("</script>")
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(to_json(value), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
