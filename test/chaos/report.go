package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/openhqm/openhqm/test/chaos/check"
)

// runs are what there is to run, and what each is for.
var runs = []struct{ name, what string }{
	{"storm", "kill -9 at random, messages whose arrival kills the process, SIGSTOP for longer than a lease, SIGTERM under load, outages of the endpoint in four forms"},
	{"disk", "the disk fills up under load, the process is killed and started on it, and space comes back"},
	{"small", "128 MiB of memory and a tenth of a CPU, kills, SIGTERM"},
	{"sync", "every fsync and fdatasync fails from one moment on: the process has to stop acknowledging and to end"},
	{"damage", "one file of a copy of the stopped directory is damaged (a bit flipped, its end lost, a file of an earlier time left behind), and everything is read again"},
}

// untested is what no run of this harness can show, and where it is shown instead, if anywhere.
var untested = []string{
	"Loss of power. A kill leaves the page cache, so what was written and not synced is not missed; `TestEverythingAcknowledgedSurvivesACrash` runs the store on a file system that forgets it.",
	"Damage to the directory of a process that was killed: what the database finds cut or changed at the end of its newest log, or of the list of its tables, cannot be told from what a crash in the middle of a write leaves. After a clean end it can.",
	"Damage while the process runs, and damage of two files at once.",
	"Jumps of the wall clock, ordering keys, callbacks and calls that pass through under these faults: the tests of their packages have them.",
	"Several processes on one store, and any store but the embedded one.",
	"Real disks and networks: everything runs on one machine, over its loopback interface.",
}

// writeReport writes the report of all results in a directory. Every figure in it is one of a run.
func writeReport(path, dir string) error {
	results, err := readResults(dir)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(reportOf(results)), 0o644)
}

func reportOf(results []*result) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# Reliability report")
	p("")
	p("Generated from the results of runs by `make chaos-report`; every figure is one of a run, and none is typed in. What makes a run")
	p("valid is listed in `test/chaos/check/doc.go`.")
	p("")
	p("## Runs")
	p("")
	p("| run | began (UTC) | seed | product | on | accepted | faults | in flight | took | verdict |")
	p("|---|---|---|---|---|---|---|---|---|---|")
	for _, r := range results {
		on := fmt.Sprintf("%s, %d CPUs", r.Platform, r.CPUs)
		began := r.Began.Format(time.DateTime)
		if r.Report == nil {
			p("| %s | %s | | %s | %s | | | | | left out: %s |", r.Run, began, r.Version, on, r.LeftOut)
			continue
		}
		p("| %s | %s | %d | %s | %s | %d | %d | %.1f | %.0f s | %s |", r.Run, began, r.Report.Seed, r.Version, on, r.Report.Accepted,
			sum(r.Report.Faults), r.Report.InFlight, r.Seconds, verdict(r.Report))
	}
	p("")
	for _, kind := range runs {
		of := slices.DeleteFunc(slices.Clone(results), func(r *result) bool { return r.Run != kind.name || r.Report == nil })
		p("## %s: %s", kind.name, kind.what)
		p("")
		if len(of) == 0 {
			p("Never run.")
			p("")
			continue
		}
		p("%s", "| | "+join(of, func(r *result) string { return fmt.Sprint(r.Report.Seed) }))
		p("%s", "|---|"+strings.Repeat("---|", len(of)))
		for _, row := range rows(of) {
			p("| %s | %s", row.name, join(of, row.value))
		}
		p("")
	}
	p("## Not tested")
	p("")
	for _, text := range untested {
		p("- %s", text)
	}
	for _, r := range results {
		for _, m := range missing(r) {
			p("- In the run %s of %s: %s.", r.Run, r.Began.Format(time.DateTime), m)
		}
	}
	return b.String()
}

// row is one line of the table of a run.
type row struct {
	name  string
	value func(r *result) string
}

func rows(results []*result) []row {
	number := func(f func(r *check.Report) int) func(*result) string {
		return func(r *result) string { return fmt.Sprint(f(r.Report)) }
	}
	all := []row{
		{"tries of the producer", number(func(r *check.Report) int { return r.Attempts })},
		{"accepted", number(func(r *check.Report) int { return r.Accepted })},
		{"arrived", number(func(r *check.Report) int { return r.Delivered })},
		{"in a terminal state", number(func(r *check.Report) int { return r.Terminal })},
		{"results fetched", number(func(r *check.Report) int { return r.Fetches })},
	}
	counted := func(prefix string, of func(r *check.Report) map[string]int) {
		names := map[string]bool{}
		for _, r := range results {
			for name := range of(r.Report) {
				names[name] = true
			}
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			all = append(all, row{prefix + name, number(func(r *check.Report) int { return of(r)[name] })})
		}
	}
	counted("ended ", func(r *check.Report) map[string]int { return r.Ends })
	counted("fault: ", func(r *check.Report) map[string]int { return r.Faults })
	counted("", func(r *check.Report) map[string]int { return r.Kinds })
	for _, name := range check.Zeros() {
		all = append(all, row{"**" + name + "** (must be 0)", number(func(r *check.Report) int { return r.Zero(name) })})
	}
	ms := func(f func(r *check.Report) float64) func(*result) string {
		return func(r *result) string { return fmt.Sprintf("%.0f ms", f(r.Report)) }
	}
	return append(all,
		row{"duplicates at a fault", number(func(r *check.Report) int { return r.DuplicatesAtFaults })},
		row{"repeats that the endpoint asked for", number(func(r *check.Report) int { return r.DuplicatesByEndpoint })},
		row{"accepted after a SIGTERM", number(func(r *check.Report) int { return r.Late })},
		row{"time to redelivery, p50", ms(func(r *check.Report) float64 { return r.RedeliveryP50 })},
		row{"time to redelivery, p99", ms(func(r *check.Report) float64 { return r.RedeliveryP99 })},
		row{"recovery, longest", ms(func(r *check.Report) float64 { return r.RecoveryMax })},
	)
}

func join(results []*result, value func(r *result) string) string {
	var b strings.Builder
	for _, r := range results {
		b.WriteString(value(r) + " | ")
	}
	return strings.TrimSuffix(b.String(), " ")
}

func missing(r *result) []string {
	if r.Report == nil {
		return []string{"left out, " + r.LeftOut}
	}
	return r.Report.Missing
}

func verdict(r *check.Report) string {
	if r.Valid {
		return "valid"
	}
	return "**not valid**"
}

func sum(m map[string]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}
