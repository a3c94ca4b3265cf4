package app

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// occupied counts calls at an app by their kind, and the time that they held its slots.
type occupied struct {
	mu             sync.Mutex
	passed, queued int // running now
	most           int
	since          time.Time
	ofPassed       time.Duration // slot time
	ofQueued       time.Duration
	ended          [2]int
}

func (o *occupied) move(passed, queued int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if !o.since.IsZero() {
		o.ofPassed += now.Sub(o.since) * time.Duration(o.passed)
		o.ofQueued += now.Sub(o.since) * time.Duration(o.queued)
	}
	o.since = now
	o.passed, o.queued = o.passed+passed, o.queued+queued
	o.most = max(o.most, o.passed+o.queued)
	if passed < 0 {
		o.ended[0]++
	}
	if queued < 0 {
		o.ended[1]++
	}
}

// Neither a spike of calls that pass through keeps queued work from the app, nor the reverse, also where those of one kind
// take ten times as long; and while only one kind comes it has all.
func TestPassedAndQueuedCallsShareAnEndpointByWeight(t *testing.T) {
	for _, c := range []struct {
		name         string
		share        string
		pass, queued time.Duration // how long their calls take
		from, to     float64       // share of the slots that calls which pass have
	}{
		{"half by default", "", 10 * time.Millisecond, 10 * time.Millisecond, 0.35, 0.65},
		{"half, and queued calls take long", "sync_share: 50, ", 5 * time.Millisecond, 50 * time.Millisecond, 0.35, 0.65},
		{"a quarter", "sync_share: 25, ", 10 * time.Millisecond, 10 * time.Millisecond, 0.12, 0.38},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &occupied{}
			backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					o.move(1, 0)
					<-time.After(c.pass)
					o.move(-1, 0)
					return
				}
				o.move(0, 1)
				<-time.After(c.queued)
				o.move(0, -1)
			}))
			t.Cleanup(backend.Close)
			p := start(t, load(t, "proxy: {endpoints: {app: {url: '"+backend.URL+"', "+c.share+"concurrency: 4}}}"), Options{})

			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var clients sync.WaitGroup
			defer clients.Wait()
			defer stop()
			spike := func() {
				for range 30 {
					clients.Go(func() {
						for ctx.Err() == nil {
							r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/get", http.NoBody)
							if err != nil {
								t.Error(err)
								return
							}
							if answer, err := http.DefaultClient.Do(r); err == nil {
								answer.Body.Close()
							}
						}
					})
				}
			}
			for range 1500 {
				answer, err := http.DefaultClient.Do(respondAsync(t, p.url))
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
			}
			spike()
			await(t, "both kinds at the app", func() bool { o.mu.Lock(); defer o.mu.Unlock(); return o.ended[0] > 20 && o.ended[1] > 20 })
			o.mu.Lock()
			o.ofPassed, o.ofQueued = 0, 0
			o.mu.Unlock()
			var over atomic.Bool
			time.AfterFunc(1500*time.Millisecond, func() { over.Store(true) })
			await(t, "the end of the measurement", over.Load)
			stats, err := p.Broker().Stats(t.Context())
			if err != nil || stats.Queues["app"].Ready == 0 {
				t.Fatalf("no queued work is left to share with: %+v %v", stats.Queues["app"], err)
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			all := o.ofPassed + o.ofQueued
			share := o.ofPassed.Seconds() / all.Seconds()
			t.Logf("%.0f %% of the slots' time; %d calls passed, %d were delivered", 100*share, o.ended[0], o.ended[1])
			if share < c.from || share > c.to || o.most > 4 {
				t.Errorf("calls that pass had %.2f of the slots, want %.2f to %.2f; at most %d at once", share, c.from, c.to, o.most)
			}
		})
	}
}

func respondAsync(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url+"/post", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Prefer", "respond-async")
	return r
}
