"""`dsrbench explain`: score one video and show why."""

from __future__ import annotations

from pathlib import Path

import click

from dsrbench.cli.options import backend_options, provide_weights


@click.command("explain", short_help="Score one video and write a page that shows why.")
@click.argument("video", type=click.Path(path_type=Path))
@click.argument("prompt")
@backend_options
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the page. [default: explain-VIDEO]")
def command(
    video: Path,
    prompt: str,
    protocol: str | None,
    detector: str | None,
    tracker: str | None,
    options: tuple[str, ...],
    offline: bool,
    out: Path | None,
) -> None:
    """Score VIDEO against PROMPT, a sentence, and write a page: SSR curves, boxes on key frames, an overlay video.

    \b
    dsrbench explain clip.mp4 "a cat is on the left of a chair, then the cat walks to the right of the chair"
    """
    from dsrbench.backends.registry import split_options
    from dsrbench.evaluation.defaults import choose_backends
    from dsrbench.evaluation.scorer import score_sample
    from dsrbench.prompts import parse_prompt
    from dsrbench.report import explain_decision, write_explanation, write_overlay
    from dsrbench.report.words import explain_sample
    from dsrbench.store import Sample
    from dsrbench.store.disk import write_error
    from dsrbench.types import VideoScore
    from dsrbench.video import probe, sha256_file

    parsed = parse_prompt(prompt)
    options_by_kind = split_options(options, ["detector", "tracker"])
    choice = choose_backends(protocol, detector=detector, tracker=tracker, options=options_by_kind)
    provide_weights(choice.detector, choice.tracker, offline=offline)
    scorer = choice.make()
    for noun, name in scorer.check_prompt(parsed).items():
        click.echo(f"note: {scorer.detector.name} reads {noun} as {name}", err=True)
    sha256, info = sha256_file(video), probe(video)
    tracks = scorer.track(scorer.detect(video, video.name, parsed), parsed, info, sha256, video)
    model = video.resolve().parent.name
    sample = score_sample(Sample(model, parsed, 0, VideoScore.failed(""), video.name, sha256), tracks, scorer.counts)
    folder = out or Path(f"explain-{video.stem}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_overlay(video, tracks, folder / "overlay.mp4", labels=(parsed.subject, parsed.object))
        page = write_explanation(folder, video=video, sample=sample, tracks=tracks, counts=scorer.counts)
    except OSError as error:
        raise write_error(folder, error) from error
    score = f"DSR-Score {sample.score.dsr_score:.3f}" if sample.score.diagnosis else "no DSR-Score"
    click.echo(f"{score}: {explain_sample(sample)}")
    if certainty := explain_decision(sample, tracks, scorer.counts):
        click.echo(certainty)
    click.echo(f"Page: {page}")
