package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/openhqm/openhqm/internal/store/embedded"
	"github.com/openhqm/openhqm/queue"
)

// deepQueue is P6. The messages are put into the data directory by the store itself, before the product opens it.
func deepQueue(ctx context.Context, l *lab) error {
	endpoint, err := l.role(ctx, "endpoint")
	if err != nil {
		return err
	}
	defer endpoint.stop()
	full := filepath.Join(l.dir, "deep")
	began := time.Now()
	sampleID, err := fill(ctx, full, l.deep)
	if err != nil {
		return err
	}
	fmt.Printf("  %d messages put in place in %s\n", l.deep, time.Since(began).Round(time.Second))

	emptyProduct, err := l.product(ctx, endpoint.addr, "")
	if err != nil {
		return err
	}
	defer emptyProduct.stop()
	opened := time.Now()
	product, err := l.product(ctx, endpoint.addr, full)
	if err != nil {
		return err
	}
	defer product.stop()
	ready := time.Since(opened)
	l.report.add(figure{"p6", fmt.Sprintf("start until ready with %d waiting", l.deep), short(ready), "-", "<= 5s", ready <= 5*time.Second})
	for _, p := range []*process{emptyProduct, product} {
		if _, err := p.operate(http.MethodPost, "/api/v1/queues/"+defaultQueue+"/pause"); err != nil {
			return err
		}
	}
	request := call(http.MethodPost, "/orders", "bench", make([]byte, 1<<10), async)
	var ratios, empties, fulls []float64
	for range l.rounds {
		e, err := closedLoop(ctx, emptyProduct.addr, 64, l.duration/2, request, http.StatusAccepted)
		if err != nil {
			return err
		}
		f, err := closedLoop(ctx, product.addr, 64, l.duration/2, request, http.StatusAccepted)
		if err != nil {
			return err
		}
		empties, fulls, ratios = append(empties, e), append(fulls, f), append(ratios, f/e)
	}
	l.report.add(figure{"p6", "ingress with a deep queue", fmt.Sprintf("%.0f %%", 100*middle(ratios)),
		fmt.Sprintf("empty %.0f/s, deep %.0f/s", middle(empties), middle(fulls)), ">= 90 %", middle(ratios) >= 0.9})
	anonymous := product.memory("RssAnon")
	l.report.add(figure{"p6", "anonymous memory", mebibytes(anonymous), "empty queue " + mebibytes(emptyProduct.memory("RssAnon")), "<= 64 MiB", anonymous <= 64<<20})

	for _, look := range []struct{ what, path string }{
		{"list", "/api/v1/messages?queue=" + defaultQueue + "&limit=100"},
		{"search (nothing matches)", "/api/v1/messages?queue=" + defaultQueue + "&state=dead&limit=100"},
		{"show", "/api/v1/messages/" + sampleID.String()},
	} {
		var took latencies
		for range 100 {
			at := time.Now()
			if _, err := product.operate(http.MethodGet, look.path); err != nil {
				return err
			}
			took = append(took, time.Since(at))
		}
		p99 := sorted(took).at(0.99)
		l.report.add(figure{"p6", look.what + " p99", short(p99), "-", "<= 100ms", p99 <= 100*time.Millisecond})
	}
	return nil
}

// fill puts n waiting messages of 1 KiB into a new data directory and returns the ID of one in the middle.
func fill(ctx context.Context, dir string, n int) (queue.ID, error) {
	store, err := embedded.Open(embedded.Options{Dir: dir})
	if err != nil {
		return queue.ID{}, err
	}
	const batch, writers = 200, 32
	var mu sync.Mutex
	var sample queue.ID
	var firstErr error
	body := make([]byte, 1<<10)
	work := make(chan int)
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for first := range work {
				messages := make([]*queue.Message, 0, batch)
				for range min(batch, n-first) {
					messages = append(messages, waiting(body))
				}
				stored, err := store.Enqueue(ctx, messages)
				for i := range stored {
					err = errors.Join(err, stored[i].Err)
				}
				mu.Lock()
				firstErr = errors.Join(firstErr, err)
				if first >= n/2 && sample.IsZero() {
					sample = messages[0].ID
				}
				mu.Unlock()
			}
		})
	}
	for first := 0; first < n && ctx.Err() == nil; first += batch {
		work <- first
	}
	close(work)
	group.Wait()
	return sample, errors.Join(firstErr, context.Cause(ctx), store.Close())
}

func waiting(body []byte) *queue.Message {
	now := time.Now()
	return &queue.Message{
		ID: queue.NewID(queue.HomeOf(defaultQueue), now), Queue: defaultQueue, Endpoint: defaultQueue, AcceptedAt: now,
		Deadline: now.Add(24 * time.Hour), OnLost: queue.OnLostFail, MaxDeliveries: 5, KeepResult: 24 * time.Hour,
		Request: queue.Request{Method: http.MethodPost, Target: "/orders", Scheme: "http", Host: "bench", Proto: "HTTP/1.1",
			Header: http.Header{"User-Agent": {"bench"}, "Content-Type": {"application/octet-stream"}}, Body: queue.InlineBody(body)},
	}
}

func sorted(l latencies) latencies {
	slices.Sort(l)
	return l
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
