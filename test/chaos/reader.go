package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

const (
	// sampled is how many requests there are to each one that is watched while the faults go on.
	sampled = 8
	// liveReaders and endReaders are how many read at once, during the faults and after them.
	liveReaders, endReaders = 16, 32
	// terminalWithin is how long the readers wait in the end for a message to be settled.
	terminalWithin = 2 * time.Minute
	// ownTime is what each message gets even when the others have used that up.
	ownTime = 5 * time.Second
)

// reader asks for statuses and results, and logs what it is told.
type reader struct {
	log      *history.Log
	producer *producer
	client   *http.Client
	stopped  chan struct{}
	group    sync.WaitGroup

	mu     sync.Mutex
	failed []accepted // of the last look at everything
}

func startReader(r *run) *reader {
	d := &reader{log: r.log, producer: r.producer, stopped: make(chan struct{}), client: &http.Client{
		Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: endReaders, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for range liveReaders {
		d.group.Go(d.live)
	}
	return d
}

// stop ends the readers that watch during the faults.
func (d *reader) stop() {
	close(d.stopped)
	d.group.Wait()
}

func (d *reader) live() {
	for {
		select {
		case <-d.stopped:
			return
		case a := <-d.producer.live:
			d.follow(a, d.stopped, patient(terminalWithin), 2*time.Second)
		}
	}
}

// everything reads the status and twice the result of every accepted message.
func (d *reader) everything() {
	d.failed = nil
	d.all(d.producer.ids)
}

// all does so for some messages.
func (d *reader) all(messages []accepted) {
	work := make(chan accepted)
	never := make(chan struct{})
	together := patient(terminalWithin)
	for range endReaders {
		d.group.Go(func() {
			for a := range work {
				d.follow(a, never, together, 30*time.Second)
			}
		})
	}
	for _, a := range messages {
		work <- a
	}
	close(work)
	d.group.Wait()
}

// follow asks for the status of a message until it is terminal, and then twice for its result.
func (d *reader) follow(a accepted, stop <-chan struct{}, together *patience, wait time.Duration) {
	for own := patient(ownTime); !together.over() || !own.over(); {
		e, err := d.status(a, wait)
		if err == nil && e.State != pending && e.State != processing {
			if e.State != gone {
				d.fetchTwice(a, e.Generation, stop)
			}
			if e.State == "FAILED" {
				d.mu.Lock()
				d.failed = append(d.failed, a)
				d.mu.Unlock()
			}
			return
		}
		pause := 100 * time.Millisecond // the product is down
		if err == nil {
			pause = 10 * time.Millisecond
		}
		select {
		case <-stop:
			return
		case <-time.After(pause):
		}
	}
}

// Words of a status; gone stands for an answer that knows no message.
const (
	pending    = "PENDING"
	processing = "PROCESSING"
	gone       = "GONE"
)

func (d *reader) status(a accepted, wait time.Duration) (history.Event, error) {
	e, err := d.ask(a, wait)
	if err == nil {
		d.log.Log(e)
	}
	return e, err
}

// ask asks for a status, and logs nothing.
func (d *reader) ask(a accepted, wait time.Duration) (history.Event, error) {
	e := history.Event{Kind: history.State, Op: a.op, ID: a.id, From: d.log.Now()}
	code, _, body, err := d.get(fmt.Sprintf("/api/v1/status/%s?wait=%.0fs", a.id, wait.Seconds()))
	if err != nil {
		return e, err
	}
	switch code {
	case http.StatusOK:
		var s struct {
			Status, Reason                   string
			Generation, Attempts, Deliveries int
			Revision                         uint64
			StatusCode                       int  `json:"status_code"`
			MayHaveRun                       bool `json:"may_have_run"`
		}
		if err := json.Unmarshal(body, &s); err != nil {
			return e, err
		}
		e.State, e.Reason, e.Generation, e.Attempts, e.Deliveries = s.Status, s.Reason, s.Generation, s.Attempts, s.Deliveries
		e.Revision, e.Status, e.Ran = s.Revision, s.StatusCode, s.MayHaveRun
	case http.StatusNotFound, http.StatusGone:
		e.State, e.Error = gone, string(body)
	default:
		return e, fmt.Errorf("status: %d", code)
	}
	e.At = d.log.Now()
	return e, nil
}

// fetchTwice reads a result twice. A process that is down is asked again.
func (d *reader) fetchTwice(a accepted, generation int, stop <-chan struct{}) {
	for n := 0; n < 2; {
		from := d.log.Now()
		e, err := d.fetch(a)
		if err == nil {
			n++
			e.From, e.Generation = from, generation
			d.log.Log(e)
			continue
		}
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// fetch reads a result once; of one that says that it is incomplete, the beginning.
func (d *reader) fetch(a accepted) (history.Event, error) {
	e := history.Event{Kind: history.Read, Op: a.op, ID: a.id}
	path := "/api/v1/response/" + a.id + "/raw"
	code, header, body, err := d.get(path)
	if err == nil && code == http.StatusServiceUnavailable && json.Valid(body) {
		err = errors.New("refused") // the process is stopping
	}
	var problem struct{ Type string }
	if err == nil && code == http.StatusBadGateway && json.Unmarshal(body, &problem) == nil && strings.HasSuffix(problem.Type, ":truncated") {
		e.Cut = true
		code, header, body, err = d.get(path + "?partial=1")
	}
	e.Status, e.Answer, e.Fields = code, digest(body), fieldsDigest(header)
	return e, err
}

func (d *reader) get(path string) (int, http.Header, []byte, error) {
	response, err := d.client.Get("http://" + d.producer.ingress + path)
	if err != nil {
		return 0, nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, body, err
}
