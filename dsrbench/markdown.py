"""Tables and links of Markdown, for cards and for files that have a table between two comments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dsrbench.errors import InputError

SITE = "https://dsrbench.github.io/dsrbench/"
"""Address of the documentation, to which cards and boards link."""

END = "<!-- end of table -->"
"""Comment after a table, by default."""


def link_page(text: str, page: str) -> str:
    """Return a link to a page of the documentation.

    Args:
        text: Text of the link.
        page: Path of the page in `docs/`, without its suffix.

    >>> link_page("the metric", "concepts/metric")
    '[the metric](https://dsrbench.github.io/dsrbench/concepts/metric/)'
    """
    return f"[{text}]({SITE}{page}/)"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    r"""Format a table; a vertical bar in a cell is escaped.

    >>> print(markdown_table(["a", "b"], [["1", "x|y"]]))
    | a | b |
    | --- | --- |
    | 1 | x\|y |
    """
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *cells])


def insert_table(text: str, table: str, *, start: str, end: str = END) -> str:
    """Replace what is between two comments by a table.

    Args:
        text: Text with both comments.
        table: Lines of the table.
        start: Comment before the table.
        end: Next comment, after the table.

    Raises:
        InputError: One of the comments is missing, or another one is between them.
    """
    before, _, rest = text.partition(start)
    old, mark, after = rest.partition(end)
    if not mark or "<!--" in old:
        raise InputError(f"expected {start} and, as the next comment, {end}; put both where the table belongs")
    return f"{before}{start}\n{table}\n{end}{after}"


def rewrite_table(path: Path, table: str, *, start: str, end: str = END) -> None:
    """Replace the table between two comments of a file, which is changed as a whole or not at all.

    Raises:
        InputError: The comments are not as `insert_table` expects them.
    """
    try:
        text = insert_table(path.read_text(encoding="utf-8"), table, start=start, end=end)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
