"""`python -m dsrbench`."""

from dsrbench.cli import main

main()
