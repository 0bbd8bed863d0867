"""The objectives: values by hand, the start of a training, bounds, gradients."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from dsrbench.alignment.losses import (  # noqa: E402
    CLIP_OBJECTIVES,
    OBJECTIVES,
    compute_clip_terms,
    compute_terms,
    dpo_loss,
    ipo_loss,
    nft_loss,
    squared_error,
    total_clip_loss,
    total_loss,
)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("winner", "loser", "beta", "clip", "expected"),
    [
        (0.0, 0.0, 30.0, 5.0, math.log(2)),
        (0.1, 0.0, 10.0, 5.0, math.log(1 + math.exp(-1))),
        (0.0, 0.1, 10.0, 5.0, math.log(1 + math.exp(1))),
        (9.0, 0.0, 10.0, 5.0, math.log(1 + math.exp(-5))),
        (0.0, 9.0, 10.0, 5.0, math.log(1 + math.exp(5))),
        (0.0, 9.0, 10.0, None, 90.0),
    ],
)
def test_dpo_by_hand(winner, loser, beta, clip, expected):
    got = dpo_loss(torch.tensor([winner]), torch.tensor([loser]), beta=beta, clip=clip)
    assert got.item() == pytest.approx(expected, rel=1e-6)


def test_at_the_start_dpo_is_exactly_ln_2_and_the_regulariser_exactly_0():
    output, target = draw(6, 3, 4).float(), draw(6, 3, 4, seed=1).float()
    terms = compute_terms(output, output.clone(), target)
    assert total_loss(terms, beta=30.0, weight=0.0).item() == torch.tensor(2.0).log().item()
    assert (terms.regulariser == 0).all()
    assert (terms.winner_gain == 0).all()


def test_terms_are_of_winners_then_losers():
    target = torch.zeros(2, 5)
    model, reference = torch.tensor([[1.0] * 5, [2.0] * 5]), torch.tensor([[3.0] * 5, [2.5] * 5])
    terms = compute_terms(model, reference, target)
    assert terms.winner_gain.tolist() == [8.0]  # 9 - 1
    assert terms.loser_gain.tolist() == [2.25]  # 6.25 - 4
    assert terms.winner_error.tolist() == [1.0]
    assert terms.regulariser.tolist() == [(4 + 0.25) / 2]


def test_objectives_by_hand():
    terms = compute_terms(torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [2.5]]), torch.zeros(2, 1))
    values = {name: objective(terms, 2.0, None).item() for name, objective in OBJECTIVES.items()}
    assert values["dpo"] == pytest.approx(math.log(1 + math.exp(-2 * 5.75)), rel=1e-5)
    assert values["ipo"] == pytest.approx((5.75 - 0.25) ** 2)
    assert values["sft"] == 1.0
    assert total_loss(terms, objective="sft", beta=2.0, weight=10.0).item() == pytest.approx(1 + 10 * 2.125)


@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
def test_gradients(objective):
    reference, target = draw(4, 3), draw(4, 3, seed=1)

    def loss(output):
        # squared_error computes in float32: the same arithmetic in float64, for finite differences
        error, drift = (output - target).square().mean(1), (output - reference).square().mean(1)
        gain = (reference - target).square().mean(1) - error
        terms = type(compute_terms(reference, reference, target))(
            gain[:2], gain[2:], error[:2], (drift[:2] + drift[2:]) / 2
        )
        return total_loss(terms, objective=objective, beta=0.7, weight=0.3)

    output = draw(4, 3, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(loss, output)
    loss(output).backward()
    ours = output.detach().float().requires_grad_()
    total_loss(compute_terms(ours, reference, target), objective=objective, beta=0.7, weight=0.3).backward()
    torch.testing.assert_close(ours.grad, output.grad.float(), rtol=1e-4, atol=1e-6)


def test_the_reference_carries_no_gradient():
    model, reference = draw(4, 3).requires_grad_(), draw(4, 3, seed=1).requires_grad_()
    total_loss(compute_terms(model, reference, draw(4, 3, seed=2)), beta=1.0, weight=1.0).backward()
    assert reference.grad is None
    assert model.grad.abs().sum() > 0


@pytest.mark.parametrize("gain", [1e30, -1e30, 1e4, -1e4])
def test_extreme_margins_are_finite(gain):
    winner = torch.tensor([gain], requires_grad=True)
    loss = dpo_loss(winner, torch.zeros(1), beta=500.0)
    loss.sum().backward()
    assert math.isfinite(loss.item())
    assert math.isfinite(winner.grad.item())
    assert math.isfinite(ipo_loss(torch.tensor([min(abs(gain), 1e18)]), torch.zeros(1), beta=1.0).item())


def test_half_precision_stays_near():
    a, b = draw(8, 200).float(), draw(8, 200, seed=1).float()
    exact, rounded = squared_error(a, b), squared_error(a.bfloat16(), b.bfloat16())
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, exact, rtol=0.01, atol=0)


@pytest.mark.parametrize("beta", [0.1, 0.3, 1.0])
def test_nft_is_its_definition(beta):
    model, reference, target = (draw(5, 3, 4, seed=seed).float() for seed in range(3))
    reward = torch.tensor([0.0, 0.25, 0.5, 0.8, 1.0])
    towards = (1 - beta) * reference + beta * model
    away = (1 + beta) * reference - beta * model
    expected = reward * squared_error(towards, target) + (1 - reward) * squared_error(away, target)
    terms = compute_clip_terms(model, reference, target, reward)
    got = nft_loss(terms.error, terms.reference_error, terms.drift, reward, beta=beta)
    torch.testing.assert_close(got, expected / squared_error(reference, target), rtol=1e-5, atol=1e-6)


def nft_by_hand(output, reference, target, reward, beta):
    """The gradient for the output: 2 b (r (v+ - u) - (1 - r) (v- - u)) over the size of a clip and its old error."""
    r, error = reward.view(-1, 1), (reference - target).square().mean(1, keepdim=True)
    towards, away = (1 - beta) * reference + beta * output, (1 + beta) * reference - beta * output
    return 2 * beta * (r * (towards - target) - (1 - r) * (away - target)) / output.shape[1] / error / len(output)


def test_the_gradient_of_nft_by_hand():
    reference, target, reward = draw(4, 3).float(), draw(4, 3, seed=1).float(), torch.tensor([0.0, 0.3, 0.5, 1.0])
    output = draw(4, 3, seed=2).float().requires_grad_()
    total_clip_loss(
        compute_clip_terms(output, reference, target, reward), objective="nft", beta=0.3, weight=0
    ).backward()
    expected = nft_by_hand(output.detach(), reference, target, reward, 0.3)
    torch.testing.assert_close(output.grad, expected, rtol=1e-4, atol=1e-6)


def test_a_mean_reward_gives_no_gradient_at_the_start_and_others_do():
    reference, target = draw(3, 4).float(), draw(3, 4, seed=1).float()
    output = reference.clone().requires_grad_()
    terms = compute_clip_terms(output, reference, target, torch.tensor([0.5, 1.0, 0.0]))
    loss = total_clip_loss(terms, objective="nft", beta=0.3, weight=15.0)
    assert loss.item() == 1
    loss.backward()
    assert (output.grad[0] == 0).all()
    downhill = (output - target)[1:] * torch.tensor([[1.0], [-1.0]])  # to the target of the best, from the worst's
    assert (torch.sign(output.grad[1:]) == torch.sign(downhill)).all()


def test_rwr_weighs_errors_by_rewards():
    model, target = torch.tensor([[1.0], [2.0], [3.0]]), torch.zeros(3, 1)
    terms = compute_clip_terms(model, torch.full((3, 1), 2.0), target, torch.tensor([1.0, 0.5, 0.0]))
    assert CLIP_OBJECTIVES["rwr"](terms, 0.3).tolist() == [0.25, 0.5, 0.0]
    assert total_clip_loss(terms, objective="rwr", beta=0.3, weight=3.0).item() == pytest.approx(0.25 + 3 * 2 / 3)


def test_figures_of_clips():
    terms = compute_clip_terms(
        torch.tensor([[1.0], [3.0]]), torch.tensor([[2.0], [2.0]]), torch.zeros(2, 1), torch.tensor([1.0, 0.25])
    )
    figures = {name: value.item() for name, value in terms.figures().items()}
    expected = {"regulariser": 1.0, "implicit_accuracy": 1.0, "winner_gain": (3 - 5 / 4) / 1.25, "loser_gain": -5.0}
    assert figures == pytest.approx(expected)


@pytest.mark.parametrize("objective", sorted(CLIP_OBJECTIVES))
def test_the_reference_of_clips_carries_no_gradient(objective):
    model, reference = draw(4, 3).requires_grad_(), draw(4, 3, seed=1).requires_grad_()
    terms = compute_clip_terms(model, reference, draw(4, 3, seed=2), torch.linspace(0, 1, 4))
    total_clip_loss(terms, objective=objective, beta=0.3, weight=1.0).backward()
    assert reference.grad is None
    assert model.grad.abs().sum() > 0
