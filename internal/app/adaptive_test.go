package app

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openhqm/openhqm/internal/config"
)

// TestAnAdaptiveLimitIsTurnedOnAndOffLive counts how many calls an endpoint has at once, queued and passing ones together, while
// its limit begins at 2, is not looked for any more, and is bounded anew.
func TestAnAdaptiveLimitIsTurnedOnAndOffLive(t *testing.T) {
	var running, most atomic.Int64
	release := make(chan struct{})
	url := backend(t, func(http.ResponseWriter, *http.Request) {
		now := running.Add(1)
		defer running.Add(-1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		<-release
	})
	with := func(keys string) *config.Config {
		return load(t, "proxy: {endpoints: {a: {url: '"+url+"', "+keys+"}}}")
	}
	p := start(t, with("adaptive: {enabled: true, initial: 2}"), Options{})
	if got := gateOf(t, p, "a").Adaptive; got != 2 {
		t.Errorf("the limit begins at %d, want 2", got)
	}
	var calls sync.WaitGroup
	for i := range 8 {
		method := []string{"GET", "POST"}[i%2]
		calls.Go(func() {
			if got := call(t, method, p.url+"/x", ""); got.status != http.StatusOK {
				t.Errorf("status %d: %s", got.status, got.body)
			}
		})
	}
	await(t, "two calls at once", func() bool { return running.Load() == 2 })
	for range 8 {
		release <- struct{}{}
	}
	calls.Wait()
	if n := most.Load(); n != 2 {
		t.Errorf("%d calls at once, want 2", n)
	}
	for _, step := range []struct {
		keys string
		want int
	}{{"", 0}, {"adaptive: {enabled: true, min: 5, initial: 3}", 5}, {"concurrency: 4, adaptive: {enabled: true}", 4}} {
		if _, err := p.Reload(with(step.keys)); err != nil {
			t.Fatal(err)
		}
		if got := gateOf(t, p, "a").Adaptive; got != step.want {
			t.Errorf("with %q the limit is %d, want %d", step.keys, got, step.want)
		}
	}
}
