#!/usr/bin/env bash
# One run by eight nodes of a Slurm cluster, each alone on its machine:
#     STORE=file:///shared/bench RUN=nightly sbatch docs/fleet/slurm.sh patch_pooling --budget 2s
#SBATCH --job-name=opbench
#SBATCH --array=1-8
#SBATCH --exclusive
#SBATCH --requeue
#SBATCH --time=02:00:00
set -euo pipefail
: "${STORE:?the URL of a store that all nodes reach}" "${RUN:?the name of the run}"
# A node that is lost is requeued: what it had stored isn't done again.
exec opbench run "$@" --quiet --store "$STORE" --id "$RUN" \
    --part "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
