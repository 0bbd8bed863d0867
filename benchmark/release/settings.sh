# What a release is made of; every value may be given in the environment instead. The folder of this release is $WORK.
MODEL=${MODEL:-wan2.1-1.3b}
SUITE=${SUITE:-dsr-train}
HELD_OUT=${HELD_OUT:-dsr-core}
SEEDS=${SEEDS:-0..4}
HELD_OUT_SEEDS=${HELD_OUT_SEEDS:-0..4}
DETECTOR=${DETECTOR:-grounding-dino}
SECOND=${SECOND:-owlv2}
WORK=${WORK:-release}
REPO=${REPO:-}
LICENCE=${LICENCE:-apache-2.0}
BOARD=${BOARD:-}
ENTRY=${ENTRY:-$MODEL}
MODEL_ID=${MODEL_ID:-Wan-AI/Wan2.1-T2V-1.3B-Diffusers}
ALIGNED_ID=${ALIGNED_ID:-$ENTRY-aligned}
GPUS=${GPUS:-1}
DSRBENCH=${DSRBENCH:-dsrbench}

# options of a command, a word each: LoRA settings of the training, what is kept of the generator, curation
GENERATOR=${GENERATOR:-}
CURATION=${CURATION:---per-prompt 8}
TRAINING=${TRAINING:---preset spatialalign}
