"""Train a text-to-video model on the DSR-Score, in a plain loop: DiffusionNFT on the embedded model and four prompts.

    pip install "dsrbench[sprites]"
    python reward_in_a_training_loop.py

A step makes clips of each prompt, rewards them, and draws the model towards the clips that are better than the others
of their prompt and away from those that are worse (arXiv 2509.16117). `DSRReward` takes the clips of any model as its
decoder gives them, on any device; for others than this cartoon world, `DSRReward(detector="grounding-dino")`. Ten steps
show how it is wired; a better model takes hundreds, and a validation: `dsrbench align -s objective=nft` has both.
"""

import argparse
import copy

import torch

import dsrbench
from dsrbench.rewards import DSRReward
from dsrbench.sprites.embedded import MODEL
from dsrbench.sprites.model.pipeline import SpritesPipeline


def squares(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the mean squared difference of each clip, `[B]`."""
    return (a - b).square().flatten(1).mean(dim=1)


parser = argparse.ArgumentParser(description="Train the embedded model on the DSR-Score for some steps.")
parser.add_argument("--steps", type=int, default=10)
parser.add_argument("--clips", type=int, default=8, help="clips of each of four prompts")
arguments = parser.parse_args()

torch.manual_seed(0)
pipeline = SpritesPipeline.from_pretrained(MODEL)
pipeline.set_progress_bar_config(disable=True)
model, reference = pipeline.transformer, copy.deepcopy(pipeline.transformer).requires_grad_(False)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-5)
reward = DSRReward(detector="sprites")
prompts = [p.text for p in dsrbench.read_suite("sprites-train").prompts[:4] for _ in range(arguments.clips)]

for step in range(1, arguments.steps + 1):
    latents = pipeline(prompts, num_inference_steps=8, output_type="latent").frames
    with torch.no_grad():
        videos = (pipeline.autoencoder.decode(latents) / 2 + 0.5).clamp(0, 1)  # [B, C, T, H, W]
        features, mask = pipeline.encode_prompts(prompts, guided=False)

    rewards = torch.tensor(reward(videos, prompts)).view(-1, arguments.clips)
    advantages = ((rewards - rewards.mean(dim=1, keepdim=True)) / (rewards.std(dim=1, keepdim=True) + 0.05)).flatten()

    for _ in range(8):
        sigma, noise = torch.sigmoid(3.5 + torch.randn(len(prompts), 1, 1, 1, 1)), torch.randn_like(latents)
        inputs = (1 - sigma) * latents + sigma * noise, sigma.flatten() * 1000, features, mask
        new, old, target = model(*inputs), reference(*inputs), noise - latents
        error, old_error, drift = squares(new, target), squares(old, target), squares(new, old)
        loss = ((advantages * (error - drift) + 0.6 * drift) / old_error).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"step {step}: reward {rewards.mean():.3f}, passing {reward.figures['reward/passing']:.2f}, loss {loss:.4f}")
