"""The interface of training examples: pairs of clips, or single clips with rewards."""

from __future__ import annotations

from typing import Protocol

from dsrbench.dataset import Choice


class Example(Protocol):
    """A text and its clips, the winner first, of which a loss is computed."""

    @property
    def text(self) -> str:
        """Text that the model received."""
        ...

    @property
    def clips(self) -> tuple[Choice, ...]:
        """Clips; all examples of a training have equally many."""
        ...
