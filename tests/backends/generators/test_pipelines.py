"""The generator `diffusers` on tiny untrained pipelines: seeds, batches, wrong frames, adapters, the Hub's cache."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from dsrbench.backends.generators.pipelines import Pipelines  # noqa: E402
from dsrbench.backends.pretrained import hashes  # noqa: E402
from dsrbench.errors import BackendError, InputError, MissingExtraError, OptionError, WeightsError  # noqa: E402
from dsrbench.prompts import read_suite  # noqa: E402
from dsrbench.types import Clip, NoClip  # noqa: E402

PROMPTS = read_suite("sprites").prompts[:3]
SMALL = {"height": 32, "width": 32, "frames": 5, "steps": 2, "dtype": "float32"}


def make(folder, **options):
    return Pipelines(model=str(folder), **{**SMALL, **options})


def frames(generator, prompts=PROMPTS[:1], seeds=(0,)):
    return [clip.frames.astype(int) for clip in generator.generate(prompts, list(seeds))]


@pytest.mark.parametrize("name", ["wan2.1-1.3b", "ltx", "hunyuanvideo", "animatediff"])
def test_a_clip_depends_on_prompt_and_seed_alone(pipeline_folder, name):
    batched = make(pipeline_folder(name), batch=4)
    together = frames(batched, [*PROMPTS, PROMPTS[2]], [0, 1, 0, 1])
    (alone,) = frames(make(pipeline_folder(name)), PROMPTS[2:], [0])
    assert np.abs(together[2] - alone).max() <= 1, "sums of floats may round otherwise in another batch"
    assert (together[3] != alone).any()
    (same,) = frames(batched, PROMPTS[2:], [0])
    assert np.abs(same - alone).max() <= 1


def test_a_clip_is_the_pipelines_own(pipeline_folder):
    folder = pipeline_folder("wan2.1-1.3b")
    (clip,) = make(folder, guidance=3.0, negative_prompt="").generate(PROMPTS[:1], [7])
    pipeline = diffusers.WanPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    noise = torch.Generator("cpu").manual_seed(7)
    asked = {"height": 32, "width": 32, "num_frames": 5, "num_inference_steps": 2, "guidance_scale": 3.0}
    own = pipeline(PROMPTS[0].text, generator=noise, output_type="pil", **asked).frames[0]
    assert np.abs(np.stack([np.asarray(frame) for frame in own]).astype(int) - clip.frames).max() <= 1
    assert (clip.fps, clip.text) == (16, PROMPTS[0].text)
    assert clip.metadata == {"seed": 7, "frames": 5, "fps": 16, "black_frames": 0}


def test_the_model_loads_when_the_first_clip_is_asked_for(pipeline_folder):
    generator = make(pipeline_folder("ltx"))
    assert "_pipeline" not in vars(generator)
    with pytest.raises(InputError, match="3 prompts and 1 seeds"):
        next(generator.generate(PROMPTS, [0]))
    assert "_pipeline" not in vars(generator)


def test_guidance_and_frame_rate_reach_the_model(pipeline_folder):
    for name in ("hunyuanvideo-1.5", "ltx"):
        weak, strong = (frames(make(pipeline_folder(name), guidance=g, frames=9))[0] for g in (1.0, 30.0))
        assert (weak != strong).any(), name
    (clip,) = make(pipeline_folder("ltx"), fps=10.0).generate(PROMPTS[:1], [0])
    assert clip.fps == 10


class Fake:
    """A pipeline that gives what it is told."""

    def __init__(self, *videos, error=None):
        self.videos, self.error, self.asked = videos, error, []

    def __call__(self, **asked):
        self.asked.append(asked)
        if self.error:
            raise self.error
        return type("Output", (), {"frames": np.stack(self.videos[: len(asked["prompt"])])})


def faked(folder, fake, **options):
    generator = make(folder, **options)
    vars(generator)["_pipeline"] = fake
    return generator


def video(value, count=5):
    return np.full((count, 32, 32, 3), value, np.float32)


def test_a_clip_with_nan_is_no_clip_and_the_others_go_on(pipeline_folder):
    broken = video(0.5)
    broken[2:4, 0, 0, 0] = np.nan
    generator = faked(pipeline_folder("wan2.1-1.3b"), Fake(video(0.5), broken, video(1.0)), batch=3)
    first, none, last = generator.generate(PROMPTS, [0, 0, 0])
    assert isinstance(none, NoClip)
    assert none.reason == "2 of 5 frames have NaN; another dtype may help (now default float32)"
    assert isinstance(first, Clip)
    assert (first.frames == 128).all()
    assert (last.frames == 255).all()


def test_black_frames_are_counted_and_said(pipeline_folder, caplog):
    (clip,) = faked(pipeline_folder("wan2.1-1.3b"), Fake(video(0.0))).generate(PROMPTS[:1], [3])
    assert clip.metadata["black_frames"] == 5
    assert "seed 3" in caplog.text
    assert "5 of 5 frames are black" in caplog.text


def test_values_are_rounded_and_clipped(pipeline_folder):
    values = np.array([-0.5, 0.0, 0.4999 / 255, 0.5001 / 255, 1.0, 7.0], np.float32)
    made = video(0.0)
    made[0, 0, :6, 0] = values
    (clip,) = faked(pipeline_folder("wan2.1-1.3b"), Fake(made)).generate(PROMPTS[:1], [0])
    assert clip.frames[0, 0, :6, 0].tolist() == [0, 0, 0, 1, 255, 255]


def test_memory_that_runs_out_is_one_line_of_advice(pipeline_folder):
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB\nand more")
    generator = faked(pipeline_folder("wan2.1-1.3b"), Fake(error=error))
    with pytest.raises(BackendError) as caught:
        next(generator.generate(PROMPTS[:1], [0]))
    said = str(caught.value)
    assert "wan2.1-1.3b, 5 frames of 32x32, 1 at once: out of memory (CUDA out of memory. Tried" in said
    assert all(word in said for word in ("fewer frames", "vae_tiling=true", "offload=model", "batch=1"))
    assert "\n" not in said
    with pytest.raises(RuntimeError, match="else"):
        next(faked(pipeline_folder("wan2.1-1.3b"), Fake(error=RuntimeError("else"))).generate(PROMPTS[:1], [0]))


def test_tiling_is_switched_on(pipeline_folder):
    for name in ("wan2.1-1.3b", "hunyuanvideo", "cogvideox-2b", "mochi", "ltx", "animatediff", "hunyuanvideo-1.5"):
        generator = make(pipeline_folder(name), vae_tiling=True)
        assert generator._pipeline.vae.use_tiling, name
    assert not make(pipeline_folder("wan2.1-1.3b"))._pipeline.vae.use_tiling


def test_offload_needs_a_gpu(pipeline_folder):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    for offload in ("model", "sequential"):
        with pytest.raises(OptionError, match="moves parts of the model off a GPU, and there is none"):
            make(pipeline_folder("wan2.1-1.3b"), offload=offload)


def test_precisions(pipeline_folder):
    pipe = Pipelines(model=str(pipeline_folder("wan2.1-1.3b")))._pipeline
    assert (pipe.transformer.dtype, pipe.text_encoder.dtype, pipe.vae.dtype) == (
        torch.bfloat16,
        torch.bfloat16,
        torch.float32,
    )
    assert make(pipeline_folder("hunyuanvideo"))._pipeline.text_encoder.dtype == torch.float32


def write_adapter(folder, model, target):
    """A LoRA on the attention of a model, with weights that are not nothing."""
    peft = pytest.importorskip("peft")
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model.add_adapter(peft.LoraConfig(r=2, lora_alpha=4, target_modules=["to_q", "to_k", "to_v"]))
        for name, parameter in model.named_parameters():
            if ".lora_" in name:
                torch.nn.init.normal_(parameter, std=1.0)
    model.save_lora_adapter(folder / target)
    return folder / target


@pytest.mark.parametrize("name", ["wan2.1-1.3b", "wan2.2-a14b", "cogvideox-2b", "hunyuanvideo-1.5", "animatediff"])
def test_adapters_change_clips_as_much_as_their_scale_says(pipeline_folder, name, tmp_path):
    generator = make(pipeline_folder(name), frames=9)
    target = generator.model.recipe.lora
    (plain,) = frames(generator)
    adapter = write_adapter(tmp_path, getattr(make(pipeline_folder(name))._pipeline, target), target)
    (none,) = frames(make(pipeline_folder(name), frames=9, adapter=adapter, adapter_scale=0.0))
    (full,) = frames(make(pipeline_folder(name), frames=9, adapter=adapter))
    assert np.abs(none - plain).max() <= 1
    assert (full != plain).any()
    with pytest.raises(WeightsError, match="does not fit the model"):
        next(make(pipeline_folder("ltx"), adapter=adapter).generate(PROMPTS[:1], [0]))


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The Hub's cache, empty; a function that puts a folder into it as a model."""
    from huggingface_hub import constants

    cache = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))

    def put(id, folder, commit="c" * 40):
        place = cache / f"models--{id.replace('/', '--')}"
        shutil.copytree(folder, place / "snapshots" / commit)
        (place / "refs").mkdir(exist_ok=True)
        (place / "refs" / "main").write_text(commit)
        return place / "snapshots" / commit

    return put


def test_a_recipe_from_the_cache_with_its_own_scheduler(pipeline_folder, hub):
    hub("zai-org/CogVideoX-5b", pipeline_folder("cogvideox-2b"))
    generator = Pipelines(model="cogvideox-5b", **SMALL)
    assert generator.fingerprint["model"] == "zai-org/CogVideoX-5b"
    assert generator.fingerprint["commit"] == "c" * 40
    assert generator.fingerprint["scheduler"]["class"] == "CogVideoXDPMScheduler"
    scheduler = generator._pipeline.scheduler
    assert (type(scheduler).__name__, scheduler.config.timestep_spacing) == ("CogVideoXDPMScheduler", "trailing")
    own = make(pipeline_folder("cogvideox-2b"))
    assert type(own._pipeline.scheduler).__name__ == "CogVideoXDDIMScheduler"
    assert own.fingerprint["scheduler"] == {}


def test_an_id_from_the_cache_is_matched_like_a_folder(pipeline_folder, hub):
    hub("me/mine", pipeline_folder("wan2.2-a14b"))
    generator = Pipelines(model="me/mine", **SMALL)
    assert (generator.model.recipe.name, generator.fingerprint["commit"]) == ("wan2.2-a14b", "c" * 40)
    assert frames(generator)[0].shape == (5, 32, 32, 3)


def test_animatediff_from_two_repositories(pipeline_folder, hub, tmp_path):
    whole = pipeline_folder("animatediff")
    images = hub("stable-diffusion-v1-5/stable-diffusion-v1-5", whole)
    with pytest.raises(WeightsError, match=r"guoyww/.*not in the Hub's cache\. Fetch it with: .* pull animatediff"):
        Pipelines(model="animatediff", **SMALL)
    hub("guoyww/animatediff-motion-adapter-v1-5-2", whole / "motion_adapter", commit="d" * 40)
    shutil.rmtree(images / "motion_adapter")
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=(8, 8),
        layers_per_block=2,
        sample_size=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=8,
        norm_num_groups=2,
    )
    shutil.rmtree(images / "unet")
    unet.save_pretrained(images / "unet")
    import json

    index = json.loads((images / "model_index.json").read_text())
    index.update(_class_name="StableDiffusionPipeline", unet=["diffusers", "UNet2DConditionModel"])
    index.update(safety_checker=["stable_diffusion", "StableDiffusionSafetyChecker"])
    index.update(feature_extractor=["transformers", "CLIPImageProcessor"])
    index.pop("motion_adapter")
    (images / "model_index.json").write_text(json.dumps(index))
    generator = Pipelines(model="animatediff", **SMALL)
    assert generator.fingerprint["motion_adapter"]["commit"] == "d" * 40
    assert generator._pipeline.scheduler.config.timestep_spacing == "linspace"
    assert frames(generator)[0].shape == (5, 32, 32, 3)


def test_an_adapter_from_the_cache(pipeline_folder, hub, tmp_path):
    folder = pipeline_folder("wan2.1-1.3b")
    with pytest.raises(WeightsError, match=r"not in the Hub's cache; fetch it with: hf download me/lora"):
        make(folder, adapter=Path("me/lora"))
    own = write_adapter(tmp_path, make(folder)._pipeline.transformer, "transformer")
    hub("me/lora", own)
    cached, local = (make(folder, adapter=path) for path in (Path("me/lora"), own))
    assert cached.fingerprint == local.fingerprint
    assert (frames(cached)[0] == frames(local)[0]).all()


def test_an_adapter_with_the_prefix_of_unets(pipeline_folder, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = pipeline_folder("animatediff")
    plain = write_adapter(tmp_path, make(folder)._pipeline.unet, "unet")
    (file,) = plain.glob("*.safetensors")
    tensors = load_file(file)
    save_file(tensors, tmp_path / "plain.safetensors")
    save_file({f"unet.{key}": tensor for key, tensor in tensors.items()}, tmp_path / "prefixed.safetensors")
    one, other = (frames(make(folder, adapter=tmp_path / f"{name}.safetensors"))[0] for name in ("plain", "prefixed"))
    assert (one == other).all()


def test_a_cache_that_is_not_whole(pipeline_folder, hub):
    snapshot = hub("me/mine", pipeline_folder("ltx"))
    next((snapshot / "vae").glob("*.safetensors")).unlink()
    with pytest.raises(WeightsError, match=r"me/mine: vae has no safetensors; .* pull diffusers --model me/mine"):
        Pipelines(model="me/mine")


def test_a_tokenizer_that_needs_sentencepiece_says_so(pipeline_folder, tmp_path, monkeypatch):
    import importlib.util

    folder = shutil.copytree(pipeline_folder("ltx"), tmp_path / "ltx")
    (folder / "tokenizer/tokenizer.json").rename(folder / "tokenizer/spiece.model")
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: there(name) if name != "sentencepiece" else None)
    with pytest.raises(MissingExtraError, match=r"needs the package 'sentencepiece'.*dsrbench\[generate\]"):
        make(folder)


def test_hashes_of_big_files_are_remembered(tmp_path, monkeypatch):
    monkeypatch.setenv("DSRBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hashes, "MIN_STORED_BYTES", 10)
    counted = []
    monkeypatch.setattr(hashes, "sha256_file", lambda path: counted.append(path) or "s" * 64)
    big = tmp_path / "big.safetensors"
    big.write_bytes(b"x" * 100)
    assert [hashes.remember_sha256(big) for _ in range(3)] == ["s" * 64] * 3
    assert len(counted) == 1
    big.write_bytes(b"y" * 101)
    hashes.remember_sha256(big)
    assert len(counted) == 2
    (tmp_path / "cache/sha256.json").write_text("{")
    hashes.remember_sha256(big)
    assert len(counted) == 3
