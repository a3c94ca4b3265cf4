#!/bin/sh
# Feeds every fuzz target of the module, one after the other: test/fuzz.sh TIME [PATTERN]
# TIME is that of each target, as go test -fuzztime takes it; PATTERN chooses
# targets by name. A package is built once for all its targets. An input that
# fails a target is kept in the package's testdata/fuzz: it stays there, and so
# every later go test runs it. What was found interesting is kept in the Go cache.
# Exits with 1 if any target failed.
#
# FUZZWORKERS=1 bounds how many run at once; the default is one for each processor.
# FUZZPLAIN=1 does without coverage: only the seeds are mutated, and no package has
# to be compiled a second time, which takes minutes. It is for runs of seconds.
set -eu
cd "$(dirname "$0")/.."
time=$1
pattern=${2:-.}
go=${GO:-go}
workers=${FUZZWORKERS:-$(getconf _NPROCESSORS_ONLN)}
cache=$($go env GOCACHE)/fuzz
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$PWD
guided=-fuzz=.
[ -z "${FUZZPLAIN:-}" ] || guided=
failed=
ran=0

for dir in $(git ls-files --cached --others --exclude-standard '*_test.go' | xargs grep -l '^func Fuzz' | grep -v '^queue/storetest/' | xargs -n1 dirname | sort -u); do
	targets=$(cd "$dir" && cat ./*_test.go | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' | grep -- "$pattern" | sort || true)
	[ -n "$targets" ] || continue
	$go test -c $guided -o "$work/fuzz.test" "./$dir"
	for target in $targets; do
		printf '== %s %s, %s\n' "$dir" "$target" "$time"
		ran=$((ran + 1))
		cd "$dir"
		"$work/fuzz.test" -test.run='^$' -test.fuzz="^$target\$" -test.fuzztime="$time" -test.fuzzminimizetime=2s -test.parallel="$workers" \
			-test.fuzzcachedir="$cache/$($go list .)" || failed="$failed $target"
		cd "$root"
	done
done

[ "$ran" -gt 0 ] || { echo "no fuzz target has a name like $pattern"; exit 1; }
[ -z "$failed" ] || { echo "failed:$failed; each input is in testdata/fuzz beside its target, and go test runs it again"; exit 1; }
echo "$ran targets, nothing found"
