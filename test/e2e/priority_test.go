package e2e

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

// TestTheLeastUrgentStartsWhileUrgentOnesComeAtTwiceTheCapacity keeps an endpoint
// of 20 calls a second behind a stream of 40 of priority 9 a second, which has
// lasted long: a hundred of them wait. Time is compressed a hundredfold, so that the
// capacity stands for one of 0.2 a second, and the 60 s within which a 0 has to
// start are 12 calls.
func TestTheLeastUrgentStartsWhileUrgentOnesComeAtTwiceTheCapacity(t *testing.T) {
	t.Parallel()
	const bound, patient = 12, 5
	r := record(t, recorder.Always(recorder.Answer(200, "ok", fixedDate)))
	s := serve(t, limited(r.URL(), "rate: 20/s, burst: 1"))
	urgent := post("/urgent", "x", "OpenHQM-Priority: 9")
	for range 100 {
		s.enqueue(t, urgent)
	}
	var sent atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(25 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if _, err := trySend(s.address, urgent.with("Prefer: respond-async")); err != nil {
					t.Errorf("an urgent one was not sent: %v", err)
					return
				}
				sent.Add(1)
			}
		}
	}()
	for range patient {
		before := len(r.Arrivals())
		id := s.enqueue(t, post("/patient", "x"))
		if got := s.settled(t, id); got.Status != "COMPLETED" {
			t.Errorf("ended %+v", got)
		}
		for i, a := range r.Arrivals()[before:] {
			if a.Target() == "/patient" {
				if i >= bound {
					t.Errorf("a 0 was call %d after it came, want one of the first %d", i+1, bound)
				}
				break
			}
		}
	}
	close(stop)
	<-stopped
	served := int64(len(r.Arrivals()))
	if waiting := 100 + sent.Load() + patient - served; waiting < 50 || sent.Load() == 0 {
		t.Errorf("only %d urgent ones wait at the end, and %d came: no overload", waiting, sent.Load())
	}
}
