package ingress_test

import (
	"net/http"
	"testing"

	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/internal/store/memory"
)

func onlyDone(receiver string) error {
	if receiver != "https://hooks.example/done" {
		return reply.NewProblem(reply.KindForbidden, "have it added to callback.allow")
	}
	return nil
}

func TestACapturedRequestNamesOnlyAReceiverThatIsListed(t *testing.T) {
	f := start(t, setup{store: memory.New(memory.Options{}), check: onlyDone})
	if a := f.send(t, order+async+"OpenHQM-Callback: https://hooks.example/done\r\n\r\nabc"); a.status != http.StatusAccepted {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	record := f.lease(t, "app").Record
	if record.Callback != "https://hooks.example/done" {
		t.Errorf("the message's callback is %q", record.Callback)
	}
	if got := record.Request.Header["Openhqm-Callback"]; got != nil {
		t.Errorf("the field is stored with the request: %v", got)
	}
	before := f.accepted(t)
	wantProblem(t, f.send(t, order+async+"OpenHQM-Callback: https://elsewhere.example/\r\n\r\nabc"), 403, "forbidden",
		"OpenHQM-Callback", "callback.allow")
	wantProblem(t, f.send(t, order+async+"OpenHQM-Callback: https://hooks.example/done\r\nOpenHQM-Callback: https://hooks.example/done\r\n\r\nabc"),
		400, "bad-parameter", "more than once")
	if f.accepted(t) != before {
		t.Error("a refused request was stored")
	}
}

func TestARequestThatPassesThroughNamesNoReceiver(t *testing.T) {
	target := app()
	target.Pass = http.NotFoundHandler()
	f := start(t, setup{store: memory.New(memory.Options{}), check: onlyDone, targets: []ingress.Target{target}})
	wantProblem(t, f.send(t, "GET /x HTTP/1.1\r\nHost: a\r\nOpenHQM-Callback: https://hooks.example/done\r\n\r\n"), 400, "bad-parameter",
		"OpenHQM-Callback", "respond-async")
}

func TestWithoutCallbacksNoReceiverIsTaken(t *testing.T) {
	f := start(t, setup{store: memory.New(memory.Options{})})
	wantProblem(t, f.send(t, order+async+"OpenHQM-Callback: https://hooks.example/done\r\n\r\nabc"), 403, "forbidden", "not configured")
}
