#!/usr/bin/env bash
# Sends at least CASES requests that schemathesis makes from openapi.yaml to a server of the demo's data, which this script starts on
# loopback and stops. Event streams are left out: they do not end. Needs bin/etfcast, bin/devstack and Python 3.11 or later.
set -euo pipefail
cd "$(dirname "$0")/../.."
CASES=${CASES:-10000}
SEED=${SEED:-1}
PORT=${PORT:-18090}
venv=bin/tools/schemathesis-$(sed -n 's/^schemathesis==//p' api/fuzz/requirements.txt)

if [ -z "${FUZZ_SERVER:-}" ]; then
  if [ ! -x "$venv/bin/schemathesis" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r api/fuzz/requirements.txt
  fi
  # The same script again, as the command that the stack runs for.
  FUZZ_SERVER=1 exec bin/devstack run --ephemeral -- "$0"
fi

work=$(mktemp -d)
# Requests name sources of the internet, too: nothing listens there, and no request leaves this machine.
nowhere=()
for source in yahoo tiingo alphavantage eodhd naver krx; do nowhere+=("--$source-base-url" http://127.0.0.1:9); done
bin/etfcast up --demo --listen "127.0.0.1:$PORT" "${nowhere[@]}" >"$work/out" 2>"$work/log" &
server=$!
trap 'kill $server 2>/dev/null || true; wait $server 2>/dev/null || true; rm -rf "$work"' EXIT
# The demo has its data when it says how the earlier forecasts have fared.
for _ in $(seq 600); do
  grep -q 'how they fared' "$work/out" && break
  kill -0 $server 2>/dev/null || { cat "$work/log" >&2; echo "the server has ended" >&2; exit 1; }
  sleep 1
done
grep -q 'how they fared' "$work/out" || { cat "$work/out" >&2; echo "the demo's data are not there after 10 minutes" >&2; exit 1; }

FUZZ_LEDGER_SIZE=$(python3 api/fuzz/prepare.py "http://127.0.0.1:$PORT")
export FUZZ_LEDGER_SIZE FUZZ_NEVER_ACCEPTED="$work/never"
started=$SECONDS

operations=$(grep -cE '^      operationId: ' api/openapi.yaml)
# The examples and the cases at the limits of each parameter are more than 40 for each operation, whatever is asked for; the
# rest is drawn at random, and operations with few parameters run out of new cases.
random=$(( (CASES - 40 * operations) * 7 / (5 * operations) + 1 ))
[ "$random" -ge 5 ] || random=5
export SCHEMATHESIS_HOOKS=checks
status=0
PYTHONPATH=api/fuzz "$venv/bin/schemathesis" --config-file api/fuzz/schemathesis.toml run "http://127.0.0.1:$PORT/openapi.json" \
  --url "http://127.0.0.1:$PORT" --checks all --max-examples "$random" --seed "$SEED" --workers 2 --continue-on-failure \
  --phases examples,coverage,fuzzing --exclude-path /v1/events --exclude-path '/v1/runs/{id}/events' --request-timeout 60 --no-color \
  >"$work/report" 2>&1 || status=$?
cat "$work/report"
if [ -s "$work/never" ] && [ "$CASES" -ge 4000 ]; then
  echo "no request that the document allows was accepted by: $(tr '\n' ' ' <"$work/never")" >&2
fi
sent=$(sed -nE 's/^ *([0-9]+) generated.*/\1/p' "$work/report")
grep -q '"integrity"\|panic' "$work/log" && { grep -m 5 'panic' "$work/log" >&2 || true; echo "the server's log has a panic" >&2; status=1; }
kill -0 $server 2>/dev/null || { tail -20 "$work/log" >&2; echo "the server has ended" >&2; status=1; }
[ "$status" = 0 ] || exit "$status"
[ "${sent:-0}" -ge "$CASES" ] || { echo "only ${sent:-0} cases were sent, $CASES were asked for" >&2; exit 1; }
echo "{\"cases\":$sent,\"failures\":0,\"seed\":$SEED,\"operations\":$operations,\"seconds\":$((SECONDS - started))}"
