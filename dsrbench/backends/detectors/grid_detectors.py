"""`nanodet` and `picodet`: small detectors with the head of `grid`, 80 COCO classes, real time on one CPU core.

The defaults of `threshold`, `nms`, `vote` and `box_scale` follow one rule, stated in `benchmark/reference/README.md`.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.detectors.closed import ClosedVocabulary, check_threads, hash_weights
from dsrbench.backends.detectors.grid import STRIDES, Selection, cell_centres, select_boxes
from dsrbench.backends.detectors.nouns import COCO_CLASSES
from dsrbench.errors import MissingExtraError, WeightsError, first_line
from dsrbench.hub import WeightFile, find_weights
from dsrbench.types import Detections

_NANODET_SOURCE = "https://github.com/Qengineering/NanoDetPlus-ncnn-Raspberry-Pi-4/raw/2565400/"


@dataclasses.dataclass(kw_only=True, eq=False)
class GridDetector(ClosedVocabulary, abc.ABC):
    """Base of the detectors with this head; takes the option of `ClosedVocabulary`, too.

    Args:
        threshold: Lowest score kept, in 0..1.
        nms: Overlap (IoU) above which the lower-scored of two boxes goes.
        vote: Overlap from which boxes are averaged into a kept one, weighted by score; 1 turns it off.
        box_scale: Factor on the boxes' width and height; detectors draw looser boxes than masks.
        weights: A file of weights; by default the fetched one.
        threads: Threads of one forward pass.

    Attributes:
        side: Width and height of the network's input, in pixels.
        offset: Place of a centre in its cell, as `cell_centres` takes it.

    Raises:
        MissingExtraError: The package that runs the network is not installed.
        WeightsError: Weights absent, altered, or of another model.
        OptionError: An option out of range.
    """

    class_names = COCO_CLASSES
    side: ClassVar[int] = 416
    offset: ClassVar[float]

    threshold: float = 0.05
    nms: float = 0.6
    vote: float = 0.75
    box_scale: float
    weights: Path | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        self._how = Selection(self.threshold, self.nms, self.vote, self.box_scale)
        self._cells = cell_centres(self.side, offset=self.offset)
        check_threads(self.threads)

    @abc.abstractmethod
    def forward(self, frame: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute class scores `[C, classes]` and box distributions `[C, 4 * BINS]` of a frame uint8 `[H, W, 3]`."""

    def detect(self, frames: NDArray[np.uint8], labels: Sequence[str]) -> list[Detections]:
        """Find boxes of the labels in RGB frames uint8 `[T, H, W, 3]`.

        Raises:
            BackendError: No class stands for a label.
        """
        vocabulary, size = self.vocabulary(labels), (frames.shape[2], frames.shape[1])
        return [
            select_boxes(
                *self.forward(frame), self._cells, side=self.side, size=size, vocabulary=vocabulary, how=self._how
            )
            for frame in frames
        ]


@dataclasses.dataclass(kw_only=True, eq=False)
class NanoDet(GridDetector):
    """NanoDet-Plus-m 416 on ncnn: 80 COCO classes, real time on one CPU core.

    The other options are those of `GridDetector` and `ClosedVocabulary`.

    Args:
        weights: A `.param` or `.bin` file, the other one beside it; by default the fetched ones.
    """

    name = "nanodet"
    extra = "nanodet"
    weight_files = (
        WeightFile(
            filename="nanodet-plus-m_416.param",
            url=_NANODET_SOURCE + "nanodet-plus-m_416.param",
            sha256="d79e18ecd8595081bb29fdf0c790a47fcea96fbf58598350569a92e71e915b72",
            size=23_123,
            licence="Apache-2.0",
        ),
        WeightFile(
            filename="nanodet-plus-m_416.bin",
            url=_NANODET_SOURCE + "nanodet-plus-m_416.bin",
            sha256="f7555ca6cb9650ee41e2f0a53fdf46b6e187a2a09792208d8c3eec033b6ac615",
            size=2_397_184,
            licence="Apache-2.0",
        ),
    )
    offset = 0.0
    mean = (103.53, 116.28, 123.675)
    scale = (0.017429, 0.017507, 0.017125)
    box_scale: float = 0.96

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            import ncnn
        except ImportError:
            raise MissingExtraError("detector 'nanodet'", "ncnn", "nanodet") from None
        paths = _pair(Path(self.weights)) if self.weights else find_weights(self.name, self.weight_files)
        self._ncnn: Any = ncnn
        self._net = ncnn.Net()
        self._net.opt.num_threads = self.threads
        param, binary = str(paths[0]), str(paths[1])
        if self._net.load_param(param) != 0 or self._net.load_model(binary) != 0:
            raise WeightsError(
                f"{param} and its .bin are no ncnn model; fetch one with: dsrbench backends pull nanodet"
            )
        self.fingerprint = {"weights": hash_weights(paths), "ncnn": str(ncnn.__version__)}
        self._check_outputs(param)

    def _check_outputs(self, param: str) -> None:
        expected = (len(self._cells[0]), len(self.class_names) + 32)
        got = self._run(np.zeros((self.side, self.side, 3), np.uint8)).shape
        if got != expected:
            raise WeightsError(f"{param} is another model: expected outputs {list(expected)}, got {list(got)}")

    def _run(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        height, width = frame.shape[:2]
        to_bgr = self._ncnn.Mat.PixelType.PIXEL_RGB2BGR
        image = self._ncnn.Mat.from_pixels_resize(
            np.ascontiguousarray(frame), to_bgr, width, height, self.side, self.side
        )
        image.substract_mean_normalize(self.mean, self.scale)
        extractor = self._net.create_extractor()
        status = extractor.input("data", image)
        failed, output = extractor.extract("output") if status == 0 else (status, None)
        if failed or output is None:
            raise WeightsError("the ncnn model is another one: expected an input 'data' and an output 'output'")
        return np.array(output, np.float32)

    def forward(self, frame: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute class scores and box distributions of every cell."""
        output = self._run(frame)
        return output[:, : len(self.class_names)], output[:, len(self.class_names) :]


@dataclasses.dataclass(kw_only=True, eq=False)
class PicoDet(GridDetector):
    """PicoDet-S 416 on onnxruntime: 80 COCO classes, near real time on one CPU core.

    The other options are those of `GridDetector` and `ClosedVocabulary`.

    Args:
        weights: An `.onnx` file; by default the fetched one.
    """

    name = "picodet"
    extra = "picodet"
    weight_files = (
        WeightFile(
            filename="picodet_s_416_coco.onnx",
            url="https://github.com/hpc203/picodet-onnxruntime/raw/dfe4d6cd0a18cd4126ee381e81df8a0b1e6ad97b/coco/"
            "picodet_s_416_coco.onnx",
            sha256="cdab77bdde16e4f76bec734c4e5791801d1739e4c7ec1995e0e110e04300d0c2",
            size=4_040_573,
            licence="Apache-2.0",
        ),
    )
    offset = 0.5
    mean = np.array([123.675, 116.28, 103.53], np.float32)
    std = np.array([58.395, 57.12, 57.375], np.float32)
    box_scale: float = 0.97

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            import onnxruntime
        except ImportError:
            raise MissingExtraError("detector 'picodet'", "onnxruntime", "picodet") from None
        path = Path(self.weights) if self.weights else find_weights(self.name, self.weight_files)[0]
        if not path.is_file():
            raise WeightsError(f"no such weights: {path}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 3
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=onnxruntime.get_available_providers()
            )
        except Exception as error:  # onnxruntime raises its own unexported types
            raise WeightsError(f"{path} is no ONNX model: {first_line(error)}") from error
        self.fingerprint = {"weights": hash_weights([path]), "onnxruntime": str(onnxruntime.__version__)}
        self._check_outputs(path)

    def _check_outputs(self, path: Path) -> None:
        shape = self._session.get_inputs()[0].shape
        if len(shape) != 4 or shape[1] != 3 or any(n != self.side for n in shape[2:] if isinstance(n, int)):
            raise WeightsError(
                f"{path} is another model: expected an input [1, 3, {self.side}, {self.side}], got {shape}"
            )
        cells = [(-(-self.side // stride)) ** 2 for stride in STRIDES]
        expected = [(n, width) for width in (len(self.class_names), 32) for n in cells]
        got = [tuple(o.shape[-2:]) for o in self._outputs(np.zeros((self.side, self.side, 3), np.uint8))]
        if got != expected:
            raise WeightsError(f"{path} is another model: expected outputs {expected}, got {got}")

    def _outputs(self, frame: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        from PIL import Image

        image = Image.fromarray(frame).resize((self.side, self.side), Image.Resampling.BILINEAR)
        pixels = (np.asarray(image, np.float32) - self.mean) / self.std
        name = self._session.get_inputs()[0].name
        outputs: list[NDArray[np.float32]] = self._session.run(None, {name: pixels.transpose(2, 0, 1)[None]})
        return outputs

    def forward(self, frame: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute class scores and box distributions of every cell."""
        outputs = [output.reshape(-1, output.shape[-1]) for output in self._outputs(frame)]
        return np.concatenate(outputs[: len(STRIDES)]), np.concatenate(outputs[len(STRIDES) :])


def _pair(path: Path) -> list[Path]:
    """Return the `.param` and `.bin` files of a model, from either."""
    paths = [path.with_suffix(".param"), path.with_suffix(".bin")]
    absent = [str(p) for p in paths if not p.is_file()]
    if absent:
        raise WeightsError(f"no such weights: {', '.join(absent)}; NanoDet has a .param and a .bin file of one name")
    return paths
