package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/test/misbehaviour"
)

// attempts is how many attempts the requests of these tests have.
const attempts = 2

// permissions are what an endpoint says of repeating requests that are not idempotent.
var permissions = map[string]string{"plain": "", "unsafe": "retry_unsafe: true", "honors": "honors_idempotency_key: true"}

var methods = []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"}

// cell is one request to one misbehaving endpoint.
type cell struct {
	kind       *misbehaviour.Kind
	site       *misbehaviour.Site
	endpoint   string
	method     string
	key        bool
	repeatable bool
	target     string
	id         queue.ID
}

func (c *cell) String() string {
	return fmt.Sprintf("%s: %s to %s, key %t", c.kind.Name, c.method, c.endpoint, c.key)
}

// grid is a process in front of all kinds of misbehaviour.
type grid struct {
	*process
	cells []*cell
	sites map[string]*misbehaviour.Site // by endpoint
}

// newGrid starts the endpoints of some kinds, one for each permission, and the process in front of them.
func newGrid(t *testing.T, more, delay string, wanted func(*misbehaviour.Kind) bool) *grid {
	t.Helper()
	g := &grid{sites: make(map[string]*misbehaviour.Site)}
	var yaml strings.Builder
	fmt.Fprintf(&yaml, "%s\nworker: {concurrency: 512, max_retries: %d, retry_delay_base: %s, retry_delay_max: 400ms}\n", more, attempts-1, delay)
	yaml.WriteString("proxy:\n  max_response_size: 64KiB\n  endpoints:\n")
	kinds := misbehaviour.Kinds()
	for i := range kinds {
		k := &kinds[i]
		if !wanted(k) {
			continue
		}
		site, err := k.Start(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = site.Close() })
		for name, permission := range permissions {
			endpoint := fmt.Sprintf("k%02d-%s", i, name)
			g.sites[endpoint] = site
			keys := []string{"url: '" + site.URL + "'", "breaker: {failures: 0}", "retry_budget: 0", "timeout: 1m"}
			switch {
			case k.Slow && k.Class == queue.NotSent:
				keys = append(keys, "connect_timeout: 100ms")
			case k.Slow:
				keys[3] = "timeout: 2s"
			}
			if site.TLS != "" {
				keys = append(keys, "tls: "+site.TLS)
			}
			if permission != "" {
				keys = append(keys, permission)
			}
			if k.Credentials {
				keys = append(keys, "auth_type: bearer, auth_token: token")
			}
			if k.Reused {
				keys = append(keys, "concurrency: 1")
			}
			fmt.Fprintf(&yaml, "    %s: {%s}\n", endpoint, strings.Join(keys, ", "))
			for _, method := range methods {
				if method == "HEAD" && k.Cut && k.Slow {
					continue // a good answer, which a short timeout would cut on a busy machine; the other kinds that cut show it
				}
				for _, key := range []bool{false, true} {
					g.cells = append(g.cells, &cell{kind: k, site: site, endpoint: endpoint, method: method, key: key,
						repeatable: queue.Idempotent(method) || name == "unsafe" || name == "honors" && key,
						target:     fmt.Sprintf("/cell/%d", len(g.cells))})
				}
			}
		}
	}
	g.process = start(t, load(t, yaml.String()), Options{})
	return g
}

// submit stores the requests of all cells; a warm one before each whose connection is to be a used one.
func (g *grid) submit(t *testing.T) {
	t.Helper()
	const lines = 16
	var all sync.WaitGroup
	for line := range lines {
		all.Go(func() {
			for i, c := range g.cells {
				var err error
				switch {
				case c.kind.Reused && line == 0: // these in order
					if _, err = g.send(c.endpoint, "POST", misbehaviour.Warm, false); err == nil {
						c.id, err = g.send(c.endpoint, c.method, c.target, c.key)
					}
				case !c.kind.Reused && i%lines == line:
					c.id, err = g.send(c.endpoint, c.method, c.target, c.key)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	if all.Wait(); t.Failed() {
		t.FailNow()
	}
}

func (g *grid) send(endpoint, method, target string, key bool) (queue.ID, error) {
	fields := []string{"Prefer", "respond-async", "OpenHQM-Endpoint", endpoint}
	if key {
		fields = append(fields, "Idempotency-Key", `"`+target+`"`)
	}
	got, err := tryCall(context.Background(), method, g.url+target, "", fields...)
	if err != nil {
		return queue.ID{}, err
	}
	if got.status != http.StatusAccepted {
		return queue.ID{}, fmt.Errorf("%s %s: %d %s", method, target, got.status, got.body)
	}
	return queue.ParseID(got.header.Get("OpenHQM-Correlation-Id"))
}

// settled waits until a request has ended.
func (g *grid) settled(ctx context.Context, id queue.ID) (*queue.Record, error) {
	r, err := g.Broker().Get(ctx, id)
	for err == nil && !r.State.Terminal() {
		r, err = g.Broker().Wait(ctx, id, r.Revision)
	}
	return r, err
}

// watch opens endpoints that are held for refused credentials, until ctx ends, and returns the queues that it saw closed by
// a cooldown.
func (g *grid) watch(ctx context.Context) (map[string]bool, error) {
	closed := make(map[string]bool)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return closed, nil
		case <-tick.C:
		}
		stats, err := g.Broker().Stats(ctx)
		if err != nil {
			return closed, ignoreEnd(ctx, err)
		}
		for name, s := range stats.Queues {
			if _, held := s.Gate.Holds[queue.HoldCooldown]; held {
				closed[name] = true
			}
			if _, held := s.Gate.Holds[queue.HoldAuth]; !held {
				continue
			}
			if _, err := g.Broker().SetGate(ctx, name, queue.GateChange{Release: []queue.HoldReason{queue.HoldAuth}}); err != nil {
				return closed, ignoreEnd(ctx, err)
			}
		}
	}
}

func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// judge compares how all cells ended with the table.
func (g *grid) judge(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for _, c := range g.cells {
		r, err := g.settled(ctx, c.id)
		if err != nil {
			t.Fatalf("%s: %v", c, err)
		}
		class, next := c.kind.Next(c.method, c.repeatable)
		want := next.Ending(attempts)
		arrived := c.site.Arrivals()[c.target]
		got := misbehaviour.Ending{Status: r.Status(), Reason: string(r.Reason), Attempts: r.Attempts, Arrivals: len(arrived)}
		if got != want {
			t.Errorf("%s: %+v, want %+v; %s", c, got, want, history(r))
		}
		if got := first(c.kind, r); got != class {
			t.Errorf("%s: class %s first, want %s; %s", c, got, class, history(r))
		}
		for i := 1; i < len(arrived); i++ {
			if next == misbehaviour.Closed && arrived[i].At.Sub(arrived[i-1].At) < queue.MinCooldown-50*time.Millisecond {
				t.Errorf("%s: sent again after %s, within its Retry-After", c, arrived[i].At.Sub(arrived[i-1].At))
			}
		}
		for _, a := range arrived {
			if a.Value("OpenHQM-Correlation-Id") != r.ID.String() || a.Method() != c.method {
				t.Errorf("%s: another request arrived at its target: %.200q", c, a.Head)
			}
		}
	}
}

// first returns the class of the first attempt. The timeout that ends a slow kind may, on a busy machine, end before it was
// connected to.
func first(k *misbehaviour.Kind, r *queue.Record) queue.Class {
	for _, a := range r.History {
		if a.Class != queue.NotSent || !k.Slow || k.Class == queue.NotSent {
			return a.Class
		}
	}
	return 0
}

func history(r *queue.Record) string {
	var b strings.Builder
	for _, a := range r.History {
		fmt.Fprintf(&b, "[%s %d %s] ", a.Class, a.Status, a.Error)
	}
	return b.String()
}

// R5, R6: every kind of misbehaviour, by every method, with and without a key, under every permission.
func TestEveryMisbehaviourMeetsTheTable(t *testing.T) {
	g := newGrid(t, "", "1ms", func(k *misbehaviour.Kind) bool { return k.Class != queue.NotSent })
	ctx, cancel := context.WithCancel(t.Context())
	var closed map[string]bool
	var watching sync.WaitGroup
	watching.Go(func() {
		var err error
		if closed, err = g.watch(ctx); err != nil {
			t.Error(err)
		}
	})
	defer watching.Wait()
	defer cancel()
	g.submit(t)
	g.judge(t)
	cancel()
	watching.Wait()
	for _, c := range g.cells {
		closes := c.kind.May == misbehaviour.Closed || c.kind.May == misbehaviour.Closing
		if closed[c.endpoint] != closes {
			t.Errorf("%s: its endpoint was closed: %t, want %t", c, closed[c.endpoint], closes)
		}
	}
	g.wantReuse(t)
}

// wantReuse wants that connections were used that other calls had left.
func (g *grid) wantReuse(t *testing.T) {
	t.Helper()
	reused := 0
	for _, c := range g.cells {
		if !c.kind.Reused {
			continue
		}
		arrived := c.site.Arrivals()
		warm := make(map[int]bool)
		for _, a := range arrived[misbehaviour.Warm] {
			warm[a.Connection] = true
		}
		if first := arrived[c.target]; len(first) > 0 && warm[first[0].Connection] {
			reused++
		}
	}
	if reused == 0 {
		t.Error("no call was made on a used connection")
	}
}

// What is certain not to have arrived is tried until the deadline, costs no attempt, and arrives never.
func TestWhatCannotArriveIsTriedUntilItsDeadline(t *testing.T) {
	g := newGrid(t, "queue: {max_age: 1s}", "400ms", func(k *misbehaviour.Kind) bool { return k.Class == queue.NotSent })
	g.submit(t)
	g.judge(t)
	for _, c := range g.cells {
		r, err := g.Broker().Get(t.Context(), c.id)
		if err != nil {
			t.Fatal(err)
		}
		if r.MayHaveRun && r.HistoryDropped == 0 { // what is no longer known of may have run
			t.Errorf("%s: may have run", c)
		}
		for _, a := range r.History {
			if a.Class != queue.NotSent || a.Counted || a.Error == "" {
				t.Errorf("%s: %s", c, history(r))
			}
		}
	}
	for endpoint, site := range g.sites {
		if n := len(site.Arrivals()); n != 0 {
			t.Errorf("%s: %d arrivals", endpoint, n)
		}
	}
}

// A call that passes through arrives once at most, and its client is told the class of the table.
func TestEveryMisbehaviourInPassingMeetsTheTable(t *testing.T) {
	// A stream has no end, as long as its client takes it.
	g := newGrid(t, "", "1ms", func(k *misbehaviour.Kind) bool { return !k.Reused && !k.Endless && !(k.Cut && k.Slow) })
	var all sync.WaitGroup
	for _, c := range g.cells {
		if c.endpoint[len("k00-"):] != "plain" || c.method != "GET" && c.method != "OPTIONS" || c.key {
			continue
		}
		c.endpoint = strings.TrimSuffix(c.endpoint, "plain") + map[string]string{"GET": "plain", "OPTIONS": "unsafe"}[c.method] // one call each
		all.Go(func() {
			if err := g.pass(t, c); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func (g *grid) pass(t *testing.T, c *cell) error {
	got, err := tryCall(t.Context(), c.method, g.url+c.target, "", "OpenHQM-Endpoint", c.endpoint)
	want := 1
	if c.kind.Class == queue.NotSent {
		want = 0
	}
	if n := len(c.site.Arrivals()[c.target]); n != want {
		t.Errorf("%s: %d arrivals, want %d", c, n, want)
	}
	switch {
	case c.kind.Class == queue.Answered:
		if err != nil {
			t.Errorf("%s: %v", c, err)
		}
	case c.kind.Cut:
		if got.status == http.StatusOK && err == nil {
			t.Errorf("%s: a body that was cut came as a whole one", c)
		}
	case err != nil:
		return fmt.Errorf("%s: %w", c, err)
	default:
		var problem struct{ Class, Endpoint string }
		if err := json.Unmarshal([]byte(got.body), &problem); err != nil {
			return fmt.Errorf("%s: %d %.100q: %w", c, got.status, got.body, err)
		}
		if got.status != 502 && got.status != 504 || problem.Class != c.kind.Class.String() || problem.Endpoint != c.endpoint {
			t.Errorf("%s: %d %s", c, got.status, got.body)
		}
	}
	return nil
}
