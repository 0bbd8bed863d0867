"""`dsrbench score`: score boxes you bring."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from dsrbench.errors import IncompleteError, InputError

if TYPE_CHECKING:
    from dsrbench.types import VideoScore


@click.command("score", short_help="Score boxes you bring, a JSON line a video.")
@click.argument("boxes", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Write the lines here. [default: standard output]")
def command(boxes: Path, out: Path | None) -> None:
    """Score BOXES, a .jsonl or .jsonl.gz file with one video a line; print one JSON line a video.

    \b
    A line: {"video": "a.mp4", "type": "LR", "subject": "cat", "object": "chair", "n_frames": 81,
             "frames": [{"frame": 0, "labels": ["cat", "chair"], "boxes_xyxy": [[x0, y0, x1, y1], ...]}, ...]}

    A type is two or more relations in time order ("LR"), one throughout ("L"), or a motion (">L", without object).
    Nothing is filled; without n_frames a video has 81. A summary goes to standard error.
    """
    from dsrbench.metric import DSRScore
    from dsrbench.metric.box_files import score_lines
    from dsrbench.types import Status

    metric = DSRScore()
    problems: list[str] = []
    n_failed = 0
    with _open_out(out) as stream:
        for number, name, score in score_lines(boxes):
            stream.write(json.dumps(_row(name, score)) + "\n")
            metric.add(score)
            if score.status is Status.FAILED:
                n_failed += 1
                if len(problems) < 5:
                    problems.append(f"line {number} ({name}): {score.reason}")
        figures = metric.compute()
        if not figures["n_samples"]:
            raise InputError(f"{boxes} holds no video; expected a JSON line a video")
    click.echo(
        f"{figures['n_samples']} videos: Accuracy@0.7 {figures['accuracy']:.3f}, coverage {figures['coverage']:.3f}, "
        f"mean score of the scored {figures['mean_score']:.3f}",
        err=True,
    )
    for problem in problems:
        click.echo(f"failed: {problem}", err=True)
    if n_failed:
        raise IncompleteError(f"{n_failed} of {figures['n_samples']} lines could not be read")


def _row(name: str, score: VideoScore) -> dict[str, Any]:
    parts = {part: _null(getattr(score, part)) for part in ("r_init", "g_init", "r_fin", "g_fin")}
    return {
        "video": name,
        "status": score.status.value,
        "reason": score.reason,
        "dsr_score": _null(score.dsr_score),
        **parts,
        "diagnosis": score.diagnosis.value if score.diagnosis else None,
        "visited": score.visited,
        "n_scored": score.n_scored,
    }


def _null(value: float) -> float | None:
    return None if math.isnan(value) else value


@contextlib.contextmanager
def _open_out(out: Path | None) -> Iterator[IO[str]]:
    """Standard output, or a file that is there whole or not at all."""
    from dsrbench.store.disk import write_error

    if out is None:
        yield sys.stdout
        return
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8") as stream:
            yield stream
        part.replace(out)
    except OSError as error:
        raise write_error(out, error) from error
    finally:
        part.unlink(missing_ok=True)
