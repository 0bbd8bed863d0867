"""`yolo`: any ultralytics detection model, official or trained by you; AGPL-3.0, so an extra that `all` leaves out."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.detectors.closed import ClosedVocabulary, check_share, hash_weights
from dsrbench.backends.detectors.grid import MAX_BOXES
from dsrbench.backends.pretrained.batches import Batches
from dsrbench.backends.pretrained.devices import check_device
from dsrbench.backends.pretrained.ultralytics_import import import_ultralytics
from dsrbench.errors import OptionError, WeightsError
from dsrbench.geometry import clip_boxes, nms
from dsrbench.hub import weights_folder
from dsrbench.types import Detections

ASSETS = "https://github.com/ultralytics/assets/releases"


@dataclasses.dataclass(kw_only=True, eq=False)
class Yolo(ClosedVocabulary):
    """Any ultralytics detection model (AGPL-3.0); frames go through it in batches of one video.

    As ultralytics has it, a box counts for the best of all its classes only, asked for or not. Takes the option of
    `ClosedVocabulary`, too.

    Args:
        weights: A `.pt` file, or the name of one in the weights folder. A `.yaml` gives random weights, for tests.
        threshold: Lowest score kept, in 0..1.
        nms: Overlap (IoU) above which the lower-scored of two boxes of one label goes.
        image_size: Longer side, in pixels, that frames are resized to.
        device: Device as torch names it (`cpu`, `cuda:0`); by default CUDA where torch sees one, else the CPU.
        batch: Frames a forward pass; halved where they do not fit into memory.

    Raises:
        MissingExtraError: ultralytics is not installed.
        BackendError: It was imported before, without its restricted loader.
        WeightsError: Weights absent, or refused by the restricted loader.
        OptionError: An option out of range.
    """

    name = "yolo"
    extra = "yolo"

    weights: Path | str = "yolo11n.pt"
    threshold: float = 0.05
    nms: float = 0.6
    image_size: int = 640
    device: str | None = None
    batch: int = 16

    def __post_init__(self) -> None:
        if self.batch < 1 or self.image_size < 32:
            raise OptionError(f"expected batch >= 1 and image_size >= 32, got {self.batch} and {self.image_size}")
        check_share("threshold", self.threshold, above_zero=True)
        check_share("nms", self.nms)
        self._batches = Batches(self.batch, backend=self.name)
        ultralytics = import_ultralytics(f"detector {self.name!r}")
        import torch

        self._device = check_device(self.device)
        path = find_checkpoint(Path(self.weights), self.name)
        self._path = path
        self._model: Any = load_checkpoint(ultralytics, path)
        self.class_names = _check_classes(self._model, path)
        random = {path.name: "random, seed 0"}
        self.fingerprint = {
            "weights": random if path.suffix == ".yaml" else hash_weights([path]),
            "ultralytics": str(ultralytics.__version__),
            "torch": str(torch.__version__),
        }

    def detect(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Find boxes of the labels in RGB frames uint8 `[T, H, W, 3]`.

        Raises:
            BackendError: No class of the model stands for a label.
        """
        classes = self.vocabulary(labels).classes
        indices = sorted({index for group in classes for index in group})

        def run(part: NDArray[np.uint8]) -> list[Detections]:
            results = self._model.predict(
                [np.ascontiguousarray(frame[..., ::-1]) for frame in part],
                conf=self.threshold,
                iou=self.nms,
                imgsz=self.image_size,
                classes=indices,
                device=self._device,
                save=False,
                verbose=False,
            )
            return [self._select(result.boxes, classes, frames.shape[2:0:-1]) for result in results]

        return self._batches.run(frames, run)

    def _select(self, boxes: Any, classes: Sequence[tuple[int, ...]], size: tuple[int, ...]) -> Detections:
        """Sort boxes by label; the model suppresses within a class, which several classes of a label need once more."""
        rows = np.asarray(boxes.data.cpu().numpy(), np.float64)
        xyxy, score, index = clip_boxes(rows[:, :4], (size[0], size[1])), np.clip(rows[:, 4], 0, 1), rows[:, 5]
        parts, label = [], []
        for i, group in enumerate(classes):
            mine = np.flatnonzero(np.isin(index, group))
            best = nms(xyxy[mine], score[mine], np.zeros(len(mine), np.int64), iou=self.nms)[:MAX_BOXES]
            parts.append(mine[best])
            label.append(np.full(len(best), i))
        chosen = np.concatenate(parts)
        return Detections(xyxy[chosen], score[chosen], np.concatenate(label))


def find_checkpoint(weights: Path, name: str = "yolo") -> Path:
    """Find the file of weights: a path, or a name in the weights folder; never a download.

    Args:
        weights: File or name that the user gave.
        name: The detector whose weights folder is searched.

    Raises:
        WeightsError: No such file, or neither `.pt` nor `.yaml`.
    """
    folder = weights_folder(name)
    if weights.suffix not in (".pt", ".yaml"):
        raise WeightsError(f"{weights} is no ultralytics checkpoint: expected a .pt file")
    for path in (weights, *([folder / weights] if weights.name == str(weights) else [])):
        if path.is_file():
            return path.absolute()
    if weights.suffix == ".yaml" and weights.name == str(weights):
        return weights
    raise WeightsError(
        f"no such weights: {weights}. Download the file from {ASSETS} (AGPL-3.0), put it into {folder} or pass its "
        f"path with -o detector.weights=PATH"
    )


def load_checkpoint(ultralytics: Any, path: Path) -> Any:
    """Load a model of ultralytics from its file, through the restricted loader.

    Raises:
        WeightsError: No model, damaged, or with code inside.
    """
    import torch

    with warnings.catch_warnings(), _seeded(torch):
        warnings.simplefilter("ignore")
        try:
            return ultralytics.YOLO(str(path))
        except Exception as error:  # many types, depending on how a file is damaged or what it would call
            raise WeightsError(
                f"{path} is refused: no ultralytics model, damaged, or with code inside that would run on loading "
                f"({type(error).__name__}); give official weights or ones saved by ultralytics"
            ) from error


@contextlib.contextmanager
def _seeded(torch: Any) -> Iterator[None]:
    """Set the seed 0 for random weights, and the generator's state to what it was afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def _check_classes(model: Any, path: Path) -> list[str]:
    """Return the model's classes in the order of its outputs.

    Raises:
        WeightsError: A model that finds no boxes, or whose classes are not numbered through.
    """
    if model.task not in ("detect", "segment"):
        raise WeightsError(f"{path} is a model for {model.task!r}; expected one for 'detect'")
    names: dict[int, str] = model.names
    if sorted(names) != list(range(len(names))):
        raise WeightsError(f"{path}: classes must be numbered from 0 to {len(names) - 1}, got {sorted(names)[:20]}")
    return [names[index] for index in range(len(names))]
