#!/bin/sh
# Builds Outrider and runs all its tests. The argument is a preset: release (the default), debug,
# asan-ubsan or tsan.
set -eu
cd "$(dirname "$0")/.."
preset=${1:-release}
sh tests/setup.sh
cmake --preset "$preset" -DOUTRIDER_TESTS=ON >/dev/null
cmake --build --preset "$preset"
ctest --preset "$preset" --no-tests=error
