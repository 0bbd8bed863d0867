"""The words of docstrings, constants and local names: the rules that a program can check."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import dsrbench

ROOT = Path(dsrbench.__file__).parent

FILES = sorted(ROOT.rglob("*.py"))

NO_VERBS = frozenset({"the", "a", "an", "what", "how", "which", "whether", "of", "as", "each", "every", "all", "some"})
"""First words of docstrings of functions that do not say what the function does."""

NO_NOUNS = frozenset({"found", "there", "asked", "kept", "wanted", "looked", "said", "told", "given"})
"""Local names that do not say what the value is."""

NO_DESCRIPTIONS = ("What ", "As ", "How ", "Of ")

NO_LIMITS = ("MOST_", "LEAST_", "LONGEST_", "LARGEST_", "HIGHEST_")


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(tree):
    """Functions with a docstring that are no properties."""
    for node in ast.walk(tree):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node)
        if is_function and not any("property" in ast.unparse(decorator) for decorator in node.decorator_list):
            yield node


def locals_of(function):
    """Names that a function binds, those of its inner functions included."""
    return {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def is_fragment(line):
    """Tell whether a line of a docstring, or what it says of an attribute, does not say what the value is."""
    name, _, text = line.strip().partition(": ")
    if line.startswith("    ") and name.isidentifier():
        return text.startswith(("Of ", "As ", "What ", "How ", "Who ", "Why ", "Which ", "Likewise."))
    return line.startswith(("Of ", "As for ", "What becomes ", "Likewise."))


def descriptions(node):
    """The docstrings of a module or a class, and those of its values."""
    for statement in node.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            yield str(statement.value.value)


def bad_docstrings(tree):
    for node in functions(tree):
        first = ast.get_docstring(node).split()[0].strip("`\"'.,:").lower()
        if first in NO_VERBS:
            yield f"line {node.lineno}: the docstring of {node.name} begins with {first!r}, not with a verb"
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef):
            for text in descriptions(node):
                if text.startswith(NO_DESCRIPTIONS):
                    yield f"{text.splitlines()[0]!r} does not say what the module, class or value is"
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            for line in filter(is_fragment, (ast.get_docstring(node) or "").splitlines()):
                yield f"{getattr(node, 'name', 'module')}: {line.strip()!r} is a fragment"


def bad_names(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for name in sorted(locals_of(node) & NO_NOUNS):
                yield f"line {node.lineno}: the local name {name!r} of {node.name} is no noun"
    for name in sorted(locals_of(tree)):
        if name.lstrip("_").startswith(NO_LIMITS):
            yield f"the limit {name} is not called MAX_* or MIN_*"


def problems_of(tree):
    """What a file has against the rules, a line each."""
    return [*bad_docstrings(tree), *bad_names(tree)]


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_words(path):
    assert problems_of(parse(path)) == []


BAD = [
    '"""What a run does."""',
    'WAIT = 1\n"""Of a server."""',
    'class A:\n    """How it is done."""',
    'def f():\n    """The boxes of a frame."""',
    'def f():\n    """Whether it holds."""',
    "def f():\n    found = 1",
    "def f():\n    for there in ():\n        pass",
    "MOST_FRAMES = 1",
    'class A:\n    """A value.\n\n    Attributes:\n        seed: Of everything.\n    """',
    'class A:\n    """A value.\n\n    Attributes:\n        plan: What to do.\n    """',
]


@pytest.mark.parametrize("source", BAD)
def test_the_rules_can_fail(source):
    assert len(problems_of(ast.parse(source))) == 1
