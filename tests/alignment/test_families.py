"""Families of diffusers pipelines: what they give the transformer, a few steps, and adapters that others read."""

from __future__ import annotations

import json
import math
import types

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
diffusers = pytest.importorskip("diffusers")

from factories.pairs import move, reward_clips  # noqa: E402
from factories.pipelines import BUILDERS  # noqa: E402

from dsrbench.alignment.families import find_family  # noqa: E402
from dsrbench.alignment.latents import encode_examples, read_encoded  # noqa: E402
from dsrbench.alignment.settings import CLIP_OBJECTIVES, TrainingSettings  # noqa: E402
from dsrbench.alignment.trainer import Trainer  # noqa: E402
from dsrbench.backends.generators.recipe import read_recipe, recipe_names  # noqa: E402
from dsrbench.dataset import Choice, Pair  # noqa: E402
from dsrbench.errors import InputError  # noqa: E402
from dsrbench.video import sha256_file, write_mp4  # noqa: E402

CLIPS = {  # frames, height, width of a clip that the model makes
    "cogvideox-2b": (9, 64, 64),
    "cogvideox-5b": (9, 64, 64),
    "cogvideox1.5-5b": (17, 64, 64),
    "wan2.1-1.3b": (5, 32, 48),
    "wan2.2-5b": (5, 32, 64),
    "ltx": (9, 64, 96),
}
TEXTS = ("a cat is on the left of the box", "the box")
NAME = "pytorch_lora_weights.safetensors"
SETTINGS = TrainingSettings().change(
    {
        "max_steps": 3,
        "batch_size": 2,
        "warmup_steps": 0,
        "lora_rank": 2,
        "lora_alpha": 6,
        "learning_rate": 1e-2,
        "save_steps": 3,
    }
)

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")


@pytest.fixture(scope="module", params=sorted(CLIPS))
def place(request, tmp_path_factory):
    """A model, and pairs of clips of its size, encoded."""
    folder = tmp_path_factory.mktemp("family")
    model = BUILDERS[request.param](folder / "model")
    config = model / "scheduler/scheduler_config.json"
    if request.param.startswith("cog"):
        config.write_text(json.dumps({**json.loads(config.read_text()), "prediction_type": "v_prediction"}))
    rng = np.random.default_rng(0)
    choices = []
    for n in range(4):
        frames = rng.integers(0, 255, (*CLIPS[request.param], 3), dtype=np.uint8)
        write_mp4(folder / f"{n}.mp4", frames, fps=8)
        choices.append(Choice(f"{n}.mp4", sha256_file(folder / f"{n}.mp4"), n, 1.0 - n % 2))
    pairs = [Pair(f"p{n}", TEXTS[n], *choices[2 * n : 2 * n + 2]) for n in range(2)]
    encode_examples(pairs, find_family(model), folder / "latents", model="tiny", find_video=lambda name: folder / name)
    return types.SimpleNamespace(name=request.param, model=model, pairs=pairs, latents=folder / "latents")


def load(model, **changes):
    pipeline = diffusers.DiffusionPipeline.from_pretrained(model, **changes)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def capture(transformer, calls):
    """Note what the transformer is called with, positional arguments by their names."""
    import inspect

    names = list(inspect.signature(type(transformer).forward).parameters)[1:]

    def note(_, args, kwargs):
        calls.append({**dict(zip(names, args, strict=False)), **kwargs})

    return transformer.register_forward_pre_hook(note, with_kwargs=True)


def test_the_transformer_is_given_what_the_pipeline_gives_it(place):
    count, height, width = CLIPS[place.name]
    theirs, ours, pipeline = [], [], load(place.model)
    capture(pipeline.transformer, theirs)
    recipe = read_recipe(place.name)
    more = {recipe.fps_argument: recipe.fps} if recipe.fps_argument else {}
    pipeline(
        *(TEXTS[0], None),
        **{"height": height, "width": width, "num_frames": count, "num_inference_steps": 2, "guidance_scale": 1.0},
        **{"output_type": "latent", "generator": torch.Generator().manual_seed(0), **more},
    )
    expected = theirs[0]
    family = find_family(place.model)
    capture(family.transformer, ours)
    x = expected["hidden_states"]
    shape = next(iter(read_encoded(place.latents)[0].values())).shape
    if place.name == "ltx":
        x = x.transpose(1, 2).unflatten(2, shape[1:])
    assert x.shape[1:] == shape, "latents of a clip are as large as those the pipeline begins with"
    times = expected["timestep"].reshape(1, -1)[:, 0]
    times = times if place.name.startswith("cog") else times / 1000
    text = read_encoded(place.latents)[1][TEXTS[0]]
    with torch.no_grad():
        output = family.predict(family.transformer, *move([x, times, [text]], family.device))
    assert output.shape == x.shape
    given = {name: value.cpu() if isinstance(value, torch.Tensor) else value for name, value in ours[0].items()}
    for name in ("hidden_states", "timestep", "encoder_hidden_states", "encoder_attention_mask"):
        assert (name in given) == (name in expected)
        if name in given and name != "encoder_attention_mask":
            got, want = given[name].float(), expected[name].float()
            if place.name == "ltx" and name == "encoder_hidden_states":
                want = want * expected["encoder_attention_mask"][..., None]  # what is masked does not matter
            torch.testing.assert_close(got, want)
        elif name in given:
            torch.testing.assert_close(given[name], expected[name].to(given[name].dtype))
    for name in ("num_frames", "height", "width", "rope_interpolation_scale"):
        assert given.get(name) == expected.get(name)
    if expected.get("image_rotary_emb") is not None:
        torch.testing.assert_close(tuple(move(list(given["image_rotary_emb"]), "cpu")), expected["image_rotary_emb"])


def test_latents_are_what_the_pipeline_decodes(place):
    """The pipeline's decoding of our latents is the decoding of the VAE's own."""
    family, pipeline = find_family(place.model), load(place.model)
    count, height, width = CLIPS[place.name]
    frames = np.random.default_rng(3).integers(0, 255, (count, height, width, 3), dtype=np.uint8)
    latents = family.encode_video(frames)[None].cpu()
    pixels = torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    with torch.no_grad():
        expected = pipeline.vae.encode(pixels).latent_dist.mode()
        config = pipeline.vae.config
        if place.name.startswith("cog"):
            extra = latents.shape[1] - expected.shape[2]
            assert extra == (1 if place.name == "cogvideox1.5-5b" else 0)
            assert all(torch.equal(latents[:, n], latents[:, extra]) for n in range(extra))
            got = pipeline.decode_latents(latents[:, extra:])
            want = pipeline.vae.decode(expected).sample
        elif place.name == "ltx":
            mean, std = pipeline.vae.latents_mean, pipeline.vae.latents_std
            got, want = pipeline._denormalize_latents(latents, mean, std, config.scaling_factor), expected
        else:
            mean, std = (torch.tensor(v).view(1, -1, 1, 1, 1) for v in (config.latents_mean, config.latents_std))
            got, want = latents * std + mean, expected
    within = 1e-4 if family.device == "cpu" else 1e-3  # sums are taken in another order on a GPU
    torch.testing.assert_close(got, want, rtol=within, atol=within)


def test_noise_and_target_are_those_of_the_scheduler(place):
    family, scheduler = find_family(place.model), load(place.model).scheduler
    shape = next(iter(read_encoded(place.latents)[0].values())).shape
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.randn(6, *shape, generator=generator), torch.randn(6, *shape, generator=generator)
    times = family.draw_times(6, generator, shape)
    noisy, target = family.add_noise(x, noise, times), family.target(x, noise, times)
    if place.name.startswith("cog"):
        assert times.dtype == torch.int64
        share = scheduler.alphas_cumprod[times].view(-1, 1, 1, 1, 1).float()
        torch.testing.assert_close(noisy, share.sqrt() * x + (1 - share).sqrt() * noise)
        torch.testing.assert_close(share.sqrt() * noisy - (1 - share).sqrt() * target, x, rtol=1e-4, atol=1e-4)
    else:
        sigma = times.view(-1, 1, 1, 1, 1)
        assert ((times > 0) & (times < 1)).all()
        torch.testing.assert_close(noisy - sigma * target, x, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(noisy + (1 - sigma) * target, noise, rtol=1e-4, atol=1e-4)


def test_noise_levels_are_shifted_as_when_videos_are_made(tmp_path):
    wan = find_family(BUILDERS["wan2.1-1.3b"](tmp_path / "wan"))
    uniform = torch.tensor([0.25, 0.5, 0.75])
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(sigmas=uniform.flip(0).tolist())
    torch.testing.assert_close(wan.shift(uniform, (16, 2, 4, 4)), scheduler.sigmas[:3].flip(0))
    folder = BUILDERS["ltx"](tmp_path / "ltx")
    config = json.loads((folder / "scheduler/scheduler_config.json").read_text())
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps({**config, "use_dynamic_shifting": True}))
    ltx = find_family(folder)
    few, many = ltx.shift(uniform, (8, 2, 2, 2)), ltx.shift(uniform, (8, 13, 16, 22))
    assert (many > few).all()
    from diffusers.pipelines.ltx.pipeline_ltx import calculate_shift

    mu = calculate_shift(13 * 16 * 22, 256, 4096, 0.5, 1.15)
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    scheduler.set_timesteps(sigmas=uniform.flip(0).tolist(), mu=mu)
    torch.testing.assert_close(many, scheduler.sigmas[:3].flip(0))


def test_a_few_steps_and_the_adapter_in_plain_diffusers(place, tmp_path):
    family = find_family(place.model)
    trainer = Trainer(family, place.pairs, *read_encoded(place.latents), SETTINGS, tmp_path)
    first = trainer.make_step(0)
    assert first["objective"] == pytest.approx(math.log(2), abs=1e-6)
    assert first["regulariser"] == pytest.approx(0, abs=1e-12)
    trainer.train()
    assert json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])["regulariser"] > 0
    assert "vae" not in family.__dict__, "training needs neither VAE nor text encoder"
    pipeline = load(place.model)
    pipeline.load_lora_weights(tmp_path / "checkpoint-000003", weight_name=NAME)
    loaded = pipeline.transformer.peft_config["default_0"]
    assert (loaded.r, loaded.lora_alpha) == (2, 6)
    latents, texts = read_encoded(place.latents)
    x = torch.stack(list(latents.values()))[:1].float()
    times = family.draw_times(1, torch.Generator().manual_seed(0), x.shape[1:])
    with torch.no_grad():
        arguments = move([x, times, [texts[TEXTS[0]]]], family.device)
        ours = family.predict(family.transformer, *arguments)
        base = find_family(place.model)
        torch.testing.assert_close(family.predict(pipeline.transformer.to(family.device), *arguments), ours)
        assert (base.predict(base.transformer, *arguments) - ours).abs().max() > 1e-6


@pytest.mark.parametrize("objective", CLIP_OBJECTIVES)
def test_a_step_on_clips_with_rewards(place, tmp_path, objective):
    settings = SETTINGS.change({"objective": objective, "reg_weight": 0.0})
    clips = reward_clips(place.pairs)
    trainer = Trainer(find_family(place.model), clips, *read_encoded(place.latents), settings, tmp_path)
    first, second = trainer.make_step(0), trainer.make_step(1)
    assert first["regulariser"] == pytest.approx(0, abs=1e-12)
    assert first["objective"] == pytest.approx(1 if objective == "nft" else trainer_mean_reward(trainer, 0), abs=1e-5)
    assert first["gradient_norm"] > 0
    assert second["regulariser"] > 0


def trainer_mean_reward(trainer, step):
    """Mean reward of the clips of a step."""
    (terms,) = trainer.accumulate(step)
    return terms.reward.mean().item()


def test_the_adapter_goes_where_the_recipe_says(place, tmp_path):
    trainer = Trainer(find_family(place.model), place.pairs, *read_encoded(place.latents), SETTINGS, tmp_path)
    layers = {name.partition(".lora_")[0] for name in trainer.parameters}
    for target in read_recipe(place.name).lora_targets:
        assert any(layer.endswith(target) for layer in layers), target
    if place.name.startswith("wan"):
        assert layers == {
            *(f"condition_embedder.text_embedder.linear_{n}" for n in (1, 2)),
            *(f"blocks.0.attn2.to_{part}" for part in "kv"),
        }


def test_wan_with_two_transformers_is_refused(tmp_path):
    with pytest.raises(InputError, match="with two transformers, each for some of the noise levels"):
        find_family(BUILDERS["wan2.2-a14b"](tmp_path / "model"))


def test_clips_the_model_does_not_make_are_refused(tmp_path):
    family = find_family(BUILDERS["wan2.1-1.3b"](tmp_path / "model"))
    with pytest.raises(InputError, match=r"makes 4n\+1 frames, in multiples of 16 pixels, got 6 frames of 48x32"):
        family.encode_video(np.zeros((6, 32, 48, 3), np.uint8))
    with pytest.raises(InputError, match="got 5 frames of 40x32"):
        family.encode_video(np.zeros((5, 32, 40, 3), np.uint8))


def test_every_recipe_with_targets_has_a_family():
    from dsrbench.alignment.families import list_families

    trained = {n for n in set(recipe_names().values()) if read_recipe(n).lora_targets}
    assert trained == {*CLIPS, "wan2.1-14b"}
    assert {read_recipe(name).pipeline for name in trained} <= set(list_families())
