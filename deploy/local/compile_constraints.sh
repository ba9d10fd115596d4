#!/usr/bin/env bash
# Renews constraints.txt: the exact pins of everything that the extras resolve to, the same for uv and for pip.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=$1 venv=$2

# Not what `make test` installs: that needs the very pins that are made here.
[[ -x $venv/bin/python ]] || "$python" -m venv "$venv"
[[ -x $venv/bin/uv ]] || "$venv/bin/python" -m pip install -qq --disable-pip-version-check uv

links=${PIP_FIND_LINKS:-$("$venv/bin/python" -m pip config get global.find-links 2>/dev/null || true)}
find_links=()
for place in $links; do find_links+=(--find-links "$place"); done

{
  echo "# Made by \`make constraints\`. Pins carry no local suffix: any build of a version will do."
  "$venv/bin/uv" pip compile --quiet --all-extras --upgrade --python-version 3.11 \
    --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
    "${find_links[@]}" pyproject.toml | sed 's/+[a-zA-Z0-9.]*$//'
  "$venv/bin/uv" --version | sed -E 's/^uv ([0-9.]+).*/uv==\1/'
} >constraints.txt.new
mv constraints.txt.new constraints.txt
