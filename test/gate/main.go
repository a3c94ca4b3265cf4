package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/openhqm/openhqm/internal/fault"
)

// needOfTen says in how many of ten runs a bug has to be caught.
const needOfTen = 8

func main() {
	runs := flag.Int("runs", 10, "runs of each test under its bug; 8 of 10 have to fail")
	only := flag.String("bugs", "", "regular expression of the bugs to plant (empty: all)")
	points := flag.Bool("points", true, "crash at every point as well")
	flag.Parse()
	selected, err := regexp.Compile(*only)
	if err != nil || flag.NArg() > 0 || *runs < 1 {
		fmt.Fprintf(os.Stderr, "gate: want -runs of at least 1, a regular expression as -bugs, and no argument: %v\n", err)
		os.Exit(2)
	}
	dir, err := os.MkdirTemp("", "openhqm-gate-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "gate:", err)
		os.Exit(2)
	}
	g := &gate{dir: dir, runs: *runs}
	good, err := g.all(selected, *points)
	os.RemoveAll(dir) // binaries only
	if err != nil {
		fmt.Fprintln(os.Stderr, "gate:", err)
		os.Exit(2)
	}
	if !good {
		os.Exit(1)
	}
}

// gate holds what was built.
type gate struct {
	dir  string
	runs int
}

func (g *gate) all(selected *regexp.Regexp, points bool) (bool, error) {
	began := time.Now()
	var chosen []watch
	for _, w := range watches {
		if selected.MatchString(string(w.bug)) {
			chosen = append(chosen, w)
		}
	}
	if err := g.build(chosen, points); err != nil {
		return false, err
	}
	fmt.Printf("built with the tag planted in %s\n\n", since(began))
	good, err := g.plant(chosen)
	if err != nil {
		return false, err
	}
	if points {
		good = g.crash() && good
	}
	fmt.Printf("the gate took %s\n", since(began))
	return good, nil
}

func since(t time.Time) time.Duration { return time.Since(t).Round(100 * time.Millisecond) }

// build builds the product and the tests.
func (g *gate) build(chosen []watch, points bool) error {
	if err := goCommand("build", "-tags", "planted", "-buildvcs=false", "-o", g.product(), "./cmd/openhqm"); err != nil {
		return err
	}
	packages := map[string]bool{}
	for _, w := range chosen {
		packages[w.pkg] = true
	}
	packages[pointsPackage] = points
	for pkg, wanted := range packages {
		if !wanted {
			continue
		}
		if err := goCommand("test", "-c", "-tags", "planted", "-o", g.tests(pkg), "./"+pkg); err != nil {
			return err
		}
	}
	return nil
}

func goCommand(args ...string) error {
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

func (g *gate) product() string { return filepath.Join(g.dir, "openhqm") }

func (g *gate) tests(pkg string) string {
	return filepath.Join(g.dir, strings.ReplaceAll(pkg, "/", "-")+".test")
}

// test runs the test of a watch and returns what it printed, and how it ended.
func (g *gate) test(w watch, bug fault.Bug) ([]byte, error) {
	cmd := exec.Command(g.tests(w.pkg), "-test.run", w.test, "-test.timeout", "2m")
	cmd.Dir = w.pkg
	cmd.Env = append(os.Environ(), fault.BugVariable+"="+string(bug), fault.CrashVariable+"=", binaryVariable+"="+g.product())
	return cmd.CombinedOutput()
}

// binaryVariable names the product to the tests that run it.
const binaryVariable = "OPENHQM_E2E_BINARY"

// score is what came of a bug.
type score struct {
	watch
	caught, runs int
	missed       []byte // what the last run printed that caught nothing
}

func (s *score) enough() bool { return s.caught*10 >= s.runs*needOfTen }

func (s *score) String() string {
	if s.enough() {
		return fmt.Sprintf("%-28s caught   %2d/%-2d  %s %s", s.bug, s.caught, s.runs, s.pkg, s.test)
	}
	return fmt.Sprintf("%-28s GOT AWAY %2d/%-2d  %s %s\n    %s", s.bug, s.caught, s.runs, s.pkg, s.test,
		strings.ReplaceAll(tail(s.missed), "\n", "\n    "))
}

// plant plants each bug as often as asked, two at a time, and prints what came of each when it is known.
func (g *gate) plant(chosen []watch) (bool, error) {
	if err := g.control(chosen); err != nil {
		return false, err
	}
	var mu sync.Mutex
	caught := 0
	var escaped []string
	each(len(chosen), func(i int) {
		s := score{watch: chosen[i]}
		for range g.runs {
			out, _ := g.test(s.watch, s.bug) // what it printed says how it ended
			s.runs++
			if failed.Match(out) {
				s.caught++
			} else {
				s.missed = out
			}
		}
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(&s)
		if s.enough() {
			caught++
		} else {
			escaped = append(escaped, string(s.bug))
		}
	})
	fmt.Printf("\ncaught %d/%d\n", caught, len(chosen))
	for _, name := range escaped {
		fmt.Printf("got away: %s: %s\n", name, sentence(name))
	}
	return len(escaped) == 0, nil
}

// failed finds a test that says so itself.
var failed = regexp.MustCompile(`(?m)^--- FAIL: `)

// control runs every test once without a bug. One that fails all the same would seem to catch everything.
func (g *gate) control(chosen []watch) error {
	var mu sync.Mutex
	var broken error
	seen := map[string]bool{}
	var distinct []watch
	for _, w := range chosen {
		if key := w.pkg + w.test; !seen[key] {
			seen[key] = true
			distinct = append(distinct, w)
		}
	}
	each(len(distinct), func(i int) {
		out, err := g.test(distinct[i], "")
		if err == nil && strings.Contains(string(out), "no tests to run") {
			err = fmt.Errorf("there is no such test")
		}
		if err != nil {
			mu.Lock()
			broken = fmt.Errorf("%s %s does not pass without a bug, so it proves nothing: %w\n%s", distinct[i].pkg, distinct[i].test, err, tail(out))
			mu.Unlock()
		}
	})
	return broken
}

// each calls f for 0 to n-1, two at a time.
func each(n int, f func(int)) {
	var group sync.WaitGroup
	slots := make(chan struct{}, 2)
	for i := range n {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			f(i)
		})
	}
	group.Wait()
}

func sentence(name string) string {
	for _, f := range fault.Bugs() {
		if f.Name == name {
			return f.Does
		}
	}
	return ""
}

func tail(out []byte) string { return string(out[max(0, len(out)-1500):]) }

// pointsPackage holds the test that crashes at every point.
const pointsPackage = "test/kill"

// crash crashes the product at every point. The test prints which it reached.
func (g *gate) crash() bool {
	cmd := exec.Command(g.tests(pointsPackage), "-test.run", "^TestNothingIsLostOrDoubledAtAnyPoint$", "-test.timeout", "9m")
	cmd.Dir = pointsPackage
	cmd.Env = append(os.Environ(), fault.BugVariable+"=", fault.CrashVariable+"=", binaryVariable+"="+g.product())
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run() == nil
}
