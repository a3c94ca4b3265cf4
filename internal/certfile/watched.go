package certfile

import (
	"os"
	"sync"
	"time"
)

// lookEvery is how often files are looked at, while they are used.
const lookEvery = time.Second

// Watched is what was read from some files, and is read again when they change. It is safe for concurrent use.
type Watched[T any] struct {
	names []string
	read  func() (T, error)
	told  func(error)

	mu       sync.Mutex
	now      T
	seen     []appearance // at the last reading
	lookedAt time.Time
	failed   error // of the last reading
	reported bool
}

// appearance is what a stat says of a file; of a symbolic link, what it leads to.
type appearance struct {
	size    int64
	changed time.Time
}

// Watch reads the files of the names that are not empty. told hears of each later reading that is taken up, with nil, and
// once of files that stay unusable.
func Watch[T any](names []string, read func() (T, error), told func(error)) (*Watched[T], error) {
	w := &Watched[T]{read: read, told: told, lookedAt: time.Now()}
	for _, name := range names {
		if name != "" {
			w.names = append(w.names, name)
		}
	}
	w.seen = w.look() // before the reading: a change in between is noticed
	var err error
	w.now, err = read()
	return w, err
}

// Now returns what was read last, without a look at the files.
func (w *Watched[T]) Now() T {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// Current returns what is to be used, and whether it is another one than that of the call before. Files that cannot be used
// leave what was there: they are often written one after the other.
func (w *Watched[T]) Current() (now T, changed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.names) == 0 || time.Since(w.lookedAt) < lookEvery {
		return w.now, false
	}
	w.lookedAt = time.Now()
	if !w.moved() {
		if w.failed != nil && !w.reported { // and they have stayed so for a while
			w.reported = true
			w.told(w.failed)
		}
		return w.now, false
	}
	next, err := w.read()
	w.failed, w.reported = err, false
	if err != nil {
		return w.now, false
	}
	w.now = next
	w.told(nil)
	return w.now, true
}

// moved reports whether the files look otherwise than at the last reading, and notes how.
func (w *Watched[T]) moved() bool {
	looks := w.look()
	same := true
	for i := range looks {
		same = same && looks[i] == w.seen[i]
	}
	w.seen = looks
	return !same
}

func (w *Watched[T]) look() []appearance {
	looks := make([]appearance, len(w.names))
	for i, name := range w.names {
		if info, err := os.Stat(name); err == nil {
			looks[i] = appearance{info.Size(), info.ModTime()}
		}
	}
	return looks
}
