"""The tree drawn in `errors.py` is the tree of classes, exit codes included."""

from __future__ import annotations

import inspect
import re

import pytest

from dsrbench import errors
from dsrbench.errors import DSRBenchError, MissingExtraError, near_matches

LINE = re.compile(r"^    ([ |]*(?:\+- )?)(\w+Error)(?: \((\w+)\))? +(\d+) ")


def drawn():
    """Each class in the drawing: name, parent by indentation, further base, exit code."""
    found, above = [], []
    for line in inspect.getdoc(errors).splitlines():
        if match := LINE.match(line):
            indent, name, other, code = match.groups()
            if also := re.search(r"\(also an (\w+)\)", line):
                other = also[1]
            depth = len(indent)
            above = [(d, n) for d, n in above if d < depth]
            found.append((name, above[-1][1] if above else "Exception", other, int(code)))
            above.append((depth, name))
    return found


def defined():
    return {name: cls for name, cls in vars(errors).items() if isinstance(cls, type) and issubclass(cls, Exception)}


def test_the_drawing_is_complete():
    assert sorted(name for name, *_ in drawn()) == sorted(defined())


@pytest.mark.parametrize(("name", "parent", "other", "code"), drawn())
def test_the_drawing_is_true(name, parent, other, code):
    cls = defined()[name]
    assert cls.__bases__[0].__name__ == parent
    assert [base.__name__ for base in cls.__bases__[1:]] == ([other] if other else [])
    assert cls.exit_code == code
    # described, and not by its parent's words
    assert cls.__doc__ != cls.__bases__[0].__doc__


def test_exit_codes_do_not_collide_with_those_of_shells_and_click():
    codes = {cls.exit_code for cls in defined().values()}
    assert codes.isdisjoint({0, 2, *range(124, 256)})


def test_an_absent_extra_says_what_to_type():
    error = MissingExtraError("detector 'nanodet'", "ncnn", "nanodet")
    assert str(error) == (
        "detector 'nanodet' needs the package 'ncnn'. Install it with: pip install 'dsrbench[nanodet]' "
        '(from a clone: pip install ".[nanodet]")'
    )
    assert isinstance(error, DSRBenchError)
    assert error.extra == "nanodet"


NEAR = [
    # nothing known; nothing near; near ones; the same
    ("x", [], ". Known: none"),
    ("zzz", ["b", "a"], ". Known: a, b"),
    ("picodt", ["picodet", "yolo"], "; did you mean 'picodet'? Known: picodet, yolo"),
    ("detect", ["detects", "detecto", "x"], "; did you mean 'detects' or 'detecto'? Known: detecto, detects, x"),
]


@pytest.mark.parametrize(("name", "known", "expected"), NEAR)
def test_near_matches(name, known, expected):
    assert near_matches(name, known) == expected
    # whatever gives the names, also once only
    assert near_matches(name, iter(known)) == expected
