package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/openhqm/openhqm/test/chaos/check"
	"github.com/openhqm/openhqm/test/chaos/history"
)

// again judges the log of an earlier run, DIR/RUN.log.
func again(path string, o options) {
	s, err := o.scenario(strings.TrimSuffix(filepath.Base(path), ".log"))
	if err != nil {
		fail(err)
	}
	report, err := judge(path, s.rules(o))
	if err == nil {
		err = show(report)
	}
	if err != nil {
		fail(err)
	}
	if !report.Valid {
		os.Exit(1)
	}
}

func judge(path string, rules check.Rules) (*check.Report, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	events, err := history.ReadAll(file)
	if err != nil {
		return nil, err
	}
	return check.Check(events, rules), nil
}
