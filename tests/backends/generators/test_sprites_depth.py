"""The `sprites-depth` generator on tiny untrained changes: its base, its prompts, its records, refusals."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from factories.sprites import write_model  # noqa: E402

from dsrbench.alignment.config import AlignConfig  # noqa: E402
from dsrbench.alignment.families import find_family  # noqa: E402
from dsrbench.alignment.preparation import prepare_alignment  # noqa: E402
from dsrbench.backends.generators.sprites import Sprites, SpritesWithDepth  # noqa: E402
from dsrbench.backends.resolve import resolve_model  # noqa: E402
from dsrbench.errors import PromptError, WeightsError  # noqa: E402
from dsrbench.evaluation.defaults import follow_model, follow_suite  # noqa: E402
from dsrbench.prompts import read_suite  # noqa: E402
from dsrbench.sprites.embedded import DEPTH_MODEL, find_base, read_sums, write_sums  # noqa: E402
from dsrbench.sprites.model.loading import CHANGES, load_pipeline, save_changes  # noqa: E402
from dsrbench.sprites.model.low_rank import add_changes  # noqa: E402
from dsrbench.sprites.model.pipeline import SpritesPipeline  # noqa: E402
from dsrbench.sprites.model.vocabulary import list_depth_words  # noqa: E402

PROMPTS = read_suite("sprites-depth").prompts[:2]
PLAIN = read_suite("sprites").prompts[0]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A model, and changes of it that are not nothing, side by side as the training leaves them."""
    root = tmp_path_factory.mktemp("weights")
    write_model(root / "model")
    pipeline = SpritesPipeline.from_pretrained(root / "model")
    text_encoder = pipeline.text_encoder.with_words(list_depth_words(), seed=0)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        add_changes(pipeline.transformer, 2)
        for name, parameter in pipeline.transformer.named_parameters():
            if name.endswith(".up"):
                torch.nn.init.normal_(parameter, std=0.2)
    (root / "depth-model").mkdir()
    save_changes(root / "depth-model", text_encoder, pipeline.transformer, base=read_sums(root / "model"))
    write_sums(root / "depth-model")
    return root


@pytest.fixture
def copied(weights, tmp_path):
    return shutil.copytree(weights, tmp_path / "copy")


def test_clips_of_prompts_with_depth(weights):
    clips = list(SpritesWithDepth(folder=weights / "depth-model", steps=2, enlarge=1).generate(PROMPTS, [0, 0]))
    assert [clip.text for clip in clips] == [prompt.text for prompt in PROMPTS]
    assert {clip.frames.shape for clip in clips} == {(16, 32, 48, 3)}
    (same,) = Sprites(folder=weights / "depth-model", steps=2, enlarge=1).generate(PROMPTS[:1], [0])
    assert np.abs(same.frames.astype(int) - clips[0].frames).max() <= 1


def test_a_folder_of_changes_is_the_model_with_depth(weights):
    for folder, generator in ((weights / "depth-model", "sprites-depth"), (weights / "model", "sprites")):
        assert resolve_model(str(folder)) == (generator, {"folder": str(folder)})
    defaults = follow_model("sprites-depth", {})
    assert (defaults.suite, defaults.train) == ("sprites-depth", "sprites-depth-train")
    assert (defaults.detector, defaults.depth) == ("sprites", "sprites")
    assert follow_suite("sprites-depth-val").suite == "sprites-depth"
    assert follow_suite("sprites-val").suite == "sprites"


def test_align_takes_its_own_suites(weights, tmp_path):
    pytest.importorskip("peft")
    own = prepare_alignment(AlignConfig(model="sprites-depth", out=tmp_path))
    suites = [suite.name for suite in (own.train, own.held_out, own.validation)]
    assert suites == ["sprites-depth-train", "sprites-depth-test", "sprites-depth-val"]
    assert own.find_model() == ("sprites-depth", DEPTH_MODEL)
    other = prepare_alignment(AlignConfig(model=str(weights / "depth-model"), suite="sprites-depth-val", out=tmp_path))
    assert other.find_model() == ("depth-model", weights / "depth-model")
    assert other.validation.name == "sprites-depth-val"


def test_the_base_is_changed_and_stays(weights):
    base, changed = load_pipeline(weights / "model"), load_pipeline(weights / "depth-model")
    names = set(base.transformer.state_dict())
    assert names == set(changed.transformer.state_dict())
    before, after = (pipeline.transformer.blocks[0].attn1.to_q.weight for pipeline in (base, changed))
    assert (before - after).abs().max() > 0.01
    assert changed.transformer.dtype == changed.text_encoder.dtype == torch.float32
    words = changed.text_encoder.config.words
    assert [*words] == [*base.text_encoder.config.words, "behind", "front"]
    known = changed.text_encoder.embedding.weight[: len(words)]
    torch.testing.assert_close(known, base.text_encoder.embedding.weight, rtol=1e-2, atol=1e-3)


def test_training_further_begins_with_the_changes(weights):
    family = find_family(weights / "depth-model", device="cpu")
    merged = load_pipeline(weights / "depth-model").transformer.state_dict()
    assert all(torch.equal(value, merged[name]) for name, value in family.transformer.state_dict().items())
    assert family.encode_text([PROMPTS[0].text])[0]["features"].shape[-1] == 16


def test_each_model_refuses_the_prompts_of_the_other(weights):
    with pytest.raises(PromptError, match="the model sprites does not know 'LB'; the model sprites-depth does"):
        Sprites(folder=weights / "model").check_prompt(PROMPTS[0])
    with pytest.raises(PromptError, match=r"cannot show .*; relation types are: LF"):
        SpritesWithDepth(folder=weights / "depth-model").check_prompt(PLAIN)


def test_records_have_the_base_too(weights):
    used = SpritesWithDepth(folder=weights / "depth-model").fingerprint["weights"]
    assert sorted(used) == [
        "base/autoencoder/diffusion_pytorch_model.safetensors",
        "base/transformer/diffusion_pytorch_model.safetensors",
        "text_encoder/diffusion_pytorch_model.safetensors",
        CHANGES,
    ]


def test_a_base_that_is_not_theirs_is_refused(copied):
    index = copied / "depth-model" / "model_index.json"
    assert find_base(copied / "depth-model") == copied / "model"
    shutil.rmtree(copied / "model")
    with pytest.raises(WeightsError, match="the model that these are changes of is neither in"):
        SpritesWithDepth(folder=copied / "depth-model")
    index.write_text(json.dumps({"_class_name": "SpritesPipeline"}))
    assert find_base(copied / "depth-model") is None
    index.write_text("[]")
    with pytest.raises(WeightsError, match=r"model_index\.json: cannot be read"):
        find_base(copied / "depth-model")


def test_damaged_changes_are_refused(copied):
    file = copied / "depth-model" / CHANGES
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(WeightsError, match="altered"):
        SpritesWithDepth(folder=copied / "depth-model")
    write_sums(copied / "depth-model")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        next(SpritesWithDepth(folder=copied / "depth-model").generate(PROMPTS[:1], [0]))
