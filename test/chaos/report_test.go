package main

import (
	"os"
	"testing"
)

// The report holds what the results say, and nothing else: who has new results runs `make chaos-report`.
func TestTheReportIsThatOfTheKeptResults(t *testing.T) {
	results, err := readResults("results")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../docs/reliability-report.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != reportOf(results) {
		t.Error("docs/reliability-report.md is not what the results say; run make chaos-report")
	}
}
