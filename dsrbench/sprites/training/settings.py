"""All that decides what training makes, in one value."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of a training; the defaults made the embedded model.

    Attributes:
        seed: Random seed of the training.
        autoencoder_steps: Steps of the first stage.
        frames: Frames a step of it.
        clips: Clips rendered and encoded once, for the transformer to be trained on.
        block: Clips a file of them.
        steps: Steps of the transformer's stage.
        batch: Clips a step of it.
        muon_rate: Learning rate of Muon, for the matrices of the blocks.
        adam_rate: Learning rate of AdamW, for all else.
        autoencoder_rate: Learning rate of AdamW in the first stage.
        text_drop: Share of clips whose text is left out, for guidance.
        latent_noise: Noise added to latents in the first stage, against their deviation.
        refine_steps: Steps of the refinement, which goes on from the averaged weights of the transformer's stage.
        refine_rate: Its learning rates, against those of the transformer's stage.
        detector_steps: Steps of the detector's stage.
        detector_frames: Frames a step of it.
        detector_rate: Learning rate of AdamW in it.
        ema: Largest decay of the averaged weights.
        autoencoder: Configuration other than the default of the autoencoder.
        transformer: Keyword arguments of the transformer.
        text_encoder: Keyword arguments of the text encoder.
        detector: Keyword arguments of the detector.
    """

    seed: int = 0
    autoencoder_steps: int = 2500
    frames: int = 96
    clips: int = 16384
    block: int = 256
    steps: int = 9000
    batch: int = 32
    muon_rate: float = 2e-3
    adam_rate: float = 1e-3
    autoencoder_rate: float = 2e-3
    text_drop: float = 0.1
    latent_noise: float = 0.1
    refine_steps: int = 5000
    refine_rate: float = 0.6
    detector_steps: int = 3000
    detector_frames: int = 64
    detector_rate: float = 2e-3
    ema: float = 0.999
    autoencoder: dict[str, Any] = dataclasses.field(default_factory=dict)
    transformer: dict[str, Any] = dataclasses.field(default_factory=dict)
    text_encoder: dict[str, Any] = dataclasses.field(default_factory=dict)
    detector: dict[str, Any] = dataclasses.field(default_factory=dict)
