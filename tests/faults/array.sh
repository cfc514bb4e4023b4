#!/bin/bash
#SBATCH --array=0-9 --gpus=1 --time=1:00:00 --requeue --open-mode=append
#SBATCH --signal=B:TERM@60  # a minute before the time is over; when the job is preempted Slurm sends it, too
run=seed-$SLURM_ARRAY_TASK_ID
if [ -d "runs/$run" ]; then cifar-tui resume "$run" & else cifar-tui train --name "$run" --seed "$SLURM_ARRAY_TASK_ID" $CONSTANTS & fi
training=$!
trap 'kill -TERM $training' TERM  # it leaves with a checkpoint, and with 143
wait $training; wait $training; code=$?  # the first one may end with the signal
[ $code = 143 ] && scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
exit $code
