package e2e

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

func TestALongPollReturnsWithTheResult(t *testing.T) {
	release := make(chan struct{})
	r := record(t, recorder.Always(append(recorder.Reply{recorder.Hold(release)}, recorder.Answer(200, "x", fixedDate)...)))
	s := serve(t, endpoint(r.URL()))
	id := s.enqueue(t, post("/slow", "x"))
	waitArrivals(t, r, 1)

	began := time.Now()
	if got := s.statusOf(t, "/api/v1/status/"+id+"?wait=1s"); got.Status != "PROCESSING" || time.Since(began) < 900*time.Millisecond {
		t.Errorf("a poll of 1 s returned %s after %v", got.Status, time.Since(began))
	}
	released := make(chan time.Time, 1)
	time.AfterFunc(300*time.Millisecond, func() { released <- time.Now(); close(release) })
	a := send(t, s.address, get("/api/v1/status/"+id, "Prefer: wait=30"))
	var got status
	decode(t, a, &got)
	if late := time.Since(<-released); got.Status != "COMPLETED" || late > 5*time.Second {
		t.Errorf("Prefer: wait=30 returned %s, %v after the answer", got.Status, late)
	}
}

func TestEventsTellEveryStateUntilTheEnd(t *testing.T) {
	release := make(chan struct{})
	r := record(t, recorder.Always(append(recorder.Reply{recorder.Hold(release)}, recorder.Answer(200, "x", fixedDate)...)))
	s := serve(t, endpoint(r.URL()))
	id := s.enqueue(t, post("/slow", "x"))
	waitArrivals(t, r, 1)

	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(exchangeTimeout)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(get("/api/v1/events/"+id, "Accept: text/event-stream").render(s.address)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || !strings.HasPrefix(kind, "text/event-stream") {
		t.Fatalf("status %d, Content-Type %q", resp.StatusCode, kind)
	}
	var states []string
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		for _, word := range []string{"PROCESSING", "COMPLETED"} {
			if strings.HasPrefix(lines.Text(), "data:") && strings.Contains(lines.Text(), `"`+word+`"`) {
				states = append(states, word)
			}
		}
		if len(states) == 1 && release != nil {
			close(release)
			release = nil
		}
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream ended with %v, want the end of the body", err)
	}
	if len(states) < 2 || states[0] != "PROCESSING" || states[len(states)-1] != "COMPLETED" {
		t.Errorf("events told %v, want PROCESSING first and COMPLETED last", states)
	}
}

func TestResultsStayReadableOverARestart(t *testing.T) {
	r := record(t, recorder.Always(recorder.Answer(200, "kept", fixedDate)))
	options := []option{endpoint(r.URL()), dataIn(t.TempDir() + "/data")}
	s := serve(t, options...)
	_, final := s.through(t, post("/x", "x"))
	before := s.replay(t, final.ID)
	s.stop(t)
	s = serve(t, options...)
	sameAnswer(t, "after the restart", before, s.replay(t, final.ID))
}

func TestAResultIsGoneAfterItsRetention(t *testing.T) {
	r := record(t, recorder.Always(recorder.Answer(200, "kept", fixedDate)))
	s := serve(t, endpoint(r.URL()), setting("CACHE__TTL_SECONDS", "2"))
	_, final := s.through(t, post("/x", "x"))
	eventually(t, 30*time.Second, func() error {
		if got := s.replay(t, final.ID); got.status == http.StatusOK {
			return errors.New("it is still readable")
		}
		return nil
	})
	wantProblem(t, s.replay(t, final.ID), http.StatusGone, final.ID)
}

func TestTheCommandLineDoesWhatTheAPIDoes(t *testing.T) {
	r := record(t, recorder.Always(recorder.Answer(200, `{"ok":true}`, fixedDate, "Content-Type: application/json")))
	s := serve(t, endpoint(r.URL()))
	out, code := s.cli(t, "submit", `{"a": 1}`)
	id := strings.TrimSpace(out)
	if code != 0 || id == "" {
		t.Fatalf("submit ended %d: %s", code, out)
	}
	if out, code := s.cli(t, "wait", id); code != 0 {
		t.Errorf("wait ended %d: %s", code, out)
	}
	out, code = s.cli(t, "status", id)
	if code != 0 {
		t.Errorf("status ended %d", code)
	}
	mentions(t, out, "COMPLETED")
	out, code = s.cli(t, "response", id)
	if code != 0 {
		t.Errorf("response ended %d", code)
	}
	mentions(t, out, "ok", "true")
	if out, code := s.cli(t, "cancel", id); code == 0 {
		t.Errorf("cancel of a finished request ended 0: %s", out)
	}
	if out, code := s.cli(t, "healthcheck"); code != 0 {
		t.Errorf("healthcheck ended %d: %s", code, out)
	}
	out, code = s.cli(t, "version")
	if code != 0 {
		t.Errorf("version ended %d", code)
	}
	mentions(t, out, stamp)
}
