"""Choose the tracker's constants by leaving one prompt out at a time, and say how well that does on what was left out.

Run: DSRBENCH_REFERENCE_DIR=... python benchmark/reference/crossvalidate.py [--out runs/crossvalidation]
    [--weights FOLDER] [--more FOLDER]

The clips are those of `run.py`; `--more` adds those of another folder with `videos`, `prompts.csv` and `scores.csv`.
Both detectors look at every clip once; all settings share these detections. For each prompt, the setting is chosen that
does best on the clips of all others, under both detectors together, and the clips of that prompt are scored with it.

First the tracker: the loss is the mean absolute difference to the published score, at most 0.15 a clip, and 0.1 for one
that is not scored. Then the certainty, with the shipped tracker: the temperature by the negative log probability of the
published decision, the error of a score by the negative log density of the published score. Rewrites two tables in
this folder's README.
"""

from __future__ import annotations

import csv
import dataclasses
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from run import DETECTORS, read_arguments, run, write_table
from scipy.stats import spearmanr

from dsrbench import Detections, Prompt, score_tracks
from dsrbench.backends.trackers.assignment import Assignment
from dsrbench.metric.certainty import SCORE_ERROR, certainty_of_scores, score_draws
from dsrbench.store import Run
from dsrbench.store.arrays import unpack_detections
from dsrbench.types import CERTAIN, HEADLINE_THRESHOLD, Certainty, VideoScore, VideoTracks

MAX_LOSS, UNSCORED_LOSS = 0.15, 0.1

SETTINGS: Mapping[str, Sequence[float]] = {
    "entry": (0.08, 0.1, 0.12, 0.15),
    "jump": (0.75, 1.0, 1.25, 1.5, 2.0),
    "speed": (0.1, 0.15, 0.2, 0.3),
    "extend": (0.3, 0.35, 0.4, 0.5),
    "ends": (0.1, 0.2, 0.3, 0.4),
}
"""Values tried of each option, one at a time, the others as they are."""

TEMPERATURES = (0.25, 0.35, 0.5, 0.7, 1.0)
ERRORS = (0.01, 0.015, 0.02, 0.03)

HEAD = (
    "| detector | constants | scored, of {published} | Spearman | median abs. difference | "
    "decisions at 0.7 that differ |\n" + "|---" * 6 + "|"
)
CERTAINTY_HEAD = (
    "| detector | constants | certain, of the scored | of these: Spearman | decisions that differ | "
    "90 % interval holds the published score | certainty and share right, by thirds |\n" + "|---" * 7 + "|"
)


@dataclasses.dataclass(frozen=True, eq=False)
class PublishedClip:
    """A clip with its detections and the score that the authors gave it."""

    detector: str
    prompt: Prompt
    detections: list[Detections]
    size: tuple[int, int]
    fps: float
    published: float

    def track(self, tracker: Assignment) -> VideoTracks:
        """Its tracks by a tracker."""
        return tracker.associate(self.detections, prompt=self.prompt, size=self.size, fps=self.fps)


def collect(folders: Sequence[Path], out: Path) -> dict[tuple[str, str], float]:
    """Write the list of clips and their prompts, and return the published scores by model and file name."""
    prompts: list[dict[str, str]] = []
    clips, scores = [], {}
    for folder in folders:
        with (folder / "prompts.csv").open(encoding="utf-8", newline="") as file:
            prompts += csv.DictReader(file)
        with (folder / "scores.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row.get("nouns_in_coco", "both") in ("both", "object") and row["dsr_score"]:
                    video = (folder / "videos" / row["model"] / row["video"]).resolve()
                    prompt_id, _, seed = row["video"].removesuffix(".mp4").rpartition("_F81_seed")
                    clips.append([video, prompt_id, row["model"], int(seed)])
                    scores[row["model"], row["video"]] = float(row["dsr_score"])
    out.mkdir(parents=True, exist_ok=True)
    with (out / "prompts.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(prompts[0]))
        writer.writeheader()
        writer.writerows(prompts)
    with (out / "clips.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["video", "prompt_id", "model", "seed"], *clips])
    return scores


def detect(
    detector: str, weights: Path | None, out: Path, scores: Mapping[tuple[str, str], float]
) -> list[PublishedClip]:
    """Detect in every clip, unless the run folder has that already."""
    folder = out / detector
    options = ["-o", "detector.any_animal=true"]
    options += ["-o", f"detector.weights={weights / DETECTORS[detector]}"] if weights else []
    inputs = ["--videos", out / "clips.csv", "--suite", out / "prompts.csv", "--detector", detector]
    run("eval", *inputs, "--tracker", "assignment", *options, "--out", folder)
    opened, clips = Run.open(folder), []
    for sample in opened.samples():
        detections, _ = unpack_detections(opened.disk.read(f"detections/{sample.id.slug}.npz"))
        published = scores[sample.model, Path(sample.video).name]
        size = (sample.width, sample.height)
        clips.append(PublishedClip(detector, sample.prompt, detections, size, sample.fps, published))
    return clips


def leave_one_out(losses: NDArray[np.float64], prompts: NDArray[np.str_]) -> NDArray[np.int64]:
    """Choose, for each clip, the setting with the least mean loss on the clips of all other prompts.

    Args:
        losses: Losses `[S, N]` of each setting on each clip.
        prompts: Prompt of each clip, `[N]`.
    """
    chosen = np.empty(len(prompts), np.int64)
    for prompt in np.unique(prompts):
        chosen[prompts == prompt] = losses[:, prompts != prompt].mean(axis=1).argmin()
    return chosen


def settings() -> list[dict[str, float]]:
    """The shipped setting first, then those that differ in one option."""
    shipped = {name: getattr(Assignment(), name) for name in SETTINGS}
    others = [{**shipped, name: value} for name, values in SETTINGS.items() for value in values]
    return [shipped, *(other for other in others if other != shipped)]


def score_row(name: str, kind: str, here: NDArray[np.float64], there: NDArray[np.float64]) -> str:
    """A line of the first table."""
    scored = ~np.isnan(here)
    a, b = here[scored], there[scored]
    differ = np.count_nonzero((a >= HEADLINE_THRESHOLD) != (b >= HEADLINE_THRESHOLD))
    median = np.median(np.abs(a - b))
    return f"| `{name}` | {kind} | {scored.sum()} | {spearmanr(a, b)[0]:.3f} | {median:.4f} | {differ} |"


def choose_tracker(clips: Sequence[PublishedClip], prompts: NDArray[np.str_]) -> list[str]:
    """The lines of the first table, and what was chosen how often."""
    there = np.array([clip.published for clip in clips])
    tried = settings()
    scores = np.empty((len(tried), len(clips)))
    for s, setting in enumerate(tried):
        tracker = Assignment(samples=0, **setting)
        scores[s] = [score_tracks(clip.track(tracker), clip.prompt).dsr_score for clip in clips]
    losses = np.where(np.isnan(scores), UNSCORED_LOSS, np.minimum(np.abs(scores - there), MAX_LOSS))
    chosen = leave_one_out(losses, prompts)
    held_out = scores[chosen, np.arange(len(clips))]
    names = np.array([clip.detector for clip in clips])
    lines = [HEAD.format(published=np.count_nonzero(names == names[0]))]
    for name in DETECTORS:
        mine = names == name
        lines.append(score_row(name, "of the other prompts", held_out[mine], there[mine]))
        lines.append(score_row(name, "shipped (in-sample)", scores[0][mine], there[mine]))
    folds = [prompts == prompt for prompt in np.unique(prompts)]
    held_out_losses = [losses[chosen[fold][0], fold].mean() for fold in folds]
    shipped_losses = [losses[0, fold].mean() for fold in folds]
    counts = Counter(chosen[fold][0] for fold in folds)
    changes = [_name_change(tried[s], tried[0]) for s in counts]
    picks = ", ".join(f"{change} in {n}" for change, n in zip(changes, counts.values(), strict=True))
    lines.append(
        f"\nOf the {len(folds)} folds, each without one prompt, the constants chosen are: {picks}. "
        f"Loss of the folds, mean and standard deviation: {np.mean(held_out_losses):.4f} and "
        f"{np.std(held_out_losses, ddof=1):.4f}; in-sample: {np.mean(shipped_losses):.4f} and "
        f"{np.std(shipped_losses, ddof=1):.4f}."
    )
    return lines


def _name_change(setting: Mapping[str, float], shipped: Mapping[str, float]) -> str:
    changes = [f"`{name}` {value}" for name, value in setting.items() if value != shipped[name]]
    return " and ".join(changes) or "the shipped ones"


def choose_certainty(clips: Sequence[PublishedClip], prompts: NDArray[np.str_]) -> list[str]:
    """The lines of the second table."""
    here = np.array([score_tracks(clip.track(Assignment(samples=0)), clip.prompt).dsr_score for clip in clips])
    known = np.flatnonzero(~np.isnan(here))
    clips, prompts, here = [clips[i] for i in known], prompts[known], here[known]
    there, names = np.array([clip.published for clip in clips]), np.array([clip.detector for clip in clips])
    draws = [[draw(clip, temperature) for clip in clips] for temperature in TEMPERATURES]
    found = [[[certainty_of_scores(d, error=error) for d in row] for error in ERRORS] for row in draws]
    shipped = TEMPERATURES.index(Assignment().temperature), ERRORS.index(SCORE_ERROR)
    temperatures = leave_one_out(
        np.array([[decision_loss(c, t) for c, t in zip(row[shipped[1]], there, strict=True)] for row in found]), prompts
    )
    errors = leave_one_out(
        np.array(
            [[score_loss(d, t, error) for d, t in zip(draws[shipped[0]], there, strict=True)] for error in ERRORS]
        ),
        prompts,
    )
    lines = [CERTAINTY_HEAD]
    for name in (*DETECTORS, "both"):
        mine = np.flatnonzero((names == name) | (name == "both"))
        for kind, picks in (
            ("of the other prompts", [(temperatures[i], errors[i]) for i in mine]),
            ("shipped (in-sample)", [shipped] * len(mine)),
        ):
            chosen = [found[t][e][i] for (t, e), i in zip(picks, mine, strict=True)]
            lines.append(certainty_row(name, kind, chosen, here[mine], there[mine]))
    folds = [np.flatnonzero(prompts == prompt)[0] for prompt in np.unique(prompts)]
    counts = Counter((TEMPERATURES[temperatures[i]], ERRORS[errors[i]]) for i in folds)
    picks_text = ", ".join(f"temperature {t} and error {e} in {n}" for (t, e), n in counts.items())
    lines.append(f"\nChosen in the folds: {picks_text}; shipped: {Assignment().temperature} and {SCORE_ERROR}.")
    return lines


def draw(clip: PublishedClip, temperature: float) -> list[VideoScore]:
    """Scores of drawn tracks; that of the best alone where none are drawn."""
    tracks = clip.track(Assignment(temperature=temperature))
    return score_draws(tracks, clip.prompt) if tracks.draws is not None else [score_tracks(tracks, clip.prompt)]


def decision_loss(certainty: Certainty | None, published: float) -> float:
    """Negative log probability of the published decision, at most that of 0.001."""
    p_pass = certainty.p_pass if certainty is not None else 0.5
    return -math.log(max(p_pass if published >= HEADLINE_THRESHOLD else 1 - p_pass, 1e-3))


def score_loss(draws: Sequence[VideoScore], published: float, error: float) -> float:
    """Negative log density of the published score: a normal distribution about each draw, and 1 % anywhere."""
    scores = np.array([draw.dsr_score for draw in draws])
    scores = scores[~np.isnan(scores)]
    normal = np.exp(-(((published - scores) / error) ** 2) / 2) / (error * math.sqrt(2 * math.pi))
    return -math.log(0.99 * (normal.mean() if len(scores) else 0.0) + 0.01)


def certainty_row(
    name: str,
    kind: str,
    certainties: Sequence[Certainty | None],
    here: NDArray[np.float64],
    there: NDArray[np.float64],
) -> str:
    """A line of the second table."""
    decision = here >= HEADLINE_THRESHOLD
    pairs = list(zip(certainties, decision, there, strict=True))
    certainty = np.array([c.of_decision(bool(passes)) if c is not None else 0.0 for c, passes, _ in pairs])
    inside = np.mean([c is not None and c.low <= score <= c.high for c, _, score in pairs])
    right, sure = decision == (there >= HEADLINE_THRESHOLD), certainty >= CERTAIN
    thirds = np.array_split(np.argsort(certainty, kind="stable"), 3)
    curve = ", ".join(f"{certainty[third].mean():.3f}: {right[third].mean():.3f}" for third in thirds)
    spearman = spearmanr(here[sure], there[sure])[0]
    return (
        f"| `{name}` | {kind} | {sure.mean():.3f} = {sure.sum()} of {len(sure)} | {spearman:.3f} | "
        f"{np.count_nonzero(~right & sure)} | {inside:.3f} | {curve} |"
    )


def main() -> None:
    """Detect, choose, and rewrite the tables."""
    given = read_arguments(__doc__, Path("runs/crossvalidation"), more=True)
    folders = [Path(os.environ["DSRBENCH_REFERENCE_DIR"]), *given.more]
    scores = collect(folders, given.out)
    clips = [clip for detector in DETECTORS for clip in detect(detector, given.weights, given.out, scores)]
    prompts = np.array([clip.prompt.id for clip in clips])
    write_table("crossvalidation", choose_tracker(clips, prompts))
    write_table("certainty", choose_certainty(clips, prompts))


if __name__ == "__main__":
    main()
