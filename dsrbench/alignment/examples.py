"""What a model is trained on: pairs of clips, or single clips with rewards."""

from __future__ import annotations

from typing import Protocol

from dsrbench.dataset import Choice


class Example(Protocol):
    """One thing that a loss is computed of: a text and its clips, the winner first."""

    @property
    def text(self) -> str:
        """Text that the model received."""
        ...

    @property
    def clips(self) -> tuple[Choice, ...]:
        """Clips; all examples of a training have equally many."""
        ...
