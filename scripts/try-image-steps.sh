#!/usr/bin/env bash
# Runs what the Dockerfile says without a container engine: the same files (.dockerignore), the same commands, then the
# server from the result, as another user where that is possible, on a directory that it may not write to.
#   scripts/try-image-steps.sh DIRECTORY
set -euo pipefail
target=$1
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
mkdir -p "$target/build" "$target/app/data" "$target/app/spill"

# What .dockerignore lets through.
sed -n 's/^!//p' "$repository/.dockerignore" | while read -r path; do cp -r "$repository/$path" "$target/build/"; done

cd "$target/build"
npm ci --ignore-scripts --silent
npm run --silent build
cp -r dist package.json LICENSE "$target/app/"
npm ci --omit=dev --ignore-scripts --silent
cp -r node_modules "$target/app/"

cd "$target/app"
run=(env -i PATH="$PATH" HOME=/nonexistent NODE_ENV=production HOST=127.0.0.1 PORT=0
  UPLOAD_SPILL_DIRECTORY="$target/app/spill")
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
  # As in the image: user 1000 owns ./data and ./spill and nothing else.
  chown 1000:1000 data spill
  chmod 711 "$(dirname "$target")" "$target"
  run=(setpriv --reuid=1000 --regid=1000 --clear-groups "${run[@]}")
fi
"${run[@]}" "$(command -v node)" dist/main.js serve >"$target/server.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
for _ in $(seq 1 100); do
  url=$(grep -oE 'http://localhost:[0-9]+' "$target/server.log" | head -1 || true)
  [ -n "$url" ] && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.1
done
[ -n "$url" ] || { cat "$target/server.log" >&2; exit 1; }
curl -sf "$url/health" >/dev/null
curl -sf "$url/ready" >/dev/null
curl -sf "$url/" | grep -qi '<title>'
location=$(printf 'image' | curl -sf -X POST --data-binary @- -H 'Tus-Resumable: 1.0.0' -H 'Upload-Length: 5' \
  -H 'Content-Type: application/offset+octet-stream' -D - -o /dev/null "$url/files" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
[ "$(curl -sf "$location")" = image ]
kill -TERM "$server"
wait "$server"
trap - EXIT
echo "The image's steps give a server that runs, stores and stops."
