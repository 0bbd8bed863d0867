"""Propagating trackers: a stand-in network whose masks follow drawn boxes exactly, and real ones of random weights."""

from __future__ import annotations

import types

import numpy as np
import pytest

from dsrbench.backends.base import PropagationTracker
from dsrbench.backends.registry import trackers
from dsrbench.errors import BackendError, BoxError, InputError, OptionError, WeightsError
from dsrbench.types import Clip, FrameState

NAMES = ["sam2", "sam3", "edgetam"]
each = pytest.mark.parametrize("name", NAMES)
RED, BLUE = (200, 30, 30), (20, 40, 220)


def drawn(n_frames, subject, object_, size=(80, 48)):
    """A clip with a red and a blue rectangle; boxes `[T, 4]` in whole pixels, NaN where there is none."""
    frames = np.full((n_frames, size[1], size[0], 3), 90, np.uint8)
    for boxes, colour in ((object_, BLUE), (subject, RED)):
        for frame, box in zip(frames, boxes, strict=True):
            if not np.isnan(box[0]):
                x0, y0, x1, y1 = box.astype(int)
                frame[y0:y1, x0:x1] = colour
    return Clip(frames, 16.0)


def moving(n_frames, start=(4, 10, 14, 20), step=2):
    return np.array(start, np.float64) + step * np.arange(n_frames)[:, None] * np.array([1, 0, 1, 0])


def still(n_frames, box=(60, 8, 75, 40)):
    return np.tile(np.array(box, np.float64), (n_frames, 1))


class FollowsColour:
    """Has the shape of a SAM 2 network: each mask is the colour that lies in the middle of the entity's box.

    Like the real one it refuses to go on from frames it has no memory of.
    """

    def __init__(self, frames, config):
        self.frames, self.config = frames, config
        self.batches, self.order = [], []

    def get_image_features(self, pixels, return_dict):
        assert return_dict
        assert pixels.shape[1:] == (3, 128, 128)
        self.batches.append(len(pixels))
        return types.SimpleNamespace(fpn_hidden_states=[pixels[None, :, 0]], fpn_position_encoding=[])

    def __call__(self, inference_session, frame_idx, reverse=False):
        import torch

        session = inference_session
        assert session.cache.get_vision_features(frame_idx)["vision_feats"][0].shape[1] == 1
        assert session.num_frames == len(self.frames)
        self.order.append((frame_idx, reverse))
        height, width = self.frames.shape[1:3]
        masks = []
        for index in range(session.get_obj_num()):
            ((anchor, prompt),) = session.point_inputs_per_obj[index].items()
            kept = session.output_dict_per_obj[index]["non_cond_frame_outputs"]
            assert all((t < anchor) == reverse for t in kept), "a memory of one direction"
            if frame_idx != anchor:
                kept[frame_idx] = {}
            corners = prompt["point_coords"].cpu().reshape(2, 2) * torch.tensor([width, height]) / 128
            x, y = corners.mean(axis=0).int().tolist()
            masks.append((self.frames[frame_idx] == self.frames[anchor, y, x]).all(axis=-1))
        logits = torch.from_numpy(np.stack(masks)[:, None]).float() * 20 - 10
        return types.SimpleNamespace(pred_masks=logits, object_ids=list(session.obj_ids), frame_idx=frame_idx)


def follow(tiny, clip, anchor, subject_box, object_box, **options):
    instance = trackers.create("sam2", {"model": str(tiny("sam2")), **options}).instance
    instance._net = FollowsColour(clip.frames, instance._net.config)
    return instance.propagate(clip, anchor=anchor, subject_box=subject_box, object_box=object_box), instance._net


@pytest.mark.parametrize("anchor", [0, 1, 7, 19])
def test_masks_become_tight_boxes_both_ways(tiny, anchor):
    cat, chair = moving(20), still(20)
    clip = drawn(20, cat, chair)
    tracks, net = follow(tiny, clip, anchor, cat[anchor] + [1, 1, -1, -1], chair[anchor])
    np.testing.assert_array_equal(tracks.subject, cat)
    np.testing.assert_array_equal(tracks.object, chair)
    np.testing.assert_array_equal(tracks.mask_area, np.tile([100.0, 480.0], (20, 1)))
    assert set(tracks.subject_state) == set(tracks.object_state) == {FrameState.PROPAGATED}
    assert (tracks.size, tracks.fps, len(tracks)) == ((80, 48), 16.0, 20)
    backward = [(t, True) for t in range(anchor, -1, -1)] if anchor else []
    assert net.order == backward + [(t, False) for t in range(anchor, 20)]


def test_subject_and_object_are_not_swapped(tiny):
    cat, chair = moving(6), still(6)
    tracks, _ = follow(tiny, drawn(6, cat, chair), 2, chair[2], cat[2])
    np.testing.assert_array_equal(tracks.subject, chair)
    np.testing.assert_array_equal(tracks.object, cat)


def test_masks_are_kept_as_bits(tiny):
    cat, chair = moving(6), still(6)
    tracks, _ = follow(tiny, drawn(6, cat, chair), 3, cat[3], chair[3])
    width, height = tracks.size
    masks = np.unpackbits(tracks.masks, axis=2, count=width * height).reshape(6, 2, height, width)
    np.testing.assert_array_equal(masks.sum(axis=(2, 3)), tracks.mask_area)
    x0, y0, x1, y1 = cat[2].astype(int)
    assert masks[2, 0, y0:y1, x0:x1].mean() > 0.5
    assert masks[2, 0].sum() == masks[2, 0, y0:y1, x0:x1].sum()


def test_an_empty_mask_is_absent(tiny):
    cat, chair = moving(12), still(12)
    cat[[0, 5, 6, 11]] = np.nan
    tracks, _ = follow(tiny, drawn(12, cat, chair), 3, cat[3], chair[3])
    np.testing.assert_array_equal(tracks.subject, cat)
    absent = tracks.subject_state == FrameState.ABSENT
    assert np.flatnonzero(absent).tolist() == [0, 5, 6, 11]
    assert tracks.mask_area[:, 0].tolist() == np.where(absent, 0, 100).tolist()
    assert (tracks.object_state == FrameState.PROPAGATED).all()


def test_inclusive_corners_are_the_last_pixels(tiny):
    cat, chair = moving(5), still(5)
    tracks, _ = follow(tiny, drawn(5, cat, chair), 2, cat[2], chair[2], inclusive="true")
    np.testing.assert_array_equal(tracks.subject, cat - [0, 0, 1, 1])
    np.testing.assert_array_equal(tracks.object, chair - [0, 0, 1, 1])


def test_a_clip_of_one_frame(tiny):
    cat, chair = moving(1), still(1)
    tracks, net = follow(tiny, drawn(1, cat, chair), 0, cat[0], chair[0])
    np.testing.assert_array_equal(tracks.subject, cat)
    assert net.batches == [1]


@pytest.mark.parametrize("size", [(48, 96), (3840, 2160)], ids=["portrait", "4K"])
def test_any_size_of_frame(tiny, size):
    cat, chair = moving(3), still(3, (20, 25, 40, 45))
    tracks, _ = follow(tiny, drawn(3, cat, chair, size), 1, cat[1], chair[1])
    np.testing.assert_array_equal(tracks.subject, cat)
    np.testing.assert_array_equal(tracks.object, chair)
    assert tracks.size == size


ENCODED = [
    # anchor, batch, frames of each batch; the anchor is encoded with the frames before it, or else with those after it
    (0, 8, [8, 8, 4]),
    (1, 8, [2, 8, 8, 2]),
    (7, 8, [8, 8, 4]),
    (18, 8, [8, 8, 3, 1]),
    (19, 8, [8, 8, 4]),
    (7, 1, [1] * 20),
    (7, 100, [8, 12]),
]


@pytest.mark.parametrize(("anchor", "batch", "batches"), ENCODED)
def test_each_frame_is_encoded_once(tiny, anchor, batch, batches):
    cat, chair = moving(20), still(20)
    tracks, net = follow(tiny, drawn(20, cat, chair), anchor, cat[anchor], chair[anchor], batch=batch)
    np.testing.assert_array_equal(tracks.subject, cat)
    assert net.batches == batches


def test_batches_that_do_not_fit_are_halved(tiny, caplog):
    import torch

    class Small(FollowsColour):
        def get_image_features(self, pixels, return_dict):
            if len(pixels) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory.\nMore lines")
            return super().get_image_features(pixels, return_dict)

    cat, chair, n_frames = moving(7), still(7), 7
    instance = trackers.create("sam2", {"model": str(tiny("sam2")), "batch": 5}).instance
    clip = drawn(n_frames, cat, chair)
    instance._net = Small(clip.frames, instance._net.config)
    tracks = instance.propagate(clip, anchor=0, subject_box=cat[0], object_box=chair[0])
    np.testing.assert_array_equal(tracks.subject, cat)
    assert instance._net.batches == [2, 2, 1, 2]
    assert "sam2: out of memory with 5 frames of 80x48, going on with 2 at a time" in caplog.text


def two_sessions(instance, clip, anchor, boxes):
    """Masks' areas by the literal flow: the video prepared twice, a session a direction; and its encoded frames."""
    import torch

    net, processor, areas = instance._net, instance._processor, {}
    for reverse in (False, True):
        session = processor.init_video_session(
            video=clip.frames, inference_device=instance._device, dtype=torch.float32
        )
        processor.add_inputs_to_inference_session(session, frame_idx=anchor, obj_ids=[1, 2], input_boxes=[boxes])
        with torch.inference_mode():
            for output in net.propagate_in_video_iterator(session, start_frame_idx=anchor, reverse=reverse):
                (masks,) = processor.post_process_masks([output.pred_masks], original_sizes=[clip.frames.shape[1:3]])
                areas[output.frame_idx] = masks[:, 0].sum(dim=(1, 2)).tolist()
    return np.array([areas[t] for t in range(len(clip.frames))], float)


def count_encodings(net):
    calls, real = [], net.get_image_features

    def counted(*arguments, **named):
        calls.append(1)
        return real(*arguments, **named)

    net.get_image_features = counted
    return calls


@each
def test_a_real_network_gives_what_two_sessions_give(tiny, name):
    """On noise, so that masks differ from frame to frame; and far enough that old memories are dropped."""
    n_frames, anchor = 24, 3
    clip = Clip(np.random.default_rng(1).integers(0, 256, (n_frames, 48, 80, 3), dtype=np.uint8), 16.0)
    backend = trackers.create(name, {"model": str(tiny(name))})
    assert isinstance(backend.instance, PropagationTracker)
    boxes = np.array([[5.0, 5, 30, 30], [40, 10, 70, 40]])
    calls = count_encodings(backend.instance._net)
    tracks = backend.instance.propagate(clip, anchor=anchor, subject_box=boxes[0], object_box=boxes[1])
    assert len(calls) == n_frames
    expected = two_sessions(backend.instance, clip, anchor, boxes.tolist())
    assert len(calls) == n_frames + n_frames + 1  # that flow encodes the anchor twice
    np.testing.assert_array_equal(tracks.mask_area, expected)
    assert len(np.unique(expected)) > 5
    assert (np.isnan(tracks.subject[:, 0]) == (expected[:, 0] == 0)).all()


@each
def test_frames_encoded_at_once_have_the_same_masks(tiny, name):
    """But for rounding: a pixel whose logit is next to 0 may change sides."""
    clip = Clip(np.random.default_rng(1).integers(0, 256, (24, 48, 80, 3), dtype=np.uint8), 16.0)
    boxes = np.array([[5.0, 5, 30, 30], [40, 10, 70, 40]])
    one, several = (
        trackers.create(name, {"model": str(tiny(name)), "batch": batch}).instance.propagate(
            clip, anchor=3, subject_box=boxes[0], object_box=boxes[1]
        )
        for batch in (1, 5)
    )
    assert np.abs(one.mask_area - several.mask_area).max() <= 0.005 * 48 * 80
    assert np.unpackbits(one.masks ^ several.masks).mean() <= 0.001


@each
def test_other_precisions_run_and_are_recorded(tiny, name):
    backend = trackers.create(name, {"model": str(tiny(name)), "dtype": "bfloat16", "storage": "cpu"})
    assert backend.options["model"] == backend.fingerprint["model"] == tiny(name).name
    assert backend.options["storage"] == "cpu"
    clip = drawn(3, moving(3), still(3))
    tracks = backend.instance.propagate(clip, anchor=1, subject_box=moving(3)[1], object_box=still(3)[1])
    assert len(tracks) == 3


def test_what_is_kept_of_a_clip_does_not_grow_with_it(tiny, monkeypatch):
    instance = trackers.create("sam2", {"model": str(tiny("sam2"))}).instance
    sessions, real = [], instance._processor.init_video_session
    monkeypatch.setattr(
        instance._processor, "init_video_session", lambda **o: sessions.append(real(**o)) or sessions[-1]
    )
    kept = []
    for n_frames in (24, 40):
        clip = drawn(n_frames, moving(n_frames, step=1), still(n_frames))
        instance.propagate(clip, anchor=0, subject_box=moving(1)[0], object_box=still(1)[0])
        (outputs, _) = sessions[-1].output_dict_per_obj.values()
        kept.append(len(outputs["non_cond_frame_outputs"]))
        assert not any("high_res_masks" in output for output in outputs["non_cond_frame_outputs"].values())
    assert kept == [16, 16]


def test_out_of_memory_is_one_line(tiny):
    import torch

    instance = trackers.create("sam2", {"model": str(tiny("sam2"))}).instance
    config = instance._net.config

    def fail(**_):
        raise torch.OutOfMemoryError("CUDA out of memory.\nMore lines")

    fail.config = config
    instance._net = fail
    with pytest.raises(BackendError, match=r"sam2: out of memory with 3 frames of 80x48; .*storage=cpu") as caught:
        instance.propagate(drawn(3, moving(3), still(3)), anchor=0, subject_box=moving(1)[0], object_box=still(1)[0])
    assert "\n" not in str(caught.value)


BAD = [
    # anchor, subject box, the error and what it says
    (3, (1, 1, 5, 5), InputError, r"anchor must be a frame of 0\.\.2, got 3"),
    (-1, (1, 1, 5, 5), InputError, r"got -1"),
    (0, (np.nan,) * 4, BoxError, "expected a box of the subject and of the object at frame 0, got NaN"),
    (0, (5, 1, 1, 5), BoxError, "negative width"),
    (0, (1, 1, np.inf, 5), BoxError, "infinity"),
]


@pytest.mark.parametrize(("anchor", "box", "error", "message"), BAD)
def test_bad_anchors_are_refused(tiny, anchor, box, error, message):
    with pytest.raises(error, match=message):
        follow(tiny, drawn(3, moving(3), still(3)), anchor, np.array(box, np.float64), still(1)[0])


@pytest.mark.parametrize(("name", "model"), [("sam2", "owlv2"), ("sam3", "sam2"), ("edgetam", "sam3")])
def test_a_model_of_another_kind_is_refused(tiny, name, model):
    with pytest.raises(WeightsError, match=f"{name} takes") as caught:
        trackers.create(name, {"model": str(tiny(model))})
    assert "\n" not in str(caught.value)


BAD_OPTIONS = [
    ({"device": "abacus"}, "device 'abacus' cannot be used"),
    ({"storage": "abacus"}, "device 'abacus' cannot be used"),
    ({"batch": 0}, "batch must be at least 1 frame, got 0"),
]


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS)
def test_bad_options_are_refused(tiny, options, message):
    with pytest.raises(OptionError, match=message):
        trackers.create("sam2", {"model": str(tiny("sam2")), **options})
