package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

// exportTypes are the media types of the formats of an export.
var exportTypes = map[string]string{"jsonl": "application/jsonl", "curl": "text/plain; charset=utf-8"}

// export streams the dead letters that match. Secrets are masked as they are wherever a message is shown. An export that
// cannot be completed ends with a broken connection, so that nobody takes a part for the whole.
func (a *Admin) export(w http.ResponseWriter, r *http.Request, _ vars) {
	query := r.URL.Query()
	format := firstOf(query.Get("format"), "jsonl")
	f, err := readDead(query, bounds{0, 1 << 30}, "format")
	if err == nil && !slices.Contains(client.ExportFormats(), format) {
		err = badParameter("format", format, fmt.Sprintf("want one of %v", client.ExportFormats()))
	}
	most := f.Limit
	var page queue.Page
	if err == nil {
		page, err = a.exportPage(r, &f, most)
	}
	if err != nil {
		a.o.Replies.Error(w, r, err)
		return
	}
	a.o.Replies.Own(w.Header(), r, noMessage)
	w.Header().Set("Content-Type", exportTypes[format])
	out := bufio.NewWriterSize(w, 32<<10)
	for written := 0; ; {
		for _, rec := range page.Records {
			if err = a.exportOne(out, r, rec, format); err != nil {
				break
			}
			written++
		}
		if err != nil || page.Next == "" || most > 0 && written >= most {
			break
		}
		f.Cursor = page.Next
		if page, err = a.exportPage(r, &f, most-written); err != nil {
			break
		}
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		a.o.Log.WarnContext(r.Context(), "export of dead letters ended early", telemetry.KeyError, err)
		panic(http.ErrAbortHandler)
	}
}

// exportPage reads the next records; left is how many are still wanted, 0 or less: all.
func (a *Admin) exportPage(r *http.Request, f *queue.Filter, left int) (queue.Page, error) {
	f.Limit = maxList
	if left > 0 {
		f.Limit = min(left, maxList)
	}
	page, err := a.o.Broker.List(r.Context(), *f)
	return page, cursorProblem(f.Cursor, err)
}

func (a *Admin) exportOne(out *bufio.Writer, r *http.Request, rec *queue.Record, format string) error {
	m := a.messageOf(rec)
	sent := &m.Request
	if err := showBody(r.Context(), sent, rec.Request.Body); err != nil {
		return err
	}
	if rec.Edited != nil {
		sent = m.Edited
		if err := showBody(r.Context(), sent, rec.Edited.Body); err != nil {
			return err
		}
	}
	if format == "curl" {
		return writeCurl(out, &m, sent, a.urlOf(rec.Endpoint))
	}
	return json.NewEncoder(out).Encode(m)
}

// urlOf returns the configured URL of an endpoint, without credentials; "" if there is none.
func (a *Admin) urlOf(endpoint string) string {
	for _, e := range a.o.Endpoints() {
		if e.Name == endpoint {
			return telemetry.MaskQuery(e.URL)
		}
	}
	return ""
}
