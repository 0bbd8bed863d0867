"""Shares of training clips that obey their prompts.

A base model that always followed its prompt would leave nothing to measure. The share of obedient clips depends on the
relation type, as with large models, which keep an animal on the ground more often than they put it on top of something.
The disobedient clips are divided in fixed proportions.
"""

from __future__ import annotations

import numpy as np

from dsrbench.sprites.world.spec import Kind

OBEDIENT = {"LR": 0.56, "RL": 0.48, "LT": 0.42, "RT": 0.36, "TL": 0.32, "TR": 0.26}
"""Share of obedient clips by relation type; 0.40 on average."""

OBEDIENT_IN_DEPTH = 0.45
"""Share of obedient clips of every relation type with depth."""

DISOBEDIENT = {
    Kind.STATIC_START: 0.42,
    Kind.PARTIAL: 0.19,
    Kind.REVERSED: 0.16,
    Kind.STATIC_END: 0.08,
    Kind.WANDER: 0.06,
    Kind.LEAVES: 0.03,
    Kind.TWO: 0.04,
    Kind.NONE: 0.02,
}
"""Shares of the kinds among the disobedient clips, which sum to 1."""


def draw_kind(relations: str, rng: np.random.Generator) -> Kind:
    """Draw the kind of a clip for a prompt of this relation type."""
    if rng.random() < OBEDIENT.get(relations, OBEDIENT_IN_DEPTH):
        return Kind.CORRECT
    kinds = list(DISOBEDIENT)
    return kinds[int(rng.choice(len(kinds), p=list(DISOBEDIENT.values())))]
