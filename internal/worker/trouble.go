package worker

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/openhqm/openhqm/internal/telemetry"
)

// repeatLog is how often the same trouble is logged.
const repeatLog = time.Minute

// trouble is a run of failures of one kind of call. It is logged when it is new or different, once a minute while it
// lasts, and when it is over.
type trouble struct {
	log  *slog.Logger
	what string // such as lease

	mu       sync.Mutex
	failures int
	text     string
	loggedAt time.Time
	since    time.Time
}

// failed notes a failure and returns how many there were in a row.
func (t *trouble) failed(err error) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.failures == 0 {
		t.since = now
	}
	t.failures++
	if text := err.Error(); text != t.text || now.Sub(t.loggedAt) >= repeatLog {
		t.text, t.loggedAt = text, now
		t.log.Error(t.what+" failed", slog.Any(telemetry.KeyError, err), slog.Int(telemetry.KeyCount, t.failures))
	}
	return t.failures
}

// over notes a success.
func (t *trouble) over() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failures == 0 {
		return
	}
	t.log.Info(t.what+" works again", slog.Int(telemetry.KeyCount, t.failures), slog.Duration(telemetry.KeyDuration, time.Since(t.since)))
	t.failures, t.text, t.loggedAt, t.since = 0, "", time.Time{}, time.Time{}
}

// began returns since when calls fail; zero if they do not.
func (t *trouble) began() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.since
}

// delay is exponential in the number of failures, from 50 ms to 5 s, with up to a quarter of jitter.
func delay(failures int) time.Duration {
	d := min(50*time.Millisecond<<min(failures-1, 10), 5*time.Second)
	return d - rand.N(d/4)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
