package api

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

func (a *Admin) messages(w http.ResponseWriter, r *http.Request, _ vars) {
	f, err := readFilter(r.URL.Query(), listBounds)
	if err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	a.list(w, r, f)
}

// list answers one page.
func (a *Admin) list(w http.ResponseWriter, r *http.Request, f queue.Filter) {
	page, err := a.o.Broker.List(r.Context(), f)
	if err != nil {
		a.o.Replies.Error(w, r, cursorProblem(f.Cursor, err))
		return
	}
	list := client.Messages{Messages: make([]client.Message, len(page.Records)), Next: page.Next}
	for i, rec := range page.Records {
		list.Messages[i] = a.messageOf(rec)
	}
	a.json(w, r, list)
}

func (a *Admin) message(w http.ResponseWriter, r *http.Request, v vars) {
	withBody, err := readFlag(r.URL.Query(), "body")
	var rec *queue.Record
	if err == nil {
		rec, err = a.o.Broker.Get(r.Context(), v.id)
	}
	if err != nil {
		a.o.Replies.ErrorAbout(w, r, reply.About{ID: v.id}, err)
		return
	}
	m := a.messageOf(rec)
	m.Callback = callbackOf(r.Context(), a.o.Broker, rec)
	if withBody {
		err = showBody(r.Context(), &m.Request, rec.Request.Body)
		if err == nil && rec.Edited != nil {
			err = showBody(r.Context(), m.Edited, rec.Edited.Body)
		}
		if err != nil {
			a.o.Replies.ErrorAbout(w, r, reply.AboutRecord(rec), err)
			return
		}
	}
	a.o.Replies.JSON(w, r, http.StatusOK, reply.AboutRecord(rec), m)
}

// showBody adds a request's body, if it is not too large to look at.
func showBody(ctx context.Context, to *client.Request, body queue.Body) error {
	if body.Size() > queue.InlineLimit {
		return nil
	}
	r, err := body.Open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if utf8.Valid(content) {
		text := string(content)
		to.Body = &text
	} else {
		to.BodyBase64 = content
	}
	return nil
}

// readFlag reads a parameter that is true or false.
func readFlag(query url.Values, name string) (bool, error) {
	switch text := query.Get(name); text {
	case "", "false", "0":
		return false, nil
	case "true", "1":
		return true, nil
	default:
		return false, badParameter(name, text, "want true or false")
	}
}

// dead lists the dead letter queue.
func (a *Admin) dead(w http.ResponseWriter, r *http.Request, _ vars) {
	f, err := readDead(r.URL.Query(), listBounds)
	if err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	a.list(w, r, f)
}

// removeDead removes dead messages for good.
func (a *Admin) removeDead(w http.ResponseWriter, r *http.Request, _ vars) {
	f, err := readManyDead(r.URL.Query(), purgeBounds)
	if err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	a.remove(w, r, f)
}

// readDead reads a filter of the dead letter queue.
func readDead(query url.Values, b bounds, extra ...string) (queue.Filter, error) {
	f, err := readFilter(query, b, extra...)
	if err == nil && len(f.States) > 0 {
		err = badParameter("state", query.Get("state"), "these are the dead messages; /messages and a queue's purge take states")
	}
	f.States = []queue.State{queue.Dead}
	return f, err
}

// readManyDead is readDead for a call that changes all that match: nothing is not everything, unless it says all.
func readManyDead(query url.Values, b bounds, extra ...string) (queue.Filter, error) {
	f, err := readDead(query, b, append(extra, "all")...)
	if err != nil {
		return f, err
	}
	all, err := readFlag(query, "all")
	if err == nil && !all && !narrow(&f) {
		err = reply.NewProblem(reply.KindBadParameter,
			"nothing says which messages: give queue, endpoint, reason, caller, key, after or before, or all=true")
	}
	return f, err
}
