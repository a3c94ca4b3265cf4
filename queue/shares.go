package queue

// DefaultSyncShare is the share of calls that pass through where [Limits] name none.
const DefaultSyncShare = 50

// maxDebt is how many calls one side may be ahead of its share and still give them back. Beyond it the past is forgotten, so
// that a side which could not take its turns for long does not keep the other waiting for as long.
const maxDebt = 16

// Shares decides what takes the next call of a gate when both wait for it: a delivery of what is queued, or a call that passes
// through. Where the next call takes the last free slot, it is the turn of the side that holds fewer slots than its share; else,
// and where both hold theirs, of the side that began fewer calls than its share. A side that does not wait takes nothing: its
// share is lent to the other, until the calls that it was lent to have ended. The zero value is ready; one goroutine uses it at
// a time.
type Shares struct {
	debt int // of the passing side, in hundredths of a call; below 0 it is owed
}

// PassNext reports whether it is the turn of a call that passes through.
func (s *Shares) PassNext(g Gate, leased, reserved int64) bool {
	share := int64(g.Limits.Share())
	if most := int64(g.MaxLeased()); most > 0 && leased+reserved+1 >= most {
		if held, due := reserved*(100-share), leased*share; held != due {
			return held < due
		}
	}
	return s.debt <= 0
}

// Passed says that a call passes through while work is queued for the gate.
func (s *Shares) Passed(l Limits) { s.owe(100 - l.Share()) }

// Leased says that a delivery was leased while a call waits to pass through.
func (s *Shares) Leased(l Limits) { s.owe(-l.Share()) }

func (s *Shares) owe(hundredths int) {
	s.debt = min(max(s.debt+hundredths, -100*maxDebt), 100*maxDebt)
}

// Share returns SyncShare, or its default.
func (l Limits) Share() int {
	if l.SyncShare <= 0 || l.SyncShare >= 100 {
		return DefaultSyncShare
	}
	return l.SyncShare
}
