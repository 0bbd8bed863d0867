#!/usr/bin/env bash
# The dataset, the adapter and the two entries of a release, step by step; run it again to go on where it stopped.
#
#   REPO=OWNER/NAME benchmark/release/run.sh                       every step
#   REPO=OWNER/NAME GPUS=8 benchmark/release/run.sh generate       one of them, on eight GPUs of this machine
#
# Steps: fetch generate build push pairs train evaluate compare publish. Settings: settings.sh. Not run with Wan's weights by its
# authors; the same script on the embedded model is tests/benchmark/test_release.py.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=settings.sh
. "$here/settings.sh"
read -ra generator <<<"$GENERATOR"
read -ra curation <<<"$CURATION"
read -ra training <<<"$TRAINING"
read -ra dsrbench <<<"$DSRBENCH"
mkdir -p "$WORK"

# exit code 8: done, some samples failed, which the report says and the curation drops
finish() { "$@" || [ $? = 8 ]; }

# a run of $MODEL, in as many parts as there are GPUs, joined
sample() { # OUT SUITE SEEDS [ADAPTER]
    local out=$1 suite=$2 seeds=$3
    local run=(eval --model "$MODEL" --suite "$suite" --seeds "$seeds" --detector "$DETECTOR" --out "$out"
        --model-name "$(basename "$out")" "${generator[@]}")
    if [ $# -gt 3 ]; then run+=(--adapter "$4"); fi
    if [ "$GPUS" = 1 ]; then
        finish "${dsrbench[@]}" "${run[@]}"
        return
    fi
    local workers=()
    for part in $(seq "$GPUS"); do
        CUDA_VISIBLE_DEVICES=$((part - 1)) finish "${dsrbench[@]}" "${run[@]}" --shard "$part/$GPUS" &
        workers+=($!)
    done
    for worker in "${workers[@]}"; do wait "$worker"; done
    finish "${dsrbench[@]}" merge "$out"/shards/* --out "$out"
}

align() { # STAGE...
    local stages=()
    for stage in "$@"; do stages+=(--only "$stage"); done
    local run=(align --model "$MODEL" --pairs "$WORK/dataset" --suite "$SUITE" --held-out "$HELD_OUT" --validation none
        --detector "$DETECTOR" "${generator[@]}" "${training[@]}" --out "$WORK/align" "${stages[@]}")
    if [ "$GPUS" != 1 ] && [ "$*" = train ]; then
        torchrun --standalone --nproc_per_node "$GPUS" -m dsrbench "${run[@]}"
    else
        "${dsrbench[@]}" "${run[@]}"
    fi
}

fetch() { # weights of the model and of both detectors
    "${dsrbench[@]}" backends pull "$MODEL"
    "${dsrbench[@]}" backends pull "$DETECTOR"
    "${dsrbench[@]}" backends pull "$SECOND"
}
generate() { sample "$WORK/runs/candidates" "$SUITE" "$SEEDS"; }
build() {
    "${dsrbench[@]}" dataset build "$WORK/runs/candidates" --out "$WORK/dataset" --licence "$LICENCE" \
        --name "$MODEL on $SUITE" "${curation[@]}"
}
push() {
    if [ -z "$REPO" ]; then echo "push: set REPO=OWNER/NAME; left out" >&2 && return; fi
    "${dsrbench[@]}" dataset push "$WORK/dataset" "$REPO" --private
}
pairs() { align pairs latents; }
train() { align train; }
evaluate() { # the two entries: the model, and the model with the adapter
    sample "$WORK/runs/base" "$HELD_OUT" "$HELD_OUT_SEEDS"
    sample "$WORK/runs/aligned" "$HELD_OUT" "$HELD_OUT_SEEDS" "$WORK/align/round-1/adapter"
}
compare() { # also under a detector that was not the reward
    "${dsrbench[@]}" compare "$WORK/runs/base" "$WORK/runs/aligned" --out "$WORK/comparison-$DETECTOR.json"
    for name in base aligned; do
        finish "${dsrbench[@]}" eval --videos "$WORK/runs/$name/videos" --suite "$HELD_OUT" --seeds "$HELD_OUT_SEEDS" \
            --detector "$SECOND" --model-name "$name" --out "$WORK/runs/$name-$SECOND"
    done
    "${dsrbench[@]}" compare "$WORK/runs/base-$SECOND" "$WORK/runs/aligned-$SECOND" --out "$WORK/comparison-$SECOND.json"
}
publish() { # the two entries, on a leaderboard: packed, checked as the board does, submitted
    if [ -z "$BOARD" ]; then echo "publish: set BOARD=hf://datasets/OWNER/NAME or a folder; left out" >&2 && return; fi
    "${dsrbench[@]}" submit "$WORK/runs/base" --name "$ENTRY" --model-id "$MODEL_ID" --to "$BOARD"
    "${dsrbench[@]}" submit "$WORK/runs/aligned" --name "$ENTRY-aligned" --model-id "$ALIGNED_ID" --base "$ENTRY" --to "$BOARD"
}

steps=("$@")
if [ $# = 0 ]; then steps=(fetch generate build push pairs train evaluate compare publish); fi
for step in "${steps[@]}"; do
    case $step in
    fetch | generate | build | push | pairs | train | evaluate | compare | publish)
        echo "== $step" >&2
        "$step"
        ;;
    *) echo "run.sh: no step '$step'; steps: fetch generate build push pairs train evaluate compare publish" >&2 && exit 2 ;;
    esac
done
