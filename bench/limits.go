package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// limitsHold reads the limits of an endpoint from its own log: the rate of queued work over a reload, a changed rate, an orderly
// restart, a kill and an outage, and the number of calls at once in 100,000 queued and passing ones.
func limitsHold(ctx context.Context, l *lab) error {
	if err := l.rateHolds(ctx, 100, 1); err != nil {
		return err
	}
	if err := l.rateHolds(ctx, 20, 10); err != nil {
		return err
	}
	return l.concurrencyHolds(ctx)
}

// guarded is an endpoint that notes when each call came and how many it has at once. A call counts until it was answered, or its
// connection was gone: what a process that was killed had called is over with it.
type guarded struct {
	arrivals
	failing       atomic.Bool // answers 503
	running, most atomic.Int64
	work          time.Duration
}

func (g *guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := g.running.Add(1)
	for seen := g.most.Load(); now > seen && !g.most.CompareAndSwap(seen, now); seen = g.most.Load() {
	}
	g.arrivals.ServeHTTP(w, r)
	if g.work > 0 {
		select {
		case <-time.After(g.work):
		case <-r.Context().Done():
		}
	}
	g.running.Add(-1) // before the answer leaves: its slot is free then
	if g.failing.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// forget empties the log.
func (g *guarded) forget() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at = nil
	return nil
}

// reconfigured is a server with a configuration file that is rewritten, on one data directory over its lives.
type reconfigured struct {
	l    *lab
	file string
	data string
	*process
}

func (l *lab) reconfigured(ctx context.Context, yaml string) (*reconfigured, error) {
	dir, err := os.MkdirTemp(l.dir, "lives-")
	if err != nil {
		return nil, err
	}
	r := &reconfigured{l: l, file: filepath.Join(dir, "openhqm.yaml"), data: filepath.Join(dir, "data")}
	if err := os.WriteFile(r.file, []byte(yaml), 0o600); err != nil {
		return nil, err
	}
	return r, r.begin(ctx)
}

func (r *reconfigured) begin(ctx context.Context) (err error) {
	r.process, err = r.l.serve(ctx, r.data, []string{"--config", r.file}, []string{"OPENHQM_WORKER__DRAIN_LAG=0s"})
	return err
}

// kill ends the process as a crash does.
func (r *reconfigured) kill() {
	r.cmd.Process.Kill() // it runs
	<-r.done
}

// reload rewrites the file and asks for it to be read.
func (r *reconfigured) reload(yaml string) error {
	if err := os.WriteFile(r.file, []byte(yaml), 0o600); err != nil {
		return err
	}
	return r.cmd.Process.Signal(syscall.SIGHUP)
}

// rateHolds lets queued work run at a rate and disturbs it.
func (l *lab) rateHolds(ctx context.Context, rate, burst int) error {
	var app guarded
	endpoint := httptest.NewServer(&app)
	defer endpoint.Close()
	yaml := func(rate int, more string) string {
		return fmt.Sprintf("proxy:\n  default_endpoint: app\n  endpoints:\n    app: {url: %q, rate: %d/s, burst: %d, retry_unsafe: true, max_retries: 100, %s}\n", endpoint.URL, rate, burst, more)
	}
	server, err := l.reconfigured(ctx, yaml(rate, ""))
	if err != nil {
		return err
	}
	defer func() { server.stop() }()
	if err := submitAll(ctx, server.addr, rate*200); err != nil {
		return err
	}
	var calm, changed, halved int
	wait := func(d time.Duration) func() error { return func() error { return rest(ctx, d) } }
	note := func(n *int) func() error { return func() error { *n = len(app.sorted()); return nil } }
	fail := func(failing bool) func() error { return func() error { app.failing.Store(failing); return nil } }
	for _, step := range []func() error{
		app.forget, // while the submits came, the endpoint shared the processors with them
		wait(35 * time.Second), func() error { return server.reload(yaml(rate, "timeout: 200s")) },
		wait(35 * time.Second), note(&calm),
		func() error { return server.reload(yaml(rate/2, "")) },
		wait(time.Second), note(&changed), wait(10 * time.Second), note(&halved), // after a second the reload has taken effect
		func() error { return server.reload(yaml(rate, "")) },
		wait(5 * time.Second), func() error { server.stop(); return server.begin(ctx) },
		wait(5 * time.Second), func() error { server.kill(); return server.begin(ctx) },
		wait(5 * time.Second), fail(true), wait(4 * time.Second), fail(false), wait(15 * time.Second),
	} {
		if err := step(); err != nil {
			return err
		}
	}
	all := app.sorted()
	what, beside := fmt.Sprintf("%d/s, burst %d: ", rate, burst), fmt.Sprintf("rate %d/s, burst %d", rate, burst)
	add := func(measure, value, bar string, met bool) {
		l.report.add(figure{"limits", what + measure, value, beside, bar, met})
	}
	lowest, highest := meanRates(all[:calm], time.Minute)
	add("mean of any minute, over a reload", fmt.Sprintf("%.1f to %.1f/s", lowest, highest), "within 2 %", lowest >= 0.98*float64(rate) && highest <= 1.02*float64(rate))
	second := most(all[changed:halved], time.Second)
	add("busiest second after the rate was halved", fmt.Sprint(second), fmt.Sprintf("<= %d", rate/2+burst), second <= rate/2+burst)
	second = most(all, time.Second)
	add("busiest second of all, over a restart, a kill and an outage", fmt.Sprint(second), fmt.Sprintf("<= %d", rate+burst), second <= rate+burst)
	_, highest = meanRates(all, time.Minute)
	add("highest mean of a minute of all", fmt.Sprintf("%.1f/s", highest), fmt.Sprintf("<= %.0f", 1.02*float64(rate)), highest <= 1.02*float64(rate))
	return nil
}

// concurrencyHolds makes 100,000 calls, queued and passing ones at a time, while the limit is changed and the process restarted.
func (l *lab) concurrencyHolds(ctx context.Context) error {
	const limit, queued, passing = 7, 60_000, 40_000
	app := guarded{work: 100 * time.Microsecond}
	endpoint := httptest.NewServer(&app)
	defer endpoint.Close()
	yaml := func(limit int) string {
		return fmt.Sprintf("proxy:\n  default_endpoint: default\n  endpoints:\n    default: {url: %q, concurrency: %d, retry_unsafe: true, max_retries: 100}\n", endpoint.URL, limit)
	}
	server, err := l.reconfigured(ctx, yaml(limit))
	if err != nil {
		return err
	}
	defer func() { server.stop() }()
	var passed atomic.Int64
	half := func(queuedOf, passingOf int) error {
		var group sync.WaitGroup
		errs := make([]error, 2)
		for i := range 2 {
			group.Go(func() { errs[i] = submitAll(ctx, server.addr, queuedOf/2) })
		}
		group.Go(func() {
			var callers sync.WaitGroup
			for range 16 {
				callers.Go(func() {
					c, err := dial(server.addr)
					if err != nil {
						return
					}
					defer c.Close()
					for range passingOf / 16 {
						if status, _, err := c.do(call(http.MethodGet, "/", "bench", nil), false); err == nil && status == http.StatusOK {
							passed.Add(1)
						}
					}
				})
			}
			callers.Wait()
		})
		group.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	}
	if err := half(queued/2, passing/2); err != nil {
		return err
	}
	before := app.most.Load()
	if err := server.reload(yaml(limit - 2)); err != nil {
		return err
	}
	if err := rest(ctx, time.Second); err != nil {
		return err
	}
	app.most.Store(0)
	server.stop()
	if err := server.begin(ctx); err != nil {
		return err
	}
	if err := half(queued/2, passing/2); err != nil {
		return err
	}
	if _, _, err := completed(ctx, server.process, 1, time.Millisecond, call(http.MethodPost, "/last", "bench", nil, async, "Content-Length: 0")); err != nil {
		return err
	}
	after := app.most.Load()
	calls := len(app.sorted())
	beside := fmt.Sprintf("%d calls, %d of them passing", calls, passed.Load())
	l.report.add(figure{"limits", "most calls at once", fmt.Sprint(before), beside, fmt.Sprintf("<= %d", limit), before <= limit})
	l.report.add(figure{"limits", "most calls at once after the limit was lowered, and a restart", fmt.Sprint(after), beside, fmt.Sprintf("<= %d", limit-2), after <= limit-2})
	l.report.add(figure{"limits", "calls at all", fmt.Sprint(calls), beside, ">= 100,000", calls >= 100_000})
	return nil
}
