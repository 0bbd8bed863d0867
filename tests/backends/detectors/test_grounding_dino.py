"""Labels from token spans against labels as printed, on logits set by hand."""

from __future__ import annotations

import types

import numpy as np
import pytest

from dsrbench.backends.detectors.grounding_dino import find_spans, resolve_phrases
from dsrbench.backends.registry import detectors
from dsrbench.errors import BackendError
from dsrbench.metric import find_anchor_frame
from dsrbench.types import FrameCounts

SIZE = (80, 48)


@pytest.fixture(scope="module")
def tokenizer(tiny):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny("grounding_dino"))


SPANS = [
    # phrases, and the tokens of each ([CLS] is 0)
    (["cat", "chair"], [[1], [3]]),
    # one noun begins the other
    (["dog", "dog house"], [[1], [3, 4]]),
    # a word of two tokens
    (["skateboard", "red ball"], [[1, 2], [4, 5]]),
    # words the vocabulary has not
    (["axolotl", "cat"], [[1], [3]]),
    # a word inside another is no part of it
    (["a", "cat"], [[1], [3]]),
]


@pytest.mark.parametrize(("phrases", "spans"), SPANS, ids=[" ".join(phrases) for phrases, _ in SPANS])
def test_spans(tokenizer, phrases, spans):
    text, found = find_spans(tokenizer, phrases)
    assert text == f"{phrases[0]}. {phrases[1]}."
    assert found == spans


def test_a_phrase_without_tokens_is_refused(tokenizer):
    with pytest.raises(BackendError, match="its tokenizer knows none of it"):
        find_spans(tokenizer, ["cat", "\u200b"])


ENCODED = [
    # nouns of each call in turn, and the number of texts that are encoded
    ([["cat", "chair"]], 1),
    ([["cat", "chair"], ["cat", "chair"]], 1),
    ([["cat", "chair"], ["dog", "chair"], ["dog", "chair"]], 2),
    ([["cat", "chair"], ["dog", "chair"], ["cat", "chair"]], 3),
]


@pytest.mark.parametrize("model", ["grounding_dino", "mm_grounding_dino"])
@pytest.mark.parametrize(("calls", "encoded"), ENCODED)
def test_a_text_is_encoded_once_for_all_frames(tiny, model, calls, encoded):
    from transformers import AutoModelForZeroShotObjectDetection

    frames = np.random.default_rng(0).integers(0, 256, (5, 48, 80, 3), dtype=np.uint8)
    options = {"model": str(tiny(model)), "threshold": 0.001, "batch": 2, "device": "cpu"}
    detector = detectors.create("grounding-dino", options).instance
    rows = []
    detector._net.model.text_backbone.embeddings.register_forward_hook(lambda *call: rows.append(len(call[2])))
    plain = detectors.create("grounding-dino", options).instance
    plain._net = AutoModelForZeroShotObjectDetection.from_pretrained(tiny(model)).eval()
    for labels in calls:
        for one, other in zip(detector.detect(frames, labels), plain.detect(frames, labels), strict=True):
            assert one.label.tolist() == other.label.tolist()
            np.testing.assert_allclose(one.score, other.score, atol=1e-5)
            np.testing.assert_allclose(one.xyxy, other.xyxy, atol=1e-3)
    assert rows == [1] * encoded


def logits_of(*rows, n_tokens=16):
    """Logits [Q, tokens] from {token: share}; minus infinity where nothing is said."""
    import torch

    logits = torch.full((len(rows), n_tokens), -torch.inf)
    for row, shares in zip(logits, rows, strict=True):
        for token, share in shares.items():
            row[token] = float(np.log(share / (1 - share)))
    return logits


# The text "skateboard. red cat.": [CLS] skate ##board . red cat . [SEP]
ROWS = [
    # what a box's tokens score, then its phrase and score, and the label as it is printed at 0.3
    ({1: 0.8, 2: 0.7}, 0, 0.8, "skateboard"),
    # the second half of a word alone
    ({2: 0.6}, 0, 0.6, "##board"),
    # tokens of both
    ({1: 0.45, 5: 0.5}, 1, 0.5, "skate cat"),
    # the marks at either end, and the dots, score highest
    ({0: 0.9, 7: 0.95, 3: 0.9, 4: 0.42}, 1, 0.42, ". red"),
    # nothing else but a mark
    ({7: 0.9, 5: 0.01}, 1, 0.01, ""),
    ({4: 0.7, 5: 0.6}, 1, 0.7, "red cat"),
]


def test_phrases_are_resolved_from_their_own_tokens(tokenizer):
    _, spans = find_spans(tokenizer, ["skateboard", "red cat"])
    score, label = resolve_phrases(logits_of(*(row[0] for row in ROWS)), spans)
    assert label.tolist() == [row[1] for row in ROWS]
    np.testing.assert_allclose(score, [row[2] for row in ROWS], atol=1e-6)


def detector_with(tiny, logits, monkeypatch, **options):
    """A detector whose network answers with these logits, and boxes beside one another."""
    import torch

    backend = detectors.create("grounding-dino", {"model": str(tiny("grounding_dino")), **options})
    n = len(logits)
    boxes = torch.tensor([[(i + 0.5) / n, 0.5, 1.5 / n, 0.5] for i in range(n)])

    def answer(**inputs):
        batch = len(inputs["input_ids"])
        return types.SimpleNamespace(
            logits=logits[None].repeat(batch, 1, 1), pred_boxes=boxes[None].repeat(batch, 1, 1)
        )

    answer.config = backend.instance._net.config
    monkeypatch.setattr(backend.instance, "_net", answer)
    return backend.instance


FRAMES = np.zeros((2, SIZE[1], SIZE[0], 3), np.uint8)
LABELS = ["skateboard", "red cat"]


def test_strict_labels_are_those_printed(tiny, monkeypatch):
    """A printed label that is none of those asked for is -1, and counts as a detection all the same."""
    detector = detector_with(tiny, logits_of(*(row[0] for row in ROWS), n_tokens=256), monkeypatch, strict="true")
    for frame in detector.detect(FRAMES, LABELS):
        assert frame.label.tolist() == [LABELS.index(row[3]) if row[3] in LABELS else -1 for row in ROWS]
        np.testing.assert_allclose(frame.score[:2], [0.8, 0.6], atol=1e-6)
        assert frame.names(LABELS) == ["skateboard", "", "", "", "", "red cat"]
        assert frame.xyxy[0, 0] < 0, "boxes are not clipped"


def test_strict_thresholds_are_the_published_ones(tiny, monkeypatch):
    rows = [{1: 0.401, 2: 0.301}, {4: 0.399, 5: 0.399}, {4: 0.5, 5: 0.29}]
    logits = logits_of(*rows, n_tokens=256)
    strict = detector_with(tiny, logits, monkeypatch, strict="true").detect(FRAMES[:1], LABELS)[0]
    assert strict.names(LABELS) == ["skateboard", ""]  # the second is below 0.4; the third's label is "red"
    usual = detector_with(tiny, logits, monkeypatch).detect(FRAMES[:1], LABELS)[0]
    assert sorted(usual.names(LABELS)) == ["red cat", "red cat", "skateboard"]


def test_strict_boxes_are_not_suppressed(tiny, monkeypatch):
    rows = [{1: 0.8, 2: 0.7}] * 5
    logits = logits_of(*rows, n_tokens=256)
    strict = detector_with(tiny, logits, monkeypatch, strict="true", nms="0.1").detect(FRAMES[:1], LABELS)[0]
    usual = detector_with(tiny, logits, monkeypatch, nms="0.1").detect(FRAMES[:1], LABELS)[0]
    assert (len(strict), len(usual)) == (5, 3)


def test_the_anchor_rule_reads_strict_detections(tiny, monkeypatch):
    good = [{1: 0.8, 2: 0.7}, {4: 0.7, 5: 0.6}]
    counts = FrameCounts(scored=2, redundant=0, run=2)
    for rows, anchor in ((good, 0), ([*good, {7: 0.9}], None), ([good[0], {2: 0.6}], None)):
        detector = detector_with(tiny, logits_of(*rows, n_tokens=256), monkeypatch, strict="true")
        printed = [frame.names(LABELS) for frame in detector.detect(FRAMES, LABELS)]
        assert find_anchor_frame(printed, subject=LABELS[0], object=LABELS[1], counts=counts) == anchor


def test_the_text_of_the_strict_mode_is_the_published_one(tiny, monkeypatch):
    detector = detector_with(tiny, logits_of({1: 0.9}, n_tokens=256), monkeypatch, strict="true")
    real, texts = detector._processor.__class__.__call__, []

    def spy(self, *args, **kwargs):
        texts.extend(kwargs["text"])
        return real(self, *args, **kwargs)

    monkeypatch.setattr(detector._processor.__class__, "__call__", spy)
    detector.detect(FRAMES[:1], ["cat", "St. Bernard"])
    assert texts == ["cat. St. Bernard."]


def test_boxes_are_in_pixels_of_the_frame(tiny, monkeypatch):
    detector = detector_with(tiny, logits_of({1: 0.9}, {4: 0.8}, n_tokens=256), monkeypatch)
    (found,) = detector.detect(FRAMES[:1], LABELS)
    np.testing.assert_allclose(found.xyxy, [[0, 12, 50, 36], [30, 12, 80, 36]], atol=1e-4)
    assert found.label.tolist() == [0, 1]
