"""From videos and prompts to scored samples in a run folder: the plan, the stages, the engine that runs them."""

from dsrbench.pipeline.local import Progress, evaluate
from dsrbench.pipeline.plan import Job, Plan, plan_generation, plan_videos
from dsrbench.pipeline.stages import Stages

__all__ = ["Job", "Plan", "Progress", "Stages", "evaluate", "plan_generation", "plan_videos"]
