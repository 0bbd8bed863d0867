"""`dsrbench judge`: a vision-language model is asked about the clips of a run."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("judge", short_help="Ask a vision-language model about the clips of a run.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--model",
    help="A vision-language model of transformers: a folder, or an id on the Hub. [default: Qwen/Qwen3-VL-4B-Instruct]",
)
@click.option("--revision", metavar="REV", help="A branch, tag or commit of the model on the Hub.")
@click.option(
    "--frames", default=4, show_default=True, help="Pictures of each end of a video; twice as many of the whole."
)
@click.option("--batch-size", default=4, show_default=True, help="Questions at a time; halved when memory runs out.")
@click.option("--device", help="Device name of torch. [default: CUDA where torch sees one, else the CPU]")
@click.option(
    "--precision", "--dtype", "dtype", default="float32", show_default=True, help="float32, float16 or bfloat16."
)
@click.option("--offline", is_flag=True, help="Fetch no weights; name those that are missing and the command for them.")
def command(
    run: Path,
    model: str | None,
    revision: str | None,
    frames: int,
    batch_size: int,
    device: str | None,
    dtype: str,
    offline: bool,
) -> None:
    """Ask a model about each clip of RUN, a finished run folder. Run it again to go on where it stopped.

    \b
    dsrbench judge runs/wan --model Qwen/Qwen3-VL-4B-Instruct --precision bfloat16
    dsrbench agreement runs/wan --human labels/

    Two questions have the answers yes and no: does the first relation hold at the beginning, does the last one at the
    end. A third is a choice of four descriptions, which no habit of saying yes can answer. The judge score, in 0..1, is
    the least of the three probabilities of the right answer; a clip passes from 0.5. Answers go to RUN/judgments/.

    \b
    Models (billions of parameters, license):
      HuggingFaceTB/SmolVLM2-2.2B-Instruct  2.2, Apache-2.0; smaller: -500M-Video-Instruct, -256M-
      Qwen/Qwen3-VL-4B-Instruct             4, Apache-2.0; also -2B-Instruct, -8B-Instruct
      Qwen/Qwen2.5-VL-7B-Instruct           8, Apache-2.0 (-3B-Instruct: no commercial use)
      OpenGVLab/InternVL3_5-4B-HF           5, Apache-2.0; also -2B-HF, -8B-HF
    """
    from dsrbench.backends.pretrained.devices import check_device, check_dtype
    from dsrbench.backends.pretrained.models import Choice, import_transformers
    from dsrbench.cli.options import fetch_missing
    from dsrbench.cli.progress import SampleProgress
    from dsrbench.evaluation.weights import missing_model
    from dsrbench.judging.model import MODEL, NAME, Judge, make_batches
    from dsrbench.judging.run import describe_skipped, judge_run
    from dsrbench.store import Run

    import_transformers(NAME)
    check_device(device)
    check_dtype(dtype)
    make_batches(frames, batch_size)
    opened = Run.open(run)
    opened.samples()  # what is wrong with the options or the run is said before gigabytes are fetched
    name = model or MODEL.id
    missing = missing_model(NAME, MODEL, name, revision)
    fetch_missing([missing] if missing is not None else [], offline=offline)
    judge = Judge(Choice(name, revision, device, dtype), frames=frames, batch_size=batch_size)
    with SampleProgress() as progress:
        judged = judge_run(
            opened, judge, progress=lambda done, total, sample: progress.update("judge", done, total, str(sample))
        )
    if judged.skipped:
        click.echo(f"skipped {describe_skipped(judged.skipped)}", err=True)
    mass = sum(judgment.mass for judgment in judged.judgments) / len(judged.judgments)
    if mass < MIN_MASS:
        click.echo(
            f"note: the model gives its allowed answers a probability of {mass:.2f} only, so it may want to say "
            f"something else first; its scores mean little",
            err=True,
        )
    n_passed = sum(judgment.passes() for judgment in judged.judgments)
    click.echo(
        f"{judged.path}  {len(judged.judgments)} clips judged ({judged.n_new} now), {n_passed} pass, by {judge.name}"
    )


MIN_MASS = 0.5
"""Mean probability of the allowed answers below which a note is printed."""
