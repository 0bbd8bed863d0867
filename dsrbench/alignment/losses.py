"""The objectives, as pure functions of squared errors (SpatialAlign, arXiv 2602.22745; DPO for diffusion, 2311.12908).

An error is the mean squared difference of a prediction and its target over all but the first dimension, `[B]`. With
winner w, loser l, the model under training theta and the frozen reference ref, the *gain* of a clip is
s = error_ref - error_theta: how much better than the reference the model predicts it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch  # noqa: F401 (for the doctests)
from torch import Tensor
from torch.nn import functional as F


def squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference over all but the first dimension, `[B]`, in float32.

    >>> squared_error(torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[1.0, 4.0], [0.0, 0.0]]))
    tensor([2., 0.])
    """
    return (prediction.float() - target.float()).square().flatten(1).mean(dim=1)


def dpo_loss(winner_gain: Tensor, loser_gain: Tensor, *, beta: float, clip: float | None = 5.0) -> Tensor:
    """Compute DPO's loss, -log sigmoid(clip(beta (s_w - s_l))), one value a pair.

    Args:
        winner_gain: s_w, `[B]`.
        loser_gain: s_l, `[B]`.
        beta: Strength of the preference, above 0.
        clip: The margin is held within -clip..clip (5 in the paper), where it gives no gradient; None for no bound.

    At the start the model is the reference, both gains are 0 and the loss is ln 2:

    >>> dpo_loss(torch.zeros(1), torch.zeros(1), beta=30.0)
    tensor([0.6931])

    A gain of 0.01 on the winner and a loss of 0.01 on the loser at beta 100 make a margin of 2, ln(1 + e^-2):

    >>> dpo_loss(torch.tensor([0.01]), torch.tensor([-0.01]), beta=100.0)
    tensor([0.1269])
    """
    margin = beta * (winner_gain - loser_gain)
    return -F.logsigmoid(margin if clip is None else margin.clamp(-clip, clip))


def ipo_loss(winner_gain: Tensor, loser_gain: Tensor, *, beta: float) -> Tensor:
    """Compute IPO's loss, (s_w - s_l - 1 / (2 beta))^2, one value a pair (arXiv 2310.12036).

    >>> ipo_loss(torch.tensor([0.02]), torch.tensor([0.0]), beta=25.0)
    tensor([0.])
    """
    return (winner_gain - loser_gain - 1 / (2 * beta)).square()


def regulariser(winner_drift: Tensor, loser_drift: Tensor) -> Tensor:
    """Half the sum of the mean squared differences of the model's and the reference's outputs, one value a pair.

    Zeroth order: it holds the outputs together, not the weights. Exactly 0 where the model is the reference.

    >>> regulariser(torch.tensor([0.5]), torch.tensor([0.1]))
    tensor([0.3000])
    """
    return (winner_drift + loser_drift) / 2


@dataclasses.dataclass(frozen=True)
class PairTerms:
    """Terms of an objective, one value a pair, `[B]` each.

    Attributes:
        winner_gain: error_ref - error_theta of the winner.
        loser_gain: The same of the loser.
        winner_error: error_theta of the winner.
        regulariser: The result of `regulariser`.
    """

    winner_gain: Tensor
    loser_gain: Tensor
    winner_error: Tensor
    regulariser: Tensor


def compute_terms(model: Tensor, reference: Tensor, target: Tensor) -> PairTerms:
    """Terms from outputs for winners, then as many losers, `[2 B, ...]` each; the reference carries no gradient.

    >>> x = torch.zeros(4, 3)
    >>> terms = compute_terms(x, x, x + 1)
    >>> terms.winner_gain.tolist(), terms.regulariser.tolist(), terms.winner_error.tolist()
    ([0.0, 0.0], [0.0, 0.0], [1.0, 1.0])
    """
    reference = reference.detach()
    error, drift = squared_error(model, target), squared_error(model, reference)
    gain = squared_error(reference, target) - error
    half = len(model) // 2
    return PairTerms(gain[:half], gain[half:], error[:half], regulariser(drift[:half], drift[half:]))


Objective = Callable[[PairTerms, float, "float | None"], Tensor]

OBJECTIVES: dict[str, Objective] = {
    "dpo": lambda terms, beta, clip: dpo_loss(terms.winner_gain, terms.loser_gain, beta=beta, clip=clip),
    "ipo": lambda terms, beta, clip: ipo_loss(terms.winner_gain, terms.loser_gain, beta=beta),
    "sft": lambda terms, beta, clip: terms.winner_error,
}
"""Objective by name, from the terms, beta and the bound of the margin; `sft` looks at winners alone: the control."""


def total_loss(
    terms: PairTerms, *, objective: str = "dpo", beta: float, weight: float, clip: float | None = 5.0
) -> Tensor:
    """Mean over the pairs of objective + weight x regulariser.

    Args:
        terms: Terms of a batch of pairs.
        objective: `dpo`, `ipo` or `sft`.
        beta: Strength of the preference.
        weight: lambda of the regulariser.
        clip: Bound of DPO's margin.

    >>> zero = torch.zeros(2)
    >>> terms = PairTerms(zero, zero, zero + 1, zero)
    >>> total_loss(terms, beta=30.0, weight=15.0)
    tensor(0.6931)
    """
    return (OBJECTIVES[objective](terms, beta, clip) + weight * terms.regulariser).mean()
