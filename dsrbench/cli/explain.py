"""`dsrbench explain`: score one video and show why."""

from __future__ import annotations

import functools
from pathlib import Path

import click

from dsrbench.cli.options import CERTAINTY_HELP, backend_options, provide_weights, second_detector_option


@click.command("explain", short_help="Score one video and write a page that shows why.")
@click.argument("video", type=click.Path(path_type=Path))
@click.argument("prompt")
@functools.partial(backend_options, follow_model=False)
@second_detector_option(CERTAINTY_HELP)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the page. [default: explain-VIDEO]")
def command(
    video: Path,
    prompt: str,
    protocol: str | None,
    detector: str | None,
    tracker: str | None,
    depth: str | None,
    second_detector: str | None,
    options: tuple[str, ...],
    offline: bool,
    out: Path | None,
) -> None:
    """Score VIDEO against PROMPT, a sentence, and write a page: SSR curves, boxes on key frames, an overlay video.

    \b
    dsrbench explain clip.mp4 "a cat is on the left of a chair, then the cat walks to the right of the chair"
    """
    from dsrbench.backends.registry import split_options
    from dsrbench.evaluation.defaults import SECOND_DETECTOR, choose_backends
    from dsrbench.evaluation.measuring import estimate_maps
    from dsrbench.evaluation.scorer import score_sample
    from dsrbench.evaluation.tracing import trace_once
    from dsrbench.prompts import parse_prompt
    from dsrbench.report import explain_decision, write_explanation, write_overlay
    from dsrbench.report.words import explain_sample
    from dsrbench.store import Sample
    from dsrbench.store.disk import write_error
    from dsrbench.types import VideoScore
    from dsrbench.video import sha256_file

    parsed = parse_prompt(prompt)
    choice = choose_backends(
        protocol,
        detector=detector,
        tracker=tracker,
        second_detector=second_detector,
        depth=depth,
        prompts=[parsed],
        options=split_options(options, ["detector", "tracker", SECOND_DETECTOR, "depth"]),
    )
    provide_weights(*choice.backends, offline=offline)
    scorer = choice.make()
    parts = scorer.parts(parsed)
    for part in parts:
        for noun, name in part.check_prompt(parsed).items():
            click.echo(f"note: {part.detector.name} reads {noun} as {name}", err=True)
    if scorer.second is not None and len(parts) == 1:
        click.echo(f"note: {scorer.second.name} does not know the nouns and has no part in the certainty", err=True)
    sha256 = sha256_file(video)
    tracks = trace_once(scorer, parsed, video, video.name, sha256)
    model = video.resolve().parent.name
    sample = score_sample(Sample(model, parsed, 0, VideoScore.failed(""), video.name, sha256), tracks, scorer.counts)
    depth_maps = estimate_maps(scorer, parsed, video)
    folder = out or Path(f"explain-{video.stem}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        labels = [noun for clause in parsed.clauses for noun in (clause.subject, clause.object)]
        write_overlay(video, tracks, folder / "overlay.mp4", labels=labels)
        page = write_explanation(
            folder, video=video, sample=sample, tracks=tracks, counts=scorer.counts, depth_maps=depth_maps
        )
    except OSError as error:
        raise write_error(folder, error) from error
    score = f"DSR-Score {sample.score.dsr_score:.3f}" if sample.score.diagnosis else "no DSR-Score"
    click.echo(f"{score}: {explain_sample(sample)}")
    if certainty := explain_decision(sample, tracks, scorer.counts):
        click.echo(certainty)
    click.echo(f"Page: {page}")
