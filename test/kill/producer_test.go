package kill

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// request is one that the producer sent, and what it heard of it.
type request struct {
	token string
	safe  bool   // may be repeated: a PUT; the others are POSTs without a key
	id    string // accepted under this correlation ID
	known bool   // an answer came; without one nobody knows whether it was accepted
}

// producer offers load, whatever becomes of it, and logs what it was told.
type producer struct {
	url     string
	client  *http.Client
	stopped chan struct{}
	group   sync.WaitGroup
	mu      sync.Mutex
	sent    []*request
	seq     atomic.Int64
	up      atomic.Int64 // answers while the server was up
}

// senders at once; each has a connection of its own.
const senders = 96

func startProducer(address string, rate int, seed uint64) *producer {
	p := &producer{
		url:     "http://" + address + "/orders",
		client:  &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: senders}},
		stopped: make(chan struct{}),
	}
	for i := range senders {
		p.group.Go(func() { p.send(rand.New(rand.NewPCG(seed, uint64(i))), time.Second*senders/time.Duration(rate)) })
	}
	return p
}

func (p *producer) stop() {
	close(p.stopped)
	p.group.Wait()
}

// send keeps the pace of one sender: after a stall it catches up.
func (p *producer) send(random *rand.Rand, pace time.Duration) {
	next := time.Now().Add(rand.N(pace))
	for {
		select {
		case <-p.stopped:
			return
		case <-time.After(time.Until(next)):
		}
		if next = next.Add(pace); time.Since(next) > time.Second {
			next = time.Now()
		}
		r := &request{token: fmt.Sprintf("t%d", p.seq.Add(1)), safe: random.IntN(2) == 0}
		p.submit(r, random)
		p.mu.Lock()
		p.sent = append(p.sent, r)
		p.mu.Unlock()
	}
}

func (p *producer) submit(r *request, random *rand.Rand) {
	method := http.MethodPost
	if r.safe {
		method = http.MethodPut
	}
	body := bytes.Repeat([]byte("x"), random.IntN(2000))
	if random.IntN(500) == 0 {
		body = bytes.Repeat([]byte("x"), 200<<10) // lies beside its record
	}
	q, err := http.NewRequest(method, p.url, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	q.Header.Set(tokenField, r.token)
	q.Header.Set("Prefer", "respond-async")
	response, err := p.client.Do(q)
	if err != nil {
		time.Sleep(2 * time.Millisecond) // the server is down
		return
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return
	}
	p.up.Add(1)
	r.known = true
	if response.StatusCode == http.StatusAccepted {
		r.id = response.Header.Get("OpenHQM-Correlation-Id")
	}
}
