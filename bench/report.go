package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// figure is one measured value beside its bar.
type figure struct {
	scenario, measure, value, comparison, bar string
	met                                       bool
}

// report collects figures in the order they were measured.
type report struct{ figures []figure }

// add records a figure and prints it at once.
func (r *report) add(f figure) {
	r.figures = append(r.figures, f)
	fmt.Printf("  %-44s %-16s %-30s bar %-12s %s\n", f.measure, f.value, f.comparison, f.bar, f.verdict())
}

func (f figure) verdict() string {
	switch {
	case f.bar == "-":
		return ""
	case f.met:
		return "met"
	default:
		return "MISSED"
	}
}

// table renders the figures as Markdown, with the machine, the date and the commit.
func (r *report) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Machine: %s. Date: %s. Commit: %s. %s.\n\n", machine(), time.Now().UTC().Format("2006-01-02"), commit(), runtime.Version())
	b.WriteString("| # | measure | figure | beside it, in the same run | bar | |\n|---|---|---|---|---|---|\n")
	for _, f := range r.figures {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", strings.ToUpper(f.scenario), f.measure, f.value, f.comparison, f.bar, f.verdict())
	}
	return b.String()
}

// Marks in RESULTS.md between which the measured part stands.
const (
	beginMark = "<!-- measured: begin -->"
	endMark   = "<!-- measured: end -->"
)

// write replaces the measured part of the results file; the notes around it stay.
func (r *report) write(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := bytes.Cut(text, []byte(beginMark))
	_, tail, ok2 := bytes.Cut(rest, []byte(endMark))
	if !ok || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q", path, beginMark, endMark)
	}
	return os.WriteFile(path, fmt.Appendf(nil, "%s%s\n%s%s%s", head, beginMark, r.table(), endMark, tail), 0o644)
}

func machine() string {
	model := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, after, ok := strings.Cut(string(info), "model name"); ok {
			line, _, _ := strings.Cut(after, "\n")
			model = strings.Trim(line, "\t :")
		}
	}
	return fmt.Sprintf("%d cores of %s", runtime.NumCPU(), model)
}

func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	if dirty, _ := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output(); len(dirty) > 0 {
		return strings.TrimSpace(string(out)) + " with changes"
	}
	return strings.TrimSpace(string(out))
}
