package queue

import (
	"fmt"
	"testing"
)

// Both sides always wait; a token at a time, or a slot at a time whose calls take unequally long.
func TestSharesAreKeptWhileBothWait(t *testing.T) {
	for _, share := range []int{0, 10, 25, 50, 80} {
		l := Limits{Rate: 1, SyncShare: share}
		want := l.Share()
		t.Run(fmt.Sprint("of tokens, ", share), func(t *testing.T) {
			var s Shares
			passed := 0
			for range 1000 {
				if s.PassNext(Gate{Limits: l}, 0, 0) {
					s.Passed(l)
					passed++
				} else {
					s.Leased(l)
				}
			}
			if off := passed - 10*want; off < -1 || off > 1 {
				t.Errorf("%d of 1000 passed, want %d", passed, 10*want)
			}
		})
		t.Run(fmt.Sprint("of slots, ", share), func(t *testing.T) {
			const slots = 20
			l := Limits{MaxLeased: slots, SyncShare: share}
			var s Shares
			var leased, reserved, held int64
			const rounds = 5000
			for round := range rounds {
				for leased+reserved < slots {
					if s.PassNext(Gate{Limits: l}, leased, reserved) {
						s.Passed(l)
						reserved++
					} else {
						s.Leased(l)
						leased++
					}
				}
				held += reserved
				if round%7 == 0 { // a delivery takes seven times as long as a call that passes
					leased = max(leased-1, 0)
				} else {
					reserved = max(reserved-1, 0)
				}
			}
			if got := float64(held) / rounds; got < float64(slots*want)/100-1 || got > float64(slots*want)/100+1 {
				t.Errorf("%.1f of %d slots were of calls that pass, want %d%%", got, slots, want)
			}
		})
	}
}

func TestASideThatCouldNotTakeItsTurnsDoesNotTakeThemAllAtOnce(t *testing.T) {
	l := Limits{Rate: 1}
	var s Shares
	for range 100000 {
		s.Passed(l)
	}
	n := 0
	for !s.PassNext(Gate{Limits: l}, 0, 0) {
		s.Leased(l)
		n++
	}
	if n > 2*maxDebt {
		t.Errorf("%d deliveries in a row", n)
	}
}
