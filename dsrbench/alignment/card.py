"""The model card of an adapter: what it was trained on, how, how that went, and what it reaches."""

from __future__ import annotations

import json
import math
from pathlib import Path

from dsrbench import __version__
from dsrbench.alignment.comparison import read_comparisons
from dsrbench.alignment.logs import NAME as LOG
from dsrbench.alignment.lora import FILE
from dsrbench.alignment.rewards import read_clips
from dsrbench.alignment.settings import CLIP_OBJECTIVES, rename_settings
from dsrbench.alignment.validation import NAME as VALIDATION
from dsrbench.analysis.statistics import PairedDifference
from dsrbench.dataset import read_pairs
from dsrbench.evaluation.defaults import EMBEDDED, EMBEDDED_DEPTH
from dsrbench.markdown import link_page, markdown_table
from dsrbench.store import LocalDisk, Run
from dsrbench.video import sha256_file

SHOWN = 8
"""Steps of the training in the table."""

SOURCE = "source.json"
"""In a round's folder: where its pairs came from, when they were not of its own candidates."""

CURVES = ("loss", "objective", "regulariser", "implicit_accuracy", "margin", "gradient_norm", "drift")


def write_card(home: Path, *, base: str, number: int, hands_on_start: bool = False) -> None:
    """Write `README.md` beside a round's adapter, from what the round's folder has.

    Args:
        home: Folder of the round.
        base: Name of the base model.
        number: Number of the round.
        hands_on_start: Whether the adapter is the one that the round began with.
    """
    card = make_card(home, base=base, number=number, hands_on_start=hands_on_start)
    LocalDisk(home / "adapter").write_atomic("README.md", card.encode())


def make_card(home: Path, *, base: str, number: int, hands_on_start: bool = False) -> str:
    """Return the card as Markdown with the Hub's YAML header; arguments as for `write_card`."""
    settings = rename_settings(json.loads((home / "training" / "settings.json").read_text(encoding="utf-8")))
    is_embedded = base in (EMBEDDED, EMBEDDED_DEPTH)
    began = "the base" if number == 1 else f"the adapter of round {number - 1}"
    parts = [
        "---\nlibrary_name: diffusers\npipeline_tag: text-to-video\n"
        + ("" if is_embedded else f"base_model: {base}\n")
        + f"tags: [dsrbench, lora, {settings['objective']}, text-to-video]\n---",
        f"# A LoRA for {base}, aligned with where things should be",
        f"Trained by `dsrbench align` (dsrbench {__version__}) on preferences that DSR-Score makes between clips of "
        f"one prompt (arXiv 2602.22745); objective `{settings['objective']}`, round {number}, begun from {began}. "
        f"Documentation: {link_page('alignment', 'quickstart/align-a-model')}, "
        f"{link_page('the score', 'concepts/metric')}.",
        f"```bash\ndsrbench eval --model {base} --adapter FOLDER --suite SUITE\n```\n\nIn Python, "
        f'`pipeline.load_lora_weights("FOLDER", weight_name="{FILE}")` of diffusers; its alpha is in the file.',
        "## Data",
        _describe_data(home, takes_clips=settings["objective"] in CLIP_OBJECTIVES),
        "## Settings",
        markdown_table(["setting", "value"], [[f"`{k}`", f"`{v}`"] for k, v in settings.items()]),
        "## Training",
        _curves(home / "training" / LOG),
        _validations(home / "training" / VALIDATION, hands_on_start=hands_on_start),
        "## Results",
        _results(home),
        "## Limits",
        "The reward is a detector's view of boxes. Read a gain beside coverage, quality figures and a detector that "
        "was not the reward; the adapter was tried on no other kinds of prompts than those above.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _describe_data(home: Path, *, takes_clips: bool) -> str:
    if takes_clips:
        clips = read_clips(home / "clips.jsonl")
        prompts = {clip.prompt_id for clip in clips}
        return f"{len(clips)} clips with rewards of {len(prompts)} prompts, from {_describe_candidates(home)}."
    pairs = read_pairs(home / "pairs.jsonl")
    prompts = {pair.prompt_id for pair in pairs}
    margin = sum(pair.margin for pair in pairs) / len(pairs)
    text = f"{len(pairs)} pairs of {len(prompts)} prompts, mean difference of their scores {margin:.3f}, from"
    if (home / SOURCE).is_file():
        source = json.loads((home / SOURCE).read_text(encoding="utf-8"))["pairs"]
        return f"{text} `{source}` (sha256 of the pairs `{sha256_file(home / 'pairs.jsonl')[:12]}`)."
    return f"{text} {_describe_candidates(home)}."


def _describe_candidates(home: Path) -> str:
    manifest = Run(home / "candidates").manifest
    suite, seeds = manifest.suite, ", ".join(map(str, manifest.seeds))
    return (
        f"{manifest.n_samples} candidates (seeds {seeds}) of the suite `{suite.name}` {suite.version} (sha256 "
        f"`{suite.sha256[:12]}`), scored with the detector `{manifest.detector.name}`"
    )


def _curves(log: Path) -> str:
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []
    if not rows:
        return "No steps were logged."
    places = sorted({round(i * (len(rows) - 1) / (SHOWN - 1)) for i in range(SHOWN)})
    return markdown_table(
        ["step", *CURVES], [[str(rows[i]["step"]), *(f"{rows[i][name]:.4g}" for name in CURVES)] for i in places]
    )


def _validations(path: Path, *, hands_on_start: bool) -> str:
    if not path.exists():
        return "Its checkpoints were not validated; the adapter is the last one."
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    names = [name for name in rows[0] if name not in ("step", "problem")]
    lines = [[str(row["step"]), *(f"{row[name]:.4g}" for name in names), row["problem"]] for row in rows]
    chosen = (
        "no checkpoint is better than an earlier round's, whose adapter this is"
        if hands_on_start
        else "the best checkpoint is the adapter"
    )
    table = markdown_table(["step", *(name.replace("_", " ") for name in names), "problem"], lines)
    return f"Validation (step 0 is the base); {chosen}:\n\n{table}"


def _results(home: Path) -> str:
    """Return the comparisons with the base, where the evaluation was run."""
    rows = []
    for comparison in read_comparisons(home):
        scores = comparison.scores
        rows.append(
            [
                f"`{comparison.detector}`",
                f"{scores.accuracy_a.value:.3f}",
                f"{scores.accuracy_b.value:.3f}",
                f"{scores.difference.difference:+.3f}{_ends(scores.difference)}",
                f"{scores.coverage_a:.3f}",
                f"{scores.coverage_b:.3f}",
                str(scores.n_pairs),
            ]
        )
    if not rows:
        return "It was not evaluated."
    suite = Run(home / "aligned").manifest.suite
    head = [
        "detector",
        "Accuracy@0.7 of the base",
        "with the adapter",
        "difference (95 %)",
        "coverage",
        "with",
        "samples",
    ]
    return f"On `{suite.name}`, the same seeds for both:\n\n{markdown_table(head, rows)}"


def _ends(change: PairedDifference) -> str:
    return "" if math.isnan(change.low) else f" [{change.low:+.3f}, {change.high:+.3f}]"
