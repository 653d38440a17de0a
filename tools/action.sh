#!/usr/bin/env bash
# The step of action.yml that checks: its inputs are environment variables, its outputs lines of $GITHUB_OUTPUT.
# It leaves with 0, so that reports are uploaded before the last step fails the job by the status that is told here.
set -uo pipefail

out="$RUNNER_TEMP/pipeaudit-reports"
mkdir -p "$out"
words=("$AUDITED")
read -r -a more <<<"$WORDS"
words+=(${more[@]+"${more[@]}"})
[ -n "$FAIL_ON" ] && words+=(--fail-on "$FAIL_ON")
[ -n "$CONFIG" ] && words+=(--config "$CONFIG")
[ -n "$BASELINE" ] && words+=(--baseline "$BASELINE")
[ -n "$SINCE" ] && words+=(--since "$SINCE")
for format in sarif html markdown json github "$FORMAT"; do
  words+=(-o "$format:$out/report.$format")
done

rm -f "$out"/report.*
"$RUNNER_TEMP/pipeaudit/bin/pipeaudit" check "${words[@]}"
status=$?

# text of the audited tree may look like a command to the runner, so none is obeyed while it is printed
token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
if [ -f "$out/report.$FORMAT" ]; then
  echo "::stop-commands::$token"
  cat "$out/report.$FORMAT"
  echo "::$token::"
fi
if [ "$ANNOTATIONS" = true ] && [ "$FORMAT" != github ] && [ -f "$out/report.github" ]; then cat "$out/report.github"; fi
if [ "$SUMMARY" = true ] && [ -f "$out/report.markdown" ]; then head -c 900000 "$out/report.markdown" >>"$GITHUB_STEP_SUMMARY"; fi

counts=$(python3 - "$out/report.json" <<'PYTHON'
import json
import sys

try:
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
except OSError:
    report = {"findings": [], "errors": []}
print(len(report["findings"]), len(report["errors"]))
PYTHON
)
{
  echo "exit-code=$status"
  echo "findings=${counts% *}"
  echo "errors=${counts#* }"
  echo "sarif-file=$out/report.sarif"
  echo "html-file=$out/report.html"
} >>"$GITHUB_OUTPUT"
