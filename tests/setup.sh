# Sourced by the scripts beside it: installs what building needs on Debian 12 and 13, and puts cargo on PATH.
# shellcheck shell=bash

readonly MINIMUM_RUST=1.85

# install PACKAGE…: those that are missing, with apt.
install() {
    local missing=() package
    for package in "$@"; do
        dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
            missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    local as_root=()
    ((EUID == 0)) || as_root=(sudo)
    echo "installing ${missing[*]}" >&2
    [[ -n ${APT_UPDATED:-} ]] || "${as_root[@]}" apt-get update -qq >&2
    APT_UPDATED=1
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -qq -y --no-install-recommends "${missing[@]}" \
        >/dev/null </dev/null
}

# recent_enough: whether the cargo on PATH is at least the minimum.
recent_enough() {
    local have
    have=$(cargo --version 2>/dev/null | cut -d' ' -f2) || return 1
    [[ -n $have && $(printf '%s\n' "$MINIMUM_RUST" "$have" | sort -V | head -n1) == "$MINIMUM_RUST" ]]
}

# setup_rust: a compiler, from rustup if it is there, else from Debian.
setup_rust() {
    install gcc libc6-dev ca-certificates
    PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    recent_enough && return
    # Debian 13 ships a compiler that is new enough; Debian 12 ships one for its web browsers.
    if [[ $(. /etc/os-release && echo "${VERSION_ID:-0}") == 12 ]]; then
        install cargo-web rustc-web
    else
        install cargo rustc rustfmt rust-clippy
    fi
    recent_enough || { echo "cargo $MINIMUM_RUST or newer is needed; found: $(cargo --version)" >&2; exit 1; }
}

# skipped REASON: says so; nothing may be skipped in CI.
skipped() {
    echo "SKIPPED: $*" >&2
    [[ -z ${CI:-} ]] || exit 1
}

# cargo_tool NAME: a program from crates.io; false where the compiler is too old for it.
cargo_tool() {
    command -v "$1" >/dev/null && return
    cargo install --quiet --locked "$1" && return
    skipped "$1 cannot be built with $(cargo --version)"
    return 1
}
