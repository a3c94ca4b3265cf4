package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

// A lineWatch is an endpoint that judges what arrives: targets are /KEY/NUMBER,
// and of one key every number has to be answered for good before the next comes.
type lineWatch struct {
	mu       sync.Mutex
	done     map[string]int // the highest number answered 200, by key
	running  map[string]int // the number under way, by key
	tries    map[string]int // arrivals, by target
	repeated int            // arrivals of what was answered already
	wrong    []string
}

func (w *lineWatch) arrive(target string) (tries int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key, number := splitTarget(target)
	w.tries[target]++
	if other, ok := w.running[key]; ok && other != number {
		w.wrong = append(w.wrong, fmt.Sprintf("%s came while %s/%d was under way", target, key, other))
	}
	switch next := w.done[key] + 1; {
	case number == next:
	case number < next:
		w.repeated++
	default:
		w.wrong = append(w.wrong, fmt.Sprintf("%s came before %s/%d was answered", target, key, next))
	}
	w.running[key] = number
	return w.tries[target]
}

func (w *lineWatch) leave(target string, answered bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key, number := splitTarget(target)
	delete(w.running, key)
	if answered {
		w.done[key] = max(w.done[key], number)
	}
}

func splitTarget(target string) (string, int) {
	key, text, _ := strings.Cut(strings.TrimPrefix(target, "/"), "/")
	number, _ := strconv.Atoi(text)
	return key, number
}

// TestRequestsOfOneKeyNeverOvertakeNorOverlap sends numbered requests of several
// ordering keys to an endpoint that fails every third of them once, and kills the
// process twice while they are worked off.
func TestRequestsOfOneKeyNeverOvertakeNorOverlap(t *testing.T) {
	t.Parallel()
	const keys, each = 6, 40
	w := &lineWatch{done: map[string]int{}, running: map[string]int{}, tries: map[string]int{}}
	r := record(t, func(a recorder.Arrival) recorder.Reply {
		target := a.Target()
		_, number := splitTarget(target)
		fails := w.arrive(target) == 1 && number%3 == 0
		time.Sleep(10 * time.Millisecond)
		w.leave(target, !fails)
		if fails {
			return recorder.Answer(503, "again", fixedDate)
		}
		return recorder.Answer(200, "ok", fixedDate)
	})
	options := []option{dataIn(t.TempDir() + "/data"), setting("WORKER__RETRY_DELAY_BASE", "20ms"), setting("WORKER__LEASE", "2s"),
		limited(r.URL(), "ordering: {header: X-Account}, breaker: {failures: 0}, retry_budget: 0")}
	s := serve(t, options...)
	var ids []string
	for number := 1; number <= each; number++ {
		for key := range keys {
			target := fmt.Sprintf("/k%d/%d", key, number)
			sent := request{method: "PUT", target: target, body: "x", fields: []string{"X-Account: k" + strconv.Itoa(key)}}
			if key == 0 { // the same by the request itself
				sent.fields = []string{"OpenHQM-Ordering-Key: k0"}
			}
			ids = append(ids, s.enqueue(t, sent))
		}
		if number == each/2 {
			s.kill(t)
			s = serve(t, options...)
		}
	}
	waitArrivals(t, r, keys*each/2)
	s.kill(t)
	s = serve(t, options...)
	for _, id := range ids {
		if final := s.settled(t, id); final.Status != "COMPLETED" {
			t.Errorf("%s ended %+v", id, final)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, wrong := range w.wrong {
		t.Error(wrong)
	}
	retried := 0
	for key := range keys {
		name := "k" + strconv.Itoa(key)
		if w.done[name] != each {
			t.Errorf("of key %s the last is %d, want %d", name, w.done[name], each)
		}
	}
	for _, n := range w.tries {
		if n > 1 {
			retried++
		}
	}
	if retried < keys*(each/3) {
		t.Errorf("%d were tried again, want at least each third: too little happened to prove anything", retried)
	}
	if w.repeated > 2*keys {
		t.Errorf("%d were sent again after their answer; two kills explain %d", w.repeated, 2*keys)
	}
}

// failing is an endpoint that refuses /KEY/1 until it is mended.
type failing struct {
	mended chan struct{}
	hold   chan struct{} // of /KEY/4
}

func (f *failing) script(a recorder.Arrival) recorder.Reply {
	switch _, number := splitTarget(a.Target()); {
	case number == 1 && !closed(f.mended):
		return recorder.Answer(500, "broken", fixedDate)
	case number == 4:
		return append(recorder.Reply{recorder.Hold(f.hold)}, recorder.Answer(200, "ok", fixedDate)...)
	}
	return recorder.Answer(200, "ok", fixedDate)
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func targetsOf(arrivals []recorder.Arrival) string {
	var all []string
	for _, a := range arrivals {
		all = append(all, a.Target())
	}
	return strings.Join(all, " ")
}

func TestADeadLetterIsSkippedByItsKeyAndComesBackInLine(t *testing.T) {
	t.Parallel()
	f := &failing{mended: make(chan struct{}), hold: make(chan struct{})}
	r := record(t, f.script)
	s := serve(t, limited(r.URL(), "ordering: {header: X-Account}"))
	dead := s.enqueue(t, post("/k/1", "x", "X-Account: k"))
	second := s.enqueue(t, post("/k/2", "x", "X-Account: k"))
	if got := s.settled(t, dead); got.Status != "FAILED" || got.Reason != "endpoint_error" {
		t.Fatalf("the first ended %+v", got)
	}
	if got := s.settled(t, second); got.Status != "COMPLETED" {
		t.Errorf("the one behind it ended %+v", got)
	}
	fourth := s.enqueue(t, post("/k/4", "x", "X-Account: k")) // is held by the endpoint
	waitArrivals(t, r, 3)
	close(f.mended)
	if out, code := s.cli(t, "dead", "redrive", dead); code != 0 {
		t.Fatalf("redrive ended %d: %s", code, out)
	}
	out, _ := s.cli(t, "explain", dead)
	mentions(t, out, "ordering key", "k")
	if n := len(r.Arrivals()); n != 3 {
		t.Errorf("the redriven one ran beside another of its key: %s", targetsOf(r.Arrivals()))
	}
	close(f.hold)
	for _, id := range []string{fourth, dead} {
		if got := s.settled(t, id); got.Status != "COMPLETED" {
			t.Errorf("%s ended %+v", id, got)
		}
	}
	if got := targetsOf(r.Arrivals()); got != "/k/1 /k/2 /k/4 /k/1" {
		t.Errorf("arrived: %s", got)
	}
}

func TestADeadLetterBlocksItsKeyUntilItIsRedriven(t *testing.T) {
	t.Parallel()
	f := &failing{mended: make(chan struct{})}
	r := record(t, f.script)
	options := []option{dataIn(t.TempDir() + "/data"), limited(r.URL(), "ordering: {header: X-Account, on_dead: block}")}
	s := serve(t, options...)
	dead := s.enqueue(t, post("/k/1", "x", "X-Account: k"))
	second := s.enqueue(t, post("/k/2", "x", "X-Account: k"))
	other := s.enqueue(t, post("/other/2", "x", "X-Account: other"))
	plain := s.enqueue(t, post("/plain/2", "x"))
	for id, want := range map[string]string{dead: "FAILED", other: "COMPLETED", plain: "COMPLETED"} {
		if got := s.settled(t, id); got.Status != want {
			t.Errorf("%s ended %+v, want %s", id, got, want)
		}
	}
	blocked := func() {
		t.Helper()
		if got := s.status(t, second); got.Status != "PENDING" || got.Deliveries != 0 {
			t.Errorf("behind a dead letter: %+v", got)
		}
		out, code := s.cli(t, "explain", second)
		if code != 0 {
			t.Errorf("explain ended %d", code)
		}
		mentions(t, out, "ordering key", dead, "redriven or removed")
	}
	blocked()
	s.kill(t)
	s = serve(t, options...)
	third := s.enqueue(t, post("/k/3", "x", "X-Account: k"))
	blocked()
	close(f.mended)
	if out, code := s.cli(t, "dead", "redrive", dead); code != 0 {
		t.Fatalf("redrive ended %d: %s", code, out)
	}
	for _, id := range []string{dead, second, third} {
		if got := s.settled(t, id); got.Status != "COMPLETED" {
			t.Errorf("%s ended %+v", id, got)
		}
	}
	var order []string
	for _, a := range r.Arrivals() {
		if strings.HasPrefix(a.Target(), "/k/") {
			order = append(order, a.Target())
		}
	}
	if got := strings.Join(order, " "); got != "/k/1 /k/1 /k/2 /k/3" {
		t.Errorf("arrived: %s", got)
	}
}

func TestAnOrderingKeyIsShownAndCheckedAtTheDoor(t *testing.T) {
	t.Parallel()
	r := record(t, recorder.Always(recorder.Answer(200, "ok", fixedDate)))
	s := serve(t, limited(r.URL(), "ordering: {header: X-Account}"))
	id := s.enqueue(t, post("/x", "x", "X-Account: 7", "OpenHQM-Priority: 2"))
	s.settled(t, id)
	mentions(t, send(t, s.address, get("/api/v1/status/"+id)).text(), `"ordering_key":"7"`, `"priority":2`)
	arrival := r.Arrivals()[0]
	if arrival.Value("X-Account") != "7" || arrival.Value("OpenHQM-Priority") != "" {
		t.Errorf("arrived with %v", arrival.Fields())
	}
	wantProblem(t, send(t, s.address, post("/x", "x", "X-Account: 7", "X-Account: 8")), http.StatusBadRequest, "X-Account", "more than once")
	wantProblem(t, send(t, s.address, post("/x", "x", "X-Account: 7", "OpenHQM-Ordering-Key: 8")), http.StatusBadRequest, "X-Account")
	wantProblem(t, send(t, s.address, get("/x", "OpenHQM-Ordering-Key: 8")), http.StatusBadRequest, "OpenHQM-Ordering-Key", "respond-async")
	if n := len(r.Arrivals()); n != 1 {
		t.Errorf("%d arrivals, want the one that was accepted", n)
	}
}
