package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

func TestAFullDiskRefusesSubmitsAndRecoversByItself(t *testing.T) {
	dir := t.TempDir()
	mountTmpfs(t, dir, "size=256m")
	release := make(chan struct{})
	r := record(t, func(a recorder.Arrival) recorder.Reply {
		if a.Target() == "/running" {
			return append(recorder.Reply{recorder.Hold(release)}, recorder.Answer(200, "finished", fixedDate)...)
		}
		return recorder.Answer(200, "ok", fixedDate)
	})
	s := serve(t, endpoint(r.URL()), dataIn(filepath.Join(dir, "data")), setting("QUEUE__EMBEDDED__MIN_FREE", "32MiB"))
	running := s.enqueue(t, post("/running", "x"))
	waitArrivals(t, r, 1)

	filler := filepath.Join(dir, "filler")
	fillUpTo(t, dir, filler, 8<<20)
	eventually(t, 10*time.Second, func() error {
		got := send(t, s.address, post("/refused", "x", "Prefer: respond-async"))
		if got.status != http.StatusServiceUnavailable {
			return fmt.Errorf("status %d with the disk full, want 503", got.status)
		}
		wantProblem(t, got, http.StatusServiceUnavailable, "disk", itoa(32<<20))
		if got.header.Get("Retry-After") == "" {
			t.Error("a 503 without Retry-After")
		}
		return nil
	})
	close(release)
	if got := s.settled(t, running); got.Status != "COMPLETED" {
		t.Errorf("work that ran when the disk filled ended %s %q, want room for its result", got.Status, got.Reason)
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	freed := time.Now()
	eventually(t, 10*time.Second, func() error {
		if got := send(t, s.address, post("/accepted", "x", "Prefer: respond-async")); got.status != http.StatusAccepted {
			return fmt.Errorf("status %d after space came back", got.status)
		}
		return nil
	})
	if took := time.Since(freed); took > 5*time.Second {
		t.Errorf("took %v to accept again, want at most 5 s", took)
	}
	eventually(t, 10*time.Second, func() error { // the log says it once the next look at the store has seen it
		if !strings.Contains(s.out.String(), `"msg":"the store takes new messages again"`) {
			return errors.New("the log does not say that the store takes new messages again")
		}
		return nil
	})
	mentions(t, s.out.String(), `"msg":"the store takes no new messages"`, "free on its disk")
	if got := s.replay(t, running); string(got.body) != "finished" {
		t.Errorf("its result reads %q", got.body)
	}
}
