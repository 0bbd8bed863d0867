"""The cartoon world: 8 animals that move around 8 objects, with exact boxes, rendered by numpy in milliseconds."""

from __future__ import annotations

from dsrbench.sprites.world.drawings import ANIMALS, OBJECTS
from dsrbench.sprites.world.ground import DEPTH_TYPES, draw_depth_spec
from dsrbench.sprites.world.motion import TYPES, check_prompt, draw_spec
from dsrbench.sprites.world.render import Rendered, render_actors, render_clip
from dsrbench.sprites.world.scenes import HEIGHT, SCENES, WIDTH
from dsrbench.sprites.world.spec import FPS, FRAMES, Actor, ClipSpec, Gait, Kind

__all__ = [
    "ANIMALS",
    "DEPTH_TYPES",
    "FPS",
    "FRAMES",
    "HEIGHT",
    "OBJECTS",
    "SCENES",
    "TYPES",
    "WIDTH",
    "Actor",
    "ClipSpec",
    "Gait",
    "Kind",
    "Rendered",
    "check_prompt",
    "draw_depth_spec",
    "draw_spec",
    "render_actors",
    "render_clip",
]
