"""Lines of JSON: what is read, and errors that name file and line."""

from __future__ import annotations

import pytest

from dsrbench.errors import InputError, PromptError
from dsrbench.lines import iter_objects, located


def test_objects_with_their_places():
    text = '\ufeff{"a": 1}\n\n  \n{"b": "\u2028"}\n'
    assert list(iter_objects(text, "x.jsonl")) == [("x.jsonl, line 1", {"a": 1}), ("x.jsonl, line 4", {"b": "\u2028"})]
    assert list(iter_objects(text.encode(), "x")) == [("x, line 1", {"a": 1}), ("x, line 4", {"b": "\u2028"})]
    assert list(iter_objects("", "x")) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "x, line 2: not JSON: Expecting property name enclosed in double quotes at column 2"),
        (b"[1]", "x, line 2: expected a JSON object a line, got list"),
        (b"\xff", "x, line 2: not JSON: 'utf-8' codec can't decode"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "x, line 2: not JSON: Exceeds the limit"),
        (b"[" * 100_000, "x, line 2: not JSON: maximum recursion depth"),
    ],
    ids=["cut", "list", "no-text", "huge-number", "too-deep"],
)
def test_other_lines_are_located(line, message):
    lines = iter_objects(b"{}\n" + line, "x")
    assert next(lines) == ("x, line 1", {})
    with pytest.raises(InputError) as caught:
        next(lines)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_another_kind_of_error():
    with pytest.raises(PromptError, match=r"^here: bad$"), located("here", PromptError):
        raise InputError("bad")
