"""One step's gradients, written by the first of the processes torchrun starts: MODEL, FOLDER of clips, OUT."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from factories.pairs import write_pairs
from safetensors.torch import load_file, save_file

from dsrbench.alignment.families import find_family
from dsrbench.alignment.latents import read_encoded
from dsrbench.alignment.settings import TrainingSettings
from dsrbench.alignment.trainer import Trainer


def main(model, folder, out):
    settings = TrainingSettings().change(json.loads((out / "settings.json").read_text()))
    own = out / f"clips-{os.environ['RANK']}"
    own.mkdir()
    pairs = write_pairs(own, count=4)
    trainer = Trainer(find_family(model), pairs, *read_encoded(folder / "latents"), settings, out / "two")
    assert trainer.accelerator.num_processes == 2, "torchrun was to start two"
    start = load_file(out / "start.safetensors")
    for name, parameter in trainer.parameters.items():
        parameter.data.copy_(start[name])
    trainer.accumulate(0)
    if trainer.accelerator.is_main_process:
        save_file({n: p.grad.contiguous() for n, p in trainer.parameters.items()}, out / "gradients.safetensors")
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.end_training()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
