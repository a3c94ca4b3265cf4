package api_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

const (
	receiver = "https://hooks.example/done?token=s3cret"
	shown    = "https://hooks.example/done?token=***"
	wanting  = `{"payload":{},"metadata":{"callback_url":"` + receiver + `"}}`
)

// listed lets requests name one receiver.
func listed(s *setup) {
	s.check = func(to string) error {
		switch {
		case to == receiver:
			return nil
		case !strings.HasPrefix(to, "http"):
			return reply.NewProblem(reply.KindBadParameter, "want a URL")
		}
		return reply.NewProblem(reply.KindForbidden, "have it added to callback.allow")
	}
}

func TestASubmitNamesOnlyAReceiverThatIsListed(t *testing.T) {
	f := newFixture(t, listed)
	want(t, f.record(f.submit(wanting)).Callback, receiver)
	want(t, f.record(f.submit(`{"payload":{},"metadata":{"callback_url":null}}`)).Callback, "")
	before := f.accepted()
	for _, c := range []struct {
		url    string
		status int
		kind   string
	}{
		{`"https://elsewhere.example/"`, 403, "forbidden"},
		{`"ftp"`, 400, "bad-parameter"},
		{`""`, 400, "invalid-message"},
		{`7`, 400, "invalid-message"},
	} {
		p := f.call("POST", "/api/v1/submit", `{"payload":{},"metadata":{"callback_url":`+c.url+`}}`).wants(c.status).problem(c.kind)
		if detail := p["detail"].(string); !strings.Contains(detail, "callback_url") {
			t.Errorf("%s: detail %q does not name the member", c.url, detail)
		}
	}
	if f.accepted() != before {
		t.Error("a refused submit was stored")
	}
	newFixture(t).call("POST", "/api/v1/submit", wanting).wants(403).problem("forbidden")
}

func TestACallbackShowsHowFarItIs(t *testing.T) {
	f := newFixture(t, listed)
	id := f.submit(wanting)
	state := func() client.CallbackState {
		t.Helper()
		var s client.Status
		f.call("GET", "/api/v1/status/"+id.String(), "").wants(200).into(&s)
		var m client.Message
		f.operate("GET", "/api/v1/messages/"+id.String(), "").wants(200).into(&m)
		if s.Callback == nil || m.Callback == nil {
			t.Fatal("no member callback")
		}
		want(t, m.Callback.State, s.Callback.State)
		want(t, s.Callback.URL, shown)
		if strings.Contains(string(m.Metadata), "s3cret") {
			t.Errorf("metadata %s shows the receiver's token", m.Metadata)
		}
		return *s.Callback
	}
	want(t, state().State, client.CallbackWaiting)

	f.settle(f.lease("legacy"), answered(200, "ok"))
	pending := state()
	want(t, pending.State, client.CallbackPending)
	ticket, err := f.broker.Ticket(t.Context(), f.record(id))
	if err != nil {
		t.Fatal(err)
	}
	want(t, pending.ID, ticket.ID.String())
	if pending.ExpiresAt == nil {
		t.Error("a pending callback does not say when it is given up")
	}

	f.settle(f.lease(queue.CallbackQueue), queue.Outcome{Class: queue.NotSent, Err: errors.New("the receiver refuses connections")})
	failing := state()
	want(t, failing.State, client.CallbackPending)
	want(t, failing.Error, "the receiver refuses connections")
	if failing.NextAttempt == nil || failing.Attempts != 0 {
		t.Errorf("after an attempt that was not sent: %+v", failing)
	}
}

func TestADeliveredCallbackSaysWhen(t *testing.T) {
	f := newFixture(t, listed)
	id := f.submit(wanting)
	f.settle(f.lease("legacy"), answered(200, "ok"))
	f.settle(f.lease(queue.CallbackQueue), answered(204, ""))
	var s client.Status
	f.call("GET", "/api/v1/status/"+id.String(), "").wants(200).into(&s)
	if c := s.Callback; c == nil || c.State != client.CallbackDelivered || c.DeliveredAt == nil || c.StatusCode != 204 || c.Attempts != 1 {
		t.Errorf("callback %+v", c)
	}
	plain := f.submit(`{"payload":1}`)
	if body := f.call("GET", "/api/v1/status/"+plain.String(), "").wants(200).Body.String(); strings.Contains(body, `"callback"`) {
		t.Errorf("a request that names no receiver has a callback: %s", body)
	}
}

func TestProducersDoNotSeeTickets(t *testing.T) {
	f := newFixture(t, listed)
	id := f.submit(wanting)
	f.settle(f.lease("legacy"), answered(200, "ok"))
	ticket, ok := queue.TicketOf(f.record(id))
	if !ok {
		t.Fatal("no ticket")
	}
	for _, call := range [][2]string{{"GET", "/status/%"}, {"GET", "/response/%"}, {"GET", "/response/%/raw"}, {"GET", "/events/%"}, {"DELETE", "/requests/%"}} {
		path := "/api/v1" + strings.Replace(call[1], "%", ticket.String(), 1)
		f.call(call[0], path, "").wants(http.StatusNotFound).problem("not-found")
	}
	want(t, f.record(ticket).State, queue.Ready)
	var m client.Message
	f.operate("GET", "/api/v1/messages/"+ticket.String(), "").wants(200).into(&m) // operators do
	if m.AcceptedAt.After(time.Now()) || m.Queue != queue.CallbackQueue {
		t.Errorf("ticket %+v", m)
	}
}
