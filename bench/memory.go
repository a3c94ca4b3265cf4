package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// idleMemory is the idle figure of P9.
func idleMemory(ctx context.Context, l *lab) error {
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
	select {
	case <-time.After(15 * time.Second):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	anonymous := product.memory("RssAnon")
	l.report.add(figure{"p9", "anonymous memory, idle", mebibytes(anonymous), "null handler " + mebibytes(null.memory("RssAnon")), "<= 15 MiB", anonymous <= 15<<20})
	return nil
}

// largeBodies measures the peak of resident memory while many and huge bodies pass each way.
func largeBodies(ctx context.Context, l *lab) error {
	const (
		many  = 200
		large = 5 << 20
		huge  = 1 << 30
		bar   = 128 << 20
	)
	endpoint, err := l.role(ctx, "endpoint")
	if err != nil {
		return err
	}
	defer endpoint.stop()
	limit := []string{"OPENHQM_PROXY__MAX_REQUEST_SIZE=2GiB", "OPENHQM_PROXY__MAX_RESPONSE_SIZE=2GiB"}
	var ids []string
	stretch := func(product *process, what string, f func() error) error {
		if err := product.resetPeak(); err != nil {
			return err
		}
		if err := f(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if _, _, err := completed(ctx, product, 1, time.Millisecond, call(http.MethodPost, "/", "bench", nil, async, "Content-Length: 0")); err != nil {
			return err
		}
		peak := product.memory("VmHWM")
		l.report.add(figure{"bodies", what + ", peak resident memory", mebibytes(peak), "-", "<= 128 MiB", peak <= bar})
		return nil
	}
	// As many slots as there are answers, so that they really come at once.
	product, err := l.product(ctx, endpoint.addr, "", fmt.Sprintf("OPENHQM_WORKER__CONCURRENCY=%d", many))
	if err != nil {
		return err
	}
	defer product.stop()
	if err := stretch(product, "200 uploads of 5 MiB at once", func() error {
		_, err := atOnce(many, func() (string, error) { return post(ctx, product, "/?bytes=10", large) })
		return err
	}); err != nil {
		return err
	}
	if err := stretch(product, "200 answers of 5 MiB at once", func() error {
		var err error
		ids, err = atOnce(many, func() (string, error) { return post(ctx, product, fmt.Sprintf("/?bytes=%d", large), 1) })
		return err
	}); err != nil {
		return err
	}
	if err := stretch(product, "200 replays of 5 MiB at once", func() error {
		var mu sync.Mutex
		_, err := atOnce(many, func() (string, error) {
			mu.Lock()
			id := ids[0]
			ids = ids[1:]
			mu.Unlock()
			return "", replay(ctx, product, id, large)
		})
		return err
	}); err != nil {
		return err
	}
	raised, err := l.product(ctx, endpoint.addr, "", limit...)
	if err != nil {
		return err
	}
	defer raised.stop()
	if err := stretch(raised, "one upload of 1 GiB", func() error {
		_, err := post(ctx, raised, "/?bytes=10", huge)
		return err
	}); err != nil {
		return err
	}
	return stretch(raised, "one answer of 1 GiB and its replay", func() error {
		id, err := post(ctx, raised, fmt.Sprintf("/?bytes=%d", huge), 1)
		if err != nil {
			return err
		}
		if err := raised.await(id, 5*time.Minute); err != nil {
			return err
		}
		return replay(ctx, raised, id, huge)
	})
}

// atOnce runs n calls together and returns their strings.
func atOnce(n int, f func() (string, error)) ([]string, error) {
	got, errs := make([]string, n), make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { got[i], errs[i] = f() })
	}
	group.Wait()
	return got, errors.Join(errs...)
}

// post submits a body of zeros and returns the correlation ID.
func post(ctx context.Context, p *process, target string, size int64) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.addr+target, io.LimitReader(endless{}, size))
	if err != nil {
		return "", err
	}
	request.ContentLength = size
	request.Header.Set("Prefer", "respond-async")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		return "", fmt.Errorf("answer %s", response.Status)
	}
	return response.Header.Get("OpenHQM-Correlation-Id"), nil
}

// await long-polls until the message is terminal.
func (p *process) await(id string, limit time.Duration) error {
	for until := time.Now().Add(limit); time.Now().Before(until); {
		response, err := http.Get("http://" + p.addr + "/api/v1/response/" + id + "/raw")
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.Header.Get("OpenHQM-State") == "COMPLETED" {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("message %s was not done within %s", id, limit)
}

// replay reads a whole stored answer and checks its length.
func replay(ctx context.Context, p *process, id string, size int64) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+"/api/v1/response/"+id+"/raw", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || n != size) {
		err = fmt.Errorf("answer %s of %d bytes, want 200 and %d", response.Status, n, size)
	}
	return err
}

// endless is zeros without end.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
