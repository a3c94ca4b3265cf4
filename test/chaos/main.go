package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/openhqm/openhqm/test/chaos/check"
)

// options are what the command line sets.
type options struct {
	messages, kills, rounds int
	rate                    float64
	seed                    uint64
	binary, dir, runs       string
	results                 string
	keep                    bool
}

func main() {
	var o options
	var judge, report string
	flag.IntVar(&o.messages, "messages", 100_000, "accepted requests of the storm")
	flag.IntVar(&o.kills, "kills", 50, "kill -9 of the storm, at random")
	flag.IntVar(&o.rounds, "rounds", 3, "times each other kind of fault is made")
	flag.Float64Var(&o.rate, "rate", 500, "requests a second of the storm")
	flag.Uint64Var(&o.seed, "seed", 0, "seed of everything that is drawn (0: a new one)")
	flag.StringVar(&o.binary, "binary", "", "the product (empty: it is built)")
	flag.StringVar(&o.dir, "dir", "", "directory of logs and data (empty: a new one, removed after valid runs)")
	flag.StringVar(&o.runs, "runs", "storm,disk,small,sync,damage", "which runs to make")
	flag.BoolVar(&o.keep, "keep", false, "keep logs and data of valid runs too")
	flag.StringVar(&o.results, "results", "", "directory in which the results are kept (empty: nowhere)")
	flag.StringVar(&report, "report", "", "write the report of all kept results into this file, and do nothing else")
	flag.StringVar(&judge, "judge", "", "judge this log of a run of the same options again, and do nothing else")
	flag.Parse()
	if flag.NArg() > 0 {
		fail(fmt.Errorf("unexpected argument %q", flag.Arg(0)))
	}
	if judge != "" {
		again(judge, o)
		return
	}
	if report != "" {
		if o.results == "" {
			o.results = "results"
		}
		if err := writeReport(report, o.results); err != nil {
			fail(err)
		}
		return
	}
	valid, err := chaos(o)
	if err != nil {
		fail(err)
	}
	if !valid {
		os.Exit(1)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "chaos:", err)
	os.Exit(2)
}

// chaos makes the runs, and reports whether all of them are valid.
func chaos(o options) (valid bool, err error) {
	if o.seed == 0 {
		o.seed = rand.Uint64() >> 16 // short enough to be typed
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "openhqm-chaos-"); err != nil {
			return false, err
		}
	} else if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return false, err
	}
	if o.binary == "" {
		o.binary = filepath.Join(o.dir, "openhqm")
		if err := build(o.binary); err != nil {
			return false, err
		}
	}
	if o.binary, err = filepath.Abs(o.binary); err != nil {
		return false, err
	}
	fmt.Printf("seed %d\n", o.seed)
	valid = true
	var results []*result
	for _, name := range strings.Split(o.runs, ",") {
		s, err := o.scenario(name)
		if err != nil {
			return false, err
		}
		began := time.Now()
		if s.without != "" {
			fmt.Printf("\n== %s is LEFT OUT: %s\n", name, s.without)
			r, err := o.result(name, began)
			if err != nil {
				return false, err
			}
			r.LeftOut = s.without
			results = append(results, r)
			continue
		}
		fmt.Printf("\n== %s\n", name)
		r, err := o.make(s, name)
		if err != nil {
			return false, err
		}
		results = append(results, r)
		if r.Report.TooLittle() {
			fmt.Println("\nNothing was wrong, but too little happened to prove anything: it is made once more.")
			once := o
			once.seed, once.dir = o.seed+secondSeed, filepath.Join(o.dir, "again")
			if s, err = once.scenario(name); err != nil {
				return false, err
			}
			if r, err = once.make(s, name); err != nil {
				return false, err
			}
			results = append(results, r)
		}
		valid = valid && r.Report.Valid
	}
	if o.results != "" {
		if err := keepResults(o.results, o.seed, results); err != nil {
			return false, err
		}
	}
	if valid && !o.keep {
		return true, os.RemoveAll(o.dir)
	}
	fmt.Printf("\nlogs and data are in %s; the seed was %d\n", o.dir, o.seed)
	return valid, nil
}

// secondSeed is how far the seed of a second try is from that of the first.
const secondSeed = 1000

// make makes one run and shows what came of it.
func (o options) make(s *scenario, name string) (*result, error) {
	began := time.Now()
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return nil, err
	}
	report, err := s.run(o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; logs and data are in %s", name, err, o.dir)
	}
	if err := show(report); err != nil {
		return nil, err
	}
	r, err := o.result(name, began)
	if err != nil {
		return nil, err
	}
	r.Report = report
	return r, nil
}

func show(report *check.Report) error {
	if err := report.JSON(os.Stdout); err != nil {
		return err
	}
	return report.Table(os.Stdout)
}

// build builds the product of the repository that this module lies in.
func build(binary string) error {
	flags := []string{"build", "-buildvcs=false"}
	describe := exec.Command("git", "describe", "--tags", "--always", "--dirty")
	if version, err := describe.Output(); err == nil {
		flags = append(flags, "-ldflags", "-X github.com/openhqm/openhqm/internal/cli.version="+strings.TrimSpace(string(version)))
	}
	cmd := exec.Command("go", append(flags, "-o", binary, "./cmd/openhqm")...)
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}
