"""What a validation finds, when it ends a training, and which checkpoint is kept."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

from factories.samples import make_sample

from dsrbench.alignment.settings import ValidationSettings
from dsrbench.alignment.validation import Validation, Watch, choose_best, find_problem, measure, thin
from dsrbench.errors import TrainingError
from dsrbench.prompts import Suite
from dsrbench.quality import sharpness
from dsrbench.video import read_clip, write_mp4

BASE = Validation(0, 0.3, 0.9, 0.5, 0.02)


def found(step, **changes):
    return dataclasses.replace(BASE, step=step, **changes)


def watch(folder, rows, **changes):
    """A watch over a training whose validations are known; checkpoints 10, 20 and so on."""
    told = []
    by_step = {row.step: row for row in rows}
    settings = ValidationSettings(save_total_limit=1, **changes)
    watching = Watch(folder, settings, lambda step, adapter: by_step[step if adapter else 0], told.append)
    going = []
    for row in rows:
        if row.step:
            (folder / f"checkpoint-{row.step:06d}").mkdir()
            going.append(watching(row.step, folder / f"checkpoint-{row.step:06d}"))
    return watching, going, told


def test_the_best_checkpoint_is_kept_with_the_newest(tmp_path):
    rows = [BASE, found(10, accuracy=0.4), found(20, accuracy=0.6), found(30, accuracy=0.5), found(40, accuracy=0.6)]
    watching, going, told = watch(tmp_path, rows)
    assert going == [True] * 4
    assert watching.choose(40) == 20
    assert sorted(path.name for path in tmp_path.glob("checkpoint-*")) == ["checkpoint-000020", "checkpoint-000040"]
    assert [row.step for row in watching.rows()] == [0, 10, 20, 30, 40]
    assert [row.step for row in told] == [0, 10, 20, 30, 40]


def test_a_degenerate_checkpoint_ends_the_training_and_is_not_chosen(tmp_path):
    watching, going, _ = watch(tmp_path, [BASE, found(10), found(20, accuracy=0.9, coverage=0.7)])
    assert going == [True, False]
    assert watching.choose(20) == 10
    assert watching.rows()[-1].problem == "coverage fell from 0.90 to 0.70"


def test_without_early_stop_the_figures_alone_decide(tmp_path):
    watching, going, _ = watch(tmp_path, [BASE, found(10), found(20, accuracy=0.9, coverage=0.7)], early_stop=False)
    assert going == [True, True]
    assert watching.choose(20) == 20


def test_no_sound_checkpoint(tmp_path):
    watching, going, _ = watch(tmp_path, [BASE, found(10, sharpness=0.2)])
    assert going == [False]
    with pytest.raises(TrainingError, match=r"at step 10 sharpness went from 0\.0200 to 0\.2000"):
        watching.choose(10)


def test_without_validation_the_last_is_taken(tmp_path):
    for step in (10, 20):
        (tmp_path / f"checkpoint-{step:06d}").mkdir()
    watching = Watch(tmp_path, ValidationSettings(save_total_limit=1), None)
    assert watching(20, tmp_path / "checkpoint-000020")
    assert watching.choose(20) == 20
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == ["checkpoint-000020"]
    assert not (tmp_path / "validation.jsonl").exists()


def test_what_was_validated_later_is_forgotten_when_a_training_goes_on_from_before(tmp_path):
    watching, _, _ = watch(tmp_path, [BASE, found(10), found(20), found(30)])
    watching(20, tmp_path / "checkpoint-000020")
    assert [row.step for row in watching.rows()] == [0, 10, 20]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"coverage": 0.81}, ""),
        ({"coverage": 0.79}, "coverage fell"),
        ({"sharpness": 0.011}, ""),
        ({"sharpness": 0.009}, "sharpness went"),  # blur
        ({"sharpness": 0.041}, "sharpness went"),  # noise
        ({"accuracy": 0.0}, ""),  # worse, but still videos
    ],
)
def test_signs_of_degeneration(changes, problem):
    assert find_problem(found(10, **changes), BASE, ValidationSettings()).startswith(problem)
    assert bool(find_problem(found(10, **changes), BASE, ValidationSettings())) == bool(problem)


def test_figures_count_the_unscored_and_look_at_every_video(tmp_path):
    rng = np.random.default_rng(0)
    scores = [("a", 0, 0.9), ("a", 1, 0.2), ("b", 0, "invalid"), ("b", 1, 0.7)]
    samples = [make_sample(x, prompt=p, seed=n, video=f"{p}{n}.mp4", video_sha256="0") for p, n, x in scores]
    for one in samples:
        write_mp4(tmp_path / one.video, rng.integers(0, 255, (4, 32, 32, 3), dtype=np.uint8), fps=8)
    row = measure(50, samples, tmp_path)
    assert (row.step, row.accuracy, row.coverage) == (50, 0.5, 0.75)
    assert row.mean_score_low == pytest.approx(1.8 / 4)
    assert row.sharpness == pytest.approx(np.mean([sharpness(read_clip(p).frames) for p in tmp_path.glob("*.mp4")]))
    assert json.loads(json.dumps(dataclasses.asdict(row)))["problem"] == ""
    assert choose_best([BASE]) is None


def test_a_suite_is_thinned_evenly():
    suite = Suite("s", "1", tuple(make_sample(0.5, prompt=f"p{n}").prompt for n in range(10)))
    assert [prompt.id for prompt in thin(suite, 4)] == ["p0", "p3", "p6", "p9"]
    assert thin(suite, 10) is suite
    assert len(thin(suite, 1)) == 1
