"""The application of the leaderboard: what a reader sees, as HTML made here, in a shell of gradio.

Everything that is shown is made by functions from values to text, without gradio: `table`, `draw`, `duel`, `samples`,
`pages`; `views` puts them together. `shell` lays out the tabs, `routes` gives what they show an address, with downloads
and videos, `serve` starts it all. Every text of an entry is escaped where it becomes HTML, and nowhere else.
"""

from dsrbench.board.app.site import Site

__all__ = ["Site"]
