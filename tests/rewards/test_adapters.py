"""Each trainer's way to call a reward: TRL's own code where it is installed, the others' calls in our words."""

from __future__ import annotations

import types

import numpy as np
import pytest
from factories.rendered import render_pair

from dsrbench.rewards import DSRReward, Guard
from dsrbench.rewards.adapters import (
    DanceGRPOInferencer,
    RLinfReward,
    for_fastvideo,
    for_flow_grpo,
    for_trl,
    for_vbench,
)
from dsrbench.video import write_mp4

CLIPS, PROMPTS, FPS = render_pair()
PROMPTS_AND_UNREAD = [*PROMPTS, "a beautiful sunset"]


def make(**options):
    return DSRReward("sprites-template", guard=Guard.off(), **options)


@pytest.fixture(scope="module")
def expected():
    return make()(CLIPS, PROMPTS)


def as_tensor(order):
    """The clips as a decoder gives them: floats in 0..1."""
    torch = pytest.importorskip("torch")
    batch = torch.from_numpy(np.stack(CLIPS)).float() / 255
    return batch.permute(0, *(1 + "THWC".index(axis) for axis in order))


def test_flow_grpo(expected):
    """`multi_score` makes each function for a device and adds what it returns, times its weight."""
    table = {"dsr": lambda device: for_flow_grpo(make())}
    weights = {"dsr": 0.5}
    functions = {name: table[name]("cpu") for name in weights}
    total = np.zeros(2)
    for name, weight in weights.items():
        scores, info = functions[name](as_tensor("TCHW"), tuple(PROMPTS), [{}, {}])
        assert info == {}
        total += weight * np.array(scores)
    assert total == pytest.approx(0.5 * np.array(expected))


def test_fastvideo(expected):
    """A weighted sum of `scores["avg"]`; prompts and metadata come by position, `only_strict` by name."""
    scores, info = for_fastvideo(make())(as_tensor("CTHW"), PROMPTS, [{}, {}], only_strict=True)
    assert scores["avg"].tolist() == pytest.approx(expected)
    assert info == {}


def test_rlinf(expected):
    """The environment hands over uint8 videos and the records of its tasks, and takes a reward a frame."""
    outputs = np.stack(CLIPS)
    records = [{"task_description": text} for text in PROMPTS]
    scores = RLinfReward(make()).score(outputs, records)
    assert tuple(scores["avg"].shape) == outputs.shape[:2]
    assert scores["avg"].mean(dim=1).tolist() == pytest.approx(expected)


def write_clips(folder):
    paths = [str(folder / f"{i}.mp4") for i in range(2)]
    for path, frames in zip(paths, CLIPS, strict=True):
        write_mp4(path, frames, fps=FPS)
    return paths


def test_dancegrpo(tmp_path):
    """The trainer writes each sample to a file and reads one figure of the first result."""
    paths = write_clips(tmp_path)
    inferencer = DanceGRPOInferencer(make())
    rewards = [inferencer.reward([paths[i]], [PROMPTS[i]], use_norm=True)[0]["Overall"] for i in range(2)]
    assert rewards == make()(paths, PROMPTS)


def test_vbench(tmp_path):
    paths = write_clips(tmp_path)
    mean, results = for_vbench(make())(paths, PROMPTS)
    assert [result["video_path"] for result in results] == paths
    assert mean == pytest.approx(np.mean([result["video_results"] for result in results]))


@pytest.mark.filterwarnings("default")
def test_trl(expected):
    """`GRPOTrainer` calls the function, turns None into NaN, and gathers; the rest of the trainer is not made."""
    accelerate = pytest.importorskip("accelerate")
    trl = pytest.importorskip("trl")
    reward = for_trl(make(unscored=None), videos="clip")
    state = types.SimpleNamespace(
        accelerator=accelerate.Accelerator(cpu=True),
        reward_funcs=[reward],
        reward_processing_classes=[None],
        reward_func_names=["dsr_score"],
        state=types.SimpleNamespace(global_step=0),
        environments=None,
        chat_template_kwargs={},
        _log_completion_extra=lambda *_: None,
        _log_metric=lambda *_: None,
        _current_train_step_time=0.0,
        _name="trainer",
        args=types.SimpleNamespace(report_to=[]),
    )
    inputs = [{"prompt": text, "clip": clip} for text, clip in zip(PROMPTS_AND_UNREAD, [*CLIPS, CLIPS[0]], strict=True)]
    texts = [one["prompt"] for one in inputs]
    rewards = trl.GRPOTrainer._calculate_rewards(state, inputs, texts, ["", "", ""], [[1], [1], [1]])
    assert rewards[:2, 0].tolist() == pytest.approx(expected)
    assert rewards[2, 0].isnan()


def test_trl_with_conversations(expected):
    """Prompts are conversations, and the clips are the completions."""
    conversations = [
        [{"role": "user", "content": PROMPTS[0]}],
        [{"role": "user", "content": [{"type": "text", "text": PROMPTS[1]}, {"type": "video"}]}],
    ]
    assert for_trl(make())(prompts=conversations, completions=CLIPS, completion_ids=[[1], [1]]) == expected


def test_what_has_no_score_is_zero_for_those_who_take_numbers():
    videos, reward = [*CLIPS, CLIPS[0]], make(unscored=None)
    assert for_flow_grpo(reward)(videos, PROMPTS_AND_UNREAD, [])[0][2] == 0.0
    assert for_trl(reward)(prompts=PROMPTS_AND_UNREAD, completions=videos)[2] is None
