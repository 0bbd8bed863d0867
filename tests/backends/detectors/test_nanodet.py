"""NanoDet through the registry, on a tiny real ncnn model with the inputs and outputs of the real one."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from factories.missing import message_without
from factories.shapes import BOX, SIDE, make_nanodet, moving_shapes, render_shapes

from dsrbench.backends.registry import detectors
from dsrbench.errors import BackendError, OptionError, WeightsError

SIZE = (208, 104)
TOLERANCE = 0.75 * 8 * np.array([SIZE[0], SIZE[1]] * 2) / SIDE
"""Three quarters of a cell of 8 input pixels, in pixels of the frame."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return make_nanodet(tmp_path_factory.mktemp("weights"))


def create(weights, **options):
    return detectors.create("nanodet", {"weights": str(weights), **options})


def test_frames_may_be_views_of_any_order(weights):
    cats, chairs = moving_shapes(4, size=SIZE)
    frames = render_shapes(cats, chairs, SIZE)
    detector = create(weights).instance
    straight = detector.detect(frames, ["cat", "chair"])
    backwards = detector.detect(np.asfortranarray(frames)[::-1], ["cat", "chair"])
    for a, b in zip(straight, backwards[::-1], strict=True):
        np.testing.assert_array_equal(a.xyxy, b.xyxy)
        np.testing.assert_array_equal(a.score, b.score)


def test_the_box_scale_shrinks_boxes(weights):
    frames = render_shapes(*moving_shapes(1, size=SIZE), SIZE)
    widths = []
    for scale in ("1.0", "0.5"):
        (found,) = create(weights, box_scale=scale).instance.detect(frames, ["cat", "chair"])
        widths.append(found.xyxy[0, 2] - found.xyxy[0, 0])
    assert widths[0] == pytest.approx(BOX[0] * SIZE[0] / SIDE)
    assert widths[1] == pytest.approx(widths[0] / 2)


def test_any_animal_sees_the_cat_as_a_fox(weights):
    cats, chairs = moving_shapes(1, size=SIZE)
    detector = create(weights, any_animal="true").instance
    assert detector.check_labels(["fox", "chair"]) == {"fox": "any animal"}
    (found,) = detector.detect(render_shapes(cats, chairs, SIZE), ["fox", "chair"])
    assert (np.abs(found.xyxy[found.label == 0][0] - cats[0]) < TOLERANCE + 1).all()


def test_an_unknown_noun_is_refused_before_and_while_detecting(weights):
    detector = create(weights).instance
    for ask in (detector.check_labels, lambda labels: detector.detect(np.zeros((1, 8, 8, 3), np.uint8), labels)):
        with pytest.raises(BackendError, match="nanodet has no class for 'chairr'"):
            ask(["cat", "chairr"])


def test_the_record_holds_hashes_and_versions(weights):
    backend = create(weights, threshold="0.2")
    assert backend.options["threshold"] == 0.2
    assert backend.options["nms"] == 0.6
    assert sorted(backend.fingerprint["weights"]) == ["tiny_nanodet.bin", "tiny_nanodet.param"]
    assert all(len(digest) == 64 for digest in backend.fingerprint["weights"].values())
    assert backend.fingerprint["ncnn"]


def test_the_bin_file_names_the_model_as_well(weights):
    assert create(weights.with_suffix(".bin")).fingerprint == create(weights).fingerprint


def assert_refused(path, message):
    with pytest.raises(WeightsError, match=message) as caught:
        create(path)
    assert "\n" not in str(caught.value)


def test_weights_that_are_not_there(tmp_path):
    assert_refused(tmp_path / "a.param", r"no such weights: .*a\.param, .*a\.bin")


def test_a_param_without_its_bin(weights, tmp_path):
    shutil.copy(weights, tmp_path)
    assert_refused(tmp_path / weights.name, r"no such weights: .*tiny_nanodet\.bin; NanoDet has a \.param and a \.bin")


@pytest.mark.parametrize("text", ["", "hello, this is no model\n", "7767517\n", "7767517\n1 1\nNoSuchLayer a 0 1 b\n"])
def test_a_text_file_is_no_model(weights, tmp_path, text):
    (tmp_path / "m.param").write_text(text)
    shutil.copy(weights.with_suffix(".bin"), tmp_path / "m.bin")
    assert_refused(tmp_path / "m.param", "no ncnn model|another")


@pytest.mark.parametrize("kept", [0, 4, 100, 3000])
def test_a_bin_cut_short_is_refused(weights, tmp_path, kept):
    shutil.copy(weights, tmp_path)
    (tmp_path / "tiny_nanodet.bin").write_bytes(weights.with_suffix(".bin").read_bytes()[:kept])
    assert_refused(tmp_path / weights.name, "no ncnn model|another")


def test_a_model_of_other_shapes(tmp_path):
    path = make_nanodet(tmp_path, classes=90)
    assert_refused(path, r"is another model: expected outputs \[3598, 112\], got \[3598, 122\]")


def test_a_model_without_the_blob(tmp_path):
    assert_refused(make_nanodet(tmp_path, output="other"), "expected an input 'data' and an output 'output'")


def test_bad_options_are_refused(weights):
    with pytest.raises(OptionError, match=r"no option 'treshold'; did you mean 'threshold'"):
        create(weights, treshold="0.2")
    with pytest.raises(OptionError, match=r"threshold must lie in 0\.\.1, got 0\.0"):
        create(weights, threshold="0")
    with pytest.raises(OptionError, match="expected float"):
        create(weights, nms="high")


@pytest.mark.parametrize(
    ("name", "value"), [("nms", "-0.5"), ("vote", "0"), ("vote", "nan"), ("box_scale", "0"), ("threads", "0")]
)
def test_options_out_of_range_are_refused(weights, name, value):
    with pytest.raises(OptionError, match=name):
        create(weights, **{name: value})


def test_a_missing_package_is_named():
    message = message_without("ncnn", "detectors", "nanodet")
    assert "detector 'nanodet' needs the package 'ncnn'" in message
    assert "pip install 'dsrbench[nanodet]'" in message
