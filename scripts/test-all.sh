#!/usr/bin/env bash
# Installs what the tests need on Debian and runs the whole gate: the static checks and all tests,
# of which none may be skipped. The last line is the tally.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

readonly PACKAGES=(gcc g++ libc6-dev make binutils clang llvm dwz gdb strace tmux util-linux bsdutils dpkg-dev procps libunwind-dev
  # of the real programs
  cmake libpcre2-dev tcl zlib1g-dev
  # of builds that are found
  ninja-build meson ccache
  # of branches that are switched
  git)
readonly CHECKS=(format:check lint types layers unused)
# A run that hangs must end, and say so.
readonly TESTS_MAX_SECONDS=1560
readonly REPORT=.cache/test-report.json

failed_checks=0

say() { printf '\n==> %s\n' "$*"; }

# From the report of vitest. A file that did not load and a skipped test count as failures.
tally() {
  local status=$?
  trap - EXIT
  node -e '
    const [report, checks, status] = process.argv.slice(1).map((word, i) => (i > 0 ? Number(word) : word));
    let passed = 0;
    let failed = checks;
    try {
      const json = JSON.parse(require("fs").readFileSync(report, "utf8"));
      const broken = json.testResults.filter(
        (file) => file.status === "failed" && file.assertionResults.every((t) => t.status !== "failed"),
      );
      passed = json.numPassedTests;
      failed += json.numFailedTests + json.numPendingTests + json.numTodoTests + broken.length;
    } catch {
      failed += 1;
    }
    if (status !== 0 && failed === 0) failed = 1;
    console.log(`\n${passed} passed, ${failed} failed`);
    process.exitCode = failed > 0 ? 1 : 0;
  ' "$REPORT" "$failed_checks" "$status" || status=1
  exit "$status"
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_packages() {
  local missing=() package
  for package in "${PACKAGES[@]}"; do
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q ' installed$' || missing+=("$package")
  done
  if [ "${#missing[@]}" -eq 0 ]; then
    say 'Debian packages: all there'
    return
  fi
  say "Debian packages: installing ${missing[*]}"
  as_root apt-get update -qq &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

node -e '
  const [major, minor] = process.versions.node.split(".").map(Number);
  process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1);
' || { echo 'Node 20.19 or later is needed.'; printf '\n0 passed, 1 failed\n'; exit 1; }
rm -f "$REPORT"
trap tally EXIT
export CI=true

install_packages || exit 1

say 'npm packages'
npm ci --no-audit --no-fund || exit 1

for check in "${CHECKS[@]}"; do
  say "$check"
  npm run --silent "$check" || failed_checks=$((failed_checks + 1))
done

say 'tests'
# As root: some become other users, which nobody else can.
as_root env CI=true PATH="$PATH" timeout --kill-after=20 "$TESTS_MAX_SECONDS" npm test --silent -- --reporter=json --outputFile.json="$REPORT"
