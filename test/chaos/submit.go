package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

// largestSubmit bounds the noise in a payload: its text is a third longer.
const largestSubmit = 256 << 10

// wrap makes a request one that is submitted in the envelope of the API, now and then urgent or for later.
func (q *request) wrap(p *producer, random *rand.Rand) {
	q.submit = true
	noise := p.noise.piece(random, min(len(q.body), largestSubmit))
	q.body = fmt.Appendf(nil, `{"op": %d, "noise": "%s"}`, q.op, base64.StdEncoding.EncodeToString(noise))
	for name, values := range q.fields {
		q.fields[name] = []string{string(printable(values[0]))} // JSON is text, and has one value for each name
	}
	switch random.IntN(6) {
	case 0, 1:
		q.priority = 9
	case 2:
		q.priority = 1 + random.IntN(8)
	case 3:
		q.delay = time.Duration(200+random.IntN(3000)) * time.Millisecond
	}
}

// printable keeps what a field may have as text: bytes beyond ASCII would come as something else.
func printable(s string) (b []byte) {
	for i := range len(s) {
		if s[i] < 0x80 {
			b = append(b, s[i])
		}
	}
	return b
}

func (q *request) via() string {
	if q.submit {
		return history.Submit
	}
	return ""
}

// enveloped makes the call of the API.
func (q *request) enveloped(ingress string) *http.Request {
	headers := map[string]string{opField: fmt.Sprint(q.op)}
	for name, values := range q.fields {
		headers[name] = values[0]
	}
	metadata := map[string]any{"method": q.method, "path": q.target, "priority": q.priority, "note": "of the harness"}
	if q.delay > 0 {
		metadata["delay"] = q.delay.Seconds()
	}
	rest, err := json.Marshal(map[string]any{"headers": headers, "metadata": metadata})
	if err != nil {
		panic(err) // of our own making
	}
	// The payload goes in as it is: its very bytes have to arrive.
	envelope := append(append([]byte(`{"payload": `), q.body...), ',')
	envelope = append(envelope, rest[1:]...)
	r, err := http.NewRequest(http.MethodPost, "http://"+ingress+"/api/v1/submit", nil)
	if err != nil {
		panic(err) // of our own making
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(envelope)), int64(len(envelope))
	r.Header.Set("Content-Type", "application/json")
	if q.key != "" {
		r.Header.Set("Idempotency-Key", q.key)
	}
	return r
}

// withdraw cancels an accepted request. Nobody insists: what comes of it shows in its status.
func (p *producer) withdraw(q *request, id string) {
	select {
	case <-time.After(q.cancel):
	case <-p.stopped:
		return
	}
	r, err := http.NewRequest(http.MethodDelete, "http://"+p.ingress+"/api/v1/requests/"+id, nil)
	if err != nil {
		panic(err) // of our own making
	}
	p.log.Log(history.Event{Kind: history.Cancel, Op: q.op, ID: id})
	response, err := p.client.Do(r)
	if err != nil {
		return
	}
	defer response.Body.Close()
	var s struct{ Status string }
	if json.NewDecoder(response.Body).Decode(&s) != nil {
		s.Status = "" // a problem, or cut
	}
	p.log.Log(history.Event{Kind: history.Cancel, Op: q.op, ID: id, Status: response.StatusCode, State: s.Status})
}
