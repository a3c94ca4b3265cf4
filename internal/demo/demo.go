// Package demo is the handler that answers while no endpoint is configured, so that OpenHQM can be tried alone.
//
// # Guarantees
//
//  1. A request whose body is a JSON object {"operation": ..., "data": ...} with one of the operations echo, uppercase,
//     reverse and error is worked off at once and answered with {"output": ..., "processed_at": ...}. The operation error
//     refuses the message for good. TestOperations.
//  2. Every other request is answered after Config.Delay with an echo of its method, target, fields and body.
//     TestOtherRequestsAreEchoed.
//  3. Fields that bear credentials are not echoed. TestCredentialsAreNotEchoed.
//
// # Concurrency
//
// A Handler may be used by many goroutines at once.
//
// # Failure
//
// Nothing is done to the outside, so a call that is cut is released and comes again.
//
// # Not here
//
// Queueing.
package demo

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openhqm/openhqm/queue"
)

// DefaultDelay is how long an echo takes.
const DefaultDelay = time.Second

// MaxEcho is how much of a body is echoed, in bytes.
const MaxEcho = 64 << 10

// Config is what may be chosen.
type Config struct {
	Delay time.Duration // before an echo; 0: DefaultDelay, negative: none
}

// Handler answers by itself. It is a [queue.Handler].
type Handler struct{ delay time.Duration }

// New returns a handler.
func New(c Config) *Handler {
	if c.Delay == 0 {
		c.Delay = DefaultDelay
	}
	return &Handler{delay: c.Delay}
}

// Handle answers one request.
func (h *Handler) Handle(ctx context.Context, d *queue.Delivery) queue.Outcome {
	started := time.Now()
	r := d.Request()
	body, cut, err := read(ctx, r.Body)
	if err != nil {
		return queue.Outcome{Class: queue.NotSent, Err: fmt.Errorf("read the stored body: %w", err), StartedAt: started, Duration: time.Since(started)}
	}
	var answer any
	if task, ok := parse(body); ok {
		answer, err = task.run()
		if err != nil {
			return queue.Outcome{Class: queue.Rejected, Err: err, StartedAt: started, Duration: time.Since(started)}
		}
	} else {
		if !pause(ctx, h.delay) {
			return queue.Outcome{Class: queue.NotBegun, Err: context.Cause(ctx), StartedAt: started, Duration: time.Since(started)}
		}
		answer = newEcho(r, body, cut)
	}
	return answered(ctx, d, answer, started)
}

func answered(ctx context.Context, d *queue.Delivery, answer any, started time.Time) queue.Outcome {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(answer)
	size := int64(text.Len())
	var body queue.Body
	if err == nil {
		body, err = queue.ReceiveBody(ctx, d.Bodies, &text, size, size)
	}
	now := time.Now()
	o := queue.Outcome{Class: queue.Answered, StartedAt: started, Duration: now.Sub(started)}
	if err != nil {
		o.Class, o.Err = queue.NotSent, fmt.Errorf("store the answer: %w", err)
		return o
	}
	o.Result = &queue.Result{Status: http.StatusOK, Proto: "HTTP/1.1", Length: -1, ReceivedAt: now, Duration: o.Duration,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
	return o
}

// read returns the beginning of a body, and whether there is more.
func read(ctx context.Context, b queue.Body) ([]byte, bool, error) {
	r, err := b.Open(ctx)
	if err != nil {
		return nil, false, err
	}
	defer r.Close()
	all, err := io.ReadAll(io.LimitReader(r, MaxEcho))
	return all, b.Size() > int64(len(all)), err
}

func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// operations are those of the Python version's demo worker.
var operations = []string{"echo", "uppercase", "reverse", "error"}

type task struct {
	Operation string          `json:"operation"`
	Data      json.RawMessage `json:"data"`
}

// output is what a task gives.
type output struct {
	Output      any       `json:"output"`
	ProcessedAt time.Time `json:"processed_at"`
}

func parse(body []byte) (task, bool) {
	var t task
	if err := json.Unmarshal(body, &t); err != nil || !slices.Contains(operations, t.Operation) {
		return task{}, false
	}
	return t, true
}

// run works a task off. Data that is not a string is turned as its JSON text.
func (t *task) run() (output, error) {
	var text string
	if json.Unmarshal(t.Data, &text) != nil {
		text = string(t.Data)
	}
	o := output{ProcessedAt: time.Now().UTC()}
	switch t.Operation {
	case "echo":
		o.Output = t.Data
		if t.Data == nil {
			o.Output = nil
		}
	case "uppercase":
		o.Output = strings.ToUpper(text)
	case "reverse":
		runes := []rune(text)
		slices.Reverse(runes)
		o.Output = string(runes)
	default:
		return output{}, errors.New("the demo handler was asked to fail (operation error)")
	}
	return o, nil
}

// echo describes a request.
type echo struct {
	Method    string      `json:"method"`
	Path      string      `json:"path"` // with its query, as it was sent
	Headers   http.Header `json:"headers"`
	Body      string      `json:"body,omitempty"`
	Base64    string      `json:"body_base64,omitempty"` // of a body that is no text
	Truncated bool        `json:"truncated,omitempty"`
}

// withheld are fields that bear credentials.
var withheld = []string{"Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key"}

func newEcho(r *queue.Request, body []byte, cut bool) echo {
	e := echo{Method: r.Method, Path: r.Target, Headers: make(http.Header, len(r.Header)), Truncated: cut}
	for name, values := range r.Header {
		if slices.Contains(withheld, http.CanonicalHeaderKey(name)) {
			values = []string{"(withheld)"}
		}
		e.Headers[name] = values
	}
	if utf8.Valid(body) {
		e.Body = string(body)
	} else {
		e.Base64 = base64.StdEncoding.EncodeToString(body)
	}
	return e
}
