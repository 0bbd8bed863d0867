"""Logs of a training: a JSON line a step, and the trackers of accelerate."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dsrbench.backends.pretrained.devices import check_device
from dsrbench.errors import BackendError
from dsrbench.store import LocalDisk

NAME = "log.jsonl"


def check_trackers(names: Sequence[str]) -> None:
    """See whether trackers can be used.

    Raises:
        BackendError: A tracker's package is not installed.
    """
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise BackendError(f"logging with {name} needs the package {name!r}. Install it with: pip install {name}")


def make_accelerator(
    precision: str, folder: Path | None = None, *, log_with: Sequence[str] = (), device: str | None = None
) -> Any:
    """Make an accelerator on this process's device.

    Args:
        precision: `no` or `bf16`.
        folder: Where trackers write files; needed for them.
        log_with: Names of trackers; they are started by `TrainingLog`.
        device: Device as torch names it; by default CUDA where torch sees one (accelerate gives each process its own),
            else the CPU.

    Raises:
        BackendError: A tracker's package is not installed.
        OptionError: A device that torch cannot use.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    check_trackers(log_with)
    AcceleratorState._reset_state()  # it is one for the process, and would refuse another precision than the last one's
    return Accelerator(
        cpu=check_device(device) == "cpu",
        mixed_precision=precision,
        log_with=list(log_with) or None,
        project_dir=str(folder) if folder is not None else None,
    )


class TrainingLog:
    """Writes the figures of steps, in the main process alone.

    Args:
        folder: For `log.jsonl`.
        accelerator: Its trackers are told as well.
    """

    def __init__(self, folder: Path, accelerator: Any) -> None:
        self._path, self._accelerator = folder / NAME, accelerator

    def start(self, step: int) -> None:
        """Forget what was written of steps after this one, which will be made again."""
        acc = self._accelerator
        if acc.is_main_process and self._path.exists():
            lines = [line for line in self._path.read_text().splitlines() if json.loads(line)["step"] <= step]
            LocalDisk(self._path.parent).write_atomic(NAME, "".join(f"{line}\n" for line in lines).encode())
        if acc.log_with:
            arguments = {"tensorboard": {"purge_step": step + 1}, "wandb": {"name": self._path.parent.parent.name}}
            acc.init_trackers("dsrbench", init_kwargs=arguments)

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Write the figures of a step."""
        if self._accelerator.is_main_process:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **figures}) + "\n")
        self.tell("training", step, figures)

    def tell(self, group: str, step: int, figures: Mapping[str, float]) -> None:
        """Tell the trackers alone."""
        self._accelerator.log({f"{group}/{name}": value for name, value in figures.items()}, step=step)

    def end(self) -> None:
        """Let the trackers finish."""
        self._accelerator.end_training()
