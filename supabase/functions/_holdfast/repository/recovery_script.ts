/** recover-v1.sh: restores a snapshot into a folder with the AWS CLI, gzip, jq and openssl. */
import type { RepositoryAddress } from "./location.ts";

/** Makes the script for a repository. It has no key, because the AWS CLI finds one itself. */
export function recoveryScript(address: RepositoryAddress): string {
  const { endpoint, region, bucket, prefix, forcePathStyle } = address;
  return SCRIPT
    .replace("@ENDPOINT@", () => quoted(endpoint))
    .replace("@REGION@", () => quoted(region))
    .replace("@PLACE@", () => quoted(`${bucket}/${prefix}`))
    .replace("@ADDRESSING@", forcePathStyle ? "path" : "virtual");
}

/** Quotes a text as one word of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

const SCRIPT = String.raw`#!/bin/sh
# Restores a snapshot of a Holdfast repository into a folder, and compares every file with its
# SHA-256. Needs the AWS CLI with a key that may list and get, gzip, jq and openssl.
#
#   sh recover-v1.sh FOLDER [SNAPSHOT]
#
# Without SNAPSHOT the newest complete one. May be started again: it fetches what is missing.
# For a copy of the repository at another location, set HOLDFAST_ENDPOINT, HOLDFAST_REGION and
# HOLDFAST_LOCATION (bucket/prefix).
set -eu

endpoint=@ENDPOINT@
region=@REGION@
place=@PLACE@
addressing=@ADDRESSING@
endpoint=\${HOLDFAST_ENDPOINT:-$endpoint}
region=\${HOLDFAST_REGION:-$region}
place=\${HOLDFAST_LOCATION:-$place}
at_once=8

fail() { echo "recover: $*" >&2; exit 1; }
s3() { aws --endpoint-url "$endpoint" --region "$region" "$@"; }
get() { s3 s3 cp --only-show-errors "s3://$place/$1" "$2" < /dev/null > /dev/null; }
digest() { openssl dgst -sha256 -r "$1" | cut -c 1-64; }

# The digest of the pieces' digests, for an object that was uploaded in parts.
composite_digest() {
  size=$(wc -c < "$1")
  part=0
  while [ $((part * $2)) -lt "$size" ]; do
    dd if="$1" bs="$2" skip="$part" count=1 2> /dev/null | openssl dgst -sha256 -binary
    part=$((part + 1))
  done | openssl dgst -sha256 -r | cut -c 1-64
}

# Whether file $1 has digest $2; $3 is the size of its parts, or null.
is_right() {
  [ -f "$1" ] || return 1
  if [ "$3" = null ]; then [ "$(digest "$1")" = "$2" ]; else [ "$(composite_digest "$1" "$3")" = "$2" ]; fi
}

# Reads an entry's line: its key, its digest, and the path of its file. If $1 is other, the file is
# named by the key's digest.
read_entry() {
  key=$(printf '%s\n' "$2" | jq -r '.key // ""')
  sha256=$(printf '%s\n' "$2" | jq -r .sha256)
  part_size=$(printf '%s\n' "$2" | jq -r .part_size)
  other="$target/holdfast-other-names/$(printf '%s' "$key" | openssl dgst -sha256 -r | cut -c 1-64)"
  file=$other
  if [ "$1" = own ]; then file="$target/$(printf '%s\n' "$2" | jq -r '.bucket + "/" + .name')"; fi
}

# Fetches the missing files of one batch of lines.
restore_lines() {
  while IFS="$tab" read -r name line; do
    read_entry "$name" "$line"
    [ -n "$key" ] || continue
    if ! mkdir -p "$(dirname "$file")" 2> /dev/null || [ -d "$file" ]; then file=$other; fi
    mkdir -p "$(dirname "$file")"
    if is_right "$file" "$sha256" "$part_size"; then continue; fi
    fetched=$(mktemp "$target/.holdfast-XXXXXX")
    if get "$key" "$fetched" && is_right "$fetched" "$sha256" "$part_size"; then
      chmod 644 "$fetched"
      mv "$fetched" "$file"
    else
      rm -f "$fetched"
      echo "recover: $key could not be had, or is damaged" >&2
    fi
  done < "$1"
}

# Prints one word for each line. It runs after all files are written, so it checks their final state.
check_lines() {
  while IFS="$tab" read -r name line; do
    read_entry "$name" "$line"
    if [ -z "$key" ]; then
      echo unavailable
    elif is_right "$file" "$sha256" "$part_size" || is_right "$other" "$sha256" "$part_size"; then
      echo verified
    else
      echo "recover: $key is not in the folder" >&2
      echo failed
    fi
  done < "$1"
}

[ $# -ge 1 ] || fail "usage: sh recover-v1.sh FOLDER [SNAPSHOT]"
tab=$(printf '\t')
case $1 in
  --restore) target=$3; restore_lines "$2"; exit ;;
  --check) target=$3; check_lines "$2"; exit ;;
esac

for tool in aws gzip jq openssl; do
  command -v "$tool" > /dev/null || fail "this needs $tool, which is not there"
done
target=$1
wanted=\${2:-latest}
mkdir -p "$target"
rm -f "$target"/.holdfast-*
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# Most servers other than Amazon's need the bucket in the path. The AWS CLI reads that only from a file.
if [ "$addressing" = path ] && [ -z "\${AWS_CONFIG_FILE:-}" ]; then
  printf '[default]\ns3 =\n  addressing_style = path\n' > "$work/aws.config"
  export AWS_CONFIG_FILE="$work/aws.config"
fi

# The log lists the snapshots. The newest record is read first.
bucket=\${place%%/*}
prefix=\${place#*/}
s3 s3api list-objects-v2 --bucket "$bucket" --prefix "$prefix/log/" --query 'Contents[].Key' \
  --output json > "$work/log.json" || fail "the log can't be listed"
found=
for key in $(jq -r '(. // []) | map(select(test("/log/[0-9]{16}[.]json$"))) | sort | reverse | .[]' "$work/log.json"); do
  get "\${key#"$prefix/"}" "$work/record.json"
  [ "$(jq -r .kind "$work/record.json")" = snapshot ] || continue
  id=$(jq -r .snapshot "$work/record.json")
  [ "$wanted" = latest ] || [ "$wanted" = "$id" ] || continue
  case $id in *[!0-9TZ-]*) fail "a record names a snapshot that is none" ;; esac
  get "snapshots/$id.json" "$work/snapshot.json"
  [ "$(digest "$work/snapshot.json")" = "$(jq -r .sha256 "$work/record.json")" ] ||
    fail "snapshots/$id.json is not what the log says it is"
  if [ "$wanted" = latest ] && [ "$(jq -r .state "$work/snapshot.json")" != complete ]; then
    echo "snapshot $id is partial and is passed; give its id to restore it" >&2
    continue
  fi
  found=$id
  break
done
[ -n "$found" ] || fail "there is no such snapshot"
jq -e '.format == 1 and (.requires // [] | length == 0)' "$work/snapshot.json" > /dev/null ||
  fail "snapshot $found is of a newer format; see https://github.com/holdfast-backup/holdfast"

# The parts are read in order. For each bucket and name, the last line counts.
: > "$work/lines"
for key in $(jq -r '.parts[].key | select(test("^lists/[0-9a-f]{64}[.]ndjson[.]gz$"))' "$work/snapshot.json"); do
  get "$key" "$work/part.gz" || fail "$key can't be had"
  [ "lists/$(digest "$work/part.gz").ndjson.gz" = "$key" ] || fail "$key is damaged"
  gzip -dc "$work/part.gz" >> "$work/lines"
done
[ "$(wc -l < "$work/lines")" -eq "$(jq '[.parts[].entries] | add // 0' "$work/snapshot.json")" ] ||
  fail "a listing lacks lines"
jq -r '"\([.bucket, .name] | tojson)\t\(.op)"' "$work/lines" | paste - "$work/lines" |
  awk -F '\t' '{ last[$1] = $2 == "put" ? substr($0, length($1) + length($2) + 3) : "" }
    END { for (place in last) if (last[place] != "") print last[place] }' > "$work/entries"
cp "$work/entries" "$target/holdfast-entries.ndjson"
total=$(wc -l < "$work/entries" | tr -d ' ')
echo "snapshot $found: $total objects"

# A name must not lead out of the folder. A file and a folder can't have the same name, and a file
# system that ignores case can't hold two names that differ only in case. Such entries are "other".
: > "$target/.holdfast-case"
ignores_case=false
if [ -e "$target/.HOLDFAST-CASE" ]; then ignores_case=true; fi
rm -f "$target/.holdfast-case"
jq -r --argjson ignores_case "$ignores_case" '(.bucket + "/" + .name) as $path | ($path | explode) as $codes
  | if ($path | split("/") | any(. == "" or . == "." or . == ".." or utf8bytelength > 250))
      or ($codes | any(. < 32)) or ($path | ascii_downcase | test("^([.]holdfast-|holdfast-(other-names|entries[.]ndjson)/)"))
      or ($ignores_case and ($codes | any(. > 126))) then ""
    elif $ignores_case then ($path | ascii_downcase) else $path end' "$work/entries" > "$work/names"
awk 'NR == FNR {
    count[$0]++
    segments = split($0, segment, "/")
    path = segment[1]
    for (at = 2; at <= segments; at++) { folder[path] = 1; path = path "/" segment[at] }
    next
  }
  { print(($0 == "" || count[$0] > 1 || ($0 in folder)) ? "other" : "own") }' "$work/names" "$work/names" |
  paste - "$work/entries" > "$work/named"

split -l 10 -a 5 "$work/named" "$work/batch-"
export HOLDFAST_ENDPOINT="$endpoint" HOLDFAST_REGION="$region" HOLDFAST_LOCATION="$place"
each_batch() {
  find "$work" -name 'batch-*' -print0 | xargs -0 -P "$at_once" -I '{}' sh "$0" "$1" '{}' "$target" || true
}
each_batch --restore
each_batch --check > "$work/done"
count() { grep -c "^$1" "$work/done" || true; }
verified=$(count verified)
echo "restored $verified of $total objects, $(count unavailable) that were never held, $(count failed) failed"
[ "$((verified + $(count unavailable)))" -eq "$total" ]
`
  // The template escapes the shell's braces (\${), because ${ would start a substitution.
  .replaceAll("\\${", "${");
