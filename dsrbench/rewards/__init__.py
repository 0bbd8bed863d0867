"""DSR-Score as a reward for trainers of text-to-video models, with guards against reward hacking."""

from dsrbench.rewards.client import RewardClient
from dsrbench.rewards.guard import Guard, Look, measure_look
from dsrbench.rewards.reward import DSRReward, RewardDetail

__all__ = ["DSRReward", "Guard", "Look", "RewardClient", "RewardDetail", "measure_look"]
