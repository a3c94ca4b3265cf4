package app

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

// How often a queue's trouble is logged: at most once in repeatTrouble, and a new kind of trouble after newTrouble, so
// that an endpoint which fails by turns in two ways does not fill the log.
const (
	repeatTrouble = time.Minute
	newTrouble    = 5 * time.Second
)

// troubles tells the log what operators have to know of endpoints: that one does not take deliveries or calls that pass
// through, that it takes deliveries again, and that messages became dead letters. It looks at each settlement and writes a
// line when something changes, not one for each message.
type troubles struct {
	next queue.Observer
	log  *slog.Logger

	mu     sync.Mutex
	failed map[string]*trouble   // deliveries, by queue
	passed map[string]*trouble   // calls that pass through, by endpoint
	dead   map[deadKind]*trouble // by queue and reason
}

// deadKind is what dead letters are counted together by.
type deadKind struct {
	queue  string
	reason queue.Reason
}

// trouble is a run of the same.
type trouble struct {
	text     string
	count    int // since it was last logged
	since    time.Time
	loggedAt time.Time
	lasting  bool
	told     bool // whether its beginning was logged
}

func newTroubles(next queue.Observer, log *slog.Logger) *troubles {
	return &troubles{next: next, log: log, failed: make(map[string]*trouble), passed: make(map[string]*trouble),
		dead: make(map[deadKind]*trouble)}
}

// Observe implements queue.Observer.
func (t *troubles) Observe(e queue.Event) {
	t.next.Observe(e)
	if e.Kind != queue.EventSettled && e.Kind != queue.EventLapsed {
		return
	}
	switch e.State {
	case queue.Done:
		t.over(&e)
	case queue.Scheduled:
		t.retried(&e)
	case queue.Dead:
		t.died(&e)
	}
}

// retried notes a delivery that failed and will be tried again.
func (t *troubles) retried(e *queue.Event) {
	now, text := time.Now(), reasonOf(e)
	t.mu.Lock()
	defer t.mu.Unlock()
	f := of(t.failed, e.Queue)
	f.count++
	if !f.lasting {
		f.lasting, f.told, f.since = true, false, now
	}
	if !f.due(now, text) {
		return
	}
	f.told = true
	t.log.Warn("deliveries fail; their messages wait and are tried again", slog.String(telemetry.KeyQueue, e.Queue),
		slog.String(telemetry.KeyClass, e.Class.String()), slog.String(telemetry.KeyReason, text), slog.Int(telemetry.KeyCount, f.count))
	f.logged(now, text)
}

// over notes an answer that is a result.
func (t *troubles) over(e *queue.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.failed[e.Queue]
	if f == nil || !f.lasting {
		return
	}
	f.lasting = false
	if f.told {
		t.log.Info("deliveries succeed again", slog.String(telemetry.KeyQueue, e.Queue),
			slog.Duration(telemetry.KeyDuration, time.Since(f.since).Round(time.Millisecond)))
	}
}

// died notes a message that became a dead letter.
func (t *troubles) died(e *queue.Event) {
	now, kind := time.Now(), deadKind{e.Queue, e.Reason}
	t.mu.Lock()
	defer t.mu.Unlock()
	d := of(t.dead, kind)
	d.count++
	if !d.due(now, "") {
		return
	}
	attrs := []slog.Attr{slog.String(telemetry.KeyQueue, e.Queue), slog.String(telemetry.KeyReason, string(e.Reason)),
		slog.String(telemetry.KeyCorrelationID, e.ID.String()), slog.Int(telemetry.KeyCount, d.count)}
	if e.Status != 0 {
		attrs = append(attrs, slog.Int(telemetry.KeyStatus, e.Status))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.Any(telemetry.KeyError, e.Err))
	}
	attrs = append(attrs, slog.String(telemetry.KeyHint, "openhqm dead show "+e.ID.String()))
	t.log.LogAttrs(context.Background(), slog.LevelWarn, "message is now a dead letter", attrs...)
	d.logged(now, "")
}

// passFailed notes a call that passed through and got no answer. It is not known when such calls succeed again.
func (t *troubles) passFailed(f endpoint.Failure) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	p := of(t.passed, f.Endpoint)
	p.count++
	if !p.due(now, f.Detail) {
		return
	}
	t.log.Warn("calls that pass through get no answer; their clients are told", slog.String(telemetry.KeyEndpoint, f.Endpoint),
		slog.String(telemetry.KeyClass, f.Class.String()), slog.String(telemetry.KeyReason, f.Detail), slog.Int(telemetry.KeyCount, p.count))
	p.logged(now, f.Detail)
}

// of returns the trouble of a key; a new one has never been logged.
func of[K comparable](all map[K]*trouble, key K) *trouble {
	t := all[key]
	if t == nil {
		t = &trouble{}
		all[key] = t
	}
	return t
}

// due reports whether the trouble is to be logged now.
func (t *trouble) due(now time.Time, text string) bool {
	passed := now.Sub(t.loggedAt)
	return passed >= repeatTrouble || text != t.text && passed >= newTrouble
}

func (t *trouble) logged(now time.Time, text string) { t.text, t.loggedAt, t.count = text, now, 0 }

// reasonOf says why a delivery failed: the error of an attempt without an answer, else the answer's status.
func reasonOf(e *queue.Event) string {
	if e.Err != nil {
		return e.Err.Error()
	}
	if e.Status != 0 {
		return "answered " + strconv.Itoa(e.Status)
	}
	return e.Kind.String()
}
