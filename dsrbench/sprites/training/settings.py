"""Settings that determine the result of a training."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of a training; the defaults made the embedded model.

    Attributes:
        seed: Random seed of the training.
        autoencoder_steps: Number of steps of the first stage.
        frames: Number of frames of a step of the first stage.
        clips: Number of clips that are rendered and encoded to train the transformer.
        block: Number of clips of a file of latents.
        steps: Number of steps of the transformer's stage.
        batch: Number of clips of a step of the transformer's stage.
        muon_rate: Learning rate of Muon, for the matrices of the blocks.
        adam_rate: Learning rate of AdamW, for all other weights.
        autoencoder_rate: Learning rate of AdamW in the first stage.
        text_drop: Share of clips whose text is left out, for guidance, in 0..1.
        latent_noise: Deviation of the noise added to latents in the first stage, relative to that of the latents.
        refine_steps: Number of steps of the refinement, which continues from the transformer's averaged weights.
        refine_rate: Learning rates of the refinement, relative to those of the transformer's stage.
        detector_steps: Number of steps of the detector's stage.
        detector_frames: Number of frames of a step of the detector's stage.
        detector_rate: Learning rate of AdamW in the detector's stage.
        depth_steps: Number of steps of the depth network's stage.
        depth_frames: Number of frames of a step of the depth network's stage.
        depth_rate: Learning rate of AdamW in the depth network's stage.
        adapter_clips: Number of clips with depth that are rendered and encoded to train the adapter.
        adapter_steps: Number of steps of the adapter's stage.
        adapter_batch: Number of clips of a step of the adapter's stage.
        adapter_rank: Rank of the change of each linear layer of the transformer.
        adapter_rate: Learning rate of AdamW for the changes of the transformer.
        adapter_text_rate: Learning rate of AdamW for the text encoder in the adapter's stage.
        ema: Maximum decay of the averaged weights.
        autoencoder: Keyword arguments of the autoencoder.
        transformer: Keyword arguments of the transformer.
        text_encoder: Keyword arguments of the text encoder.
        detector: Keyword arguments of the detector.
        depth: Keyword arguments of the depth network.
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
    depth_steps: int = 2500
    depth_frames: int = 64
    depth_rate: float = 2e-3
    adapter_clips: int = 8192
    adapter_steps: int = 3000
    adapter_batch: int = 32
    adapter_rank: int = 20
    adapter_rate: float = 2e-3
    adapter_text_rate: float = 5e-4
    ema: float = 0.999
    autoencoder: dict[str, Any] = dataclasses.field(default_factory=dict)
    transformer: dict[str, Any] = dataclasses.field(default_factory=dict)
    text_encoder: dict[str, Any] = dataclasses.field(default_factory=dict)
    detector: dict[str, Any] = dataclasses.field(default_factory=dict)
    depth: dict[str, Any] = dataclasses.field(default_factory=dict)
