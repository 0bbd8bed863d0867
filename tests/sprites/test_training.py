"""Training: losses that fall, interrupted stages that end with the same weights, and data that may not be seen."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

import numpy as np  # noqa: E402
from factories.sprites import SETTINGS, TEXTS  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from dsrbench.errors import StoreError  # noqa: E402
from dsrbench.prompts import parse_prompt  # noqa: E402
from dsrbench.sprites import train as train_module  # noqa: E402
from dsrbench.sprites.embedded import find_weights_folder, read_sums  # noqa: E402
from dsrbench.sprites.model.pipeline import SpritesPipeline  # noqa: E402
from dsrbench.sprites.split import split_depth_triples, split_triples  # noqa: E402
from dsrbench.sprites.train import train  # noqa: E402
from dsrbench.sprites.training import data as training_data  # noqa: E402
from dsrbench.sprites.training import loop  # noqa: E402
from dsrbench.sprites.training.checkpoint import whole_folder  # noqa: E402
from dsrbench.sprites.training.data import (  # noqa: E402
    FOREGROUND,
    draw_clip,
    draw_depth_clip,
    draw_frames,
    draw_prompt,
    to_tensor,
)
from dsrbench.sprites.training.depth import draw_depth_frames  # noqa: E402
from dsrbench.sprites.training.latents import draw_foreground, read_clips  # noqa: E402
from dsrbench.sprites.training.transformer import flow_loss, make_networks, make_optimizers  # noqa: E402


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder, lines = tmp_path_factory.mktemp("whole"), []
    assert train(folder, settings=SETTINGS, minutes=None, report=lines.append)
    stages = ("autoencoder", "latents", "transformer", "refinement", "detector", "depth", "depth-latents", "adapter")
    assert lines == [f"{stage}: done" for stage in stages]
    return folder


def weights_of(folder):
    kinds = ("model", "detector", "depth", "depth-model")
    parts = [path for kind in kinds for path in sorted((folder / kind).rglob("*.safetensors"))]
    return {f"{path.parent.name}/{key}": value for path in parts for key, value in load_file(path).items()}


def test_only_train_triples_are_seen():
    rng = np.random.default_rng(0)
    allowed = set(split_triples()["train"])
    prompts = [draw_prompt(rng) for _ in range(1500)]
    seen = {(p.subject, p.object, p.type) for p in prompts}
    assert seen <= allowed
    assert len(seen) > 230
    for prompt in prompts[:50]:
        read = parse_prompt(prompt.text)
        assert (read.subject, read.object, read.type, read.scene) == (
            prompt.subject, prompt.object, prompt.type, prompt.scene,
        )  # fmt: skip


def test_only_train_triples_with_depth_are_seen(monkeypatch):
    drawn = []
    keep = training_data.draw_depth_spec
    monkeypatch.setattr(
        training_data, "draw_depth_spec", lambda prompt, rng: (drawn.append(prompt), keep(prompt, rng))[1]
    )
    rng = np.random.default_rng(0)
    for _ in range(200):
        draw_depth_clip(rng)
    assert {(p.subject, p.object, p.type) for p in drawn} <= set(split_depth_triples()["train"])
    assert len({p.type for p in drawn}) == 10


def test_frames_with_depth():
    frames, depth, weights = draw_depth_frames(10, np.random.default_rng(0))
    assert frames.shape == (10, 3, 32, 48)
    assert depth.shape == weights.shape == (10, 32, 48)
    assert set(weights.unique().tolist()) == {1.0, FOREGROUND}
    assert 0.02 < (weights == FOREGROUND).float().mean() < 0.4
    # the ground becomes nearer downwards
    assert (depth[:, -1] >= depth[:, 0]).all()


def test_frames_and_weights():
    frames, weights = draw_frames(10, np.random.default_rng(0))
    assert frames.shape == (10, 3, 32, 48)
    assert weights.shape == (10, 1, 32, 48)
    assert -1 <= frames.min() < frames.max() <= 1
    assert set(weights.unique().tolist()) == {1.0, FOREGROUND}
    pixels = draw_clip(np.random.default_rng(0))[1].frames
    torch.testing.assert_close((to_tensor(pixels)[3, :, 5, 7] + 1) * 127.5, torch.from_numpy(pixels[3, 5, 7]).float())


def test_the_result_is_a_pipeline_in_half_precision(trained):
    tensors = weights_of(trained)
    assert {value.dtype for value in tensors.values()} == {torch.float16}
    pipeline = SpritesPipeline.from_pretrained(trained / "model")
    pipeline.set_progress_bar_config(disable=True)
    assert pipeline.transformer.dtype == torch.float32
    assert pipeline(TEXTS[0], num_inference_steps=1).frames.shape == (1, 16, 32, 48, 3)
    assert len(pipeline.autoencoder.config.latents_std) == 4
    texts = [
        path
        for kind in ("model", "detector", "depth", "depth-model")
        for path in (trained / kind).rglob("*")
        if path.suffix in (".json", ".md")
    ]
    assert len(texts) == 13
    assert not any(str(trained) in path.read_text() for path in texts), "a path of this machine"


def test_latents_are_normalised_and_have_their_texts(trained):
    latents, texts = read_clips(trained, SETTINGS)
    assert latents.shape == (8, 4, 16, 8, 12)
    assert latents.dtype == np.float16
    assert len(texts) == 8
    assert 0.5 < latents.astype(np.float64).std() < 1.5


def test_the_log_has_a_line_a_stage(trained):
    lines = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    assert [(line["stage"], line["step"]) for line in lines] == [
        ("autoencoder", 4),
        ("transformer", 6),
        ("refinement", 3),
        ("detector", 3),
        ("depth", 3),
        ("adapter", 4),
    ]


class Stops:
    """A clock that stops every run after a few looks."""

    def __init__(self, looks):
        self.looks = looks

    def is_over(self):
        self.looks -= 1
        return self.looks < 0


def test_an_interrupted_training_ends_with_the_same_weights(trained, tmp_path, monkeypatch):
    runs = 0
    monkeypatch.setattr(train_module, "Clock", lambda *_: Stops(3))
    while not train(tmp_path, settings=SETTINGS, report=lambda line: None):
        runs += 1
        assert runs < 20
    assert runs >= 3
    whole, pieces = weights_of(trained), weights_of(tmp_path)
    assert whole.keys() == pieces.keys()
    for key, value in whole.items():
        torch.testing.assert_close(pieces[key], value, msg=key)


def test_a_finished_training_is_left_alone(trained):
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*") if path.is_file()}
    assert train(trained, settings=SETTINGS, report=lambda line: None)
    assert before == {path: path.stat().st_mtime_ns for path in trained.rglob("*") if path.is_file()}


def test_an_export_that_was_cut_short_is_made_again_from_the_checkpoint(trained, tmp_path):
    folder = shutil.copytree(trained, tmp_path / "copy")
    for kind in ("model", "detector", "depth", "depth-model"):
        (folder / kind / "SHA256SUMS").unlink()
        next((folder / kind).rglob("*.safetensors")).unlink()
    assert train(folder, settings=SETTINGS, report=lambda line: None)
    for kind in ("model", "detector", "depth", "depth-model"):
        assert read_sums(find_weights_folder(kind, folder / kind)) == read_sums(trained / kind)


def test_a_folder_is_there_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "made"

    def write_half():
        with whole_folder(folder) as made:
            (made / "half").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert not folder.exists()
    for name in ("first", "second"):
        with whole_folder(folder) as made:
            (made / name).touch()
        assert [path.name for path in folder.iterdir()] == [name]
    assert list(tmp_path.iterdir()) == [folder]


def test_every_step_is_told(tmp_path):
    told = []
    assert train(
        tmp_path, settings=SETTINGS, report=lambda line: None, on_step=lambda stage, *rest: told.append((stage, *rest))
    )
    assert [row[:3] for row in told] == [
        (stage, step + 1, steps)
        for stage, steps in (
            ("autoencoder", 4), ("latents", 2), ("transformer", 6), ("refinement", 3), ("detector", 3), ("depth", 3),
            ("depth-latents", 2), ("adapter", 4),
        )
        for step in range(steps)
    ]  # fmt: skip
    assert all((loss is None) == ("latents" in stage) for stage, *_, loss in told)


def test_other_settings_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(train_module, "Clock", lambda *_: Stops(2))
    assert not train(tmp_path, settings=SETTINGS, report=lambda line: None)
    with pytest.raises(StoreError, match="begun with other settings"):
        train(tmp_path, settings=dataclasses.replace(SETTINGS, seed=1), report=lambda line: None)


def test_time_runs_out(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(loop.time, "monotonic", lambda: now[0])
    clock = loop.Clock(2)
    assert not clock.is_over()
    now[0] += 120
    assert clock.is_over()
    assert not loop.Clock(None).is_over()
    assert loop.Clock(None, lambda: True).is_over()


def test_the_loss_falls_on_one_clip():
    text_encoder, transformer = make_networks(SETTINGS)
    optimizers = make_optimizers(torch.nn.ModuleDict({"t": text_encoder, "v": transformer}), SETTINGS)
    generator = torch.Generator().manual_seed(0)
    clean = torch.randn((1, 4, 16, 8, 12), generator=generator).expand(4, -1, -1, -1, -1)
    tokens, sigma = text_encoder.tokenize([TEXTS[0]] * 4), torch.tensor([0.3, 0.5, 0.7, 0.9])
    losses = []
    for _ in range(60):
        noise = torch.randn(clean.shape, generator=generator)
        loss = flow_loss(text_encoder, transformer, clean, noise, sigma, tokens)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_every_parameter_has_one_optimiser():
    networks = torch.nn.ModuleDict(dict(zip("tv", make_networks(SETTINGS), strict=True)))
    parts = [[id(p) for group in o.param_groups for p in group["params"]] for o in make_optimizers(networks, SETTINGS)]
    assert sorted(parts[0] + parts[1]) == sorted(id(p) for p in networks.parameters())
    assert len(parts[0]) == 2 * (4 + 4 + 2) + 2


def test_rates_warm_up_and_decay():
    shares = [loop._share_of_rate(step, 9000) for step in range(9000)]
    assert shares[0] == pytest.approx(1 / loop.WARM_UP)
    assert shares[1000] == 1
    assert shares[6000] == pytest.approx(0.5, abs=0.01)
    assert shares[-1] == pytest.approx(0.01)


def test_the_foreground_is_where_the_sprites_of_the_encoded_clips_are():
    shown = draw_foreground(SETTINGS)
    assert shown.shape == (8, 16, 8, 12)
    assert 0.05 < shown.mean() < 0.5
    rng = np.random.default_rng([SETTINGS.seed, 2, 1])  # the second block of four
    for clip in range(4, 8):
        boxes = draw_clip(rng)[1].boxes
        for t in range(16):
            there = boxes[:, t][~np.isnan(boxes[:, t]).any(axis=1)] / 4
            for x0, y0, x1, y1 in there:
                assert shown[clip, t, int((y0 + y1) / 2), int((x0 + x1) / 2)]
            if not len(there):
                assert not shown[clip, t].any()


def test_weights_say_which_cells_of_a_clip_count():
    text_encoder, transformer = make_networks(SETTINGS)
    tokens = text_encoder.tokenize(TEXTS[:2])
    shape = (2, 4, 16, 8, 12)
    clean, noise = (torch.randn(shape, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    clean[..., :6] *= 3
    sigma = torch.tensor([0.5, 0.5])

    def loss(weights):
        with torch.no_grad():
            return flow_loss(text_encoder, transformer, clean, noise, sigma, tokens, weights).item()

    left = torch.ones(2, 1, 16, 8, 12)
    assert loss(left) == pytest.approx(loss(None), rel=1e-5)
    assert loss(7 * left) == pytest.approx(loss(None), rel=1e-5)
    left[..., :6] = 4
    assert loss(left) > 1.3 * loss(None)
