"""Every association tracker on the authors' clips, for screening: coverage, agreement and time, as one table.

Run: DSRBENCH_REFERENCE_DIR=... python benchmark/reference/screening.py [--out runs/screening] [--weights FOLDER]

The folder is that of `run.py`. Each detector goes over the clips once a protocol, and its detections serve all
trackers. Times are of what really ran, in CPU seconds of this process, so that other work on the machine hardly counts.
Rewrites the second table in this folder's README; what is in `--out` from before is thrown away.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from run import DETECTORS, read_arguments, write_manifest, write_table

from dsrbench.analysis import Agreement, compare_backends, read_reference
from dsrbench.evaluation import Plan, Scorer, evaluate, plan_videos
from dsrbench.evaluation.defaults import choose_backends
from dsrbench.prompts import read_suite
from dsrbench.store import Run

TRACKERS = ("assignment", "bytetrack", "botsort", "ocsort", "sort", "ultralytics-bytetrack", "ultralytics-botsort")
HEAD = (
    "| detector | protocol | tracker | scored here, of {clips} | scored on both sides, of {published} | "
    "Spearman (95 %) | median abs. difference | decisions at 0.7 that differ | detect, s a clip | track, s a clip |"
)
RULE = "|" + "---|" * 10


@dataclasses.dataclass(frozen=True)
class TimedScorer(Scorer):
    """Scorer that note the CPU seconds of each video."""

    detecting: list[float] = dataclasses.field(default_factory=list)
    tracking: list[float] = dataclasses.field(default_factory=list)

    def detect(self, *arguments: Any) -> Any:
        """As in `Scorer`: decoding, the detector, its suppression."""
        return timed(super().detect, self.detecting, *arguments)

    def track(self, *arguments: Any) -> Any:
        """As in `Scorer`."""
        return timed(super().track, self.tracking, *arguments)


def timed(work: Callable[..., Any], seconds: list[float], *arguments: Any) -> Any:
    """What `work` gives; its CPU seconds, of all threads, are added to the list."""
    began = time.process_time()
    result = work(*arguments)
    seconds.append(time.process_time() - began)
    return result


def mean_time(seconds: list[float]) -> str:
    """Mean of some times, or a dash of none."""
    return f"{sum(seconds) / len(seconds):.3f}" if seconds else "—"


def make_row(scorer: TimedScorer, found: Agreement, n_scored: int, detecting: list[float]) -> str:
    """One line of the table."""
    rho = found.spearman
    return (
        f"| `{scorer.detector.name}` | `{scorer.protocol}` | `{scorer.tracker.name}` | {n_scored} | "
        f"{found.n_both_scored} | {rho.value:.3f} ({rho.low:.3f} – {rho.high:.3f}) | "
        f"{found.median_absolute_difference:.4f} | {found.n_decisions_differ} | {mean_time(detecting)} | "
        f"{mean_time(scorer.tracking)} |"
    )


def run_trackers(
    detector: str, options: dict[str, Any], protocol: str, trackers: tuple[str, ...], plan: Plan, out: Path, known: list
) -> list[str]:
    """The lines of one detector and one protocol."""
    rows, detecting, run = [], [], Run(out / f"{detector}-{protocol}")
    for tracker in trackers:
        made = choose_backends(protocol, detector=detector, tracker=tracker, options={"detector": options}).make()
        fields = {field.name: getattr(made, field.name) for field in dataclasses.fields(made)}
        scorer = TimedScorer(**{**fields, "protocol": protocol})
        samples = evaluate(plan, scorer, run, force=tracker == trackers[0])
        if failed := [sample.score.reason for sample in samples if sample.score.status == "failed"]:
            raise SystemExit(f"{detector}, {tracker}: {len(failed)} clips failed, the first with: {failed[0]}")
        detecting += scorer.detecting
        n_scored = sum(sample.score.status == "scored" for sample in samples)
        rows.append(make_row(scorer, compare_backends(run, known), n_scored, detecting))
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Score, compare, and rewrite the table."""
    given = read_arguments(__doc__, Path("runs/screening"))
    reference = Path(os.environ["DSRBENCH_REFERENCE_DIR"])
    write_manifest(reference, given.out / "clips.csv")
    plan = plan_videos(given.out / "clips.csv", read_suite(str(reference / "prompts.csv")))
    known = read_reference(reference / "scores.csv", reference / "ssr_curves.json")
    clips = {(job.key.model, job.path.name) for job in plan.jobs}
    published = sum(entry.name in clips and entry.status == "scored" for entry in known)
    rows = [HEAD.format(clips=len(clips), published=published), RULE]
    for detector, file in DETECTORS.items():
        options = {"any_animal": "true", **({"weights": str(given.weights / file)} if given.weights else {})}
        for protocol, trackers in (("default", TRACKERS[:1]), ("fast", TRACKERS)):
            rows += run_trackers(detector, options, protocol, trackers, plan, given.out, known)
    write_table("screening", rows)


if __name__ == "__main__":
    main()
