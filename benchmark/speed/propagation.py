"""Propagating two boxes through a clip: this package's tracker beside a literal transcription of the usual flow.

Run: python benchmark/speed/propagation.py [--frames 81] [--model FOLDER_OR_ID]

The usual flow writes every frame to JPEG and reads it back, prepares the video for a session forward and again for one
backward, and encodes the anchor frame in both. Without a model, a small one of random weights at the real input size
(1024x1024) is built, so that times are of the flow and its frames, not of a large encoder. Each flow runs in a process
of its own, so that peak memory is its own. Times are CPU seconds, so that other work on the machine hardly counts.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

SIZE = (832, 480)
BOXES = np.array([[100.0, 200, 260, 330], [400, 150, 560, 400]])


def make_model(folder: Path) -> Path:
    """A SAM 2 video model with the real input size and a narrow, shallow encoder."""
    import torch
    import transformers as hf
    from transformers.models.sam2_video import configuration_sam2_video as parts

    torch.manual_seed(0)
    side, width = 1024, 128
    backbone = hf.Sam2HieraDetConfig(
        hidden_size=12,
        num_attention_heads=1,
        embed_dim_per_stage=[12, 24, 48, 96],
        num_attention_heads_per_stage=[1, 2, 4, 8],
        blocks_per_stage=[1, 1, 2, 1],
        global_attention_blocks=[3],
    )
    config = hf.Sam2VideoConfig(
        vision_config=hf.Sam2VisionConfig(
            backbone_config=backbone, backbone_channel_list=[96, 48, 24, 12], fpn_hidden_size=width
        ),
        prompt_encoder_config=parts.Sam2VideoPromptEncoderConfig(hidden_size=width),
        mask_decoder_config=parts.Sam2VideoMaskDecoderConfig(
            hidden_size=width, mlp_dim=64, num_attention_heads=4, iou_head_hidden_dim=32
        ),
        memory_attention_hidden_size=width,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=64,
        memory_encoder_hidden_size=width,
        mask_downsampler_embed_dim=width,
        memory_fuser_embed_dim=width,
        memory_fuser_intermediate_dim=64,
        memory_fuser_num_layers=1,
    )
    hf.Sam2VideoModel(config).save_pretrained(folder)
    hf.Sam2VideoProcessor(hf.Sam2ImageProcessor(), hf.Sam2VideoVideoProcessor(), target_size=side).save_pretrained(
        folder
    )
    return folder


def clip_of(n_frames: int) -> np.ndarray:
    """Two rectangles on noise, one of them moving."""
    rng = np.random.default_rng(0)
    frames = rng.integers(60, 120, (n_frames, SIZE[1], SIZE[0], 3), dtype=np.uint8)
    for t, frame in enumerate(frames):
        frame[200:330, 4 * t : 4 * t + 160] = (200, 120, 40)
        frame[150:400, 400:560] = (40, 60, 200)
    return frames


def run_usual(instance, frames: np.ndarray) -> None:
    """JPEG and back, a session forward, a session backward."""
    import torch
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        for t, frame in enumerate(frames):
            Image.fromarray(frame).save(f"{folder}/{t:05d}.jpg", quality=95)
        for reverse in (False, True):
            video = [Image.open(f"{folder}/{t:05d}.jpg").convert("RGB") for t in range(len(frames))]
            session = instance._processor.init_video_session(video=video, inference_device="cpu", dtype=torch.float32)
            instance._processor.add_inputs_to_inference_session(
                session, frame_idx=len(frames) // 4, obj_ids=[1, 2], input_boxes=[BOXES.tolist()]
            )
            with torch.inference_mode():
                for output in instance._net.propagate_in_video_iterator(session, len(frames) // 4, reverse=reverse):
                    instance._processor.post_process_masks([output.pred_masks], original_sizes=[SIZE[::-1]])


def run_ours(instance, frames: np.ndarray) -> None:
    """The tracker."""
    from dsrbench.types import Clip

    instance.propagate(Clip(frames, 16.0), anchor=len(frames) // 4, subject_box=BOXES[0], object_box=BOXES[1])


def measure(flow: str, model: str, n_frames: int) -> tuple[float, int, float]:
    """CPU seconds, frames encoded, and MiB beyond what the loaded model and the clip take."""
    import torch

    from dsrbench.backends.registry import trackers

    torch.set_num_threads(1)
    instance, frames = trackers.create("sam2", {"model": model, "device": "cpu"}).instance, clip_of(n_frames)
    encoded, real = [], instance._net.get_image_features

    def counted(*arguments, **named):
        encoded.append(1)
        return real(*arguments, **named)

    instance._net.get_image_features = counted
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    {"usual": run_usual, "ours": run_ours}[flow](instance, frames)
    seconds = time.process_time() - started
    return seconds, len(encoded), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main() -> None:
    """Print the table of this folder's README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=[41, 81])
    parser.add_argument("--model")
    given = parser.parse_args()
    processes = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        model = given.model or str(make_model(Path(folder)))
        print("| flow | frames | encoded | CPU seconds | memory beyond model and clip |\n|---|---|---|---|---|")
        for n_frames in given.frames:
            for flow, name in (("usual", "JPEG, two sessions"), ("ours", "`sam2`")):
                with ProcessPoolExecutor(1, mp_context=processes) as pool:
                    seconds, encoded, memory = pool.submit(measure, flow, model, n_frames).result()
                print(f"| {name} | {n_frames} | {encoded} | {seconds:.1f} | {memory:,.0f} MiB |", flush=True)


if __name__ == "__main__":
    main()
