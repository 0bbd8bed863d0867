"""Training of the embedded model: data, checkpoints, and one module per stage."""
