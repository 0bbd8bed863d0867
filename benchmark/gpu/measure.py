"""Everything that runs on a GPU, at the real sizes with random weights, on one card in one go.

    python benchmark/gpu/measure.py --out FOLDER [--parts detect,track] [--small]

Writes `gpu.json` and `gpu.md` into the folder after every part, so that a part that fails or is cut off loses nothing.
`--small` rehearses with tiny models on whatever device there is.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from backends import measure_depth, measure_detector, measure_rewards, measure_tracker  # noqa: E402
from clips import measure_clips  # noqa: E402
from commands import measure_commands, measure_generation, run_tests  # noqa: E402
from meter import Row, Setting  # noqa: E402
from training import measure_steps, measure_steps_of_cogvideox, measure_steps_of_ltx  # noqa: E402

PARTS: dict[str, Callable[[Setting], Iterator[Row]]] = {
    "detect": measure_detector,
    "track": measure_tracker,
    "clips": measure_clips,
    "rewards": measure_rewards,
    "depth": measure_depth,
    "train": measure_steps,
    "train-cogvideox": measure_steps_of_cogvideox,
    "train-ltx": measure_steps_of_ltx,
    "generate": measure_generation,
    "commands": measure_commands,
    "tests": run_tests,
}
"""What is measured, by name; the order puts first what is wanted most."""


def main() -> None:
    """Measure the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="Folder for gpu.json and gpu.md.")
    parser.add_argument("--parts", default=",".join(PARTS), help="Parts, with commas.")
    parser.add_argument("--small", action="store_true", help="Rehearse with tiny models.")
    given = parser.parse_args()
    import torch

    setting = Setting("cuda" if torch.cuda.is_available() else "cpu", given.small)
    if setting.device == "cpu" and not given.small:
        parser.error("torch sees no GPU here; --small rehearses without one")
    given.out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for part in given.parts.split(","):
        began = time.perf_counter()
        try:
            for row in PARTS[part](setting):
                rows.append(row)
                print(f"{row.what}: {row.value}", flush=True)
                write(given.out, rows, describe(setting))
        except Exception as error:  # the other parts go on
            traceback.print_exc()
            rows.append(
                Row(part, f"the part ended after {time.perf_counter() - began:.0f} s", f"FAILED: {error!r}"[:200])
            )
        write(given.out, rows, describe(setting))
    print((given.out / "gpu.md").read_text())


def describe(setting: Setting) -> dict[str, Any]:
    """The card, and the versions of what computes."""
    import torch
    import transformers

    card = torch.cuda.get_device_name(0) if setting.device == "cuda" else "no GPU: a rehearsal on a CPU"
    versions = {"torch": str(torch.__version__), "transformers": str(transformers.__version__)}
    return {"card": card, "small": setting.small, **versions}


def write(folder: Path, rows: Sequence[Row], facts: dict[str, Any]) -> None:
    """Write what was measured so far, as JSON and as a table."""
    (folder / "gpu.json").write_text(json.dumps({**facts, "rows": [dataclasses.asdict(row) for row in rows]}, indent=1))
    lines = [f"{facts['card']}, torch {facts['torch']}, transformers {facts['transformers']}", ""]
    lines += ["| what | measured | peak memory |", "|---|---|---|"]
    for row in rows:
        memory = f"{row.memory:.1f} GiB" if row.memory is not None else ""
        lines.append(f"| {row.what} | {row.value} | {memory} |")
    (folder / "gpu.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
