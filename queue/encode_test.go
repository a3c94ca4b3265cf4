package queue_test

import (
	"bytes"
	"errors"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/openhqm/openhqm/queue"
)

// fullMessage has every field set, so that a field which is not stored is missed.
func fullMessage() *queue.Message {
	at := time.Unix(1_764_000_000, 123_456_789).UTC()
	return &queue.Message{
		ID: queue.NewID(5, at), Queue: "orders", Endpoint: "shop", Route: "r", Caller: "alice",
		AcceptedAt: at, NotBefore: at.Add(time.Second), Deadline: at.Add(time.Hour),
		Priority: 9, Lane: queue.Lane{Key: "k", Bound: 3, OnDead: queue.OnDeadBlock, Fair: true, Rate: 2.5, Burst: 4}, OnLost: queue.OnLostFail,
		MaxDeliveries: 5, KeepResult: time.Minute, KeepDead: -1, AttemptTimeout: time.Second,
		Idempotency: &queue.Idempotency{Scope: [32]byte{1}, Fingerprint: [32]byte{31: 2}, Keep: time.Hour},
		Callback:    "https://client.example/done", Subject: queue.NewID(6, at), Metadata: []byte(`{"a":1}`),
		Request: fullRequest(),
	}
}

func fullRequest() queue.Request {
	return queue.Request{
		Method: "POST", Target: "/a%2Fb?x=%20&&", Scheme: "https", Host: "app.example", Proto: "HTTP/1.1", Remote: "192.0.2.1:5",
		Header:  http.Header{"Set-Cookie": {"b=2", "a=1", ""}, "X-Bytes": {"\xff\x00"}},
		Trailer: http.Header{"X-Sum": {"7"}},
		Body:    queue.InlineBody([]byte("body")),
	}
}

func fullProgress() queue.Progress {
	at := time.Unix(1_764_000_000, 5).UTC()
	edited := fullRequest()
	return queue.Progress{
		State: queue.Leased, Reason: queue.ReasonPoison, Revision: 300, Seq: 1 << 40, Turn: 1 << 41, Generation: 2, Deliveries: 9, Attempts: 3, Crashes: 4,
		Uncounted: 5, UpdatedAt: at, EligibleAt: at.Add(1), DeadlineAt: at.Add(2), CompletedAt: at.Add(3), RemoveAt: at.Add(4),
		LeaseToken: 77, LeaseExpiresAt: at.Add(5), Worker: "w", CancelRequested: true, MayHaveRun: true, Edited: &edited,
		History: []queue.Attempt{{Generation: 1, Delivery: 8, StartedAt: at, Duration: time.Second, Class: queue.Unanswered, Status: 502,
			Counted: true, Error: "reset"}},
		HistoryDropped: 6,
	}
}

func fullResult() *queue.Result {
	return &queue.Result{Status: 207, Proto: "HTTP/2.0", Header: http.Header{"A": {"1", "2"}}, Trailer: http.Header{"B": {""}},
		Body: queue.InlineBody([]byte{0, 255}), Truncated: true, Length: -1, ReceivedAt: time.Unix(1, 2).UTC(), Duration: time.Millisecond}
}

// everyFieldSet fails for a zero field, so that the round trips below cannot pass over a field that was added later.
func everyFieldSet(t *testing.T, v any) {
	t.Helper()
	s := reflect.Indirect(reflect.ValueOf(v))
	for i := range s.NumField() {
		if s.Field(i).IsZero() {
			t.Errorf("%T.%s is not set by the test", v, s.Type().Field(i).Name)
		}
	}
}

func TestStoredFormKeepsEveryField(t *testing.T) {
	m, p, r := fullMessage(), fullProgress(), fullResult()
	for _, v := range []any{m, &p, r, &m.Request, &p.History[0]} {
		everyFieldSet(t, v)
	}
	gotMessage, err := queue.DecodeMessage(queue.AppendMessage(nil, m), nil)
	if err != nil || !reflect.DeepEqual(gotMessage, m) {
		t.Errorf("message became\n%+v, %v, want\n%+v", gotMessage, err, m)
	}
	gotProgress, err := queue.DecodeProgress(queue.AppendProgress(nil, &p), nil)
	if err != nil || !reflect.DeepEqual(gotProgress, p) {
		t.Errorf("progress became\n%+v, %v, want\n%+v", gotProgress, err, p)
	}
	gotResult, err := queue.DecodeResult(queue.AppendResult(nil, r), nil)
	if err != nil || !reflect.DeepEqual(gotResult, r) {
		t.Errorf("result became\n%+v, %v, want\n%+v", gotResult, err, r)
	}
}

func TestStoredFormOfEmptyValues(t *testing.T) {
	m := &queue.Message{ID: queue.NewID(0, time.Now())}
	got, err := queue.DecodeMessage(queue.AppendMessage(nil, m), nil)
	if err != nil || !got.AcceptedAt.IsZero() || got.Idempotency != nil || got.Metadata != nil || got.Request.Header != nil || got.Request.Body.Size() != 0 {
		t.Errorf("message became %+v, %v", got, err)
	}
	p := queue.Progress{State: queue.Ready}
	if got, err := queue.DecodeProgress(queue.AppendProgress(nil, &p), nil); err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("progress became %+v, %v", got, err)
	}
}

func TestStoredFormKeepsTheReferenceOfALargeBody(t *testing.T) {
	r := fullResult()
	r.Body = queue.StoredBody("blob-7", 1<<40, nil)
	got, err := queue.DecodeResult(queue.AppendResult(nil, r), nil)
	if err != nil || got.Body.Ref() != "blob-7" || got.Body.Size() != 1<<40 {
		t.Errorf("body became %q of %d bytes, %v", got.Body.Ref(), got.Body.Size(), err)
	}
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	b := queue.AppendMessage([]byte("head"), fullMessage())
	if !bytes.HasPrefix(b, []byte("head")) {
		t.Fatal("the bytes before are gone")
	}
	if _, err := queue.DecodeMessage(b[4:], nil); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedBytesAreCorrupt(t *testing.T) {
	p := fullProgress()
	for name, c := range map[string]struct {
		bytes  []byte
		decode func([]byte) error
	}{
		"message":  {queue.AppendMessage(nil, fullMessage()), func(b []byte) error { _, err := queue.DecodeMessage(b, nil); return err }},
		"progress": {queue.AppendProgress(nil, &p), func(b []byte) error { _, err := queue.DecodeProgress(b, nil); return err }},
		"result":   {queue.AppendResult(nil, fullResult()), func(b []byte) error { _, err := queue.DecodeResult(b, nil); return err }},
	} {
		if err := c.decode(c.bytes); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for n := range c.bytes {
			if err := c.decode(c.bytes[:n]); !errors.Is(err, queue.ErrCorrupt) {
				t.Errorf("%s cut to %d bytes: error = %v, want ErrCorrupt", name, n, err)
			}
		}
		if err := c.decode(append(bytes.Clone(c.bytes), 0)); !errors.Is(err, queue.ErrCorrupt) {
			t.Errorf("%s with a byte more: error = %v, want ErrCorrupt", name, err)
		}
		newer := bytes.Clone(c.bytes)
		newer[0]++
		if err := c.decode(newer); !errors.Is(err, queue.ErrCorrupt) {
			t.Errorf("%s of another version: error = %v, want ErrCorrupt", name, err)
		}
	}
}

// TestWhatKnowsOfNoFairLaneKeepsItsForm lets a store of the format before be read, and read by the version before as long as
// nothing in it is new.
func TestWhatKnowsOfNoFairLaneKeepsItsForm(t *testing.T) {
	m, p := fullMessage(), fullProgress()
	m.Lane.Fair, m.Lane.Rate, m.Lane.Burst, p.Turn = false, 0, 0, 0
	message, progress := queue.AppendMessage(nil, m), queue.AppendProgress(nil, &p)
	if message[0] != 1 || progress[0] != 1 {
		t.Errorf("versions %d and %d, want the first", message[0], progress[0])
	}
	gotMessage, err := queue.DecodeMessage(message, nil)
	if err != nil || gotMessage.Lane != m.Lane {
		t.Errorf("%+v, %v", gotMessage, err)
	}
	if got, err := queue.DecodeProgress(progress, nil); err != nil || got.Turn != 0 || got.Seq != p.Seq {
		t.Errorf("%+v, %v", got, err)
	}
}
