#!/usr/bin/env bash
# Builds the virtual environment and installs this checkout with some of its extras, at the pinned versions.
#   install.sh PYTHON VENV EXTRAS
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=$1 venv=$2 extras=$3

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
  done_step "venv"
fi

if [[ ! -x $venv/bin/uv ]]; then
  "$venv/bin/python" -m pip install -qq --disable-pip-version-check -c constraints.txt uv \
    || echo "  ! no uv to be had: pip does it, more slowly" >&2
fi

# uv reads none of pip's settings: it is told where pip looks for further wheels.
links=$("$venv/bin/python" -m pip config get global.find-links 2>/dev/null || true)
links=${PIP_FIND_LINKS:-$links}
find_links=()
for place in $links; do find_links+=(--find-links "$place"); done

step "installing [$extras]; the first time this takes a minute or two"
# Compiled once here, or each process of the first start would compile the same for itself.
if [[ -x $venv/bin/uv ]] && VIRTUAL_ENV=$venv "$venv/bin/uv" pip install --quiet --compile-bytecode \
  "${find_links[@]}" -c constraints.txt -e ".[$extras]"; then
  :
else
  echo "  ! uv could not; pip tries" >&2
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$extras]" \
    || fail "the installation failed" "see above; with a network in the way, run it again"
fi
done_step "packages"
