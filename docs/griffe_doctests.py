"""Extend griffe: show the doctests of docstrings as code, which Markdown would read as quotations."""

from __future__ import annotations

import re
from typing import Any

import griffe

DOCTEST = re.compile(r"^(?P<indent> *)>>> .*(?:\n(?! *$).*)*", re.M)


class ShowDoctests(griffe.Extension):
    """Put each doctest, up to the next empty line, into a fence."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of an object."""
        if obj.docstring is not None:
            fenced = r"\n\g<indent>```pycon\n\g<0>\n\g<indent>```"
            obj.docstring.value = DOCTEST.sub(fenced, obj.docstring.value)
