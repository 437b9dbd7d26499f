#!/usr/bin/env bash
# Build InfluxDB's server 2.7.12, without its page, from its Go module: build.sh BINARY
# InfluxDB's query language is a Rust library. Where Go asks pkg-config for its flags, InfluxData's own
# pkg-config builds that library with the cargo that CARGO names.
set -euo pipefail
binary=$(realpath -m "${1:?usage: build.sh BINARY}")
cd "$(dirname "$0")"
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

# The library's default features turn the warnings of newer compilers into errors.
cat > "$made/cargo" <<'CARGO'
#!/bin/sh
exec cargo "$@" --manifest-path flux/Cargo.toml --locked --no-default-features --features cffi
CARGO
chmod +x "$made/cargo"

# The library's sources ask rustup for an old toolchain: name the one that is here.
if [ -z "${RUSTUP_TOOLCHAIN:-}" ] && command -v rustup >/dev/null; then
  RUSTUP_TOOLCHAIN=$(cd / && rustup show active-toolchain | cut -d' ' -f1)
  export RUSTUP_TOOLCHAIN
fi

echo "building InfluxData's pkg-config"
go build -o "$made/pkg-config" github.com/influxdata/pkg-config
echo "building influxd"
CARGO="$made/cargo" PKG_CONFIG="$made/pkg-config" go build \
  -tags sqlite_foreign_keys,sqlite_json \
  -ldflags "-s -w -X main.version=v2.7.12 -X main.commit=module" \
  -o "$binary" github.com/influxdata/influxdb/v2/cmd/influxd
"$binary" version
