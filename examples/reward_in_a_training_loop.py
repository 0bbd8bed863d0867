"""Train a text-to-video model on the DSR-Score, in a plain loop: a policy gradient on the embedded model.

    pip install "dsrbench[sprites]"
    python reward_in_a_training_loop.py

A step makes a few clips of each of some prompts, rewards them, and draws the model towards the clips that are better
than the others of their prompt and away from those that are worse, while it is held near the model it was. `DSRReward`
takes the clips of any model as its decoder gives them, on any device; for other models than this cartoon world,
`DSRReward(detector="grounding-dino", device="cuda")`. A few steps show how it is wired, not a better model: for that,
see `dsrbench align --help`, and `dsrbench.rewards.adapters` for the reward in the form in which other trainers call it.
"""

import argparse
import copy

import torch

import dsrbench
from dsrbench.rewards import DSRReward
from dsrbench.sprites.embedded import MODEL
from dsrbench.sprites.model.pipeline import SpritesPipeline

parser = argparse.ArgumentParser(description="Train the embedded model on the DSR-Score for a few steps.")
parser.add_argument("--steps", type=int, default=10)
parser.add_argument("--clips", type=int, default=8, help="clips of each of four prompts")
arguments = parser.parse_args()

torch.manual_seed(0)
pipeline = SpritesPipeline.from_pretrained(MODEL)
pipeline.set_progress_bar_config(disable=True)
model, reference = pipeline.transformer, copy.deepcopy(pipeline.transformer).requires_grad_(False)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
reward = DSRReward(detector="sprites")
texts = [prompt.text for prompt in dsrbench.read_suite("sprites-train")]

for step in range(1, arguments.steps + 1):
    prompts = [texts[i] for i in torch.randint(len(texts), (4,)).tolist() for _ in range(arguments.clips)]
    latents = pipeline(prompts, output_type="latent").frames
    with torch.no_grad():
        videos = (pipeline.autoencoder.decode(latents) / 2 + 0.5).clamp(0, 1)  # [B, C, T, H, W]
        features, mask = pipeline.encode_prompts(prompts, guided=False)

    rewards = torch.tensor(reward(videos, prompts)).view(4, arguments.clips)
    advantages = (rewards - rewards.mean(dim=1, keepdim=True)) / (rewards.std(dim=1, keepdim=True) + 0.05)

    for _ in range(4):
        sigma = torch.sigmoid(3.5 + torch.randn(len(prompts)))
        level, noise = sigma[:, None, None, None, None], torch.randn_like(latents)
        noisy = (1 - level) * latents + level * noise
        velocity, before = (net(noisy, sigma * 1000, features, mask) for net in (model, reference))
        error = (velocity - (noise - latents)).square().flatten(1).mean(dim=1)
        drift = (velocity - before).square().flatten(1).mean(dim=1)
        loss = (advantages.flatten() * error + 10 * drift).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"step {step}: reward {rewards.mean():.3f}, passing {reward.figures['reward/passing']:.2f}, loss {loss:.4f}")
