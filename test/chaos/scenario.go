package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"time"

	"github.com/openhqm/openhqm/test/chaos/check"
	"github.com/openhqm/openhqm/test/chaos/history"
)

// How the product is configured. The times are short so that a run is.
const (
	slots          = 128 // the endpoint takes its time, so that many calls are in flight on a small machine too
	lease          = 3 * time.Second
	attemptTimeout = 4 * time.Second
	maxRetries     = 8
	maxCrashes     = 5 // the product's own limit
	drainLag       = time.Second
	grace          = 10 * time.Second // longer than a call may take, so that a drain cuts none
	diskRecovery   = 5 * time.Second
	breakerWait    = 500 * time.Millisecond
	breakerMax     = 2 * time.Second
)

func configuration() map[string]string {
	return map[string]string{
		"WORKER__CONCURRENCY":                          fmt.Sprint(slots),
		"WORKER__LEASE":                                lease.String(),
		"WORKER__TIMEOUT_SECONDS":                      attemptTimeout.String(),
		"WORKER__MAX_RETRIES":                          fmt.Sprint(maxRetries),
		"WORKER__RETRY_DELAY_BASE":                     "100ms",
		"WORKER__RETRY_DELAY_MAX":                      "2s",
		"WORKER__DRAIN_LAG":                            drainLag.String(),
		"WORKER__GRACE":                                grace.String(),
		"PROXY__ENDPOINTS__SERVICE__BREAKER__WAIT":     breakerWait.String(),
		"PROXY__ENDPOINTS__SERVICE__BREAKER__WAIT_MAX": breakerMax.String(),
		"MONITORING__LOG_FORMAT":                       "json",
	}
}

// scenario is one run: a load, the faults, and what it demands.
type scenario struct {
	name     string
	without  string // why it is left out
	messages int
	rate     float64
	big      bool           // bodies and answers up to 8 MiB
	faults   map[string]int // how often each is made
	inFlight float64        // demanded on average
	kinds    map[string]int // of requests, demanded
	seed     uint64
	settings map[string]string // beside configuration
	damages  int               // copies of the data that are damaged in the end
	disk     bool              // the data lie on a small file system of their own
	limits   bool              // the process has little memory and CPU
}

func (o *options) scenario(name string) (*scenario, error) {
	switch name {
	case "storm":
		return &scenario{name: name, messages: o.messages, rate: o.rate, big: true, inFlight: 16, seed: o.seed, kinds: ofMany(o.messages), faults: map[string]int{
			history.Kill: o.kills, history.Poison: 1 + maxCrashes, history.Stop: o.rounds, history.Term: o.rounds,
			history.Refusing: o.rounds, history.Breaking: o.rounds, history.Hanging: o.rounds, history.Busy: o.rounds}}, nil
	case "disk":
		s := &scenario{name: name, messages: 300 * o.rounds, rate: 150, inFlight: 2, seed: o.seed + 1, disk: true,
			faults:   map[string]int{history.Disk: o.rounds, history.Kill: 1}, // and one kill in each full disk
			settings: map[string]string{"QUEUE__EMBEDDED__MIN_FREE": "32MiB"}}
		if runtime.GOOS != "linux" || os.Geteuid() != 0 {
			s.without = "a full disk needs a file system of its own, and only root may mount one, on Linux"
		}
		return s, nil
	case "sync":
		return &scenario{name: name, messages: 150 * o.rounds, rate: 80, inFlight: 2, seed: o.seed + 3,
			faults: map[string]int{history.Sync: o.rounds}, without: straceMissing()}, nil
	case "damage":
		return &scenario{name: name, messages: 150, rate: 80, inFlight: 2, seed: o.seed + 4, damages: 8 * o.rounds,
			faults: map[string]int{history.Damage: 8 * o.rounds}}, nil
	case "small":
		s := &scenario{name: name, messages: 200 * o.rounds, rate: 40, inFlight: 1, seed: o.seed + 2, limits: true,
			faults: map[string]int{history.Kill: o.rounds, history.Term: 1, history.Memory: 1}}
		s.without = cgroupMissing()
		return s, nil
	}
	return nil, fmt.Errorf("there is no run %q; known are storm, disk, small, sync and damage", name)
}

// ofMany is how many requests of each kind there have to be among so many.
func ofMany(messages int) map[string]int {
	return map[string]int{check.KindSubmit: messages / 20, check.KindUrgent: messages / 50, check.KindDelayed: messages / 100,
		check.KindFields: messages / 2, check.KindCancelled: messages / 1000, check.KindRedriven: mostRedriven / 4}
}

// rules are what the run is judged by.
func (s *scenario) rules(o options) check.Rules {
	demand := check.Demand{Accepted: s.messages, Faults: maps.Clone(s.faults), InFlight: s.inFlight}
	if s.faults[history.Term] > 0 {
		demand.Late = 1
	}
	demand.Kinds = s.kinds
	return check.Rules{Seed: o.seed, AttemptTimeout: attemptTimeout, MaxAttempts: maxRetries + 1, MaxCrashes: maxCrashes,
		DiskRecovery: diskRecovery, Demand: demand}
}

// plan is the order of the faults. A poison stands for all the kills that it makes: the first may not be repeated and makes
// one, the second as many as a message may.
func (s *scenario) plan(random *rand.Rand) []string {
	var plan []string
	for _, kind := range []string{history.Kill, history.Stop, history.Term, history.Refusing, history.Breaking, history.Hanging, history.Busy,
		history.Disk, history.Sync} {
		for range s.faults[kind] {
			plan = append(plan, kind)
		}
	}
	if s.faults[history.Poison] > 0 {
		plan = append(plan, history.Poison, history.Poison)
	}
	if s.damages > 0 {
		plan = append(plan, history.Damage) // the time from which stale files are
	}
	random.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	return plan
}
