package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

// answer is what the producer was told.
type answer struct {
	kind   history.Kind // OK, Fail or Unknown
	id     string
	status int
	err    error
}

const (
	opField    = "X-Op"
	idField    = "OpenHQM-Correlation-Id"
	maxRequest = 10 << 20 // the product's default
)

// send sends a request once.
func (p *producer) send(q *request) answer {
	switch q.wrong {
	case brokenOff:
		return p.raw(q, len(q.body)+1+len(q.body)/10, false)
	case tooLarge:
		return p.raw(q, maxRequest+1, true)
	}
	if q.submit {
		return p.ask(q.enveloped(p.ingress))
	}
	r, err := http.NewRequest(q.method, "http://"+p.ingress+q.target, nil)
	if err != nil {
		panic(err) // of our own making
	}
	// Neither nil nor seekable, so that the transport never sends it twice by itself.
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(q.body)), int64(len(q.body))
	maps.Copy(r.Header, q.fields)
	r.Header.Set(opField, fmt.Sprint(q.op))
	r.Header.Set("Prefer", "respond-async")
	r.Header.Set("Content-Type", "application/octet-stream")
	if q.key != "" {
		r.Header.Set("Idempotency-Key", q.key)
	}
	if q.wrong == unknownTarget {
		r.Header.Set("OpenHQM-Endpoint", "nowhere")
	}
	return p.ask(r)
}

// ask sends what was made and says what the answer means.
func (p *producer) ask(r *http.Request) answer {
	response, err := p.client.Do(r)
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return answer{kind: history.Fail, err: err}
	}
	if err != nil {
		return answer{kind: history.Unknown, err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return judged(response, body, err)
}

// judged says what an answer means. What is not in the product's contract is unknown.
func judged(response *http.Response, body []byte, err error) answer {
	a := answer{kind: history.Unknown, id: response.Header.Get(idField), status: response.StatusCode, err: err}
	var problem struct{ Type, Detail string }
	switch {
	case a.status == http.StatusAccepted:
		a.kind = history.OK // its head says all
	case err != nil:
	case json.Unmarshal(body, &problem) != nil || problem.Type == "":
		a.err = fmt.Errorf("neither a 202 nor a problem: %d", a.status)
	case strings.HasSuffix(problem.Type, ":outcome-unknown") || a.status == http.StatusInternalServerError:
		a.err = errors.New(problem.Type)
	default:
		a.kind, a.id, a.err = history.Fail, "", errors.New(problem.Type)
	}
	return a
}

// raw announces a length that it does not keep. answered: it waits for the refusal before it leaves.
func (p *producer) raw(q *request, length int, answered bool) answer {
	conn, err := net.DialTimeout("tcp", p.ingress, submitTimeout)
	if err != nil {
		return answer{kind: history.Fail, err: err}
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(submitTimeout)) // never fails on an open connection
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: chaos\r\n%s: %d\r\nPrefer: respond-async\r\nContent-Length: %d\r\n\r\n",
		q.method, q.target, opField, q.op, length)
	if _, err := io.WriteString(conn, head); err != nil {
		return answer{kind: history.Fail, err: err} // less than announced was sent, so nothing counts
	}
	if !answered {
		_, err := conn.Write(q.body)
		return answer{kind: history.Fail, err: errors.Join(errors.New("broken off"), err)}
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return answer{kind: history.Fail, err: err}
	}
	defer response.Body.Close()
	return answer{kind: history.Fail, status: response.StatusCode}
}
