#!/bin/sh
# Feeds every fuzz target of the module, one after the other: test/fuzz.sh TIME [PATTERN]
# TIME is that of each target, as go test -fuzztime takes it; PATTERN chooses
# targets by name. A package is built once for all its targets. An input that
# fails a target is kept in the package's testdata/fuzz: it stays there, and so
# every later go test runs it. What was found interesting is kept in the Go cache.
# Exits with 1 if any target failed.
#
# Go 1.26 sometimes calls the end of TIME itself a failure: "context deadline exceeded"
# and no input (golang/go#75804, mended in Go 1.27). A target that ended so, and in no
# other way, has its whole TIME again, at most twice.
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

# feed PACKAGE TARGET feeds one target for TIME and returns what go test would.
feed() {
	{
		"$work/fuzz.test" -test.run='^$' -test.fuzz="^$2\$" -test.fuzztime="$time" -test.fuzzminimizetime=2s \
			-test.parallel="$workers" -test.fuzzcachedir="$cache/$1" 2>&1 && echo 0 >"$work/status" || echo 1 >"$work/status"
	} | tee "$work/output"
	return "$(cat "$work/status")"
}

# only_the_deadline says whether the last failure was the end of TIME and nothing else.
only_the_deadline() {
	[ "$(sed -n '/^--- FAIL/,$p' "$work/output" | sed -n '2,$p')" = "    context deadline exceeded
FAIL" ]
}

for dir in $(git ls-files --cached --others --exclude-standard '*_test.go' | xargs grep -l '^func Fuzz' | grep -v '^queue/storetest/' | xargs -n1 dirname | sort -u); do
	targets=$(cd "$dir" && cat ./*_test.go | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' | grep -- "$pattern" | sort || true)
	[ -n "$targets" ] || continue
	$go test -c $guided -o "$work/fuzz.test" "./$dir"
	for target in $targets; do
		printf '== %s %s, %s\n' "$dir" "$target" "$time"
		ran=$((ran + 1))
		cd "$dir"
		package=$($go list .)
		for again in 1 2 end; do
			feed "$package" "$target" && break
			if [ "$again" = end ] || ! only_the_deadline; then
				failed="$failed $target"
				break
			fi
			echo "== $target: only the time was over; once more"
		done
		cd "$root"
	done
done

[ "$ran" -gt 0 ] || { echo "no fuzz target has a name like $pattern"; exit 1; }
[ -z "$failed" ] || { echo "failed:$failed; each input is in testdata/fuzz beside its target, and go test runs it again"; exit 1; }
echo "$ran targets, nothing found"
