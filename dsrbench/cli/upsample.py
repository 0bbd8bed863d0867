"""`dsrbench upsample`: a suite's prompts extended by a language model, for generators to be told instead."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsrbench.errors import InputError

if TYPE_CHECKING:
    from dsrbench.backends.generators.upsampled import Line


@click.command("upsample", short_help="Extend a suite's prompts with a language model on this machine.")
@click.argument("suite")
@click.option(
    "--model",
    help="An instruction-tuned causal language model of transformers: a folder, or an id on the Hub. "
    "[default: Qwen/Qwen2.5-1.5B-Instruct]",
)
@click.option("--revision", metavar="REV", help="A branch, tag or commit of the model on the Hub.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file, FILE.jsonl.")
@click.option("--max-tokens", default=200, show_default=True, help="Tokens an answer may have.")
@click.option(
    "--temperature", default=0.0, show_default=True, help="0 takes the likeliest token; above, they are drawn."
)
@click.option(
    "--seed", default=0, show_default=True, help="Random seed of the answers, where the temperature is above 0."
)
@click.option("--device", help="Device name of torch. [default: CUDA where torch sees one, else the CPU]")
@click.option("--dtype", default="float32", show_default=True, help="float32, float16 or bfloat16.")
@click.option("--offline", is_flag=True, help="Fetch no weights; say which are missing and how to get them.")
def command(
    suite: str,
    model: str | None,
    revision: str | None,
    out: Path,
    max_tokens: int,
    temperature: float,
    seed: int,
    device: str | None,
    dtype: str,
    offline: bool,
) -> None:
    """Extend the prompts of SUITE into a JSONL file. Run it again to go on where it stopped.

    \b
    dsrbench upsample prompts.csv --out texts.jsonl
    dsrbench eval --model wan2.1-1.3b --suite prompts.csv -o generator.upsampled=texts.jsonl

    Subject, object and directions must come back in the answer; otherwise the prompt stays as it is, with a note.
    """
    from dsrbench.backends.generators.upsampled import format_lines, read_lines
    from dsrbench.backends.generators.upsampler import MODEL, NAME, Sampling, Upsampler
    from dsrbench.backends.pretrained.models import Choice, import_transformers
    from dsrbench.cli.options import fetch_missing
    from dsrbench.cli.progress import SampleProgress
    from dsrbench.evaluation.weights import missing_model
    from dsrbench.prompts import read_suite
    from dsrbench.store import LocalDisk

    import_transformers(NAME)  # before gigabytes are fetched
    prompts = {prompt.text: prompt for prompt in read_suite(suite)}
    lines = read_lines(out)
    missing = missing_model(NAME, MODEL, model or MODEL.id, revision)
    fetch_missing([missing] if missing is not None else [], offline=offline)
    sampling = Sampling(max_tokens, temperature, seed)
    upsampler = Upsampler(Choice(model or MODEL.id, revision, device, dtype), sampling)
    _refuse_other(lines, upsampler.name, out)
    with SampleProgress() as progress:
        for number, (text, prompt) in enumerate(prompts.items(), start=1):
            if text not in lines:
                lines[text] = upsampler.extend(prompt)
                LocalDisk(out.parent).write_atomic(out.name, format_lines(lines.values()))
                progress.update("upsample", number, len(prompts), prompt.id)
    _summarise([lines[text] for text in prompts], out)


def _refuse_other(lines: dict[str, Line], name: str, out: Path) -> None:
    other = next((line.upsampler for line in lines.values() if line.upsampler != name), None)
    if other is not None:
        raise InputError(f"{out} has the texts of {other!r}, not of {name!r}; name another file with --out")


def _summarise(lines: list[Line], out: Path) -> None:
    unchanged = [line for line in lines if line.note]
    for line in unchanged[:5]:
        click.echo(f"as it is, {line.note}: {line.text}", err=True)
    if len(unchanged) > 5:
        click.echo(f"and {len(unchanged) - 5} more; the notes are in the file", err=True)
    done = f"{len(lines) - len(unchanged)} of {len(lines)} prompts extended"
    click.echo(f"{out}  {done}{f', {len(unchanged)} as they are' if unchanged else ''}, by {lines[0].upsampler}")
