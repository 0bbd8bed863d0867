"""PicoDet through the registry, on a tiny real ONNX model with the inputs and outputs of the real one."""

from __future__ import annotations

import numpy as np
import pytest
from factories.missing import message_without
from factories.shapes import SIDE, make_picodet, moving_shapes, render_shapes

from dsrbench.backends.registry import detectors
from dsrbench.errors import BackendError, OptionError, WeightsError

SIZE = (208, 104)
TOLERANCE = 0.75 * 8 * np.array([SIZE[0], SIZE[1]] * 2) / SIDE
"""Three quarters of a cell of 8 input pixels, in pixels of the frame."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return make_picodet(tmp_path_factory.mktemp("weights"))


def create(weights, **options):
    return detectors.create("picodet", {"weights": str(weights), **options})


@pytest.mark.parametrize("size", [(416, 416), (120, 200), (101, 57)])
def test_frames_of_any_shape(weights, size):
    cats, chairs = moving_shapes(2, size=size)
    found = create(weights, box_scale="1.0").instance.detect(render_shapes(cats, chairs, size), ["cat", "chair"])
    for frame, cat in zip(found, cats, strict=True):
        error = np.abs(frame.xyxy[frame.label == 0][0] - cat) * SIDE / np.array([*size, *size])
        assert (error < 8).all()


def test_a_lower_threshold_keeps_more_boxes(weights):
    frames = render_shapes(*moving_shapes(1, size=SIZE), SIZE)
    counts = [len(create(weights, threshold=t).instance.detect(frames, ["cat", "chair"])[0]) for t in ("0.05", "0.8")]
    assert counts[0] > counts[1] == 2


def test_any_animal_sees_the_cat_as_a_fox(weights):
    cats, chairs = moving_shapes(1, size=SIZE)
    detector = create(weights, any_animal="true").instance
    assert detector.check_labels(["fox", "chair"]) == {"fox": "any animal"}
    (found,) = detector.detect(render_shapes(cats, chairs, SIZE), ["fox", "chair"])
    assert (np.abs(found.xyxy[found.label == 0][0] - cats[0]) < TOLERANCE + 1).all()


def test_an_unknown_noun_is_refused_before_and_while_detecting(weights):
    detector = create(weights).instance
    for ask in (detector.check_labels, lambda labels: detector.detect(np.zeros((1, 8, 8, 3), np.uint8), labels)):
        with pytest.raises(BackendError, match="picodet has no class for 'chairr'"):
            ask(["cat", "chairr"])


def test_the_record_holds_hashes_and_versions(weights):
    backend = create(weights, vote="1")
    assert (backend.options["vote"], backend.options["threads"]) == (1.0, 1)
    assert list(backend.fingerprint["weights"]) == ["tiny_picodet.onnx"]
    assert backend.fingerprint["onnxruntime"]


def assert_refused(path, message):
    with pytest.raises(WeightsError, match=message) as caught:
        create(path)
    assert "\n" not in str(caught.value)


def test_weights_that_are_not_there(tmp_path):
    assert_refused(tmp_path / "a.onnx", r"no such weights: .*a\.onnx")
    assert_refused(tmp_path, "no such weights")


@pytest.mark.parametrize("content", [b"", b"hello, this is no model\n" * 9, b"\x08\x08"])
def test_another_file_is_no_model(tmp_path, content):
    (tmp_path / "m.onnx").write_bytes(content)
    assert_refused(tmp_path / "m.onnx", "no ONNX model|another model")


def test_a_model_cut_short_is_refused(weights, tmp_path):
    whole = weights.read_bytes()
    for kept in (100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "m.onnx").write_bytes(whole[:kept])
        assert_refused(tmp_path / "m.onnx", "no ONNX model")


def test_a_model_of_another_input(tmp_path):
    path = make_picodet(tmp_path, side=320)
    assert_refused(path, r"is another model: expected an input \[1, 3, 416, 416\], got \[1, 3, 320, 320\]")


def test_a_model_of_other_classes(tmp_path):
    assert_refused(make_picodet(tmp_path, classes=90), r"is another model: expected outputs .*2704, 80.*2704, 90")


def test_bad_options_are_refused(weights):
    with pytest.raises(OptionError, match=r"no option 'boxscale'; did you mean 'box_scale'"):
        create(weights, boxscale="0.2")
    with pytest.raises(OptionError, match=r"threshold must lie in 0\.\.1, got 1\.5"):
        create(weights, threshold="1.5")


def test_a_missing_package_is_named():
    message = message_without("onnxruntime", "detectors", "picodet")
    assert "detector 'picodet' needs the package 'onnxruntime'" in message
    assert "pip install 'dsrbench[picodet]'" in message
