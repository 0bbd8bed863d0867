"""Load a model of `transformers` with its processor: safetensors only, no code from the Hub, no missing weights."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from dsrbench.backends.base import BaseBackend
from dsrbench.backends.pretrained.acceleration import CompiledBlocks
from dsrbench.backends.pretrained.batches import explaining_memory
from dsrbench.backends.pretrained.devices import (
    check_device,
    check_dtype,
    choose_precision,
    describe_free_memory,
    inference,
    reduce_weights,
)
from dsrbench.backends.pretrained.snapshots import Snapshot, find_snapshot
from dsrbench.errors import BackendError, MissingExtraError, WeightsError
from dsrbench.hub import HubModel

T = TypeVar("T")

Kinds = Mapping[str, tuple[str, str]]
"""Class names in `transformers` by the `model_type` of a config.json: the model's and its processor's."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """A model that a user selects, and where it runs.

    Attributes:
        model: A folder, or an id on the Hub.
        revision: A branch, tag or commit on the Hub; by default its main branch.
        device: Device name of torch; by default CUDA if torch can use it, else the CPU.
        dtype: `float32`, `float16` or `bfloat16`.
    """

    model: str
    revision: str | None
    device: str | None
    dtype: str


@dataclasses.dataclass(frozen=True, eq=False)
class Pretrained:
    """A model ready to run.

    Attributes:
        net: The model, in evaluation mode on its device.
        processor: Processor that makes the model's inputs and reads its outputs.
        device: Device of the model, as torch names it.
        dtype: The torch type of its weights.
        fingerprint: Identity of the model and versions of the libraries, as JSON values.
    """

    net: Any
    processor: Any
    device: str
    dtype: Any
    fingerprint: dict[str, Any]


def load_pretrained(choice: Choice, *, backend: str, default: HubModel, kinds: Kinds) -> Pretrained:
    """Load a model from a local folder or the Hub's cache.

    Args:
        choice: The model, and where it runs.
        backend: Registered name of the backend.
        default: Default model of the backend.
        kinds: Kinds of models that the backend can run.

    Raises:
        MissingExtraError: A package is not installed.
        WeightsError: The model is absent, damaged, or of another kind.
        OptionError: The device or the dtype cannot be used.
    """
    transformers = import_transformers(backend)
    import torch

    device, dtype = check_device(choice.device), check_dtype(choice.dtype)
    snapshot = find_snapshot(choice.model, revision=choice.revision, backend=backend, default=default)
    kind = snapshot.model_type
    if kind not in kinds:
        raise WeightsError(
            f"{choice.model} holds a model of the type {kind!r}; {backend} takes {', '.join(list(kinds)[:4])}"
            f"{f' and {len(kinds) - 4} more' if len(kinds) > 4 else ''}"
        )
    net_class, processor_class = (getattr(transformers, name, None) for name in kinds[kind])
    if net_class is None or processor_class is None:
        raise BackendError(f"transformers {transformers.__version__} is too old for {kind!r}; install a newer one")
    net, processor = _load(snapshot, net_class, processor_class, dtype, backend)
    versions = {"transformers": str(transformers.__version__), "torch": str(torch.__version__)}

    def explain(reason: str) -> BackendError:
        return BackendError(
            f"{choice.model} does not fit on {device}{describe_free_memory(device)} ({reason}); take a smaller model, "
            f"the option dtype=bfloat16 or device=cpu"
        )

    with explaining_memory(explain):
        net = net.to(device).eval().requires_grad_(False)
    return Pretrained(net, processor, device, dtype, {**snapshot.fingerprint(), **versions})


def import_transformers(backend: str) -> Any:
    """Import transformers and torch.

    Raises:
        MissingExtraError: One of them is not installed.
    """
    import importlib

    modules = {}
    for package in ("transformers", "torch", "torchvision"):
        try:
            modules[package] = importlib.import_module(package)
        except ImportError:
            raise MissingExtraError(f"backend {backend!r}", package, "hf") from None
    return modules["transformers"]


def _load(snapshot: Snapshot, net_class: Any, processor_class: Any, dtype: Any, backend: str) -> tuple[Any, Any]:
    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        with quiet():
            net, report = net_class.from_pretrained(
                snapshot.folder, use_safetensors=True, dtype=dtype, output_loading_info=True, **local
            )
            processor = processor_class.from_pretrained(snapshot.folder, **local)
    except ImportError as error:
        named = re.search(r"Package `([\w-]+)`", str(error))  # SmolVLM needs num2words
        guess = "timm" if "timm" in str(error) else "torchvision"
        package = named[1] if named else getattr(error, "name", None) or guess
        raise MissingExtraError(f"backend {backend!r}", package, "hf") from None
    except Exception as error:  # the errors of transformers for damaged files are not documented
        reason = next(iter(str(error).strip().splitlines()), "")
        raise WeightsError(
            f"{snapshot.folder} cannot be loaded as a model ({type(error).__name__}: {reason})"
        ) from error
    parameters = {name for name, _ in net.named_parameters()}
    random = sorted(parameters & set(report["missing_keys"]))
    if random:
        raise WeightsError(
            f"{snapshot.folder} lacks {len(random)} of the model's {len(parameters)} weights, such as {random[0]}; "
            f"it is damaged, or of another model"
        )
    return net, processor


@dataclasses.dataclass(kw_only=True, eq=False)
class PretrainedBackend(BaseBackend):
    """Base of the backends that run a model of `transformers`.

    Args:
        model: A folder, or an id on the Hub.
        revision: A branch, tag or commit on the Hub; by default its main branch.
        device: Device name of torch (`cpu`, `cuda:0`); by default CUDA if torch can use it, else the CPU.
        dtype: Precision, by torch's autocast where it is reduced: float32, float16 or bfloat16; by default float32, or
            `gpu_dtype` on a GPU that computes in it.
        compile: Whether to compile the repeated blocks of the network; the first frames take minutes longer, later ones
            less.

    Attributes:
        name: Registered name, for messages.
        hub_model: Model on the Hub that the backend takes by default.
        model_types: Values of `model_type` in config.json that the backend can run.
        classes: Names of two classes of `transformers`: the model's and its processor's.
        gpu_dtype: Precision on a GPU by default. It is reduced only where boxes keep their pixels: networks that
            compute coordinates themselves in bfloat16 round them to 2 pixels in a frame of 832.

    Raises:
        MissingExtraError: transformers, or a package that the model needs, is not installed.
        WeightsError: The model is absent, damaged, or of another kind.
        OptionError: An option out of range, or a device or dtype that cannot be used.
    """

    name: ClassVar[str]
    extra = "hf"
    hub_model: ClassVar[HubModel]
    model_types: Sequence[str] = dataclasses.field(init=False, repr=False)
    classes: ClassVar[tuple[str, str]]
    gpu_dtype: ClassVar[str] = "float32"

    model: str
    revision: str | None = None
    device: str | None = None
    dtype: str | None = None
    compile: bool = False

    def __post_init__(self) -> None:
        import_transformers(self.name)
        device = check_device(self.device)
        self._precision = choose_precision(self.dtype, device, on_gpu=self.gpu_dtype)
        loaded = load_pretrained(
            Choice(self.model, self.revision, device, "float32"),
            backend=self.name,
            default=self.hub_model,
            kinds=dict.fromkeys(self.model_types, self.classes),
        )
        self._net, self._processor = loaded.net, loaded.processor
        self._device, self.fingerprint = loaded.device, loaded.fingerprint
        if self._precision != "float32":
            reduce_weights(self._net, self._precision)
        self._compiled = CompiledBlocks(self._net) if self.compile else None

    def placement(self) -> tuple[str, str]:
        """Return the device, as torch names it, and the precision of the network."""
        return self._device, self._precision

    def _inference(self) -> contextlib.AbstractContextManager[None]:
        """Compute without gradients and in the network's precision inside the block."""
        return inference(self._device, self._precision)

    def _run(self, call: Callable[[], T]) -> T:
        """Return the result of a function that calls the network, whose blocks may be compiled."""
        return call() if self._compiled is None else self._compiled.run(call)

    def _pictures(self, frames: Any) -> list[Any]:
        """Return frames uint8 `[T, H, W, 3]`, an array or a tensor, as tensors `[3, H, W]` on the network's device.

        They are resized and normalised there.
        """
        import torch

        tensor = torch.from_numpy(np.ascontiguousarray(frames)) if isinstance(frames, np.ndarray) else frames
        return list(tensor.to(self._device).permute(0, 3, 1, 2))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the progress bars and reports of transformers."""
    from transformers.utils import logging

    level, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if had_bars:
            logging.enable_progress_bar()
