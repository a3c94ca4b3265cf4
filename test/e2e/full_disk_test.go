package e2e

import (
	"encoding/json"
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
	mentions(t, s.out.String(), `"msg":"the store takes no new messages"`, "free on its disk", "queue.embedded.min_free")
	if got := s.replay(t, running); string(got.body) != "finished" {
		t.Errorf("its result reads %q", got.body)
	}
}

// The endpoint answers while the disk is full, as another process may fill it at any moment. The call was answered, so it
// is never made again, whatever becomes of the answer (R11, R20).
func TestAnAnsweredCallIsNotRepeatedForWantOfDisk(t *testing.T) {
	dir := t.TempDir()
	mountTmpfs(t, dir, "size=256m")
	release := make(chan struct{})
	text := strings.Repeat("0123456789abcdef", 20_000)
	r := record(t, func(a recorder.Arrival) recorder.Reply {
		if strings.HasPrefix(a.Target(), "/running") {
			return append(recorder.Reply{recorder.Hold(release)}, recorder.Answer(200, text, fixedDate)...)
		}
		return recorder.Answer(200, "ok", fixedDate)
	})
	s := serve(t, endpoint(r.URL()), dataIn(filepath.Join(dir, "data")), setting("QUEUE__EMBEDDED__MIN_FREE", "32MiB"),
		setting("WORKER__CONCURRENCY", "2"), setting("WORKER__RETRY_DELAY_BASE", "10ms"))
	running := []string{s.enqueue(t, request{method: "PUT", target: "/running/safe", body: "x"}), s.enqueue(t, post("/running/unsafe", "x"))}
	waitArrivals(t, r, 2)
	waiting := s.enqueue(t, post("/waiting", "x"))

	filler := filepath.Join(dir, "filler")
	fillUpTo(t, dir, filler, 8<<20)
	eventually(t, 10*time.Second, func() error {
		if got := send(t, s.address, post("/refused", "x", "Prefer: respond-async")); got.status != http.StatusServiceUnavailable {
			return fmt.Errorf("status %d with the disk full, want 503", got.status)
		}
		return nil
	})
	close(release)
	for _, id := range running {
		if got := s.settled(t, id); got.Status != "COMPLETED" || got.Attempts != 1 {
			t.Errorf("ended %s %q after %d attempts; it was answered 200 at the first", got.Status, got.Reason, got.Attempts)
		}
		wantProblem(t, s.replay(t, id), http.StatusBadGateway, "the first 65536 bytes")
		if part := send(t, s.address, get("/api/v1/response/"+id+"/raw?partial=1")); part.status != 200 || string(part.body) != text[:64<<10] {
			t.Errorf("what was kept of its answer: status %d, %d bytes", part.status, len(part.body))
		}
		mentions(t, string(send(t, s.admin, get("/api/v1/messages/"+id)).body), "only the beginning of the answer is kept", "free on its disk")
	}

	// What may find no room for its answer is not called, and says what it waits for.
	var explained struct{ Cause, Explanation string }
	if err := json.Unmarshal(send(t, s.admin, get("/api/v1/messages/"+waiting+"/explain")).body, &explained); err != nil {
		t.Fatal(err)
	}
	if explained.Cause != "closed" || !strings.Contains(explained.Explanation, "waits for room for its answers on the disk") {
		t.Errorf("waiting work is explained by %q: %s", explained.Cause, explained.Explanation)
	}
	if n := len(r.Arrivals()); n != 2 {
		t.Errorf("%d arrivals, want the two that ran", n)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if got := s.settled(t, waiting); got.Status != "COMPLETED" {
		t.Errorf("what waited for room ended %s %q", got.Status, got.Reason)
	}
}
