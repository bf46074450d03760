# shellcheck shell=bash
# Shared by the set-up scripts beside it and by tests/run; to be sourced, not run.
#
# Knows where heavy tools are kept and how to add what a bare Debian 12 lacks; knows nothing of what is tested.
# Invariant: a tool's folder in the cache appears by one rename, so an interrupted set-up never looks finished.
# Start at `cached`. Needs root for apt and for the Swift root.

set -euo pipefail
shopt -s inherit_errexit

SETUP_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPO=$(cd "$SETUP_DIR/../.." && pwd)
CACHE=${SAMANVAY_CACHE:-/var/cache/samanvay}
mkdir -p "$CACHE"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

# One feature set in every build of the whole workspace, so that nothing is compiled twice.
# shellcheck disable=SC2034  # used by tests/run
WORKSPACE=(--release --workspace --features samanvay-bindings/cli)

say() { printf '%s\n' "$*" >&2; }

# apt_packages NAME…: installs them. The package list is fetched once a day.
apt_packages() {
  (
    flock 9
    if [ -z "$(find "$CACHE/apt-updated" -mtime -1 2>/dev/null)" ]; then
      apt-get update -qq >&2
      touch "$CACHE/apt-updated"
    fi
    say "installing: $*"
    apt-get install -y -qq --no-install-recommends "$@" >"$CACHE/apt.log" 2>&1 || {
      cat "$CACHE/apt.log" >&2
      exit 1
    }
  ) 9>"$CACHE/apt.lock"
}

# need COMMAND="PACKAGE…"…: installs the packages whose command is missing.
need() {
  local pair missing=()
  for pair in "$@"; do
    # shellcheck disable=SC2206  # several packages for one command
    command -v "${pair%%=*}" >/dev/null || missing+=(${pair#*=})
  done
  [ ${#missing[@]} -eq 0 ] || apt_packages "${missing[@]}"
}

# need_compilers: what the Rust build asks for. OpenSSL's needs the full perl; a bare Debian has a smaller one.
need_compilers() {
  need gcc="gcc libc6-dev" make=make git=git
  perl -MFindBin -MIPC::Cmd -MTime::Piece -e 1 2>/dev/null || apt_packages perl
}

# toolchain: the Rust version pinned for the project.
toolchain() { sed -n 's/^channel = "\(.*\)"/\1/p' "$REPO/rust-toolchain.toml"; }

# cached NAME FUNCTION: prints the folder CACHE/NAME. If it is not there, FUNCTION FOLDER fills an empty one first.
# Put every version that matters into NAME, and never change a filled folder.
cached() {
  local folder=$CACHE/$1
  if [ ! -d "$folder" ]; then
    (
      flock 9
      [ -d "$folder" ] && exit 0
      rm -rf "$folder.part"
      mkdir "$folder.part"
      "$2" "$folder.part" >&2
      mv "$folder.part" "$folder"
    ) 9>"$folder.lock"
  fi
  printf '%s\n' "$folder"
}
