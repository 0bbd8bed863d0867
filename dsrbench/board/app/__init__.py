"""The application of the leaderboard: HTML made here, in a page of gradio.

`tabs` has one module a tab; they share `layout`, `columns`, `filters` and `fragments`. `routes` serves contents of
tabs, downloads and videos, and `serve` starts the application. Texts of an entry are escaped where they become HTML,
and nowhere else.
"""

from dsrbench.board.app.site import Site

__all__ = ["Site"]
