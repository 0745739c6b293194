#!/usr/bin/env bash
# Registers a release. Doing it again changes nothing; what contradicts a known release fails, and says in what.
set -euo pipefail

body=$(jq -n --arg repository "$REPOSITORY" --arg version "$VERSION" --arg digests "${DIGESTS:-}" \
  --arg notes "${NOTES:-}" --arg revision "${REVISION:-}" '
  {repository: $repository, version: $version, digests: ($digests | split("\n") | map(select(. != "")))}
  + if $notes == "" then {} else {notes: $notes} end
  + if $revision == "" then {} else {revision: $revision} end')

answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
# The token goes by a file descriptor: arguments can be seen by every process of the machine.
status=$(curl --silent --show-error --retry 5 --retry-connrefused --max-time 60 ${CA_FILE:+--cacert "$CA_FILE"} \
  --config <(printf 'header = "Authorization: Bearer %s"\n' "$LANDFALL_ADMIN_TOKEN") \
  --header 'Content-Type: application/json' --data "$body" --output "$answer" --write-out '%{http_code}' \
  "${LANDFALL_ADMIN%/}/api/v1/releases")

case $status in
  200 | 201) jq -r '"\(.repository) \(.version) is registered as \(.id): \(.summary)"' "$answer" ;;
  *)
    jq -r '"Landfall refused the release (\(.status)): \(.detail)"' "$answer" >&2
    exit 1
    ;;
esac
