#!/usr/bin/env bash
# Dagster with its daemon, and MLflow, both on 127.0.0.1 only, until Ctrl-C or until one of them ends.
#   pipelines_ui.sh VENV
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bin=$PWD/$1/bin
export PATH=$bin:$PATH

data=$(realpath -m "${PIPELINES_DATA_ROOT:-.run/pipelines}")
export PIPELINES_DATA_ROOT=$data PIPELINES_ARTIFACTS=${PIPELINES_ARTIFACTS:-$data/mlruns}
export DAGSTER_HOME=${DAGSTER_HOME:-$PWD/.run/dagster}
mkdir -p "$data" "$PIPELINES_ARTIFACTS" "$DAGSTER_HOME"
[[ -e $DAGSTER_HOME/dagster.yaml ]] || printf 'telemetry: {enabled: false}\n' >"$DAGSTER_HOME/dagster.yaml"

source deploy/local/stack_for_pipelines.sh

# Each has a process group of its own: Dagster's parent process passes no signal on.
groups=()
start() { setsid "$@" & groups+=($!); }
tell() { for group in "${groups[@]}"; do kill -"$1" -- "-$group" 2>/dev/null || true; done; }
alive() { for group in "${groups[@]}"; do ! kill -0 -- "-$group" 2>/dev/null || return 0; done; return 1; }
finish() {
  trap '' INT TERM HUP
  tell TERM
  for _ in {1..40}; do
    alive || return 0
    sleep 0.5
  done
  tell KILL
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
start "$bin/mlflow" server --host 127.0.0.1 --port "${LLAMA_MAPPER_MLFLOW_PORT:-5000}" --workers 1 \
  --backend-store-uri "${MLFLOW_TRACKING_URI:-sqlite:///$data/mlflow.db}" \
  --default-artifact-root "$PIPELINES_ARTIFACTS"
start "$bin/dagster" dev --host 127.0.0.1 --port "${LLAMA_MAPPER_DAGSTER_PORT:-3000}"

echo "  Dagster   http://127.0.0.1:${LLAMA_MAPPER_DAGSTER_PORT:-3000}   (its daemon runs sensors and schedules)"
echo "  MLflow    http://127.0.0.1:${LLAMA_MAPPER_MLFLOW_PORT:-5000}"
wait -n
