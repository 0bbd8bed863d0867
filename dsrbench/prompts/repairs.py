"""Clumsy wordings that are read with a note, such as "to the behind of" and "on the left a tree"."""

from __future__ import annotations

import re

_ART = r"(?=(?:a|an|the)\b)"
_REPAIRS = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"\bto (?:the )?behind of\b", "behind"),
        (r"\b(?:to|at|on) (?:the )?(?:above|top side) of\b", "to the top of"),
        (r"\b(?:to|at) (?:the )?(?:below|under) of\b", "under"),
        (r"\bto (back|front|left|right|top) of\b", r"to the \1 of"),
        (r"\b(?:in|at) the front of\b", "in front of"),
        (rf"\b(is|are|sits|stands|lies) on the (left|right) (?:side )?{_ART}", r"\1 on the \2 of "),
        (rf"\b(is|are|sits|stands|lies) (?:in|at) (?:the )?front {_ART}", r"\1 in front of "),
        (rf"\bin front {_ART}", "in front of "),
        (rf"\bon (?:the )?top {_ART}", "on top of "),
        (r"\b([Aa])( (?!one\b|uni|use|eu)[aeiou]\w*)", r"\1n\2"),
    )
)
"""Clumsy wordings, each with what it is read as."""


def repair(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a text in usual words, and a note for each wording that was changed.

    >>> repair("A bird is on the left a tree, then the bird flies to the above of the tree.")[0]
    'A bird is on the left of a tree, then the bird flies to the top of the tree.'
    """
    notes = []
    for pattern, replacement in _REPAIRS:
        for match in pattern.finditer(text):
            notes.append(f"{match.group().strip()!r} is read as {match.expand(replacement).strip()!r}")
        text = pattern.sub(replacement, text)
    return text, tuple(dict.fromkeys(notes))
