# What quickstart, test and .ci/run share: the list of packages, their installation, the build.
# Sourced by bash; the caller has set -euo pipefail.
# shellcheck shell=bash

# Debian 12 names. README says what each library is for.
build_packages=(
    gcc libc6-dev cmake ninja-build pkg-config
    libfyaml-dev libjansson-dev libsqlite3-dev libgit2-dev libgsl-dev libssl-dev zlib1g-dev
    libjpeg62-turbo-dev libpng-dev libpcre2-dev libutf8proc-dev libarchive-dev liblbfgs-dev libdnnl-dev
    libcurl4-openssl-dev gnuplot-nox
)
test_packages=(g++ libcmocka-dev git sqlite3 nginx-light groff-base zsh fish dpkg-dev)
lint_packages=(clang-format shellcheck)

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

say() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
}

# On systems without apt, or without the right to use it: the list, and what to do.
stop_with_list() {
    say "$1; install these packages (Debian 12 names) and run again:"
    printf '  %s\n' "${@:2}" >&2
    say "or, with their equivalents installed: cmake --preset release && cmake --build --preset release"
    exit 3
}

# install PACKAGE...: those that are missing, without questions.
install() {
    local missing=() package as_root=()
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        stop_with_list "this system has no apt-get" "$@"
    fi
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || stop_with_list "neither root nor sudo" "${missing[@]}"
        as_root=(sudo)
    fi
    say "installing ${missing[*]}"
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
    # Lists that are absent or out of date show as a failed attempt: only then are they fetched.
    if ! "${apt[@]}" install --no-install-recommends "${missing[@]}" >/dev/null 2>&1; then
        "${apt[@]}" update >/dev/null || stop_with_list "apt-get update failed" "${missing[@]}"
        "${apt[@]}" install --no-install-recommends "${missing[@]}" >/dev/null ||
            stop_with_list "apt-get install failed" "${missing[@]}"
    fi
}

# build PRESET TESTS [TARGET...]: configure and build; TESTS is ON or OFF.
build() {
    local preset=$1 tests=$2 log=build/$1.log
    shift 2
    say "building in build/$preset"
    mkdir -p build
    if ! { cmake --preset "$preset" -DPROMPTGRID_TESTS="$tests" &&
        cmake --build --preset "$preset" ${1+--target "$@"}; } >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        say "the build failed; its whole output is in $log"
        exit 1
    fi
}
