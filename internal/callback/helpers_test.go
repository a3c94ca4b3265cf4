package callback

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"))
}

const (
	key1 = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" // 0123456789abcdef twice
	key2 = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// sender returns a sender that counts the ends of its attempts.
func sender(t *testing.T, c Config, o Options) (*Sender, map[telemetry.CallbackEnd]int) {
	t.Helper()
	ends := make(map[telemetry.CallbackEnd]int)
	o.Observe = func(end telemetry.CallbackEnd) { ends[end]++ }
	if c.Secrets == nil {
		c.Secrets = []string{key1}
	}
	s, err := New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, ends
}

// finished returns the record of a message that has just been answered 201.
func finished(url string, edits ...func(*queue.Record)) *queue.Record {
	at := time.UnixMilli(1_764_000_000_000)
	m := &queue.Message{ID: queue.NewID(1, at), Queue: "legacy", Endpoint: "legacy", AcceptedAt: at, Callback: url,
		KeepResult: time.Hour, Metadata: []byte(`{"note":"s3cret"}`),
		Request: queue.Request{Method: "POST", Target: "/orders?token=s3cret", Header: map[string][]string{"Authorization": {"Bearer s3cret"}},
			Body: queue.InlineBody([]byte("s3cret"))}}
	r := &queue.Record{Message: m, Progress: queue.Progress{State: queue.Done, CompletedAt: at.Add(1500 * time.Millisecond)},
		Result: &queue.Result{Status: 201, Header: map[string][]string{"Set-Cookie": {"a=s3cret"}}, Body: queue.InlineBody([]byte("s3cret"))}}
	for _, edit := range edits {
		edit(r)
	}
	return r
}

// delivery returns the ticket of a record, as a worker gets it.
func delivery(r *queue.Record) *queue.Delivery {
	ticket := queue.NewRecord(queue.NewTicket(r, r.CompletedAt), r.CompletedAt)
	ref := ticket.Lease("w", r.CompletedAt, time.Minute)
	return &queue.Delivery{LeaseRef: ref, Record: ticket}
}

// try makes one attempt to tell a URL of a finished message.
func try(t *testing.T, s *Sender, url string) queue.Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return s.Handle(ctx, delivery(finished(url)))
}
