"""From videos and prompts to scored samples in a run folder: the plan, the scorer, the engine that runs them."""

from dsrbench.evaluation.planning import Job, Plan, plan_generation, plan_videos
from dsrbench.evaluation.running import Progress, evaluate, finish_run
from dsrbench.evaluation.scorer import Scorer
from dsrbench.evaluation.shards import Shard

__all__ = ["Job", "Plan", "Progress", "Scorer", "Shard", "evaluate", "finish_run", "plan_generation", "plan_videos"]
