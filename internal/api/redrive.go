package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

const (
	maxEdit      = 16 << 20        // bytes of an edited request, as JSON
	minRedrive   = 0.1             // slowest pace, in messages a second
	maxRedrive   = 100_000         // fastest pace
	redrivePaced = 5 * time.Second // about how long one paced call takes at most; what is left is gone on with by the cursor
)

// redrive puts one dead message back, with a changed request if the body has one.
func (a *Admin) redrive(w http.ResponseWriter, r *http.Request, v vars) {
	rec, err := a.redriveOne(r, v.id)
	if err != nil {
		a.o.Replies.ErrorAbout(w, r, reply.About{ID: v.id}, err)
		return
	}
	a.o.Replies.JSON(w, r, http.StatusOK, reply.AboutRecord(rec), a.messageOf(rec))
}

func (a *Admin) redriveOne(r *http.Request, id queue.ID) (*queue.Record, error) {
	var in client.Edit
	given, err := readEdit(r, &in)
	if err != nil || !given {
		if err == nil {
			return a.o.Broker.Redrive(r.Context(), id, queue.Redrive{})
		}
		return nil, err
	}
	was, err := a.o.Broker.Get(r.Context(), id)
	if err != nil {
		return nil, err
	}
	edited, err := a.edit(r.Context(), was.Sent(), &in)
	if err != nil {
		return nil, err
	}
	rec, err := a.o.Broker.Redrive(r.Context(), id, queue.Redrive{Request: edited})
	if err != nil && edited.Body.Ref() != was.Sent().Body.Ref() {
		// Should it fail, the store sweeps the body later.
		_ = a.o.Broker.Bodies().DiscardBody(context.WithoutCancel(r.Context()), edited.Body)
	}
	return rec, err
}

// readEdit reads the optional edit, and reports whether there is one.
func readEdit(r *http.Request, into *client.Edit) (bool, error) {
	text, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxEdit))
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return false, err
	}
	if err := decodeBody(bytes.NewReader(text), into); err != nil {
		return false, err
	}
	e := into
	return e.Method != "" || e.Target != "" || len(e.Headers) > 0 || len(e.Remove) > 0 || e.Body != nil || e.BodyBase64 != nil, nil
}

// edit returns a copy of a request with the changes, checked as a submit is.
func (a *Admin) edit(ctx context.Context, was *queue.Request, e *client.Edit) (*queue.Request, error) {
	is := was.Clone()
	if e.Method != "" {
		if !httpguts.ValidHeaderFieldName(e.Method) || e.Method == http.MethodConnect {
			return nil, badParameter("method", e.Method, "want a method of HTTP such as POST; CONNECT is none that is delivered")
		}
		is.Method = e.Method
	}
	if e.Target != "" {
		if err := checkPath(e.Target); err != nil {
			return nil, badParameter("target", e.Target, err.Error())
		}
		is.Target = e.Target
	}
	if err := editFields(&is, e); err != nil {
		return nil, err
	}
	if e.Body != nil && e.BodyBase64 != nil {
		return nil, reply.NewProblem(reply.KindBadParameter, "body and body_base64 are both given; one body is sent")
	}
	content := e.BodyBase64
	if e.Body != nil {
		content = []byte(*e.Body)
	}
	if content == nil {
		return &is, nil
	}
	var err error
	is.Trailer = nil // of the body that is replaced
	is.Body, err = queue.ReceiveBody(ctx, a.o.Broker.Bodies(), bytes.NewReader(content), int64(len(content)), maxEdit)
	return &is, err
}

// editFields sets and leaves out header fields by the rules of a submit.
func editFields(is *queue.Request, e *client.Edit) error {
	encoded, _ := json.Marshal(e.Headers) // strings can always be encoded
	set, host, wrong := readHeaders(encoded)
	if wrong != nil {
		return explain(wrong)
	}
	if host != "" {
		is.Host = host
	}
	if is.Header == nil {
		is.Header = make(http.Header)
	}
	for _, name := range e.Remove {
		delete(is.Header, textproto.CanonicalMIMEHeaderKey(name))
	}
	maps.Copy(is.Header, set)
	return nil
}

// redriveAll puts dead messages back, one page of them.
func (a *Admin) redriveAll(w http.ResponseWriter, r *http.Request, _ vars) {
	query := r.URL.Query()
	f, err := readManyDead(query, listBounds, "rate")
	var rate float64
	if err == nil {
		rate, err = readRate(query)
	}
	if err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	var every time.Duration
	if rate > 0 {
		every = time.Duration(float64(time.Second) / rate)
		f.Limit = min(f.Limit, max(1, int(redrivePaced/every)))
	}
	page, err := a.o.Broker.List(r.Context(), f)
	if err != nil {
		a.o.Replies.Error(w, r, cursorProblem(f.Cursor, err))
		return
	}
	done, err := a.redrivePage(r.Context(), page, every)
	if err != nil {
		problem := reply.ProblemOf(err)
		problem.Members = map[string]any{"redriven": done.Redriven, "skipped": done.Skipped}
		a.o.Replies.Error(w, r, problem)
		return
	}
	a.json(w, r, done)
}

// redrivePage redrives the records of a page, and lets so much time pass for each, also for the last one if another page
// follows: the pace holds over several calls.
func (a *Admin) redrivePage(ctx context.Context, page queue.Page, every time.Duration) (client.Redriven, error) {
	done := client.Redriven{Next: page.Next}
	for i, rec := range page.Records {
		_, err := a.o.Broker.Redrive(ctx, rec.ID, queue.Redrive{})
		switch {
		case err == nil:
			done.Redriven++
		case errors.Is(err, queue.ErrNotDead), errors.Is(err, queue.ErrNotFound), errors.Is(err, queue.ErrGone):
			done.Skipped++
			continue
		default:
			return done, err
		}
		if every > 0 && (i+1 < len(page.Records) || page.Next != "") {
			if err := pause(ctx, every); err != nil {
				return done, err
			}
		}
	}
	return done, nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

func readRate(query url.Values) (float64, error) {
	text := query.Get("rate")
	if text == "" {
		return 0, nil
	}
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil || !(rate >= minRedrive && rate <= maxRedrive) {
		return 0, badParameter("rate", text, fmt.Sprintf("want messages a second, from %v to %d", minRedrive, maxRedrive))
	}
	return rate, nil
}
