"""A training so small that it takes seconds, texts the model can read, and a model that has not been trained."""

from __future__ import annotations

from dsrbench.sprites.training.settings import Settings

TEXTS = (
    "In a meadow, a cat is on the left of a box, then the cat walks to the right of the box.",
    "On a beach, an elephant is on the top of an umbrella, then the elephant hops to the left of the umbrella.",
    "A frog is on the right of a chair, then the frog moves to the top of the chair.",
)

SETTINGS = Settings(
    autoencoder_steps=4,
    frames=8,
    clips=8,
    block=4,
    steps=6,
    refine_steps=3,
    batch=4,
    autoencoder={"latent_channels": 4, "channels": (8, 8)},
    transformer={"latent_channels": 4, "width": 32, "depth": 2, "heads": 2, "text_width": 16},
    text_encoder={"width": 16, "depth": 1, "heads": 2},
    detector_steps=3,
    detector_frames=8,
    detector={"channels": 8, "blocks": 1},
    depth_steps=3,
    depth_frames=8,
    depth={"channels": 8, "blocks": 1},
    adapter_clips=8,
    adapter_steps=4,
    adapter_batch=4,
    adapter_rank=2,
)


def write_model(folder):
    """Save an untrained model as the training saves one."""
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler

    from dsrbench.sprites.embedded import write_sums
    from dsrbench.sprites.model.autoencoder import SpritesAutoencoder
    from dsrbench.sprites.model.pipeline import SpritesPipeline
    from dsrbench.sprites.training.transformer import make_networks

    text_encoder, transformer = make_networks(SETTINGS)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        autoencoder = SpritesAutoencoder(**SETTINGS.autoencoder)
        for parameter in transformer.parameters():  # before training its gates are closed, and nothing matters
            torch.nn.init.normal_(parameter, std=0.1)
    SpritesPipeline(autoencoder, text_encoder, transformer, FlowMatchEulerDiscreteScheduler()).save_pretrained(folder)
    write_sums(folder)
    return folder
