"""Engines that do the work of a run: this process, or pools of Ray workers."""
