package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/openhqm/openhqm/test/chaos/check"
)

// result is what is kept of one run, or of one that was left out.
type result struct {
	Run      string    `json:"run"`
	LeftOut  string    `json:"left_out,omitempty"` // why it was not made
	Began    time.Time `json:"began"`
	Seconds  float64   `json:"seconds"`
	Version  string    `json:"version"` // of the product
	Go       string    `json:"go"`
	Platform string    `json:"platform"`
	CPUs     int       `json:"cpus"`

	Messages int           `json:"messages"` // demanded
	Kills    int           `json:"kills"`    // demanded of the storm
	Rounds   int           `json:"rounds"`
	Report   *check.Report `json:"report,omitempty"`
}

func (o *options) result(run string, began time.Time) (*result, error) {
	version, err := exec.Command(o.binary, "version").Output()
	if err != nil {
		return nil, fmt.Errorf("ask the product for its version: %w", err)
	}
	return &result{Run: run, Began: began.UTC().Truncate(time.Second), Seconds: time.Since(began).Seconds(), Go: runtime.Version(),
		Version: firstLine(string(version)), Platform: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(),
		Messages: o.messages, Kills: o.kills, Rounds: o.rounds}, nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// keepResults writes the results of this call into a directory, one JSON object a line.
func keepResults(dir string, seed uint64, results []*result) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var text []byte
	for _, r := range results {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		text = append(append(text, line...), '\n')
	}
	name := fmt.Sprintf("%s-%d.jsonl", results[0].Began.Format("20060102-150405"), seed)
	return os.WriteFile(filepath.Join(dir, name), text, 0o644)
}

// readResults reads every result of a directory, in the order of time.
func readResults(dir string) ([]*result, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	var all []*result
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		for lines := json.NewDecoder(file); lines.More(); {
			r := &result{}
			if err := lines.Decode(r); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there are no results in %s; make some with -results", dir)
	}
	slices.SortStableFunc(all, func(a, b *result) int { return a.Began.Compare(b.Began) })
	return all, nil
}
