#!/usr/bin/env bash
# Dagster with its daemon, and MLflow, both on 127.0.0.1 only, until Ctrl-C or until one of them ends.
#   pipelines_ui.sh VENV
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bin=$PWD/$1/bin

data=$(realpath -m "${PIPELINES_DATA_ROOT:-.run/pipelines}")
export PIPELINES_DATA_ROOT=$data PIPELINES_ARTIFACTS=${PIPELINES_ARTIFACTS:-$data/mlruns}
export DAGSTER_HOME=${DAGSTER_HOME:-$PWD/.run/dagster}
mkdir -p "$data" "$PIPELINES_ARTIFACTS" "$DAGSTER_HOME"
[[ -e $DAGSTER_HOME/dagster.yaml ]] || printf 'telemetry: {enabled: false}\n' >"$DAGSTER_HOME/dagster.yaml"

# A new release is served once one of the stack's two places answers with it.
model=${LLAMA_MAPPER_MODEL_PORT:-8090} spare=${LLAMA_MAPPER_MODEL_SPARE_PORT:-8092}
export PIPELINES_BENTO_URLS=${PIPELINES_BENTO_URLS-http://127.0.0.1:$model,http://127.0.0.1:$spare}

children=()
# Dagster loses a signal that comes while it loads, so that one is not enough.
finish() {
  trap '' INT TERM HUP
  for try in {1..60}; do
    ((try % 20 != 1)) || kill "${children[@]}" 2>/dev/null || true
    [[ -n $(jobs -pr) ]] || return 0
    sleep 0.5
  done
  kill -KILL "${children[@]}" 2>/dev/null || true
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false "$bin/mlflow" server --host 127.0.0.1 --port "${LLAMA_MAPPER_MLFLOW_PORT:-5000}" --workers 1 \
  --backend-store-uri "${MLFLOW_TRACKING_URI:-sqlite:///$data/mlflow.db}" \
  --default-artifact-root "$PIPELINES_ARTIFACTS" &
children+=($!)
PATH=$bin:$PATH "$bin/dagster" dev --host 127.0.0.1 --port "${LLAMA_MAPPER_DAGSTER_PORT:-3000}" &
children+=($!)

echo "  Dagster   http://127.0.0.1:${LLAMA_MAPPER_DAGSTER_PORT:-3000}   (its daemon runs sensors and schedules)"
echo "  MLflow    http://127.0.0.1:${LLAMA_MAPPER_MLFLOW_PORT:-5000}"
wait -n
