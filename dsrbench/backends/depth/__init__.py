"""Depth estimators, one module per family, and the depth statistics of tracked entities."""
