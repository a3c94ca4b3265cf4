package queue_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/queue"
)

func TestACallCutByALostLeaseIsNoAttemptAndKeepsItsPlace(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		id := b.submit(submission(http.MethodPut))
		later := b.submit(submission(http.MethodPut))
		d := b.lease()
		if d.ID != id {
			t.Fatal("another message was first")
		}
		err := b.Settle(b.ctx, d, queue.Outcome{Class: queue.Unanswered, Err: fmt.Errorf("cut: %w", queue.ErrLeaseLost)})
		if !errors.Is(err, queue.ErrLeaseLost) {
			t.Errorf("Settle: %v, want ErrLeaseLost", err)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		b.want(id, queue.Ready, "", 0)
		if r := b.get(id); r.Crashes != 1 {
			t.Errorf("%d crashes counted, want 1", r.Crashes)
		}
		if d := b.lease(); d.ID != id {
			t.Errorf("%s was leased before it, which was accepted later", later)
		}
	})
}
