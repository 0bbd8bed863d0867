"""Answers of tiny vision-language models of three families: orders, batches, habits, models that are none."""

from __future__ import annotations

import functools
import json
import math
import shutil

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from factories import vision_models
from PIL import Image

from dsrbench.backends.pretrained.models import Choice
from dsrbench.errors import BackendError, MissingExtraError, OptionError, WeightsError
from dsrbench.judging.model import Judge
from dsrbench.judging.questions import ask_claim
from dsrbench.types import Clause, Relation

CLAUSE = Clause("cat", "box", Relation.chain("LR"))
FAMILIES = ["qwen", "internvl", "idefics", "smolvlm"]


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    some = [Image.fromarray(rng.integers(0, 255, (60, 100, 3), dtype=np.uint8)) for _ in range(6)]
    return {"beginning": some[:2], "end": some[-2:], "whole": some}


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    return functools.cache(lambda family: getattr(vision_models, family)(tmp_path_factory.mktemp(family)))


def make_judge(folder, **options):
    return Judge(Choice(str(folder), None, "cpu", "float32"), **options)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_answers_alike_in_any_batch(family, folder_of, pictures):
    judge = make_judge(folder_of(family))
    answers, mass = judge.judge(CLAUSE, pictures)
    assert list(answers.yes) == ["start", "end"]
    assert list(answers.choice) == ["LR", "RL", "L", "R"]
    assert sum(answers.choice.values()) == pytest.approx(1, abs=1e-5)
    assert 0 < mass < 1
    assert len({*answers.yes.values(), *answers.choice.values()}) == 6, "random weights like no two answers alike"
    assert judge.judge(CLAUSE, pictures) == (answers, mass), "the same answers again"
    alone, _ = make_judge(folder_of(family), batch_size=1).judge(CLAUSE, pictures)
    assert alone.yes == pytest.approx(answers.yes, abs=2e-6)
    assert alone.choice == pytest.approx(answers.choice, abs=2e-6)
    other, _ = judge.judge(CLAUSE, {**pictures, "beginning": pictures["end"]})
    assert other.yes["start"] != answers.yes["start"], "the pictures reach the model"
    assert other.yes["end"] == answers.yes["end"]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_runs_in_half_precision(family, folder_of, pictures):
    full, _ = make_judge(folder_of(family)).judge(CLAUSE, pictures)
    judge = Judge(Choice(str(folder_of(family)), None, "cpu", "bfloat16"))
    assert judge.name.endswith("bfloat16")
    half, _ = judge.judge(CLAUSE, pictures)
    assert half.yes == pytest.approx(full.yes, abs=0.05)
    assert half.choice == pytest.approx(full.choice, abs=0.05)
    assert half != full


def test_an_answer_is_the_mean_over_orders(folder_of, pictures):
    judge = make_judge(folder_of("qwen"))
    for question in ask_claim(CLAUSE):
        singles = [judge._forward([wording], pictures[question.part])[0][0] for wording in question.wordings]
        answer = judge.ask(question, pictures[question.part])
        assert answer.probabilities == pytest.approx(np.mean(singles, axis=0), abs=1e-6)
        assert abs(singles[0] - singles[1]).max() > 1e-6, "the order matters to a random model"


def test_habits_win_nothing(tmp_path, pictures):
    """A model that says yes and A to everything cannot tell the four descriptions apart."""
    likings = {"Y": 9.0, "A": 5.0, "C": 2.0}
    answers, mass = make_judge(vision_models.habitual(tmp_path, likings)).judge(CLAUSE, pictures)
    # a word counts with both of its spellings, Y and y
    high = math.exp(9) + 1
    assert answers.yes == pytest.approx({"start": high / (high + 2), "end": high / (high + 2)}, abs=1e-6)
    assert list(answers.choice.values()) == pytest.approx([0.25] * 4, abs=1e-6)
    assert answers.score == pytest.approx(0.25, abs=1e-6)
    assert mass > 0.5


def test_answers_that_are_no_numbers(tmp_path, pictures):
    judge = make_judge(vision_models.habitual(tmp_path, {"x": math.nan}))
    with pytest.raises(BackendError, match="are no numbers in float32; take --precision"):
        judge.judge(CLAUSE, pictures)


def test_the_right_letter_in_every_order(tmp_path):
    """The word of each answer moves through all letters, so that a model which reads is right in every order."""
    choice = ask_claim(CLAUSE)[-1]
    for i in range(4):
        assert sorted(wording.words[i] for wording in choice.wordings) == ["A", "B", "C", "D"]
    for wording in choice.wordings:
        lines = dict(line.split(". ", 1) for line in wording.text.splitlines() if line[1:3] == ". ")
        first = lines[wording.words[0]]
        assert first == "The cat is first on the left of the box, then on the right of the box."
        assert lines[wording.words[2]] == "The cat stays on the left of the box from beginning to end."


def without(name):
    def change(folder):
        values = json.loads((folder / "processor_config.json").read_text())
        values.pop(name, None)
        (folder / "processor_config.json").write_text(json.dumps(values))
        for path in folder.glob("chat_template*") if name == "chat_template" else ():
            path.unlink()
        tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
        tokenizer.pop(name, None)
        (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))

    return change


def other_type(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "internvl_chat"}))


def no_images_in_template(folder):
    path = folder / "chat_template.jinja"
    path.write_text(path.read_text().replace("c['text']", "raise_exception('text only')"))


def no_weights(folder):
    (folder / "model.safetensors").unlink()


def cut_weights(folder):
    (folder / "model.safetensors").write_bytes(b"short")


def no_processor(folder):
    for path in (folder / "processor_config.json",):
        path.unlink()


BAD = [
    (without("chat_template"), WeightsError, "has no chat template, so it cannot be asked"),
    (no_images_in_template, WeightsError, r"cannot be asked about 2 pictures \(text only\)"),
    (no_processor, WeightsError, "has no image processor|cannot be loaded as a model"),
    (other_type, WeightsError, "holds a model of the type 'internvl_chat'; judge takes"),
    (no_weights, WeightsError, "is no model: model.safetensors is not in it"),
    (cut_weights, WeightsError, "cannot be loaded as a model"),
]


@pytest.mark.parametrize(("change", "kind", "message"), BAD)
def test_models_that_cannot_be_asked(change, kind, message, folder_of, pictures, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(folder_of("qwen"), folder)
    change(folder)
    with pytest.raises(kind, match=message) as caught:
        make_judge(folder).judge(CLAUSE, pictures)
    assert "\n" not in str(caught.value)


def test_a_model_that_is_not_on_disk():
    with pytest.raises(WeightsError, match=r"such folder: nowhere .*OWNER/NAME"):
        make_judge("nowhere")
    with pytest.raises(WeightsError, match="Fetch it with: dsrbench backends pull judge --model someone/model"):
        make_judge("someone/model")


@pytest.mark.parametrize("options", [{"frames": 0}, {"frames": 65}, {"batch_size": 0}])
def test_options_out_of_range(options, folder_of):
    with pytest.raises(OptionError, match="must be"):
        make_judge(folder_of("qwen"), **options)


def test_letters_that_begin_with_the_same_token(folder_of, pictures, monkeypatch):
    judge = make_judge(folder_of("qwen"))
    monkeypatch.setattr(type(judge._loaded.processor.tokenizer), "encode", lambda *_, **__: [7])
    with pytest.raises(WeightsError, match="begins Yes and No with the same token"):
        judge.judge(CLAUSE, pictures)


def test_memory_that_runs_out(folder_of, pictures, monkeypatch, caplog):
    import torch

    judge = make_judge(folder_of("qwen"), batch_size=4)
    expected, _ = judge.judge(CLAUSE, pictures)
    forward, limit = type(judge._loaded.net).forward, 1

    def hungry(self, *args, **inputs):
        if len(inputs["input_ids"]) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, *args, **inputs)

    hungry.__signature__ = __import__("inspect").signature(forward)
    monkeypatch.setattr(type(judge._loaded.net), "forward", hungry)
    answers, _ = judge.judge(CLAUSE, pictures)
    assert answers.choice == pytest.approx(expected.choice, abs=2e-6)
    assert "judge: out of memory with 2 questions, going on with 1 at a time" in caplog.text
    limit = 0
    with pytest.raises(BackendError, match="not even one question fits into memory"):
        judge.judge(CLAUSE, pictures)


def test_a_package_that_a_processor_needs(folder_of, tmp_path, monkeypatch, pictures):
    """SmolVLM's processor needs num2words and says so in words of its own."""
    import transformers

    def refuse(*_, **__):
        raise ImportError("Package `num2words` is required to run SmolVLM processor.")

    judge = make_judge(folder_of("qwen"))
    monkeypatch.setattr(transformers.AutoProcessor, "from_pretrained", refuse)
    with pytest.raises(MissingExtraError, match="needs the package 'num2words'"):
        judge.judge(CLAUSE, pictures)
