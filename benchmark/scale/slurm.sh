#!/bin/bash
# One run as an array of 16 jobs with a GPU each, and a job that joins them. Not run on SLURM by its authors: a place to begin.
#
#   sbatch benchmark/scale/slurm.sh
#
# A job that was cut off goes on where it stopped when it is submitted again.
#SBATCH --job-name=dsrbench
#SBATCH --array=1-16
#SBATCH --gpus=1
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --requeue
set -euo pipefail

out=${DSRBENCH_OUT:-runs/wan}
run=(--model wan2.1-1.3b --suite prompts.csv --seeds 0..4 --out "$out")

if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
    if [ "$SLURM_ARRAY_TASK_ID" = "$SLURM_ARRAY_TASK_MIN" ] && [ -z "${SLURM_RESTART_COUNT:-}" ]; then
        sbatch --dependency="afterok:$SLURM_ARRAY_JOB_ID" --job-name=dsrbench-merge --time=01:00:00 \
            --wrap "dsrbench merge $(printf '%q' "$out")/shards/* --out $(printf '%q' "$out")"
    fi
    # exit code 8: done, some samples failed, which the merged report says
    srun dsrbench eval "${run[@]}" --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_MAX" || [ $? = 8 ]
else
    # without SLURM: the same on this machine, one part after the other
    n=${1:-2}
    for i in $(seq "$n"); do dsrbench eval "${run[@]}" --shard "$i/$n" || [ $? = 8 ]; done
    dsrbench merge "$out"/shards/* --out "$out"
fi
