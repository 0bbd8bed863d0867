"""Agreement with the authors' published scores: real detectors on real videos, as one table.

Run: DSRBENCH_REFERENCE_DIR=... python benchmark/reference/run.py [--out runs/reference] [--weights FOLDER]

The folder has `videos/MODEL/*.mp4`, `prompts.csv` (the paper's columns), `scores.csv` (model, video, prompt_id, seed,
status, dsr_score, nouns_in_coco) and `ssr_curves.json`. Only clips whose object has a COCO class are scored; animals
without one are read as any animal. Rewrites the table in this folder's README.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

from dsrbench.markdown import rewrite_table

README = Path(__file__).with_name("README.md")
DETECTORS = {"nanodet": "nanodet-plus-m_416.param", "picodet": "picodet_s_416_coco.onnx"}
TRACKERS = ("assignment", "bytetrack")


def write_manifest(reference: Path, path: Path) -> None:
    """A manifest of the clips whose object has a COCO class."""
    with (reference / "scores.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["nouns_in_coco"] in ("both", "object")]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["video", "prompt_id", "model", "seed"])
        for row in rows:
            video = (reference / "videos" / row["model"] / row["video"]).resolve()
            writer.writerow([video, row["prompt_id"], row["model"], row["seed"]])


def run(*words: str | Path) -> None:
    """Run a dsrbench command; 8 (some samples failed) is not an error here."""
    done = subprocess.run([sys.executable, "-m", "dsrbench", *map(str, words)], check=False)
    if done.returncode not in (0, 8):
        raise SystemExit(done.returncode)


def write_table(name: str, lines: list[str]) -> None:
    """Put a table into the README, between the comment of its name and the next `end`."""
    rewrite_table(README, "\n".join(lines), start=f"<!-- {name} -->", end="<!-- end -->")


def make_row(detector: str, tracker: str, figures: dict) -> str:
    """One line of the table."""
    spearman = figures["spearman"]
    return (
        f"| `{detector}` | `{tracker}` | {figures['n_both_scored']} | {spearman['value']:.3f} "
        f"({spearman['low']:.3f} – {spearman['high']:.3f}) | {figures['pearson']:.3f} | "
        f"{figures['median_absolute_difference']:.4f} | {figures['mean_absolute_difference']:.3f} | "
        f"{figures['n_decisions_differ']} | {figures['ssr_mean_absolute_difference']:.3f} |"
    )


def read_arguments(description: str | None, out: Path, *, more: bool = False) -> argparse.Namespace:
    """Read the command line: `--out` and `--weights`, and `--more` where a script takes further folders of clips."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument("--weights", type=Path, help="Folder of the weights; by default the fetched ones")
    if more:
        parser.add_argument("--more", type=Path, action="append", default=[], help="Another folder of clips")
    return parser.parse_args()


def main() -> None:
    """Score, compare, and rewrite the table."""
    given = read_arguments(__doc__, Path("runs/reference"))
    reference = Path(os.environ["DSRBENCH_REFERENCE_DIR"])
    manifest = given.out / "clips.csv"
    write_manifest(reference, manifest)
    rows = []
    for detector, file in DETECTORS.items():
        weights = ["-o", f"detector.weights={given.weights / file}"] if given.weights else []
        for tracker in TRACKERS:
            folder = given.out / f"{detector}-{tracker}"
            suite = ["--suite", reference / "prompts.csv"]
            backends = ["--detector", detector, "--tracker", tracker, "-o", "detector.any_animal=true", *weights]
            run("eval", "--videos", manifest, *suite, *backends, "--out", folder)
            result = folder / "agreement.json"
            known = ["--reference", reference / "scores.csv", "--curves", reference / "ssr_curves.json"]
            run("agreement", folder, *known, "--out", result)
            rows.append(make_row(detector, tracker, json.loads(result.read_text(encoding="utf-8"))))
    head = (
        "| detector | tracker | scored on both sides, of 47 | Spearman (95 %) | Pearson | median abs. difference | "
        "mean | decisions at 0.7 that differ | SSR a frame, mean abs. difference |\n|" + "---|" * 9
    )
    write_table("table", [head, *rows])


if __name__ == "__main__":
    main()
