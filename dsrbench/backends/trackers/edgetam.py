"""`edgetam`: EdgeTAM (arXiv 2501.07256), SAM 2 made small."""

from __future__ import annotations

from dsrbench.backends.pretrained.models import Choice
from dsrbench.backends.pretrained.snapshots import HubModel
from dsrbench.backends.trackers.propagate import MaskPropagation

MODEL = HubModel("yonigozlan/EdgeTAM-hf", "Apache-2.0")
_KINDS = {"edgetam_video": ("EdgeTamVideoModel", "Sam2VideoProcessor")}


class EdgeTam(MaskPropagation):
    """EdgeTAM: SAM 2 with a small encoder and a compressed memory, for weak GPUs and CPUs.

    Args:
        model: A folder, or an id on the Hub.
        revision: A branch, tag or commit on the Hub; by default its main branch.
        device: As torch names it (`cpu`, `cuda:0`); by default CUDA where torch sees one, else the CPU.
        dtype: float32, float16 or bfloat16.
        storage: Where the memory of past frames waits; `cpu` frees a GPU of it. By default the device.
        inclusive: Give a mask's last pixels as its box's right and bottom edges, as the published protocol does.

    Raises:
        MissingExtraError: transformers is not installed.
        WeightsError: The model is absent, damaged, or of another kind.
        OptionError: A device or a dtype that cannot be used.
    """

    name = "edgetam"

    def __init__(
        self,
        *,
        model: str = MODEL.id,
        revision: str | None = None,
        device: str | None = None,
        dtype: str = "float32",
        storage: str | None = None,
        inclusive: bool = False,
    ) -> None:
        choice = Choice(model, revision, device, dtype)
        self._use(choice, default=MODEL, kinds=_KINDS, storage=storage, inclusive=inclusive)
