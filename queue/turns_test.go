package queue

import "testing"

// leases draws n leases of a queue whose priorities always have work, and returns how many each got.
func leases(t *Turns, n int, waiting ...int) (got [MaxPriority + 1]int) {
	for range n {
		p := t.Next(func(p int) bool {
			for _, w := range waiting {
				if w == p {
					return true
				}
			}
			return false
		})
		got[p]++
		t.Taken(p)
	}
	return got
}

func TestEveryEighthLeaseIsTheTurnOfALessUrgentPriority(t *testing.T) {
	for _, c := range []struct {
		waiting []int
		want    map[int]int // of 240 leases
	}{
		{[]int{9}, map[int]int{9: 240}},
		{[]int{0}, map[int]int{0: 240}},
		{[]int{9, 0}, map[int]int{9: 210, 0: 30}},
		{[]int{9, 5, 0}, map[int]int{9: 210, 5: 15, 0: 15}},
		{[]int{4, 3, 2, 1}, map[int]int{4: 210, 3: 10, 2: 10, 1: 10}},
	} {
		got := leases(new(Turns), 240, c.waiting...)
		for p, n := range got {
			if n != c.want[p] {
				t.Errorf("%v wait: priority %d got %d of 240 leases, want %d", c.waiting, p, n, c.want[p])
			}
		}
	}
	if p := new(Turns).Next(func(int) bool { return false }); p != -1 {
		t.Errorf("nothing waits, and the next is %d", p)
	}
}

func TestTurnsAskAboutEachPriorityOnce(t *testing.T) {
	turns := &Turns{}
	leases(turns, 7, 9, 3)
	asked := make(map[int]int)
	turns.Next(func(p int) bool {
		asked[p]++
		return p == 9 || p == 3
	})
	for p, n := range asked {
		if n != 1 {
			t.Errorf("asked %d times about priority %d", n, p)
		}
	}
}

func TestPatientLeasesAreBounded(t *testing.T) {
	for start := range 16 {
		turns := &Turns{}
		leases(turns, start, 9)
		for ahead := range 40 {
			bound := turns.Patient(int64(ahead))
			// The worst case: all that go ahead are more urgent, and less urgent ones always wait.
			copied, urgent, others := *turns, ahead, int64(0)
			for urgent > 0 || (copied.leases+1)%patientEvery == 0 {
				if (copied.leases+1)%patientEvery == 0 {
					others++
				} else {
					urgent--
				}
				copied.Taken(0)
			}
			if others > bound {
				t.Errorf("after %d leases, with %d ahead: %d patient ones, bound %d", start, ahead, others, bound)
			}
		}
	}
}
