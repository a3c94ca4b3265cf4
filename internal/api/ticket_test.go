package api_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/queue"
)

// Operators see callbacks as they see requests: why they are where they are, what has become of them, and how to send them
// again. The receiver's token shows nowhere.
func TestOperatorsSeeCallbacksAsTheySeeRequests(t *testing.T) {
	f := newFixture(t, listed)
	subjects := make([]queue.ID, queue.TicketLane+1)
	for i := range subjects {
		subjects[i] = f.submit(wanting)
		f.settle(f.lease("legacy"), answered(200, "ok"))
	}
	ticket := func(i int) string {
		id, ok := queue.TicketOf(f.record(subjects[i]))
		if !ok {
			t.Fatal("no ticket")
		}
		return id.String()
	}
	get := func(path string, status int) string {
		t.Helper()
		body := f.operate("GET", "/api/v1"+path, "").wants(status).Body.String()
		if strings.Contains(body, "s3cret") {
			t.Errorf("%s shows the receiver's token: %s", path, body)
		}
		return body
	}
	explained := func(path, sentence string) {
		t.Helper()
		var e client.Explanation
		f.operate("GET", "/api/v1"+path, "").wants(200).into(&e)
		if e.Queue != queue.CallbackQueue || e.Endpoint != "" || !strings.Contains(e.Sentence, sentence) {
			t.Errorf("%s: %+v, want %q", path, e, sentence)
		}
		get(path, 200)
	}

	explained("/messages/"+ticket(0)+"/explain", "position 1 of `_callbacks`")
	last := ticket(len(subjects) - 1)
	explained("/messages/"+last+"/explain", fmt.Sprintf("waiting behind other callbacks to `hooks.example`: at most %d at once", queue.TicketLane))
	explained("/queues/_callbacks/explain", "wait in `_callbacks`")

	d := f.lease(queue.CallbackQueue)
	explained("/messages/"+d.ID.String()+"/explain", "is running with worker")
	f.settle(d, queue.Outcome{Class: queue.NotSent, Err: errors.New("the receiver refuses connections")})
	explained("/messages/"+d.ID.String()+"/explain", "the receiver refuses connections")

	failed := f.lease(queue.CallbackQueue)
	f.settle(failed, queue.Outcome{Class: queue.Rejected, Err: errors.New("the receiver is no longer allowed")})
	id := failed.ID.String()
	explained("/messages/"+id+"/explain", "failed at ")
	subject := failed.Record.Subject.String()
	var m client.Message
	f.operate("GET", "/api/v1/messages/"+id, "").wants(200).into(&m)
	want(t, m.Subject, subject)
	want(t, m.Request.Target, shown)
	if body := get("/dead?queue=_callbacks", 200); !strings.Contains(body, id) {
		t.Errorf("the dead letters of the hidden queue: %s", body)
	}
	if body := get("/dead", 200); strings.Contains(body, id) {
		t.Errorf("a callback among the dead letters of everything: %s", body)
	}

	if body := get("/dead/export?queue=_callbacks", 200); !strings.Contains(body, `"subject":"`+subject+`"`) {
		t.Errorf("export: %s", body)
	}
	curl := get("/dead/export?queue=_callbacks&format=curl", 200)
	for line := range strings.Lines(curl) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			t.Errorf("a command for what cannot be signed: %q", line)
		}
	}
	if !strings.Contains(curl, subject) || !strings.Contains(curl, shown) || !strings.Contains(curl, "openhqm dead redrive "+id) {
		t.Errorf("the export as commands does not say what to do: %s", curl)
	}
	f.operate("POST", "/api/v1/dead/"+id+"/redrive", "").wants(200)
	if state := f.record(failed.ID).State; state == queue.Dead {
		t.Errorf("after a redrive it is %s", state)
	}
}
