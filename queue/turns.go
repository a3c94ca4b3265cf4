package queue

// patientEvery is which leases of a queue do not take the most urgent message.
const patientEvery = 8

// Turns decides from which priority a lease of one queue takes its message: from the most urgent that waits, but every
// eighth from a less urgent one, each of which has its turn. So a message starts however many more urgent ones keep coming,
// and however long they have been waiting: below one more urgent priority, the n-th of its own within 8 n leases. The zero
// value is ready; one goroutine uses it at a time.
type Turns struct {
	leases uint64
	last   int // the priority that had the last turn
}

// Next returns the priority of the next lease, or -1 if none waits. It asks about each priority at most once.
func (t *Turns) Next(waits func(priority int) bool) int {
	top := MaxPriority
	for top >= 0 && !waits(top) {
		top--
	}
	if top <= 0 || (t.leases+1)%patientEvery != 0 {
		return top
	}
	first := top
	for p := top - 1; p >= 0; p-- {
		switch {
		case !waits(p):
		case p < t.last:
			return p
		case first == top:
			first = p
		}
	}
	return first
}

// Taken says that a lease was granted from a priority.
func (t *Turns) Taken(priority int) {
	if t.leases++; t.leases%patientEvery == 0 {
		t.last = priority
	}
}

// Patient returns how many leases that do not take the most urgent message can come before a message before which at most
// ahead others go by their priority and their age.
func (t *Turns) Patient(ahead int64) int64 {
	before := patientEvery - 1 - int64(t.leases%patientEvery)
	if ahead < before {
		return 0
	}
	return 1 + (ahead-before)/(patientEvery-1)
}
