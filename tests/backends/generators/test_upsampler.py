"""The upsampler on tiny language models: what is asked, what is taken of an answer, and which answers are refused."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from factories import language_models  # noqa: E402
from factories.language_models import ANSWER, random_model, reciting_model  # noqa: E402

from dsrbench.backends.generators.upsampler import Sampling, Upsampler, check_answer, read_answer  # noqa: E402
from dsrbench.backends.pretrained.models import Choice  # noqa: E402
from dsrbench.errors import InputError, OptionError  # noqa: E402
from dsrbench.prompts import parse_prompt  # noqa: E402

CAT = parse_prompt("A cat is on the left of a box, then the cat walks to the right of the box.", id="cat")
SAID = "".join(ANSWER)


@pytest.fixture(scope="module")
def reciting(tmp_path_factory):
    return reciting_model(tmp_path_factory.mktemp("models") / "reciting")


@pytest.fixture(scope="module")
def random(tmp_path_factory):
    return random_model(tmp_path_factory.mktemp("models") / "random")


def make(folder, *sampling):
    return Upsampler(Choice(str(folder), None, None, "float32"), Sampling(*sampling))


def test_an_answer_is_taken_to_its_end(reciting):
    upsampler = make(reciting)
    line = upsampler.extend(CAT)
    assert (line.text, line.upsampled, line.note) == (CAT.text, SAID, "")
    assert line.upsampler == upsampler.name
    state = torch.get_rng_state()
    assert make(reciting, len(ANSWER) + 1).extend(CAT).upsampled == SAID, "its end is its last token"
    assert (torch.get_rng_state() == state).all(), "the program's own draws go on as they would have"


def test_of_an_answer_that_is_cut_off_the_whole_sentences_are_taken(reciting, tmp_path):
    line = make(reciting, len(ANSWER) - 1).extend(CAT)
    assert (line.upsampled, line.note) == (CAT.text, "the answer lost the direction 'right'")
    assert make(reciting, 3).extend(CAT).note == "the answer has no sentence that ends; allow more tokens"
    longer = (*ANSWER, " Dust", " dances")
    assert make(reciting_model(tmp_path / "longer", longer), len(longer)).extend(CAT).upsampled == SAID


def test_a_model_without_a_chat_template_goes_on_from_the_question(tmp_path):
    folder = reciting_model(tmp_path / "plain", template=None)
    assert make(folder).extend(CAT).upsampled == SAID


def test_the_question_holds_the_prompt_and_is_put_as_the_models_chat(reciting, random, monkeypatch):
    from transformers import LlamaForCausalLM

    asked = []
    generate = LlamaForCausalLM.generate
    monkeypatch.setattr(
        LlamaForCausalLM, "generate", lambda net, **given: asked.append(given["input_ids"]) or generate(net, **given)
    )
    make(reciting).extend(CAT)
    tokenizer, _ = language_models.tokenizer_of(ANSWER)
    question = tokenizer.decode(asked[0][0])
    assert question.startswith("<|im_start|>user\nRewrite a prompt")
    assert question.endswith(f"The prompt: {CAT.text}<|im_end|><|im_start|>")
    assert "Keep: the cat and the box" in question


def test_what_a_model_writes_at_random_is_refused_and_drawn_again_the_same(random):
    line = make(random, 40).extend(CAT)
    assert line.upsampled == CAT.text
    assert line.note.startswith("the answer")

    def draw(*sampling):
        answer, _ = make(random, *sampling)._ask(CAT.text)
        return answer

    greedy = draw(20)
    assert greedy == draw(20, 0.0, 7)
    assert draw(20, 1.0, 7) == draw(20, 1.0, 7) != draw(20, 1.0, 8)
    assert greedy != draw(20, 1.0, 7)


def test_the_models_own_settings_do_not_make_greedy_answers_drawn_ones(tmp_path):
    from transformers import GenerationConfig

    folder = reciting_model(tmp_path / "model")
    end = GenerationConfig.from_pretrained(folder).eos_token_id
    GenerationConfig(
        do_sample=True, temperature=50.0, top_k=0, repetition_penalty=9.0, eos_token_id=[end, end + 1]
    ).save_pretrained(folder)
    assert make(folder).extend(CAT).upsampled == SAID


def test_names_tell_models_and_settings_apart(reciting, random):
    names = {
        make(*args).name for args in ((reciting,), (random,), (random, 20), (random, 20, 0.5), (random, 20, 0.5, 1))
    }
    assert len(names) == 5
    assert make(random, 20, 0.0, 1).name == make(random, 20).name, "without draws, no seed"
    assert make(random).name.startswith("random@")
    assert make(random).name.endswith(", instruction 1, 200 tokens, float32")


READ = [
    ('  "A cat.\n\nA box."\n', True, "A cat. A box."),
    ("<think>a cat\nor so</think>\n\nA cat", True, "A cat"),
    ("**A cat. It wal", False, "A cat."),
    ("begun in the question</think>A cat", True, "A cat"),
    ("“A cat!” she", False, "A cat!"),
]


@pytest.mark.parametrize(("answer", "is_whole", "text"), READ)
def test_what_is_taken_of_an_answer(answer, is_whole, text):
    assert read_answer(answer, is_whole=is_whole) == text


@pytest.mark.parametrize(
    ("answer", "is_whole"), [("", True), (' "" ', True), ("<think>A cat. A", False), ("A cat wal", False)]
)
def test_answers_of_which_nothing_is_left(answer, is_whole):
    with pytest.raises(InputError, match=r"the answer (is empty|has no sentence)"):
        read_answer(answer, is_whole=is_whole)


HYDRANT = parse_prompt("A dog is on top of a fire hydrant, then the dog jumps to the left of the fire hydrant.", id="d")
CHECKED = [
    (CAT, "The CAT, left of two boxes, goes right.", ""),
    (CAT, "The kitten left of the box goes right.", "the answer lost the subject 'cat'"),
    (CAT, "The caterpillar left of the box goes right.", "the answer lost the subject 'cat'"),
    (CAT, "The cat left of the crate goes right.", "the answer lost the object 'box'"),
    (CAT, "The cat at the box goes to its bright side, leftmost.", "the answer lost the direction 'right'"),
    (CAT, "The cat at the box goes right.", "the answer lost the direction 'left'"),
    (HYDRANT, "A brown dog on a red Fire\u00a0Hydrant; left it goes.", ""),
    (HYDRANT, "A brown dog on a hydrant; left it goes.", "the answer lost the object 'fire hydrant'"),
    (HYDRANT, "A brown dog at a fire hydrant; left it goes.", "the answer lost the direction 'top'"),
]


@pytest.mark.parametrize(("prompt", "text", "problem"), CHECKED)
def test_which_answers_are_refused(prompt, text, problem):
    if not problem:
        check_answer(text, prompt)
        return
    with pytest.raises(InputError) as caught:
        check_answer(text, prompt)
    assert str(caught.value) == problem


@pytest.mark.parametrize("sampling", [(0,), (-3,), (9, -1.0), (9, float("nan")), (9, float("inf"))])
def test_sampling_out_of_range(sampling):
    with pytest.raises(OptionError, match=r"must be .*, got"):
        Sampling(*sampling)
