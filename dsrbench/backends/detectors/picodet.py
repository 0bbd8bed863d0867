"""`picodet`: PicoDet-S 416 on onnxruntime, 80 COCO classes, near real time on one CPU core.

The defaults of `threshold`, `nms`, `vote` and `box_scale` follow one rule, stated in `benchmark/reference/README.md`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.detectors.closed import check_threads, hash_weights
from dsrbench.backends.detectors.grid import STRIDES, GridDetector, Selection, cell_centres
from dsrbench.backends.detectors.nouns import COCO_CLASSES
from dsrbench.errors import MissingExtraError, WeightsError, first_line
from dsrbench.hub import WeightFile, find_weights

SIDE = 416
WEIGHTS = (
    WeightFile(
        filename="picodet_s_416_coco.onnx",
        url="https://github.com/hpc203/picodet-onnxruntime/raw/dfe4d6cd0a18cd4126ee381e81df8a0b1e6ad97b/coco/"
        "picodet_s_416_coco.onnx",
        sha256="cdab77bdde16e4f76bec734c4e5791801d1739e4c7ec1995e0e110e04300d0c2",
        size=4_040_573,
        licence="Apache-2.0",
    ),
)
_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
_STD = np.array([58.395, 57.12, 57.375], np.float32)


class PicoDet(GridDetector):
    """PicoDet-S 416 on onnxruntime: 80 COCO classes, near real time on one CPU core.

    Args:
        threshold: Lowest score kept, in 0..1.
        nms: Overlap (IoU) above which the lower-scored of two boxes goes.
        vote: Overlap from which boxes are averaged into a kept one, weighted by score; 1 turns it off.
        box_scale: Factor on the boxes' width and height; detectors draw looser boxes than masks.
        any_animal: Let any animal class stand for a subject that has no class (recorded with the sample).
        weights: An `.onnx` file; by default the fetched one.
        threads: Threads of one forward pass.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        WeightsError: Weights absent, altered, or of another model.
        OptionError: An option out of range.
    """

    name = "picodet"
    extra = "picodet"
    class_names = COCO_CLASSES
    side = SIDE

    def __init__(
        self,
        *,
        threshold: float = 0.05,
        nms: float = 0.6,
        vote: float = 0.75,
        box_scale: float = 0.97,
        any_animal: bool = False,
        weights: Path | None = None,
        threads: int = 1,
    ) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise MissingExtraError("detector 'picodet'", "onnxruntime", "picodet") from None
        self.any_animal = any_animal
        self.how = Selection(threshold, nms, vote, box_scale)
        path = Path(weights) if weights else find_weights("picodet", WEIGHTS)[0]
        if not path.is_file():
            raise WeightsError(f"no such weights: {path}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = check_threads(threads)
        options.log_severity_level = 3
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=onnxruntime.get_available_providers()
            )
        except Exception as error:  # onnxruntime raises its own unexported types
            reason = first_line(error)
            raise WeightsError(f"{path} is no ONNX model: {reason}") from error
        self.cells = cell_centres(SIDE, offset=0.5)
        self.fingerprint = {"weights": hash_weights([path]), "onnxruntime": str(onnxruntime.__version__)}
        self._check_outputs(path)

    def _check_outputs(self, path: Path) -> None:
        shape = self._session.get_inputs()[0].shape
        if len(shape) != 4 or shape[1] != 3 or any(n != SIDE for n in shape[2:] if isinstance(n, int)):
            raise WeightsError(f"{path} is another model: expected an input [1, 3, {SIDE}, {SIDE}], got {shape}")
        cells = [(-(-SIDE // stride)) ** 2 for stride in STRIDES]
        expected = [(n, width) for width in (len(COCO_CLASSES), 32) for n in cells]
        got = [tuple(o.shape[-2:]) for o in self._outputs(np.zeros((SIDE, SIDE, 3), np.uint8))]
        if got != expected:
            raise WeightsError(f"{path} is another model: expected outputs {expected}, got {got}")

    def _outputs(self, frame: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        from PIL import Image

        image = Image.fromarray(frame).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        pixels = (np.asarray(image, np.float32) - _MEAN) / _STD
        name = self._session.get_inputs()[0].name
        outputs: list[NDArray[np.float32]] = self._session.run(None, {name: pixels.transpose(2, 0, 1)[None]})
        return outputs

    def forward(self, frame: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Class scores and box distributions of every cell."""
        outputs = [output.reshape(-1, output.shape[-1]) for output in self._outputs(frame)]
        return np.concatenate(outputs[: len(STRIDES)]), np.concatenate(outputs[len(STRIDES) :])
