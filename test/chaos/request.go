package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

// request is one request of the producer. It may be tried several times, under its key.
type request struct {
	op     int64
	method string
	target string
	key    string
	body   []byte
	fields http.Header // beside X-Op: those whose way is checked
	poison bool
	wrong  wrong

	submit   bool // in the envelope of the API
	priority int
	delay    time.Duration
	cancel   time.Duration // after its 202, if cancels
	cancels  bool
	after    []time.Duration // further tries under the key, so long after the first
	tried    int
	once     sync.Once // the first 202 counts
}

// wrong says what makes a request one that must be refused: a closed set.
type wrong int

const (
	notWrong      wrong = iota
	unknownTarget       // it names an endpoint that does not exist
	foreignKey          // its key belongs to a request with another body
	brokenOff           // its upload ends before its announced length
	tooLarge            // it announces more than is taken
)

// unsafe reports whether a request may not be repeated when its outcome is unknown: by its method alone, because the
// endpoint is not configured to honour keys.
func (q *request) unsafe() bool { return q.method == http.MethodPost || q.method == http.MethodPatch }

var methods = []string{http.MethodPost, http.MethodPost, http.MethodPost, http.MethodPost, http.MethodPut, http.MethodPut, http.MethodPut,
	http.MethodPatch, http.MethodDelete, http.MethodGet}

// draw makes a request.
func (p *producer) draw(op int64, random *rand.Rand) *request {
	q := &request{op: op, method: methods[random.IntN(len(methods))], body: p.noise.piece(random, size(random, p.big))}
	q.target = fmt.Sprintf("/op/%d?a=%%2F&b=%d", op, random.IntN(1000))
	q.fields = someFields(random)
	switch random.IntN(300) {
	case 0:
		q.wrong = unknownTarget
	case 1:
		q.wrong = brokenOff
		q.body = p.noise.piece(random, 2000+random.IntN(100_000))
	case 2:
		q.wrong = tooLarge
	case 3:
		if q.key = p.usedKey(random); q.key != "" {
			q.method, q.wrong, q.body = http.MethodPost, foreignKey, p.noise.piece(random, 32)
		}
	}
	if q.wrong != notWrong {
		return q
	}
	if q.method != http.MethodGet && random.IntN(6) == 0 {
		q.wrap(p, random)
	}
	if random.IntN(60) == 0 {
		q.cancels, q.cancel = true, time.Duration(random.IntN(1500))*time.Millisecond
	}
	if q.method == http.MethodGet || random.IntN(5) > 0 {
		return q
	}
	q.key = fmt.Sprintf("key-%d", op)
	switch random.IntN(4) {
	case 0:
		q.after = []time.Duration{0} // two at once
	case 1:
		q.after = []time.Duration{time.Duration(random.IntN(5000)) * time.Millisecond}
	}
	return q
}

// poisoned makes a request whose arrival kills the product.
func (p *producer) poisoned(op int64, unsafe bool) *request {
	// The most urgent: what waits before it is of no interest here.
	q := &request{op: op, method: http.MethodPut, target: fmt.Sprintf("/op/%d", op), body: []byte(`"poison"`), poison: true, submit: true, priority: 9}
	if unsafe {
		q.method = http.MethodPost
	}
	p.mu.Lock()
	p.kill[op] = true
	p.mu.Unlock()
	q.key = fmt.Sprintf("poison-%d", op) // so that it is tried until it is accepted
	return q
}

// retryAfter is how long the producer waits before it tries a request with a key again.
const retryAfter = 250 * time.Millisecond

// run tries a request until it is known what became of it, if its key allows that, and so often beside that as it says.
func (q *request) run(p *producer) {
	for _, d := range q.after {
		n := q.tries()
		p.group.Go(func() {
			select {
			case <-time.After(d):
				p.try(q, n)
			case <-p.stopped:
			}
		})
	}
	first := true
	for {
		again := p.try(q, q.tries())
		if !again || q.key == "" || q.wrong != notWrong {
			return
		}
		if !first {
			select {
			case <-p.stopped:
				return
			default:
			}
		}
		first = false
		time.Sleep(retryAfter)
	}
}

// tries numbers the tries; only run calls it.
func (q *request) tries() int {
	q.tried++
	return q.tried
}

// try sends a request once, logs how that ended, and reports whether it is worth another try.
func (p *producer) try(q *request, n int) (again bool) {
	p.log.Log(history.Event{Kind: history.Invoke, Op: q.op, Try: n, Method: q.method, Target: q.target, Key: q.key, Unsafe: q.unsafe(),
		Poison: q.poison, Refuse: q.wrong != notWrong, Body: digest(q.body), Via: q.via(), Priority: q.priority, Delay: int64(q.delay),
		Fields: fieldsDigest(q.fields)})
	a := p.send(q)
	e := history.Event{Kind: a.kind, Op: q.op, Try: n, ID: a.id, Status: a.status}
	if a.err != nil {
		e.Error = a.err.Error()
	}
	p.log.Log(e)
	if a.kind == history.OK {
		q.once.Do(func() { p.took(q, a.id) })
		return false
	}
	if a.status == http.StatusServiceUnavailable {
		p.disk.Add(1)
	}
	return a.kind == history.Unknown || a.status == 0 || a.status == http.StatusServiceUnavailable
}
