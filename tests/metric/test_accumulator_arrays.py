"""The metric class takes boxes of packages that are not always there."""

from __future__ import annotations

import numpy as np
import pytest
from factories.runs import Spec, true_tracks

from dsrbench.metric import DSRScore, score_tracks

TRACKS = true_tracks(Spec("m", "p", "LR", "L-"), frames=81)
TRACKS.subject[40:45] = np.nan
EXPECTED = score_tracks(TRACKS, "LR").dsr_score


def test_torch_tensors():
    torch = pytest.importorskip("torch")
    metric = DSRScore()
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        subject, object = (torch.tensor(boxes, dtype=dtype) for boxes in (TRACKS.subject, TRACKS.object))
        assert metric.update(subject.requires_grad_(), object, "LR").dsr_score == pytest.approx(EXPECTED, abs=0.02)
    whole = torch.tensor(TRACKS.object).to(torch.int64)
    assert metric.update(torch.tensor(TRACKS.subject), whole, "LR").dsr_score == EXPECTED


def test_supervision_detections():
    sv = pytest.importorskip("supervision")
    metric = DSRScore()

    def as_frames(boxes):
        """One detections object a frame; an absent box is a frame without detections."""
        return [sv.Detections(xyxy=row[None][~np.isnan(row[None]).any(axis=1)]) for row in boxes]

    subject, object = as_frames(TRACKS.subject), as_frames(TRACKS.object)
    assert metric.update(subject, object, "LR").dsr_score == EXPECTED
    # an empty frame as the library makes it
    subject[0] = sv.Detections.empty()
    assert metric.update(subject, object, "LR").n_scored == 75
