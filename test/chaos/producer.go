package main

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

// producer offers load whatever becomes of it, and logs what it was told.
type producer struct {
	log     *history.Log
	ingress string
	client  *http.Client
	noise   noise
	rate    float64
	big     bool
	stopped chan struct{}
	group   sync.WaitGroup

	accepted    atomic.Int64 // requests
	disk        atomic.Int64 // refusals with 503
	outstanding atomic.Int64
	poison      chan bool // asks for a request that kills; true: one that may not be repeated

	mu   sync.Mutex
	ids  []accepted
	keys []string       // of accepted requests
	kill map[int64]bool // requests whose arrival kills
	live chan accepted
}

// accepted is one request that got a 202.
type accepted struct {
	op int64
	id string
}

const (
	// submitTimeout is long enough to sit out a SIGSTOP.
	submitTimeout = 30 * time.Second
	// mostOutstanding bounds the requests under way. It is far above what the product makes wait.
	mostOutstanding = 5000
)

func startProducer(r *run) *producer {
	p := &producer{log: r.log, ingress: r.server.ingress, noise: newNoise(r.seed), rate: r.rate, big: r.big, stopped: make(chan struct{}),
		poison: make(chan bool, 1), kill: map[int64]bool{}, live: make(chan accepted, 1000),
		client: &http.Client{Timeout: submitTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}}}
	p.group.Go(func() { p.offer(rand.New(rand.NewPCG(r.seed, 1))) })
	return p
}

// stop ends the load and waits for the answers that are due.
func (p *producer) stop() {
	close(p.stopped)
	p.group.Wait()
}

// offer starts requests at random times, at the rate on average.
func (p *producer) offer(random *rand.Rand) {
	next := time.Now()
	for op := int64(1); ; op++ {
		next = next.Add(time.Duration(random.ExpFloat64() / p.rate * float64(time.Second)))
		if time.Since(next) > time.Second {
			next = time.Now() // the machine stood still
		}
		var q *request
		select {
		case <-p.stopped:
			return
		case unsafe := <-p.poison:
			q = p.poisoned(op, unsafe)
		case <-time.After(time.Until(next)):
			q = p.draw(op, random)
		}
		if p.outstanding.Load() >= mostOutstanding {
			continue
		}
		p.outstanding.Add(1)
		p.group.Go(func() {
			defer p.outstanding.Add(-1)
			q.run(p)
		})
	}
}

// took notes a request's 202.
func (p *producer) took(q *request, id string) {
	a := accepted{q.op, id}
	p.mu.Lock()
	p.ids = append(p.ids, a)
	if q.key != "" {
		p.keys = append(p.keys, q.key)
	}
	p.mu.Unlock()
	p.accepted.Add(1)
	if q.cancels {
		p.group.Go(func() { p.withdraw(q, id) })
	}
	if q.op%sampled == 0 || q.poison {
		select {
		case p.live <- a:
		default: // the readers are busy; it is read in the end
		}
	}
}

// usedKey returns a key that an accepted request of late had; "" if there is none.
func (p *producer) usedKey(random *rand.Rand) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.keys) == 0 {
		return ""
	}
	return p.keys[len(p.keys)-1-random.IntN(min(50, len(p.keys)))]
}

// kills reports whether the arrival of a request kills the product.
func (p *producer) kills(op int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kill[op]
}
