package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// latency is P4: each kind of call alone, open loop.
func latency(ctx context.Context, l *lab) error {
	const rate = 1000
	_, product, stop, err := l.front(ctx)
	if err != nil {
		return err
	}
	defer stop()
	null, err := l.role(ctx, "null")
	if err != nil {
		return err
	}
	defer null.stop()

	submit := call(http.MethodPost, "/orders", "bench", make([]byte, 1<<10), async)
	same := func(request []byte) func(int) []byte { return func(int) []byte { return request } }
	baseline, err := openLoop(ctx, null.addr, rate, l.duration, same(submit), http.StatusAccepted, nil)
	if err != nil {
		return err
	}
	beside := fmt.Sprintf("null handler p99 %s", short(baseline.at(0.99)))
	var mu sync.Mutex
	var ids []string
	submits, err := openLoop(ctx, product.addr, rate, l.duration, same(submit), http.StatusAccepted, func(location string) {
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, correlationID(location))
	})
	if err != nil {
		return err
	}
	if _, _, err := completed(ctx, product, 1, time.Millisecond, submit); err != nil { // until all are done
		return err
	}
	add := func(what string, got latencies, bar time.Duration) {
		l.report.add(figure{"p4", what + " p99 at 1,000/s", short(got.at(0.99)), beside, "<= " + short(bar), got.at(0.99) <= bar})
	}
	add("submit", submits, 5*time.Millisecond)
	for _, kind := range []struct {
		name string
		bar  time.Duration
	}{{"status", 2 * time.Millisecond}, {"response", 3 * time.Millisecond}} {
		got, err := openLoop(ctx, product.addr, rate, l.duration, func(i int) []byte {
			return call(http.MethodGet, "/api/v1/"+kind.name+"/"+ids[i%len(ids)], "bench", nil)
		}, http.StatusOK, nil)
		if err != nil {
			return err
		}
		add(kind.name, got, kind.bar)
	}
	return nil
}

// correlationID takes the ID out of .../response/{id}/raw.
func correlationID(location string) string {
	parts := strings.Split(strings.TrimSuffix(location, "/raw"), "/")
	return parts[len(parts)-1]
}

// wakeUp is P5: one message at a time into an idle system. The clock runs from the moment before the request is sent until
// its bytes arrive at the endpoint, so it holds the whole accept as well.
func wakeUp(ctx context.Context, l *lab) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	arrivals := make(chan time.Time, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrivals <- time.Now() })}
	go server.Serve(listener) // ends with Close
	defer server.Close()
	endpoint := listener.Addr().String()
	product, err := l.product(ctx, endpoint, "")
	if err != nil {
		return err
	}
	defer product.stop()
	submit := call(http.MethodPost, "/orders", "bench", make([]byte, 1<<10), async)
	direct, err := oneByOne(ctx, endpoint, submit, arrivals)
	if err != nil {
		return err
	}
	queued, err := oneByOne(ctx, product.addr, submit, arrivals)
	if err != nil {
		return err
	}
	syncs, err := l.syncLatencies()
	if err != nil {
		return err
	}
	beside := func(q float64) string {
		return fmt.Sprintf("direct call %s, a bare fdatasync %s", short(direct.at(q)), short(syncs.at(q)))
	}
	l.report.add(figure{"p5", "sent until at the endpoint, p50", short(queued.at(0.5)), beside(0.5), "<= 1ms", queued.at(0.5) <= time.Millisecond})
	l.report.add(figure{"p5", "sent until at the endpoint, p99", short(queued.at(0.99)), beside(0.99), "<= 5ms", queued.at(0.99) <= 5*time.Millisecond})
	return nil
}

func oneByOne(ctx context.Context, addr string, request []byte, arrivals <-chan time.Time) (latencies, error) {
	const calls = 400
	c, err := dial(addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var got latencies
	for range calls {
		waitUntil(time.Now().Add(15 * time.Millisecond))
		sent := time.Now()
		if _, _, err := c.do(request, false); err != nil {
			return nil, err
		}
		select {
		case at := <-arrivals:
			got = append(got, at.Sub(sent))
		case <-time.After(10 * time.Second):
			return nil, fmt.Errorf("a message did not arrive within 10 s")
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return sorted(got), nil
}

// passThrough is P8: sync against calling the app directly, open loop.
func passThrough(ctx context.Context, l *lab) error {
	const rate = 500
	endpoint, product, stop, err := l.front(ctx)
	if err != nil {
		return err
	}
	defer stop()
	proxy, err := l.role(ctx, "proxy", targetVariable+"="+endpoint.addr)
	if err != nil {
		return err
	}
	defer proxy.stop()
	get := call(http.MethodGet, "/page", "bench", nil) // safe methods pass through by default
	next := func(int) []byte { return get }
	var p50, p99, direct50, direct99, proxy50, proxy99 []float64
	for range l.rounds {
		direct, err := openLoop(ctx, endpoint.addr, rate, l.duration/2, next, http.StatusOK, nil)
		if err != nil {
			return err
		}
		passed, err := openLoop(ctx, product.addr, rate, l.duration/2, next, http.StatusOK, nil)
		if err != nil {
			return err
		}
		plain, err := openLoop(ctx, proxy.addr, rate, l.duration/2, next, http.StatusOK, nil)
		if err != nil {
			return err
		}
		proxy50 = append(proxy50, float64(plain.at(0.5)-direct.at(0.5)))
		proxy99 = append(proxy99, float64(plain.at(0.99)-direct.at(0.99)))
		p50 = append(p50, float64(passed.at(0.5)-direct.at(0.5)))
		p99 = append(p99, float64(passed.at(0.99)-direct.at(0.99)))
		direct50, direct99 = append(direct50, float64(direct.at(0.5))), append(direct99, float64(direct.at(0.99)))
	}
	more50, more99 := time.Duration(middle(p50)), time.Duration(middle(p99))
	beside := func(direct, proxy []float64) string {
		return fmt.Sprintf("direct %s, ReverseProxy %s more", short(time.Duration(middle(direct))), short(time.Duration(middle(proxy))))
	}
	l.report.add(figure{"p8", "sync pass-through at 500/s, p50 more than direct", short(more50), beside(direct50, proxy50), "<= 300us", more50 <= 300*time.Microsecond})
	l.report.add(figure{"p8", "sync pass-through at 500/s, p99 more than direct", short(more99), beside(direct99, proxy99), "<= 1ms", more99 <= time.Millisecond})
	return nil
}

func short(d time.Duration) string { return d.Round(10 * time.Microsecond).String() }
