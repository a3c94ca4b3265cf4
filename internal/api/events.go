package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

const (
	heartbeat    = 15 * time.Second // so that proxies and clients see that the stream lives
	eventTimeout = 30 * time.Second // for a client to take what was written
	reconnectMS  = "2000"
)

// events answers with the status of a message as server-sent events, one for each change until it is terminal (WHATWG
// HTML, section 9.2). The ID of an event is the record's revision: with Last-Event-ID the stream goes on after it. A
// client that has seen the last event gets 204, which tells an EventSource not to come back.
func (p *Producer) events(w http.ResponseWriter, r *http.Request, v vars) {
	rec, err := p.record(r, v.id)
	if err != nil {
		p.fail(w, r, v.id, err)
		return
	}
	about := reply.AboutRecord(rec)
	after := lastEvent(r)
	if rec.State.Terminal() && rec.Revision <= after {
		p.o.Replies.Own(w.Header(), r, about)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if !rec.State.Terminal() {
		if !p.mayWait() {
			p.o.Replies.Problem(w, r, &reply.Problem{Kind: reply.KindTooMany, About: about,
				Detail: "no more event streams can be served now; ask for the status, or come back later"})
			return
		}
		defer p.waited()
	}
	h := w.Header()
	p.o.Replies.Own(h, r, about)
	h["Content-Type"] = []string{"text/event-stream"}
	h["X-Accel-Buffering"] = []string{"no"} // nginx would hold events back
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	s := &eventStream{w: w, control: http.NewResponseController(w)}
	defer s.end()
	s.write("retry: " + reconnectMS + "\n\n")
	p.follow(r, rec, after, s)
}

// follow writes every change until the record is terminal, the client is gone, or the process drains.
func (p *Producer) follow(r *http.Request, rec *queue.Record, after queue.Revision, s *eventStream) {
	for {
		changed := rec.Revision > after
		if changed {
			after = rec.Revision
			data, err := json.Marshal(p.statusOf(r, rec))
			if err != nil {
				return
			}
			s.write("event: status\nid: " + strconv.FormatUint(uint64(after), 10) + "\ndata: " + string(data) + "\n\n")
		}
		if rec.State.Terminal() || !s.flush() {
			return
		}
		next, err := p.nextRevision(r.Context(), rec.ID, after)
		switch {
		case r.Context().Err() != nil || p.ends.Err() != nil || next == nil:
			return // the client is gone, we are leaving, or the record is: it asks again and is told
		case err != nil && next.Revision <= after:
			s.write(": still " + next.Status() + "\n\n")
		}
		rec = next
	}
}

// nextRevision waits for a change, at most one heartbeat long.
func (p *Producer) nextRevision(ctx context.Context, id queue.ID, after queue.Revision) (*queue.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	defer context.AfterFunc(p.ends, cancel)()
	return p.o.Broker.Wait(ctx, id, after)
}

// lastEvent reads Last-Event-ID; what is not one of our IDs begins anew.
func lastEvent(r *http.Request) queue.Revision {
	n, err := strconv.ParseUint(r.Header.Get("Last-Event-Id"), 10, 62)
	if err != nil {
		return 0
	}
	return queue.Revision(n)
}

// eventStream writes events. Once a write has failed, the client is gone.
type eventStream struct {
	w       io.Writer
	control *http.ResponseController
	failed  bool
}

func (s *eventStream) write(text string) {
	// A client that takes nothing must not hold the stream for ever. Not every writer knows deadlines.
	_ = s.control.SetWriteDeadline(time.Now().Add(eventTimeout))
	if _, err := io.WriteString(s.w, text); err != nil {
		s.failed = true
	}
}

func (s *eventStream) flush() bool {
	if err := s.control.Flush(); err != nil {
		s.failed = true
	}
	return !s.failed
}

// end takes the deadline back: the connection may serve other requests.
func (s *eventStream) end() { _ = s.control.SetWriteDeadline(time.Time{}) }
