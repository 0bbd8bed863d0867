"""How the embedded model was trained: data, checkpoints, and one module a stage."""
