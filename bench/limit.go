package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// rateLimit is P7 for one process: an endpoint that may be called 100 times a second, without a burst, and 10,000 messages
// that wait. What counts is the endpoint's own log of arrivals.
func rateLimit(ctx context.Context, l *lab) error {
	const (
		rate, burst = 100, 1
		waiting     = 10_000
	)
	var log arrivals
	endpoint := httptest.NewServer(&log)
	defer endpoint.Close()
	product, err := l.product(ctx, "", "",
		"OPENHQM_PROXY__DEFAULT_ENDPOINT="+defaultQueue,
		"OPENHQM_PROXY__ENDPOINTS__DEFAULT__URL="+endpoint.URL,
		fmt.Sprintf("OPENHQM_PROXY__ENDPOINTS__DEFAULT__RATE=%d/s", rate),
		fmt.Sprintf("OPENHQM_PROXY__ENDPOINTS__DEFAULT__BURST=%d", burst))
	if err != nil {
		return err
	}
	defer product.stop()
	if _, err := product.operate(http.MethodPost, "/api/v1/queues/"+defaultQueue+"/pause"); err != nil {
		return err
	}
	if err := submitAll(ctx, product.addr, waiting); err != nil {
		return err
	}
	if _, err := product.operate(http.MethodPost, "/api/v1/queues/"+defaultQueue+"/resume"); err != nil {
		return err
	}
	if _, _, err := completed(ctx, product, 1, time.Millisecond, call(http.MethodPost, "/last", "bench", nil, async, "Content-Length: 0")); err != nil {
		return err
	}
	counts, err := product.counts(defaultQueue)
	if err != nil {
		return err
	}
	took := log.sorted()
	second := most(took, time.Second)
	least, largest := meanRates(took, time.Minute)
	answered := counts.Done == int64(len(took)) && len(took) > waiting
	l.report.add(figure{"p7", "arrivals in the busiest second", fmt.Sprint(second), fmt.Sprintf("rate %d/s, burst %d", rate, burst), "<= 101", second <= rate+burst})
	l.report.add(figure{"p7", "mean of any minute", fmt.Sprintf("%.1f to %.1f/s", least, largest), fmt.Sprintf("rate %d/s", rate), "within 2 %", least >= 0.98*rate && largest <= 1.02*rate})
	l.report.add(figure{"p7", "answered", fmt.Sprintf("%d of %d", counts.Done, counts.Accepted), "-", "all, each once", answered && counts.Done == counts.Accepted})
	return nil
}

// submitAll stores n small requests, one after the other.
func submitAll(ctx context.Context, addr string, n int) error {
	c, err := dial(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	request := call(http.MethodPost, "/orders", "bench", []byte("order"), async)
	for range n {
		status, _, err := c.do(request, false)
		if err != nil {
			return fmt.Errorf("submit: %w", err)
		}
		if status != http.StatusAccepted {
			return fmt.Errorf("submit: answer %d", status)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// arrivals is an endpoint that notes when each call came.
type arrivals struct {
	mu sync.Mutex
	at []time.Time
}

func (a *arrivals) ServeHTTP(http.ResponseWriter, *http.Request) {
	now := time.Now()
	a.mu.Lock()
	a.at = append(a.at, now)
	a.mu.Unlock()
}

// sorted returns how long after the first each call came.
func (a *arrivals) sorted() latencies {
	a.mu.Lock()
	defer a.mu.Unlock()
	after := make(latencies, len(a.at))
	for i, t := range a.at {
		after[i] = t.Sub(a.at[0])
	}
	return sorted(after)
}

// most returns the largest number of events within any stretch of a length.
func most(at latencies, length time.Duration) int {
	largest, first := 0, 0
	for i := range at {
		for at[i]-at[first] >= length {
			first++
		}
		largest = max(largest, i-first+1)
	}
	return largest
}

// meanRates returns the lowest and the highest rate, in events a second, of the stretches of a length that begin with an
// event and lie wholly within the log.
func meanRates(at latencies, length time.Duration) (least, largest float64) {
	end := 0
	for i := range at {
		if at[i]+length > at[len(at)-1] {
			break
		}
		for at[end] < at[i]+length {
			end++
		}
		r := float64(end-i) / length.Seconds()
		if i == 0 || r < least {
			least = r
		}
		largest = max(largest, r)
	}
	return least, largest
}
