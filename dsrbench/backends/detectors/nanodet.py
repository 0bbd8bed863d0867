"""`nanodet`: NanoDet-Plus-m 416 on ncnn, 80 COCO classes, real time on one CPU core.

The defaults of `threshold`, `nms`, `vote` and `box_scale` follow one rule, stated in `benchmark/reference/README.md`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.backends.detectors.closed import check_threads, hash_weights
from dsrbench.backends.detectors.grid import GridDetector, Selection, cell_centres
from dsrbench.backends.detectors.nouns import COCO_CLASSES
from dsrbench.errors import MissingExtraError, WeightsError
from dsrbench.hub import WeightFile, find_weights

SIDE = 416
_SOURCE = "https://github.com/Qengineering/NanoDetPlus-ncnn-Raspberry-Pi-4/raw/2565400/"
WEIGHTS = (
    WeightFile(
        filename="nanodet-plus-m_416.param",
        url=_SOURCE + "nanodet-plus-m_416.param",
        sha256="d79e18ecd8595081bb29fdf0c790a47fcea96fbf58598350569a92e71e915b72",
        size=23_123,
        licence="Apache-2.0",
    ),
    WeightFile(
        filename="nanodet-plus-m_416.bin",
        url=_SOURCE + "nanodet-plus-m_416.bin",
        sha256="f7555ca6cb9650ee41e2f0a53fdf46b6e187a2a09792208d8c3eec033b6ac615",
        size=2_397_184,
        licence="Apache-2.0",
    ),
)
_MEAN = (103.53, 116.28, 123.675)
_SCALE = (0.017429, 0.017507, 0.017125)


class NanoDet(GridDetector):
    """NanoDet-Plus-m 416 on ncnn: 80 COCO classes, real time on one CPU core.

    Args:
        threshold: Lowest score kept, in 0..1.
        nms: Overlap (IoU) above which the lower-scored of two boxes goes.
        vote: Overlap from which boxes are averaged into a kept one, weighted by score; 1 turns it off.
        box_scale: Factor on the boxes' width and height; detectors draw looser boxes than masks.
        any_animal: Let any animal class stand for a subject that has no class (recorded with the sample).
        weights: A `.param` or `.bin` file, the other one beside it; by default the fetched ones.
        threads: Threads of one forward pass.

    Raises:
        MissingExtraError: ncnn is not installed.
        WeightsError: Weights absent, altered, or of another model.
        OptionError: An option out of range.
    """

    name = "nanodet"
    extra = "nanodet"
    class_names = COCO_CLASSES
    side = SIDE

    def __init__(
        self,
        *,
        threshold: float = 0.05,
        nms: float = 0.6,
        vote: float = 0.75,
        box_scale: float = 0.96,
        any_animal: bool = False,
        weights: Path | None = None,
        threads: int = 1,
    ) -> None:
        try:
            import ncnn
        except ImportError:
            raise MissingExtraError("detector 'nanodet'", "ncnn", "nanodet") from None
        self.any_animal = any_animal
        self.how = Selection(threshold, nms, vote, box_scale)
        paths = _pair(Path(weights)) if weights else find_weights("nanodet", WEIGHTS)
        self._ncnn: Any = ncnn
        self._net = ncnn.Net()
        self._net.opt.num_threads = check_threads(threads)
        param, binary = str(paths[0]), str(paths[1])
        if self._net.load_param(param) != 0 or self._net.load_model(binary) != 0:
            raise WeightsError(
                f"{param} and its .bin are no ncnn model; fetch one with: dsrbench backends pull nanodet"
            )
        self.cells = cell_centres(SIDE, offset=0.0)
        self.fingerprint = {"weights": hash_weights(paths), "ncnn": str(ncnn.__version__)}
        self._check_outputs(param)

    def _check_outputs(self, param: str) -> None:
        expected = (len(self.cells[0]), len(COCO_CLASSES) + 32)
        got = self._run(np.zeros((SIDE, SIDE, 3), np.uint8)).shape
        if got != expected:
            raise WeightsError(f"{param} is another model: expected outputs {list(expected)}, got {list(got)}")

    def _run(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        height, width = frame.shape[:2]
        to_bgr = self._ncnn.Mat.PixelType.PIXEL_RGB2BGR
        image = self._ncnn.Mat.from_pixels_resize(np.ascontiguousarray(frame), to_bgr, width, height, SIDE, SIDE)
        image.substract_mean_normalize(_MEAN, _SCALE)
        extractor = self._net.create_extractor()
        status = extractor.input("data", image)
        failed, output = extractor.extract("output") if status == 0 else (status, None)
        if failed or output is None:
            raise WeightsError("the ncnn model is another one: expected an input 'data' and an output 'output'")
        return np.array(output, np.float32)

    def forward(self, frame: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Class scores and box distributions of every cell."""
        output = self._run(frame)
        return output[:, : len(COCO_CLASSES)], output[:, len(COCO_CLASSES) :]


def _pair(path: Path) -> list[Path]:
    """The `.param` and `.bin` files of a model, from either."""
    paths = [path.with_suffix(".param"), path.with_suffix(".bin")]
    absent = [str(p) for p in paths if not p.is_file()]
    if absent:
        raise WeightsError(f"no such weights: {', '.join(absent)}; NanoDet has a .param and a .bin file of one name")
    return paths
