package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

// response answers with the JSON envelope of a result: 200 once the message is terminal, 202 before.
func (p *Producer) response(w http.ResponseWriter, r *http.Request, v vars) {
	rec, applied, err := p.awaited(r, v.id)
	if err != nil {
		p.fail(w, r, v.id, err)
		return
	}
	if applied != nil {
		w.Header()["Preference-Applied"] = applied
	}
	about := reply.AboutRecord(rec)
	code := http.StatusOK
	if !rec.State.Terminal() {
		code = http.StatusAccepted
		p.lookAgain(w.Header(), r, rec)
	}
	head := envelopeOf(rec)
	if rec.Result == nil || rec.Result.Body.Size() == 0 {
		p.o.Replies.JSON(w, r, code, about, head)
		return
	}
	content, err := p.contentOf(r.Context(), rec.Result)
	if err != nil {
		p.fail(w, r, v.id, err)
		return
	}
	before, after, err := around(head)
	if err != nil {
		p.fail(w, r, v.id, err)
		return
	}
	p.o.Replies.Own(w.Header(), r, about)
	w.Header()["Content-Type"] = []string{"application/json"}
	w.WriteHeader(code)
	if r.Method == http.MethodHead {
		return
	}
	out := bufio.NewWriterSize(w, 32<<10)
	_, _ = out.Write(before) // the last error is kept and told by Flush
	if err := content.write(r.Context(), out); err != nil {
		p.o.Log.ErrorContext(r.Context(), "stored answer cannot be read", "id", v.id.String(), "error", err)
		panic(http.ErrAbortHandler) // the status has been sent: a client must not take a part for the whole
	}
	_, _ = out.Write(after)
	_ = out.Flush() // a client that has gone does not read it
}

// lookAgain sets what every 202 about a message says: where its answer will be, and when to look.
func (p *Producer) lookAgain(h http.Header, r *http.Request, rec *queue.Record) {
	h["Location"] = []string{p.o.Replies.Links(r, rec.ID).Raw}
	h["Retry-After"] = p.o.Replies.RetryAfter(rec.Queue)
}

// raw replays the stored answer.
func (p *Producer) raw(w http.ResponseWriter, r *http.Request, v vars) {
	rec, applied, err := p.awaited(r, v.id)
	if err != nil {
		p.fail(w, r, v.id, err)
		return
	}
	if rec.Result != nil && rec.Result.Header["Access-Control-Allow-Origin"] != nil {
		delete(w.Header(), "Access-Control-Allow-Origin") // the endpoint's own word is replayed; two would void both
	}
	p.o.Replies.Raw(w, r, rec, reply.RawOptions{Partial: r.URL.Query().Get("partial") == "1", Applied: applied})
}

// envelopeOf returns the envelope of a record, all but the result.
func envelopeOf(rec *queue.Record) *client.Response {
	e := &client.Response{
		CorrelationID: rec.ID.String(),
		Status:        rec.Status(),
		CompletedAt:   instant(rec.CompletedAt),
		Reason:        string(rec.Reason),
	}
	if rec.State.Terminal() {
		if text := failure(rec); text != "" {
			e.Error = &text
		}
	}
	if result := rec.Result; result != nil {
		e.Headers = client.Fields(result.Header)
		e.StatusCode = &result.Status
		ms := milliseconds(result.Duration)
		e.ProcessingTimeMS = &ms
		e.Truncated = result.Truncated
	}
	return e
}

// resultMark stands where the result is to be written. It is the first such text of an envelope: only an ID and a status
// word come before it.
const resultMark = `"result":0`

// around encodes an envelope and returns what comes before and after the value of its result.
func around(e *client.Response) (before, after []byte, err error) {
	marked := *e
	marked.Result = json.RawMessage("0")
	encoded, err := json.Marshal(&marked)
	if err != nil {
		return nil, nil, err
	}
	at := bytes.Index(encoded, []byte(resultMark)) + len(resultMark) - 1
	return encoded[:at], append(encoded[at+1:], '\n'), nil
}

// countingReader counts what was read.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}
