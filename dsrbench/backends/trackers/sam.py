"""`sam2`, `sam3` and `edgetam`: boxes of one frame, followed as masks through a whole video.

A video is gone through backward and forward from the anchor frame, each direction with a memory of its own, as if each
had a session to itself; but each frame is encoded once, some at a time. The memory holds no more than the model looks
back on, so that what a clip needs besides its own pixels and masks does not grow with its length. Boxes, areas and bits
of the masks are computed on the device and leave it once a clip.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.base import PropagationTracker
from dsrbench.backends.pretrained.batches import Batches, free_memory, is_out_of_memory
from dsrbench.backends.pretrained.devices import check_device
from dsrbench.backends.pretrained.models import PretrainedBackend
from dsrbench.backends.trackers.encoding import FrameEncoder
from dsrbench.backends.trackers.masks import bound_masks, pack_masks
from dsrbench.boxes import check_boxes
from dsrbench.errors import BackendError, BoxError, InputError
from dsrbench.hub import HubModel
from dsrbench.types import Clip, Floats, FrameState, VideoTracks

_ENTITIES = (1, 2)
"""Ids of the subject and the object in the session."""

GPU_BATCH = 8
"""Frames that are encoded at once on a GPU by default."""


@dataclasses.dataclass(kw_only=True, eq=False)
class MaskPropagation(PretrainedBackend, PropagationTracker):
    """Base of trackers that propagate two boxes as masks; takes the options of `PretrainedBackend`, too.

    Args:
        storage: Where the memory of past frames waits; `cpu` frees a GPU of it. By default the device.
        inclusive: Give a mask's last pixels as its box's right and bottom edges, as the published protocol does.
        batch: Frames encoded at once, halved where they do not fit into memory; by default 8 on a GPU, else 1.
    """

    gpu_dtype = "bfloat16"
    storage: str | None = None
    inclusive: bool = False
    batch: int | None = None

    def __post_init__(self) -> None:
        if self.batch is not None:
            Batches(self.batch, backend=self.name)
        super().__post_init__()
        self._storage = self._device if self.storage is None else check_device(self.storage)
        usual = 1 if self._device == "cpu" else GPU_BATCH
        self._batches = Batches(usual if self.batch is None else self.batch, backend=self.name)

    def propagate(self, clip: Clip, *, anchor: int, subject_box: Floats, object_box: Floats) -> VideoTracks:
        """Make tracks of every frame from the boxes of frame `anchor`; a frame with an empty mask has no box.

        Raises:
            InputError: No such frame.
            BoxError: A box that is absent, or no box.
            BackendError: The video does not fit into memory.
        """
        import torch

        n_frames, height, width = clip.frames.shape[:3]
        if not 0 <= anchor < n_frames:
            raise InputError(f"anchor must be a frame of 0..{n_frames - 1}, got {anchor}")
        boxes = check_boxes(np.stack([subject_box, object_box]), "anchor boxes")
        if np.isnan(boxes).any():
            raise BoxError(f"expected a box of the subject and of the object at frame {anchor}, got NaN")
        try:
            with self._inference():
                of_frames = {
                    t: (bound_masks(masks, inclusive=self.inclusive), masks.sum(dim=(1, 2)), pack_masks(masks))
                    for t, masks in self._masks(clip.frames, anchor, boxes)
                }
                columns = zip(*(of_frames[t] for t in range(n_frames)), strict=True)
                tracks, areas, bits = (torch.stack(column).cpu().numpy() for column in columns)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            free_memory()
            raise BackendError(
                f"{self.name}: out of memory with {n_frames} frames of {width}x{height}; take a smaller model, the "
                f"option dtype=bfloat16, storage=cpu or device=cpu"
            ) from None
        tracks = tracks.astype(np.float64)
        state = np.where(np.isnan(tracks[..., 0]), FrameState.ABSENT, FrameState.PROPAGATED).astype(np.uint8)
        return VideoTracks(
            *(tracks[:, 0], tracks[:, 1], (width, height), clip.fps, state[:, 0], state[:, 1]),
            mask_area=areas.astype(np.float64),
            masks=bits,
        )

    def _masks(self, frames: NDArray[np.uint8], anchor: int, boxes: Floats) -> Iterator[tuple[int, Any]]:
        """Yield frames with the masks of subject and object, tensors bool `[2, H, W]`; the anchor comes twice."""
        session = self._processor.init_video_session(
            inference_device=self._device,
            inference_state_device=self._storage,
        )
        session.processed_frames = frames  # whose number it reads; the encoder prepares them
        session.cache = encoder = FrameEncoder(
            self._net,
            self._processor.video_processor,
            frames,
            anchor=anchor,
            batches=self._batches,
            device=self._device,
        )
        backward, forward = range(anchor, -1, -1), range(anchor, len(frames))
        for order in (backward, forward) if anchor > 0 else (forward,):
            session.reset_tracking_data()
            encoder.turn(order.step)
            self._processor.add_inputs_to_inference_session(
                session,
                frame_idx=anchor,
                obj_ids=list(_ENTITIES),
                input_boxes=[boxes.tolist()],
                original_size=frames.shape[1:3],
            )
            for t in order:
                follow = functools.partial(self._net, inference_session=session, frame_idx=t, reverse=order.step < 0)
                output = self._run(follow)
                yield t, self._read_masks(output, frames.shape[1:3])
                _forget(session, t, order.step, self._net.config)

    def _read_masks(self, output: Any, size: tuple[int, ...]) -> Any:
        (masks,) = self._processor.post_process_masks([output.pred_masks.float()], original_sizes=[list(size)])
        order = [output.object_ids.index(entity) for entity in _ENTITIES]
        return masks[order, 0]


@dataclasses.dataclass(kw_only=True, eq=False)
class Sam2(MaskPropagation):
    """SAM 2: two boxes of one frame, followed as masks through the whole video, both ways.

    The video predictor of arXiv 2408.00714, the tracker of the published protocol. Its options are those of
    `MaskPropagation` and `PretrainedBackend`.
    """

    name = "sam2"
    hub_model = HubModel("facebook/sam2.1-hiera-large", "Apache-2.0")
    model_types = ("sam2_video",)
    classes = ("Sam2VideoModel", "Sam2VideoProcessor")
    model: str = hub_model.id


@dataclasses.dataclass(kw_only=True, eq=False)
class Sam3Tracker(MaskPropagation):
    """SAM 3's tracker; its authors' terms are accepted on the Hub before it can be fetched.

    It works as that of SAM 2 does (arXiv 2511.16719). Its options are those of `MaskPropagation` and
    `PretrainedBackend`.
    """

    name = "sam3"
    hub_model = HubModel("facebook/sam3", "SAM License")
    model_types = ("sam3_video", "sam3_tracker_video")
    classes = ("Sam3TrackerVideoModel", "Sam3TrackerVideoProcessor")
    model: str = hub_model.id


@dataclasses.dataclass(kw_only=True, eq=False)
class EdgeTam(MaskPropagation):
    """EdgeTAM: SAM 2 with a small encoder and a compressed memory, for weak GPUs and CPUs.

    See arXiv 2501.07256. Its options are those of `MaskPropagation` and `PretrainedBackend`.
    """

    name = "edgetam"
    hub_model = HubModel("yonigozlan/EdgeTAM-hf", "Apache-2.0")
    model_types = ("edgetam_video",)
    classes = ("EdgeTamVideoModel", "Sam2VideoProcessor")
    model: str = hub_model.id


def _forget(session: Any, t: int, step: int, config: Any) -> None:
    """Drop what the session has of the frame that the model, going on from frame `t`, no longer looks back on."""
    reach = max(config.num_maskmem, config.max_object_pointers_in_encoder)
    for outputs in session.output_dict_per_obj.values():
        outputs["non_cond_frame_outputs"].pop(t - step * reach, None)
        outputs["non_cond_frame_outputs"].get(t, {}).pop("high_res_masks", None)
