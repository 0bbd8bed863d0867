"""Features of the frames of a clip, encoded in batches before a tracker of `transformers` needs them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.pretrained.batches import Batches

Features = dict[str, list[Any]]
"""Features of one frame as the trackers of `transformers` store them, with the tensors of every level."""


class FrameEncoder:
    """The features of a clip's frames, in the form of a session's `cache`.

    Frames are prepared and encoded some at a time, in the order in which the tracker goes through them, so that what is
    held does not grow with the clip. The features of the anchor are held for both directions.

    Args:
        net: Network of a tracker of `transformers`.
        video_processor: Its processor of frames.
        frames: Frames uint8 `[T, H, W, 3]`.
        anchor: Frame at which both directions begin.
        batches: Runner of batches; a batch that does not fit into memory is halved.
        device: Device of the network.
    """

    def __init__(
        self,
        net: Any,
        video_processor: Any,
        frames: NDArray[np.uint8],
        *,
        anchor: int,
        batches: Batches,
        device: str,
    ) -> None:
        self._net, self._video_processor, self._frames = net, video_processor, frames
        self._anchor, self._batches, self._device = anchor, batches, device
        self._features: dict[int, Features] = {}
        self._step = 1

    def turn(self, step: int) -> None:
        """Encode frames from here on in steps of 1, forward, or of -1, backward."""
        self._step = step

    def get_vision_features(self, frame: int) -> Features:
        """Return the features of a frame, after encoding it and those that come next where they are not held."""
        if frame not in self._features:
            self._features = {t: held for t, held in self._features.items() if t == self._anchor}
            end = min(max(frame + self._step * self._batches.size, -1), len(self._frames))
            coming = range(frame, end, self._step)
            self._features |= zip(coming, self._batches.run(self._frames[list(coming)], self._encode), strict=True)
        return self._features[frame]

    def _encode(self, frames: NDArray[np.uint8]) -> list[Features]:
        prepared = self._video_processor(videos=frames, device=self._device, return_tensors="pt")
        output = self._net.get_image_features(prepared.pixel_values_videos[0], return_dict=True)
        return [
            {
                "vision_feats": [level[:, t : t + 1] for level in output.fpn_hidden_states],
                "vision_pos_embeds": [level[:, t : t + 1] for level in output.fpn_position_encoding],
            }
            for t in range(len(frames))
        ]
