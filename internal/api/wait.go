package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// awaited returns the record of a request about a message: at once, or when it is terminal or the wait is over, if the
// request asks to wait by ?wait= or Prefer. Applied is the value of Preference-Applied: nil for a wait that was shortened.
func (p *Producer) awaited(r *http.Request, id queue.ID) (rec *queue.Record, applied []string, err error) {
	wait, applied, err := waitOf(r)
	if err != nil {
		return nil, nil, err
	}
	rec, err = p.record(r, id)
	if err != nil || wait <= 0 || rec.State.Terminal() {
		return rec, applied, err
	}
	if !p.mayWait() {
		return rec, nil, nil
	}
	defer p.waited()
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	defer context.AfterFunc(p.ends, cancel)()
	rec, err = p.o.Broker.Wait(ctx, id, queue.UntilTerminal)
	if rec != nil {
		err = nil // the wait was over first: the record as it is now
	}
	return rec, applied, err
}

// waitOf returns how long a request wants to wait, at most client.MaxWait, and what of that is its preference (RFC 7240 3).
func waitOf(r *http.Request) (time.Duration, []string, error) {
	text := ""
	if r.URL.RawQuery != "" {
		text = r.URL.Query().Get("wait")
	}
	if text != "" {
		wait, err := parseWait(text)
		return min(wait, client.MaxWait), nil, err
	}
	if _, wait, waits := ingress.Prefers(r.Header); waits {
		if wait > client.MaxWait {
			return client.MaxWait, nil, nil
		}
		return wait, []string{"wait=" + strconv.Itoa(int(wait/time.Second))}, nil
	}
	return 0, nil, nil
}

// parseWait reads 30s or a number of seconds.
func parseWait(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 && seconds <= ingress.MaxSeconds {
		return time.Duration(seconds * float64(time.Second)), nil
	}
	if wait, err := time.ParseDuration(text); err == nil && wait >= 0 {
		return wait, nil
	}
	return 0, reply.NewProblem(reply.KindBadParameter,
		fmt.Sprintf("wait=%s: want a time such as 30s or a number of seconds; at most %s are waited", text, client.MaxWait))
}

// mayWait takes a place among the waiting calls, if there is one; a call without one answers at once. Waited gives it back.
func (p *Producer) mayWait() bool {
	if p.ends.Err() != nil {
		return false
	}
	select {
	case p.waiting <- struct{}{}:
		return true
	default:
		return false
	}
}

func (p *Producer) waited() { <-p.waiting }
