package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/queue/storetest"
)

// FuzzRecovery damages the files of a data directory, as a process left it that ended or was killed, and opens it. Whatever
// the damage, the store refuses to open with an error that names the directory, or it opens and every acknowledged message
// is what it was or is reported as corrupt: never other bytes, and never gone without a word. What may be missing is only
// what no program could miss: the end of a log from which every byte of later writes is gone too.
func FuzzRecovery(f *testing.F) {
	relics := []*relic{newRelic(f, true), newRelic(f, false)}
	for i := range relics[0].names {
		for kind := range byte(damageKinds) {
			f.Add(i%2 == 0, []byte{byte(i), kind, 0, 1, 7, 3, 9, 1})
		}
	}
	f.Add(true, []byte{})
	f.Fuzz(func(t *testing.T, closed bool, choices []byte) {
		r := relics[1]
		if closed {
			r = relics[0]
		}
		files := r.damaged(choices)
		fs := diskOf(t, files)
		report, checkErr := check(fs, testDir)
		if changed := changedFiles(files, contentOf(t, fs)); len(changed) > 0 {
			t.Errorf("check changed %v", changed)
		}
		s, err := Open(Options{Dir: testDir, FS: fs})
		if err != nil {
			if !strings.Contains(err.Error(), "directory "+testDir) && !strings.Contains(err.Error(), testDir+"/") {
				t.Errorf("the refusal does not name the directory: %v", err)
			}
			for _, name := range changedFiles(files, contentOf(t, fs)) {
				if strings.Contains(name, "/"+blobDir+"/") || strings.HasSuffix(name, ".sst") && !r.manifestCut(files) {
					t.Errorf("the refused directory has another %s now: %v", name, err)
				}
			}
			return
		}
		defer s.Close() // nothing depends on it
		survivor := &survivor{relic: r, t: t, s: s, first: r.firstLost(files)}
		for _, m := range r.messages {
			survivor.look(m)
		}
		if survivor.damage != nil && checkErr == nil && report.OK() {
			t.Errorf("check found nothing, and a read found %v", survivor.damage)
		}
		if _, err := s.Enqueue(context.Background(), []*queue.Message{storetest.NewMessage("orders")}); err != nil && !errors.Is(err, queue.ErrCorrupt) {
			t.Errorf("enqueue into what was opened: %v", err)
		}
	})
}

// relic is a data directory that a process left behind, and what it had acknowledged.
type relic struct {
	files    map[string][]byte
	names    []string // in an order that stays
	messages []*acknowledged
	writes   []logRange // one for each acknowledged call, in order
}

// acknowledged is one message and each form in which it was acknowledged.
type acknowledged struct {
	id    queue.ID
	body  string
	forms []form
}

type form struct {
	write  int // index into relic.writes
	state  queue.State
	result string
}

// logRange is the part of a log that one write made.
type logRange struct {
	log      string
	from, to int
}

// newRelic does a little of everything. Half of it reaches the tables.
func newRelic(f *testing.F, closed bool) *relic {
	fs := vfs.NewCrashableMem()
	s, err := Open(Options{Dir: testDir, FS: fs})
	must(f, err)
	r := &relic{}
	logs := logsOf(f, fs)
	wrote := func() int {
		was := logs
		logs = logsOf(f, fs)
		for name, b := range logs {
			if from, to := difference(was[name], b); from < to {
				r.writes = append(r.writes, logRange{name, from, to})
			}
		}
		return len(r.writes) - 1
	}
	for i := range 12 {
		m := storetest.NewMessage("orders")
		text := strings.Repeat(fmt.Sprint("body ", i, " "), 1+i%3*100)
		if i%6 == 5 {
			text = strings.Repeat(fmt.Sprint("long ", i, " "), 10<<10)
		}
		m.Request.Body, err = queue.ReceiveBody(context.Background(), s, strings.NewReader(text), -1, 1<<20)
		must(f, err)
		if i%4 == 1 {
			m.Idempotency = &queue.Idempotency{Keep: time.Hour}
			copy(m.Idempotency.Scope[:], m.ID[:])
		}
		_, err = s.Enqueue(context.Background(), []*queue.Message{m})
		must(f, err)
		a := &acknowledged{id: m.ID, body: text, forms: []form{{write: wrote(), state: queue.Ready}}}
		r.messages = append(r.messages, a)
		if i%2 == 1 {
			r.work(f, s, i, wrote)
		}
		if i == 4 || i == 8 {
			must(f, s.db.Flush())
			logs = logsOf(f, fs)
		}
	}
	_, err = s.SetGate(context.Background(), "orders", queue.GateChange{Limits: &queue.Limits{MaxLeased: 7}})
	must(f, err)
	wrote()
	left := fs.CrashClone(vfs.CrashCloneCfg{})
	must(f, s.Close())
	if closed {
		left = fs
	}
	r.files = contentOf(f, left)
	r.names = slices.SortedFunc(maps.Keys(r.files), func(a, b string) int { return strings.Compare(sortable(a), sortable(b)) })
	return r
}

// sortable is a name without what is random in that of a body file: a choice means the same file in every process.
func sortable(name string) string {
	if dir, size, ok := strings.Cut(name, "-"); ok && strings.Contains(dir, blobDir) {
		return "blob " + size
	}
	return name
}

// work leases the oldest ready message and ends the lease in one of the ways, or leaves it standing.
func (r *relic) work(f *testing.F, s *Store, i int, wrote func() int) {
	leases, err := s.Lease(context.Background(), queue.LeaseRequest{Worker: "w", Max: 1, Slots: 1, TTL: time.Hour, Queues: []queue.Want{{Queue: "orders"}}})
	must(f, err)
	a := r.messages[slices.IndexFunc(r.messages, func(a *acknowledged) bool { return a.id == leases[0].ID })]
	a.forms = append(a.forms, form{write: wrote(), state: queue.Ready}) // the lease ends when the store is opened
	st := queue.Settlement{LeaseRef: leases[0].LeaseRef}
	switch i {
	case 1, 9:
		return
	case 3, 11:
		text := strings.Repeat(fmt.Sprint("answer ", i, " "), 1+i/11*20<<10)
		st.Kind, st.Result = queue.SettleDone, storetest.NewResult(200, "")
		st.Result.Body, err = queue.ReceiveBody(context.Background(), s, strings.NewReader(text), -1, 1<<20)
		must(f, err)
		a.forms = append(a.forms, form{state: queue.Done, result: text})
	case 5:
		st.Kind, st.Reason = queue.SettleDead, queue.ReasonEndpointError
		a.forms = append(a.forms, form{state: queue.Dead})
	default:
		st.Kind, st.After = queue.SettleRetry, time.Hour
		a.forms = append(a.forms, form{state: queue.Scheduled})
	}
	errs, err := s.Settle(context.Background(), []queue.Settlement{st})
	must(f, errors.Join(append(errs, err)...))
	a.forms[len(a.forms)-1].write = wrote()
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func logsOf(tb testing.TB, fs vfs.FS) map[string][]byte {
	files := contentOf(tb, fs)
	maps.DeleteFunc(files, func(name string, _ []byte) bool { return !strings.HasSuffix(name, ".log") })
	return files
}

// difference returns the part of a log that is not as before. A log may take the file of an older one, whose bytes stay
// until they are written over.
func difference(was, now []byte) (from, to int) {
	for from < len(now) && from < len(was) && was[from] == now[from] {
		from++
	}
	for to = len(now); to > from && len(was) == len(now) && was[to-1] == now[to-1]; {
		to--
	}
	return from, to
}

const damageKinds = 6

// damaged returns the files with up to four pieces of damage, eight bytes of choices each.
func (r *relic) damaged(choices []byte) map[string][]byte {
	files := maps.Clone(r.files)
	for n := 0; n < 4 && len(choices) >= 8; n, choices = n+1, choices[8:] {
		name := r.names[int(choices[0])%len(r.names)]
		b := bytes.Clone(files[name])
		if len(b) == 0 {
			continue
		}
		at := (int(choices[2])<<16 | int(choices[3])<<8 | int(choices[4])) % len(b)
		some := b[at:min(at+1+int(choices[5])*int(choices[5]), len(b))]
		switch choices[1] % damageKinds {
		case 0:
			b[at] ^= max(choices[6], 1)
		case 1:
			fill(some, choices[6])
		case 2:
			b = b[:at]
		case 3:
			fill(b[at:], 0)
		case 4:
			b = append(b, bytes.Repeat([]byte{choices[6]}, len(some))...)
		case 5: // what was meant for another place
			copy(b[int(choices[7])*len(b)/256:], bytes.Clone(some))
		}
		files[name] = b
	}
	return files
}

func fill(b []byte, value byte) {
	for i := range b {
		b[i] = value
	}
}

// manifestCut reports whether the last change in the manifest is gone, so that it looks like that of an earlier moment: cut
// off, or more than one byte of it is another.
func (r *relic) manifestCut(files map[string][]byte) bool {
	name := manifestOf(files)
	was, now := r.files[name], files[name]
	last := 0
	for at := 0; at < len(was); at += chunkSize(was[at:], manifestHeader) {
		last = at
	}
	other := 0
	for i := last; i < min(len(was), len(now)); i++ {
		if now[i] != was[i] {
			other++
		}
	}
	return len(now) < len(was) || other > 1
}

// firstLost returns the first write that may be missing: from it on, each has lost bytes of its log, or the manifest that
// tells of it is cut.
func (r *relic) firstLost(files map[string][]byte) int {
	if r.manifestCut(files) {
		return 0
	}
	first := len(r.writes)
	for ; first > 0; first-- {
		w := r.writes[first-1]
		was, now := r.files[w.log], files[w.log]
		if len(was) < w.to || len(now) >= w.to && bytes.Equal(was[w.from:w.to], now[w.from:w.to]) {
			break
		}
	}
	return first
}

// survivor is what opened after the damage.
type survivor struct {
	*relic
	t      *testing.T
	s      *Store
	first  int   // write that may be missing
	damage error // that a read reported
}

// corrupt takes an error for reported damage, or fails.
func (v *survivor) corrupt(a *acknowledged, err error) {
	var corrupt *queue.CorruptError
	if !errors.As(err, &corrupt) || !strings.HasPrefix(corrupt.Path, testDir) {
		v.t.Errorf("%s: %v, want a CorruptError with a path", a.id, err)
	}
	v.damage = err
}

// look reads a message and holds it against every form that it may have.
func (v *survivor) look(a *acknowledged) {
	r, err := v.s.Get(context.Background(), a.id)
	oldest := -1 // the last form that cannot be missing
	for i, f := range a.forms {
		if f.write < v.first {
			oldest = i
		}
	}
	switch {
	case errors.Is(err, queue.ErrNotFound):
		if oldest >= 0 {
			v.t.Errorf("%s was acknowledged as %v and is gone, with nothing said", a.id, a.forms[oldest].state)
		}
		return
	case err != nil:
		v.corrupt(a, err)
		return
	}
	fits := slices.IndexFunc(a.forms[max(oldest, 0):], func(f form) bool {
		return f.state == r.State && (f.result != "") == (r.Result != nil)
	})
	if fits < 0 {
		v.t.Errorf("%s is %v, and was acknowledged as %v", a.id, r.State, a.forms[max(oldest, 0)].state)
		return
	}
	if r.ID != a.id || r.Queue != "orders" || r.Request.Method != storetest.NewMessage("orders").Request.Method {
		v.t.Errorf("%s is another message: %+v", a.id, r.Message)
	}
	v.read(a, r.Request.Body, a.body)
	if r.Result != nil {
		v.read(a, r.Result.Body, a.forms[max(oldest, 0)+fits].result)
	}
}

// read reads a body: all of it, or a part and a report of damage.
func (v *survivor) read(a *acknowledged, b queue.Body, want string) {
	in, err := b.Open(context.Background())
	if err != nil {
		v.corrupt(a, err)
		return
	}
	defer in.Close() // only read
	got, err := io.ReadAll(in)
	if !strings.HasPrefix(want, string(got)) || err == nil && len(got) != len(want) {
		v.t.Errorf("%s: %d bytes of a body that are not those of the %d that were stored", a.id, len(got), len(want))
	}
	if err != nil {
		v.corrupt(a, err)
	}
}

// contentOf returns all files below a file system's root.
func contentOf(tb testing.TB, fs vfs.FS) map[string][]byte {
	tb.Helper()
	files := make(map[string][]byte)
	var walk func(dir string)
	walk = func(dir string) {
		names, err := fs.List(dir)
		must(tb, err)
		for _, name := range names {
			path := fs.PathJoin(dir, name)
			info, err := fs.Stat(path)
			if errors.Is(err, os.ErrNotExist) {
				continue // the database removed it meanwhile
			}
			must(tb, err)
			if info.IsDir() {
				walk(path)
				continue
			}
			file, err := fs.Open(path)
			must(tb, err)
			b, err := io.ReadAll(file)
			must(tb, errors.Join(err, file.Close()))
			files[path] = b
		}
	}
	walk(testDir)
	return files
}

// diskOf is the inverse of contentOf.
func diskOf(tb testing.TB, files map[string][]byte) *vfs.MemFS {
	tb.Helper()
	fs := vfs.NewMem()
	for path, b := range files {
		must(tb, fs.MkdirAll(fs.PathDir(path), 0o700))
		file, err := fs.Create(path, vfs.WriteCategoryUnspecified)
		must(tb, err)
		_, err = file.Write(bytes.Clone(b)) // under the race detector the file system spoils what it was given
		must(tb, errors.Join(err, file.Sync(), file.Close()))
	}
	return fs
}

// changedFiles returns the names of files that are not the same any more.
func changedFiles(before, after map[string][]byte) (names []string) {
	for name, b := range before {
		if now, ok := after[name]; !ok || !bytes.Equal(now, b) {
			names = append(names, name)
		}
	}
	return names
}
