# Sourced: tells the pipelines where this machine's stack serves the model, and the token that it shows. When the
# stack is not up nobody is waited for: its next start serves what was deployed meanwhile.
run=${LLAMA_MAPPER_RUN_DIR:-.run}
if [[ -e $run/secrets.env ]]; then
  LLM_SERVICE_TOKEN=$(sed -n 's/^MODEL_SERVICE_TOKEN=//p' "$run/secrets.env")
  export LLM_SERVICE_TOKEN
fi
# How retention and its siblings reach the services' data. What is set already stands.
if [[ -e $run/env/pipelines.env ]]; then
  while IFS= read -r line; do
    name=${line%%=*}
    [[ -n ${!name+x} ]] || export "${line?}"
  done <"$run/env/pipelines.env"
fi
if [[ -e $run/up.lock ]] && ! flock --nonblock --shared "$run/up.lock" true; then
  model=${LLAMA_MAPPER_MODEL_PORT:-8090} spare=${LLAMA_MAPPER_MODEL_SPARE_PORT:-8092}
  export PIPELINES_BENTO_URLS=${PIPELINES_BENTO_URLS-http://127.0.0.1:$model,http://127.0.0.1:$spare}
fi
