"""Tables between two comments of a file: replaced whole, or an error and the file as it was."""

from __future__ import annotations

import pytest

from dsrbench.errors import InputError
from dsrbench.markdown import rewrite_table

START, END = "<!-- table: a -->", "<!-- end of table -->"
OTHER = f"<!-- table: b -->\nkept\n{END}\n"


@pytest.mark.parametrize("old", ["", "\n| 1 |\n", "\n| 1 |\n| 2 |\n"])
def test_only_the_lines_of_the_table_change(tmp_path, old):
    path = tmp_path / "README.md"
    path.write_text(f"before, é\n{START}{old}{END}\nafter\n{OTHER}", encoding="utf-8")
    rewrite_table(path, "| 3 |", start=START)
    assert path.read_text(encoding="utf-8") == f"before, é\n{START}\n| 3 |\n{END}\nafter\n{OTHER}"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "text", ["", f"{START}\nold\n", f"old\n{END}\n", f"{END}\n{START}\n", f"{START}\nold\n{OTHER}"]
)
def test_a_missing_comment_is_named_and_nothing_is_written(tmp_path, text):
    path = tmp_path / "README.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=f"README.md: expected {START} and, as the next comment, {END}"):
        rewrite_table(path, "new", start=START)
    assert path.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [path]
