// Command bench measures OpenHQM against the bars of its design, each figure beside its comparison in the same run.
//
//	go run ./bench                 # what there is
//	go run ./bench p1 p3           # some of it
//	go run ./bench -write all      # everything, and the table of bench/RESULTS.md anew
//
// The product runs as its own process with its defaults, and so do the comparison servers and the endpoint (this binary
// under another role), so that CPU and memory are counted for each alone. Everything is on loopback, bounded, and ends by
// itself.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// scenario is one measurement.
type scenario struct {
	name string
	what string
	run  func(context.Context, *lab) error
}

func scenarios() []scenario {
	return []scenario{
		{"p1", "durable ingress against a handler that stores nothing", durableIngress},
		{"p2", "the same on Redis, synced every second and at every write, and what Redis itself spends (needs redis-server)", redisIngress},
		{"p3", "accept to stored result against httputil.ReverseProxy", throughput},
		{"p4", "latency of submit, status and response at 1,000 calls/s", latency},
		{"p5", "idle system: accept until the bytes reach the endpoint", wakeUp},
		{"p6", "5,000,000 messages waiting", deepQueue},
		{"p7", "an endpoint limited to 100 calls a second, with 10,000 waiting", rateLimit},
		{"p8", "sync pass-through against calling the app directly", passThrough},
		{"p9", "memory of an idle process", idleMemory},
		{"adaptive", "the adaptive limit against the best fixed one, and after the capacity was halved", adaptiveLimit},
		{"bodies", "memory under large bodies", largeBodies},
		{"sync", "requests that pass, against httputil.ReverseProxy and nginx", passes},
		{"limits", "limits by the endpoint's own log, over reloads, restarts, kills and an outage", limitsHold},
		{"features", "what each feature costs an accept", featureCosts},
	}
}

func main() {
	if role := os.Getenv(roleVariable); role != "" {
		if err := serveRole(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	options := labOptions{}
	flag.StringVar(&options.binary, "openhqm", "", "binary to measure; empty: build it")
	flag.StringVar(&options.dir, "dir", "", "directory for data; empty: a temporary one on the working directory's disk")
	flag.StringVar(&options.profiles, "profiles", "", "directory for CPU profiles of the product (p1 and p3); empty: none")
	flag.DurationVar(&options.duration, "duration", defaultDuration, "length of one measured stretch")
	flag.IntVar(&options.rounds, "rounds", 3, "rounds of each side; the median counts")
	flag.IntVar(&options.deep, "deep", 5_000_000, "messages waiting in p6")
	write := flag.Bool("write", false, "rewrite the measured part of bench/RESULTS.md")
	flag.Usage = usage
	flag.Parse()
	if err := run(options, flag.Args(), *write); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: go run ./bench [flags] all | name...")
	for _, s := range scenarios() {
		fmt.Fprintf(os.Stderr, "  %-8s %s\n", s.name, s.what)
	}
	flag.PrintDefaults()
}

func run(options labOptions, names []string, write bool) error {
	if len(names) == 0 {
		usage()
		return nil
	}
	var chosen []scenario
	for _, s := range scenarios() {
		if slices.Contains(names, s.name) || slices.Contains(names, "all") {
			chosen = append(chosen, s)
			names = slices.DeleteFunc(names, func(n string) bool { return n == s.name })
		}
	}
	if names = slices.DeleteFunc(names, func(n string) bool { return n == "all" }); len(names) > 0 {
		return fmt.Errorf("no scenario %s", strings.Join(names, ", "))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	lab, err := newLab(ctx, options)
	if err != nil {
		return err
	}
	defer lab.close()
	for _, s := range chosen {
		fmt.Printf("\n# %s: %s\n", s.name, s.what)
		if err := s.run(ctx, lab); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	fmt.Printf("\n%s", lab.report.table())
	if write {
		return lab.report.write(filepath.Join("bench", "RESULTS.md"))
	}
	return nil
}
