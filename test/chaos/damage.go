package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/openhqm/openhqm/test/chaos/check"
	"github.com/openhqm/openhqm/test/chaos/history"
)

// damageKinds are made in turn: a flipped bit, a lost end, a file of an earlier time in place of its successor or beside it.
var damageKinds = []func(r *run, dir string) string{(*run).flip, (*run).cut, (*run).replace, (*run).leaveBehind}

// damageCopies damages copies of the stopped product's directory, one file of each, and logs what the product says of them
// and hands out.
func (r *run) damageCopies() error {
	r.service.mute.Store(true) // what runs again by damage shows in its state
	defer r.service.mute.Store(false)
	for n := range r.damages {
		dir := filepath.Join(r.place, fmt.Sprintf("damaged-%d", n+1))
		if err := copyStore(dir, r.server.data); err != nil {
			return err
		}
		what := ""
		for i := 0; what == "" && i < 2*len(damageKinds); i++ { // a kind may find nothing to do
			what = damageKinds[(n+i)%len(damageKinds)](r, dir)
		}
		number := r.faults.damaged(what)
		if err := r.useDamaged(dir, number); err != nil {
			return err
		}
		fmt.Printf("  %3d/%d %s\n", n+1, r.damages, what)
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// damaged logs a damage, and returns its number.
func (f *numbers) damaged(what string) int {
	f.mu.Lock()
	f.n++
	n := f.n
	f.mu.Unlock()
	f.log.Log(history.Event{Kind: history.Fault, Fault: history.Damage, Number: n, Error: what})
	f.log.Log(history.Event{Kind: history.Over, Fault: history.Damage, Number: n})
	return n
}

// useDamaged starts the product on a damaged directory and asks for everything.
func (r *run) useDamaged(dir string, number int) error {
	said := func(outcome, text string) {
		r.log.Log(history.Event{Kind: history.Said, Number: number, Outcome: outcome, Error: lastLine(text)})
	}
	if out, err := exec.Command(r.server.binary, "store", "check", dir).CombinedOutput(); err != nil {
		said(check.Checked, string(out))
	}
	out, err := os.Create(dir + ".log")
	if err != nil {
		return err
	}
	defer out.Close()
	s := &server{binary: r.server.binary, data: dir, endpoint: r.server.endpoint, ingress: r.server.ingress, admin: r.server.admin,
		settings: maps.Clone(r.server.settings), out: out, died: func(error) {}}
	s.settings["WORKER__DRAIN_LAG"] = "0s" // nobody comes late
	text := func() string {
		b, err := os.ReadFile(out.Name())
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	if err := s.startUntil("/livez"); err != nil {
		s.kill()
		said(check.Refused, err.Error())
		return nil
	}
	if !s.running() {
		said(check.Refused, text())
		return nil
	}
	r.readDamaged(number)
	err = s.terminate()
	switch all := text(); {
	case err != nil:
		said("end", err.Error()+": "+all)
	case strings.Contains(all, "corrupt"):
		said("log", all[strings.Index(all, "corrupt"):])
	}
	return nil
}

// readDamaged asks for the status and the result of every message. Answers that are errors say that something is wrong.
func (r *run) readDamaged(number int) {
	work := make(chan accepted)
	var group sync.WaitGroup
	for range liveReaders {
		group.Go(func() {
			for a := range work {
				if e, err := r.reader.ask(a, 0); err == nil {
					e.Number = number
					r.log.Log(e)
				}
				if e, err := r.reader.fetch(a); err == nil {
					e.Number = number
					r.log.Log(e)
				}
			}
		})
	}
	for _, a := range r.producer.ids {
		work <- a
	}
	close(work)
	group.Wait()
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// passive are files without data: what is in them means nothing.
var passive = []string{"ballast", "LOCK", "PID"}

// copyStore copies a directory of the product, without its ballast.
func copyStore(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		case rel == "ballast":
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
}

// files lists the files with data, each kind as often as another: there are many bodies and few tables.
func files(dir string) []string {
	var all []string
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error { // the copy was made a moment ago
		if err == nil && d.Type().IsRegular() && !slices.Contains(passive, d.Name()) {
			rel, _ := filepath.Rel(dir, path) // it lies below
			all = append(all, rel)
		}
		return nil
	})
	return all
}

// some draws a file that fits: first its kind, then one of the kind.
func (r *run) some(dir string, fits func(rel string, size int64) bool) string {
	kinds := map[string][]string{}
	var names []string
	for _, rel := range files(dir) {
		info, err := os.Stat(filepath.Join(dir, rel))
		if err != nil || !fits(rel, info.Size()) {
			continue
		}
		kind := kindOf(rel)
		if kinds[kind] == nil {
			names = append(names, kind)
		}
		kinds[kind] = append(kinds[kind], rel)
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	of := kinds[names[r.random.IntN(len(names))]]
	return of[r.random.IntN(len(of))]
}

// kindOf is what a file is, whatever its number or name: 000012.sst, MANIFEST-000003, a body.
func kindOf(rel string) string {
	if strings.HasPrefix(filepath.Base(rel), "marker.") {
		return "marker"
	}
	return filepath.Dir(rel) + strings.Trim(filepath.Base(rel), "0123456789abcdef-")
}

func (r *run) flip(dir string) string {
	rel := r.some(dir, func(_ string, size int64) bool { return size > 0 })
	return edit(dir, rel, func(b []byte) ([]byte, string) {
		at, bit := r.random.IntN(len(b)), r.random.IntN(8)
		b[at] ^= 1 << bit
		return b, fmt.Sprintf("bit %d of byte %d of %s flipped", bit, at, rel)
	})
}

func (r *run) cut(dir string) string {
	rel := r.some(dir, func(_ string, size int64) bool { return size > 0 })
	return edit(dir, rel, func(b []byte) ([]byte, string) {
		n := r.random.IntN(len(b))
		return b[:n], fmt.Sprintf("%s cut from %d to %d bytes", rel, len(b), n)
	})
}

// replace puts a file of an earlier time in the place of one of its kind.
func (r *run) replace(dir string) string {
	rel := r.some(dir, func(rel string, _ int64) bool { return kindOf(rel) != "marker" })
	old := r.some(r.older, func(was string, _ int64) bool { return kindOf(was) == kindOf(rel) })
	return edit(dir, rel, func(now []byte) ([]byte, string) {
		before, err := os.ReadFile(filepath.Join(r.older, old))
		if old == "" || err != nil || bytes.Equal(now, before) {
			return nil, ""
		}
		return before, rel + " has become " + old + " of an earlier time"
	})
}

// leaveBehind puts a file beside the others that was there at an earlier time and is not any more.
func (r *run) leaveBehind(dir string) string {
	rel := r.some(r.older, func(rel string, _ int64) bool {
		_, err := os.Stat(filepath.Join(dir, rel))
		return errors.Is(err, fs.ErrNotExist)
	})
	if rel == "" {
		return ""
	}
	b, err := os.ReadFile(filepath.Join(r.older, rel))
	if err != nil || os.WriteFile(filepath.Join(dir, rel), b, 0o600) != nil {
		return ""
	}
	return rel + " was left behind by an earlier time"
}

// edit changes a file; "" if there is none.
func edit(dir, rel string, change func(b []byte) ([]byte, string)) string {
	if rel == "" {
		return ""
	}
	path := filepath.Join(dir, rel)
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	b, what := change(b)
	if what == "" || os.WriteFile(path, b, 0o600) != nil {
		return ""
	}
	return what
}

// keepOlder ends the product, keeps its directory as it is then, and starts it again.
func (r *run) keepOlder() error {
	r.verdict("drain", r.server.terminate())
	r.older = filepath.Join(r.place, "older")
	if err := copyStore(r.older, r.server.data); err != nil {
		return err
	}
	return r.server.start()
}
