"""The leaderboard on Hugging Face: `dsrbench.board` does it all."""

from dsrbench.board.app.serve import start_space

start_space()
