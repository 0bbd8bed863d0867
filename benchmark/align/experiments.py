"""Align the embedded model, several times over: DPO, DiffusionNFT, and controls of either.

Run: python benchmark/align/experiments.py FOLDER [--arms dpo two-rounds sft unregularised nft rwr nft-rounds
                                                          nft-averaged]
                                                  [--seeds 0 1 2] [--held-out sprites-test]

Every training is one `dsrbench align`, with a seed of its own. All of one round begin with the same candidates, and
with the pairs or the clips with rewards that are made of them; `nft-rounds` and `nft-averaged` make fewer candidates,
in every round. All are evaluated on the same held-out prompts, seeds 0..4, beside the same clips of the base.
`results.json` in the folder has the figures, and the tables of this folder's README are printed. Everything that was
done is found again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REWARD, SECOND = "sprites", "sprites-template"

BASE = ("base", f"base-{SECOND}", "validation-base")
"""Runs of the base, the same for all."""

ARMS = {
    "dpo": (),
    "two-rounds": ("--rounds", "2"),
    "sft": ("-s", "objective=sft", "-s", "reg_weight=0"),
    "unregularised": ("-s", "reg_weight=0", "-s", "early_stop=false", "--validation", "none"),
    "nft": ("-s", "objective=nft"),
    "rwr": ("-s", "objective=rwr"),
    "nft-rounds": (
        *("--rounds", "3", "--candidates", "0..3", "-s", "objective=nft"),
        *("-s", "max_steps=100", "-s", "min_spread=0.1"),
    ),
    "nft-averaged": (
        *("--rounds", "4", "--candidates", "0..3", "-s", "objective=nft"),
        *("-s", "max_steps=100", "-s", "min_spread=0.1", "-s", "batch_size=32"),
        *("-s", "learning_rate=3e-3", "-s", "ema_decay=0.95"),
    ),
}
"""What each arm asks of `dsrbench align`, beside its defaults; two rounds go on from where the first arm ended."""

IN_ROUNDS = ("nft-rounds", "nft-averaged")
"""Arms of several rounds that make all candidates of their own."""

ON_CLIPS = ("nft", "rwr")
"""Arms of one round that take all scored candidates."""

STAGES = ("candidates", "pairs", "latents", "train")
"""Stages before the evaluation."""


def align(out: Path, *arguments: str) -> float:
    """Run `dsrbench align`; the seconds it took."""
    asked = [sys.executable, "-m", "dsrbench", "align", "--out", str(out), *arguments]
    began = time.perf_counter()
    with open(out.with_suffix(".log"), "ab") as log:
        subprocess.run(asked, check=True, stdout=log, stderr=log)
    return time.perf_counter() - began


def share(source: Path, out: Path, names: Sequence[str]) -> None:
    """Give an alignment what another has made, as links to the same files."""
    for name in names:
        if (source / name).is_dir() and not (out / name).exists():
            shutil.copytree(source / name, out / name, copy_function=os.link)
        elif (source / name).exists() and not (out / name).exists():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            os.link(source / name, out / name)


def share_clips(folder: Path) -> Path:
    """Make the shared candidates clips with rewards and encode them; the folder of these."""
    out = folder / "shared-clips"
    out.mkdir(exist_ok=True)
    share(folder / "shared", out, ["round-1/candidates"])
    align(out, "--only", "pairs", "--only", "latents", *ARMS["nft"])
    return out


def run_arm(folder: Path, arm: str, seed: int, held_out: str) -> dict[str, Any]:
    """Train and evaluate once; the figures of both detectors."""
    first, out = folder / "shared", folder / f"{arm}-{seed}"
    out.mkdir(exist_ok=True)
    share(first, out, BASE)
    stages = STAGES if arm in ("two-rounds", *IN_ROUNDS) else STAGES[-1:]
    if arm in ON_CLIPS:
        share(share_clips(folder), out, [f"round-1/{name}" for name in ("candidates", "clips.jsonl", "latents")])
    elif arm not in IN_ROUNDS:
        share(first, out, [f"round-1/{name}" for name in ("candidates", "pairs.jsonl", "latents")])
    if arm == "two-rounds":
        share(folder / f"dpo-{seed}", out, [f"round-1/{name}" for name in ("training", "adapter")])
    asked = (*ARMS[arm], "-s", f"seed={seed}")
    seconds = align(out, *(word for stage in stages for word in ("--only", stage)), *asked)
    align(out, "--only", "evaluate", "--held-out", held_out, "--second-detector", SECOND, *asked)
    share(out, first, BASE)
    last = sorted(out.glob("round-*"))[-1]
    found = {name: json.loads((last / f"comparison-{name}.json").read_text()) for name in (REWARD, SECOND)}
    return {"arm": arm, "seed": seed, "held_out": held_out, "train_seconds": round(seconds), **found}


def read_results(folder: Path) -> list[dict[str, Any]]:
    """What was found so far, in the order of the arms."""
    path = folder / "results.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def add_result(folder: Path, result: dict[str, Any]) -> None:
    """Keep what was found, beside what others have found meanwhile."""
    print(f"{result['arm']}, seed {result['seed']}: {result['train_seconds']} s", file=sys.stderr, flush=True)
    results = sorted([*read_results(folder), result], key=lambda row: (list(ARMS).index(row["arm"]), row["seed"]))
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def interval(figure: dict[str, float], *, signed: bool = False) -> str:
    """A figure with its interval."""
    value = figure["difference" if signed else "value"]
    form = "+.3f" if signed else ".3f"
    return f"{value:{form}} [{figure['low']:{form}}, {figure['high']:{form}}]"


def print_tables(results: Sequence[dict[str, Any]]) -> None:
    """Scores under either detector, and quality."""
    for name in (REWARD, SECOND):
        print(f"\nDetector `{name}`:\n\n| training | seed | base | aligned | paired gain | coverage |\n|{'---|' * 6}")
        for row in results:
            scores = row[name]["scores"]
            cells = [
                *(row["arm"], row["seed"], interval(scores["accuracy_a"]), interval(scores["accuracy_b"])),
                interval(scores["difference"], signed=True),
                f"{scores['coverage_a']:.3f} -> {scores['coverage_b']:.3f}",
            ]
            print(f"| {' | '.join(map(str, cells))} |")
    figures = list(results[0][REWARD]["quality"])
    print(f"\n| training | seed | {' | '.join(figures)} |\n|{'---|' * (2 + len(figures))}")
    for row in results:
        found = row[REWARD]["quality"]
        cells = [f"{found[name]['a']:.3f} -> {found[name]['b']:.3f}" for name in figures]
        print(f"| {row['arm']} | {row['seed']} | {' | '.join(cells)} |")


def main() -> None:
    """Do what is not done yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--held-out", default="sprites-test")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    (given.folder / "shared").mkdir(exist_ok=True)
    seconds = align(given.folder / "shared", *(word for stage in STAGES[:-1] for word in ("--only", stage)))
    for seed in given.seeds:
        for arm in given.arms:
            done = {(row["arm"], row["seed"], row["held_out"]) for row in read_results(given.folder)}
            if (arm, seed, given.held_out) not in done:
                add_result(given.folder, run_arm(given.folder, arm, seed, given.held_out))
    print(f"Candidates, scores, pairs and latents: {seconds:.0f} s")
    print_tables(read_results(given.folder))


if __name__ == "__main__":
    main()
