"""`dsrbench serve-reward`: a reward for trainers on other machines."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import click

from dsrbench.cli.options import backend_options, second_detector_option

TOKEN = "DSRBENCH_REWARD_TOKEN"
"""Environment variable with the token of clients."""


@click.command("serve-reward", short_help="Serve DSR-Score as a reward for trainers on other machines.")
@functools.partial(backend_options, follow_model=False)
@second_detector_option(
    "Another detector, which looks in every tenth call; clips on which it decides otherwise are worth half."
)
@click.option("--device", help="Device of all backends that have one, such as cuda:1.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; others need a token.")
@click.option("--port", type=click.IntRange(1, 65535), default=8765, show_default=True, help="Port to listen on.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help=f"File with the token that clients must send. [default: the variable {TOKEN}]",
)
@click.option("--max-mib", type=click.IntRange(1), default=2048, show_default=True, help="Largest request, in MiB.")
@click.option("--unscored", type=float, default=0.0, show_default=True, help="Reward of clips that have no score.")
@click.option(
    "--guard",
    multiple=True,
    metavar="KEY=VALUE",
    help="A threshold of the guard, such as max_flicker=3 or min_certainty=none: min_certainty, max_sharpness, "
    "max_flicker, second_every, penalty, reference_clips.",
)
@click.option("--no-guard", is_flag=True, help="Reward the score alone, without checks against reward hacking.")
def command(
    protocol: str | None,
    detector: str | None,
    tracker: str | None,
    depth: str | None,
    options: tuple[str, ...],
    offline: bool,
    second_detector: str | None,
    device: str | None,
    host: str,
    port: int,
    token_file: Path | None,
    max_mib: int,
    unscored: float,
    guard: tuple[str, ...],
    no_guard: bool,
) -> None:
    """Serve rewards until interrupted. Clients use dsrbench.rewards.RewardClient, or send safetensors themselves.

    \b
    dsrbench serve-reward --detector grounding-dino --device cuda
    DSRBENCH_REWARD_TOKEN=... dsrbench serve-reward --host 0.0.0.0 --port 9000
    """
    from dsrbench.backends.registry import split_options
    from dsrbench.errors import InputError
    from dsrbench.evaluation.defaults import SECOND_DETECTOR
    from dsrbench.rewards import DSRReward, Guard
    from dsrbench.rewards.server import Limits, serve

    token = os.environ.get(TOKEN, "")
    if token_file is not None:
        try:
            token = token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise InputError(f"{token_file}: expected a file with a token") from None
        if not token:
            raise InputError(f"{token_file}: expected a token, the file is empty")
    reward = DSRReward(
        detector,
        tracker,
        protocol,
        depth=depth,
        second_detector=second_detector,
        device=device,
        options=split_options(options, ["detector", "tracker", SECOND_DETECTOR, "depth"]),
        unscored=unscored,
        guard=Guard.off() if no_guard else Guard.read(guard),
        layout="THWC",
        offline=offline,
        on_note=lambda line: click.echo(line, err=True),
    )
    click.echo(f"rewards at http://{host}:{port} (end with Ctrl-C)")
    serve(reward, host=host, port=port, token=token, limits=Limits(body=max_mib << 20, waiting=max_mib << 22))
