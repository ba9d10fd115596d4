#!/usr/bin/env bash
# Builds a virtual environment and installs this checkout with some of its extras, at the pinned versions.
#   install.sh PYTHON VENV EXTRAS [WEIGHTS]
# WEIGHTS is a file of packages that are installed without what they ask for.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=$1 venv=$2 extras=$3 weights=${4:-}

begun=$SECONDS
step() { printf '  … %s\n' "$1"; }
done_step() { printf '  ✓ %-44s %5d s\n' "$1" "$((SECONDS - begun))"; begun=$SECONDS; }
fail() { printf '\n%s\n  %s\n' "$1" "$2" >&2; exit 1; }

if [[ ! -x $venv/bin/python ]]; then
  command -v "$python" >/dev/null || python=python3
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true)
  [[ $version == 3.11 ]] || fail "Python 3.11 is needed; ${python} is ${version:-missing}" \
    "install it and say where it is: make up PYTHON=/path/to/python3.11"
  step "making $venv"
  "$python" -m venv "$venv" || fail "the venv could not be made" "on Debian: apt-get install python3.11-venv"
  done_step "$venv"
fi

if [[ ! -x $venv/bin/uv ]]; then
  "$venv/bin/python" -m pip install -qq --disable-pip-version-check -c constraints.txt uv \
    || echo "  ! no uv to be had: pip does it, more slowly" >&2
fi

# uv reads none of pip's settings: it is told where pip looks for further wheels.
links=$("$venv/bin/python" -m pip config get global.find-links 2>/dev/null || true)
links=${PIP_FIND_LINKS:-$links}
find_links=() torch=("--torch-backend=${UV_TORCH_BACKEND:-cpu}")
for place in $links; do
  find_links+=(--find-links "$place")
  # Whoever put a torch there wants that one; otherwise uv fetches a build for CPUs, a tenth as large.
  compgen -G "${place#file://}/torch-*.whl" >/dev/null && torch=()
done

# Compiled once here, or each process of the first start would compile the same for itself. Where a model is run
# that would be minutes for thousands of files that nobody imports.
compile=(--compile-bytecode)
[[ -z $weights ]] || compile=()

# add ARGUMENTS…: installs by uv, or else by pip.
add() {
  if [[ -x $venv/bin/uv ]] && VIRTUAL_ENV=$venv "$venv/bin/uv" pip install --quiet "${compile[@]}" \
    "${find_links[@]}" "${torch[@]}" "$@"; then
    return
  fi
  echo "  ! uv could not; pip tries" >&2
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" \
    || fail "the installation failed" "see above; with a network in the way, run it again"
}

step "installing [$extras] into $venv; the first time this takes a minute or two"
add -c constraints.txt -e ".[$extras]"
done_step "packages"
if [[ -n $weights ]]; then
  step "installing the weights"
  add --no-deps -r "$weights"
  done_step "weights"
fi
