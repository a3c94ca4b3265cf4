package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/queue"
)

const (
	maxOperatorBody = 64 << 10 // bytes of an operator's request body
	maxNote         = 500      // bytes of a hold's note
)

// readBody reads an operator's optional JSON body. Members that it does not know are refused.
func readBody(r *http.Request, into any) error {
	return decodeBody(http.MaxBytesReader(nil, r.Body, maxOperatorBody), into)
}

// decodeBody reads an optional JSON object.
func decodeBody(from io.Reader, into any) error {
	d := json.NewDecoder(from)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, err = d.Token(); err == nil {
			err = errors.New("something follows the JSON object")
		}
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.As(err, &tooLarge):
		return err
	default:
		return reply.NewProblem(reply.KindBadJSON, "the body is not what this call takes: "+strings.TrimPrefix(err.Error(), "json: "))
	}
}

// readHold reads how long and why something is to be held.
func readHold(r *http.Request) (queue.HoldChange, error) {
	var in client.HoldRequest
	if err := readBody(r, &in); err != nil {
		return queue.HoldChange{}, err
	}
	switch {
	case in.Seconds < 0 || in.Seconds > ingress.MaxSeconds:
		return queue.HoldChange{}, &reply.Problem{Kind: reply.KindBadParameter,
			Detail: fmt.Sprintf("seconds=%v: want 0 (until it is released) or more", in.Seconds)}
	case len(in.Note) > maxNote:
		return queue.HoldChange{}, &reply.Problem{Kind: reply.KindBadParameter,
			Detail: fmt.Sprintf("the note has %d bytes; want at most %d", len(in.Note), maxNote)}
	}
	return queue.HoldChange{For: time.Duration(in.Seconds * float64(time.Second)), Note: in.Note}, nil
}

// cursorProblem says that a refused cursor is the caller's parameter.
func cursorProblem(cursor string, err error) error {
	if cursor != "" && errors.Is(err, queue.ErrInvalid) {
		return badParameter("cursor", cursor, "want the next of the answer before, unchanged")
	}
	return err
}
