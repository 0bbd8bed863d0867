"""Serve the leaderboard in a Hugging Face Space."""

from dsrbench.board.app.serve import start_space

start_space()
