"""`depth-anything`: Depth Anything V2 (arXiv 2406.09414), and other depth estimators of `transformers`."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.base import DepthEstimator
from dsrbench.backends.pretrained.batches import Batches
from dsrbench.backends.pretrained.models import PretrainedBackend
from dsrbench.errors import BackendError
from dsrbench.hub import HubModel

MAX_SIDE = 256
"""Longest side of the maps that are returned, in pixels; larger ones are averaged down."""

_GIVES_DISTANCE = ("glpn", "zoedepth")
"""Model types whose output is the distance; the others give inverse depth."""


@dataclasses.dataclass(kw_only=True, eq=False)
class DepthAnything(PretrainedBackend, DepthEstimator):
    """Any `AutoModelForDepthEstimation` of the types depth_anything, depth_pro, dpt, glpn and zoedepth.

    The other options are those of `PretrainedBackend`.

    Args:
        batch: Frames a forward pass; halved where they do not fit into memory.
        distance: Whether the model's output is the distance and not its inverse; by default as its type says.
    """

    name = "depth-anything"
    hub_model = HubModel("depth-anything/Depth-Anything-V2-Small-hf", "Apache-2.0")
    model_types = ("depth_anything", "depth_pro", "dpt", "glpn", "zoedepth")
    classes = ("AutoModelForDepthEstimation", "AutoImageProcessor")
    model: str = hub_model.id
    batch: int = 8
    distance: bool | None = None

    def __post_init__(self) -> None:
        self._batches = Batches(self.batch, backend=self.name)
        super().__post_init__()
        if self.distance is None:
            config = self._net.config
            is_metric = getattr(config, "depth_estimation_type", "relative") == "metric"
            self.distance = is_metric or config.model_type in _GIVES_DISTANCE

    def estimate(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Estimate inverse depth in RGB frames uint8 `[T, H, W, 3]`.

        Returns:
            Maps float32 `[T, h, w]` with a longest side of at most `MAX_SIDE`; larger values are nearer.

        Raises:
            BackendError: A frame does not fit into memory, or the model gives values that are not finite.
        """

        def run(part: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
            with self._inference():
                return list(self._run(lambda: self._forward(part)))

        results: list[NDArray[np.float32]] = self._batches.run(frames, run)
        maps = np.stack(results)
        if not np.isfinite(maps).all():
            raise BackendError(f"{self.model} gives depths that are not finite; try dtype=float32")
        return maps

    def _forward(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        import torch

        fixed: dict[str, Any] = {"do_pad": False} if self._net.config.model_type == "zoedepth" else {}
        inputs = self._processor(images=self._pictures(frames), return_tensors="pt", **fixed)
        depth = self._net(**inputs.to(self._device)).predicted_depth.float()
        if self.distance:
            depth = 1 / depth.clamp_min(1e-6)
        scale = MAX_SIDE / max(depth.shape[-2:])
        if scale < 1:
            height, width = (max(1, round(side * scale)) for side in depth.shape[-2:])
            depth = torch.nn.functional.interpolate(depth[:, None], (height, width), mode="area")[:, 0]
        return np.asarray(depth.cpu().numpy())
