"""The objectives, as pure functions of squared errors (SpatialAlign, arXiv 2602.22745; DPO for diffusion, 2311.12908).

`dpo`, `ipo` and `sft` are of pairs, `nft` (DiffusionNFT, arXiv 2509.16117) and `rwr` of clips with rewards.

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

    def figures(self) -> dict[str, Tensor]:
        """Return what the log has of them, a mean over the pairs each."""
        return {
            "regulariser": self.regulariser.mean(),
            "implicit_accuracy": (self.winner_gain > self.loser_gain).float().mean(),
            "winner_gain": self.winner_gain.mean(),
            "loser_gain": self.loser_gain.mean(),
        }


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


def nft_loss(error: Tensor, reference_error: Tensor, drift: Tensor, reward: Tensor, *, beta: float) -> Tensor:
    """Compute DiffusionNFT's loss, r |v+ - u|^2 + (1 - r) |v- - u|^2 over |v_old - u|^2, one value a clip.

    v+ = (1 - b) v_old + b v_theta is drawn towards the target u by as much as a clip is better than others of its
    prompt, v- = (1 + b) v_old - b v_theta by as much as it is worse. Both squares follow from those of the outputs:
    |v+- - u|^2 = error_old + b^2 drift +- b (error_theta - error_old - drift).

    Args:
        error: error_theta, `[B]`.
        reference_error: error_old, `[B]`; no gradient goes through it.
        drift: Mean squared difference of the outputs of model and reference, `[B]`.
        reward: r, `[B]` in 0..1; 1/2 is the mean of a prompt, at which the model is only held where it is.
        beta: b, above 0: how far v+ and v- go from the reference to the model and away from it.

    With b = 1 and r = 1 it is the error of the model, in units of the reference's:

    >>> nft_loss(torch.tensor([0.5]), torch.tensor([2.0]), torch.tensor([0.7]), torch.tensor([1.0]), beta=1.0)
    tensor([0.2500])
    """
    reference_error = reference_error.detach()
    pull = (2 * reward - 1) * beta * (error - reference_error - drift)
    return (reference_error + beta**2 * drift + pull) / reference_error


def rwr_loss(error: Tensor, reference_error: Tensor, reward: Tensor) -> Tensor:
    """Compute the loss of reward-weighted regression, r |v_theta - u|^2 over |v_old - u|^2, one value a clip.

    It is the first half of `nft_loss` at b = 1: better clips weigh more, worse ones push nothing away.

    >>> rwr_loss(torch.tensor([0.5]), torch.tensor([2.0]), torch.tensor([1.0]))
    tensor([0.2500])
    """
    return reward * error / reference_error.detach()


@dataclasses.dataclass(frozen=True)
class ClipTerms:
    """Terms of an objective on clips with rewards, one value a clip, `[B]` each.

    Attributes:
        error: error_theta.
        reference_error: error_ref.
        drift: Mean squared difference of the outputs of model and reference.
        reward: Reward in 0..1, 1/2 for the mean of the prompt's clips.
    """

    error: Tensor
    reference_error: Tensor
    drift: Tensor
    reward: Tensor

    def figures(self) -> dict[str, Tensor]:
        """Return what the log has of them, by the names that pairs have: a clip is winner by r, and loser by 1 - r."""
        gain = self.reference_error - self.error
        return {
            "regulariser": self.drift.mean(),
            "implicit_accuracy": ((gain > 0) == (self.reward > 0.5)).float().mean(),
            "winner_gain": (self.reward * gain).mean() / self.reward.mean().clamp(min=1e-6),
            "loser_gain": ((1 - self.reward) * gain).mean() / (1 - self.reward).mean().clamp(min=1e-6),
        }


def compute_clip_terms(model: Tensor, reference: Tensor, target: Tensor, reward: Tensor) -> ClipTerms:
    """Terms from outputs for clips, `[B, ...]` each; the reference carries no gradient."""
    reference = reference.detach()
    errors = squared_error(model, target), squared_error(reference, target)
    return ClipTerms(*errors, squared_error(model, reference), reward)


ClipObjective = Callable[[ClipTerms, float], Tensor]

CLIP_OBJECTIVES: dict[str, ClipObjective] = {
    "nft": lambda terms, beta: nft_loss(terms.error, terms.reference_error, terms.drift, terms.reward, beta=beta),
    "rwr": lambda terms, beta: rwr_loss(terms.error, terms.reference_error, terms.reward),
}
"""Objective on clips by name, from the terms and `nft_beta`; `rwr` has no negative half: the control."""


def total_clip_loss(terms: ClipTerms, *, objective: str, beta: float, weight: float) -> Tensor:
    """Mean over the clips of objective + weight x regulariser.

    Args:
        terms: Terms of a batch of clips.
        objective: `nft` or `rwr`.
        beta: b of `nft`.
        weight: lambda of the regulariser, which is the drift.
    """
    return (CLIP_OBJECTIVES[objective](terms, beta) + weight * terms.drift).mean()
