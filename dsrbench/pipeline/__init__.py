"""From videos and prompts to scored samples in a run folder: the plan, the stages, the engine that runs them."""

from dsrbench.pipeline.evaluation import Progress, evaluate, finish_run
from dsrbench.pipeline.plan import Job, Plan, plan_generation, plan_videos
from dsrbench.pipeline.shards import Shard
from dsrbench.pipeline.stages import Stages

__all__ = ["Job", "Plan", "Progress", "Shard", "Stages", "evaluate", "finish_run", "plan_generation", "plan_videos"]
