"""The base class of each kind of backend: what it must offer, and defaults for what it may."""

from __future__ import annotations

import abc
import inspect
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dsrbench.hub import HubModel, WeightFile
from dsrbench.types import Clip, Detections, Floats, NoClip, Prompt, VideoTracks

if TYPE_CHECKING:
    from dsrbench.backends.generators.footprint import Footprint


class BaseBackend(abc.ABC):  # noqa: B024 (the kinds below have the abstract methods)
    """Base of every kind.

    A class of another package need not derive from these classes: if it has the methods that a kind must have,
    `complete_class` gives it the defaults of the others.

    Attributes:
        extra: Extra of dsrbench that installs the packages the backend needs; empty where it needs none.
        hub_model: Model on the Hub that the backend takes by default; None where it takes none.
        weight_files: Files that `dsrbench backends pull` fetches for the backend.
        fingerprint: Hashes of the weights and versions of the libraries, as JSON values, for the record.
    """

    extra: ClassVar[str] = ""
    hub_model: ClassVar[HubModel | None] = None
    weight_files: ClassVar[Sequence[WeightFile]] = ()
    fingerprint: Mapping[str, Any] = MappingProxyType({})

    def placement(self) -> tuple[str, str]:
        """Return the device, as torch names it, and the precision that the backend computes in, for the record."""
        return "cpu", "float32"


class Generator(BaseBackend):
    """Makes videos from prompts.

    Attributes:
        batch: Number of videos made at once.
        independent: Whether a clip stays the same whatever else is made with it, so that of a block only the missing
            clips are made.
        notes: Lines for the user to read before any video is made.
    """

    batch: int = 1
    independent: bool = False
    notes: Sequence[str] = ()

    @abc.abstractmethod
    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> Iterator[Clip | NoClip]:
        """Yield one clip per (prompt, seed) pair, in order; may batch inside."""

    def check_prompt(self, prompt: Prompt) -> None:
        """Refuse a prompt that the backend cannot make, by an `InputError`, before any video is made."""
        return

    def footprint(self) -> Footprint | None:
        """Return the memory and the time that the backend takes; None where they are not known."""
        return None


class Detector(BaseBackend):
    """Finds labelled boxes in frames.

    Attributes:
        needs_all_frames: Whether the detector counts frames, so that none may be skipped.
        takes_tensors: Whether `detect` also takes frames that are a tensor of torch, on any device.
    """

    needs_all_frames: bool = False
    takes_tensors: bool = False

    @abc.abstractmethod
    def detect(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Detect `labels` in RGB frames uint8 `[T, H, W, 3]` of one video; one `Detections` per frame."""

    def check_labels(self, labels: Sequence[str]) -> dict[str, str]:
        """Map labels that are read as something else to that; refuse unknown ones by an `InputError` or `BackendError`.

        It is called before any video is read.
        """
        return {}

    def start_video(self, name: str) -> None:
        """Prepare for the frames of another video, given its path relative to the folder of videos."""
        return


class AssociationTracker(BaseBackend):
    """Joins detections of single frames into one track per entity."""

    @abc.abstractmethod
    def associate(
        self, detections: Sequence[Detections], *, prompt: Prompt, size: tuple[int, int], fps: float
    ) -> VideoTracks:
        """Make tracks from detections with label 0 for the subject and 1 for the object.

        Args:
            detections: Detections of every frame.
            prompt: A prompt of one claim; without an object for a motion, where no detection has the label 1.
            size: Width and height of the frames in pixels.
            fps: Frames a second.
        """


class PropagationTracker(BaseBackend):
    """Follows two boxes from one anchor frame through the whole video."""

    @abc.abstractmethod
    def propagate(self, clip: Clip, *, anchor: int, subject_box: Floats, object_box: Floats) -> VideoTracks:
        """Make tracks of every frame, forward and backward from frame `anchor`."""


class DepthEstimator(BaseBackend):
    """Estimates how near each pixel of a frame is."""

    @abc.abstractmethod
    def estimate(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Estimate inverse depth, up to scale and shift, in RGB frames uint8 `[T, H, W, 3]` of one video.

        Returns:
            A map per frame, float32 `[T, h, w]`, of any resolution; larger values are nearer.
        """

    def start_video(self, name: str) -> None:
        """Prepare for the frames of another video, given its path relative to the folder of videos."""
        return


class BoxDepthEstimator(BaseBackend):
    """Estimates from the boxes of two entities alone how near each is."""

    @abc.abstractmethod
    def estimate_boxes(self, subject: Floats, object: Floats, *, size: tuple[int, int]) -> Floats:
        """Estimate depth statistics from boxes float64 `[..., 4]` in frames of (width, height) pixels.

        Returns:
            Statistics `[..., 5]` as in `VideoTracks.depth`; NaN where the boxes do not tell.
        """


KINDS: Mapping[str, tuple[type[BaseBackend], ...]] = {
    "generator": (Generator,),
    "detector": (Detector,),
    "tracker": (AssociationTracker, PropagationTracker),
    "depth": (DepthEstimator, BoxDepthEstimator),
}
"""The base classes of each registry's backends."""


def complete_class(cls: type) -> None:
    """Add to a class, in place, the defaults of the kinds of backend that it looks like but does not derive from.

    `issubclass` and `isinstance` take it for one of these kinds afterwards.
    """
    for kind in (kind for kinds in KINDS.values() for kind in kinds):
        if issubclass(cls, kind) or not all(hasattr(cls, name) for name in kind.__abstractmethods__):
            continue
        kind.register(cls)
        for name in dir(kind):
            if not name.startswith("_") and not hasattr(cls, name):
                setattr(cls, name, inspect.getattr_static(kind, name))
