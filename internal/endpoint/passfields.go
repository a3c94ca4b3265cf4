package endpoint

import (
	"io"
	"net/http"

	"golang.org/x/net/http/httpguts"
)

// answerer writes the answer to a passed-through request. It cleans informational answers, which the proxy hands on as
// they are, and keeps the fields of a 304 that Go's server would drop (RFC 9110 15.4.5).
type answerer struct{ http.ResponseWriter }

// WriteHeader writes a head.
func (w *answerer) WriteHeader(status int) {
	h := w.Header()
	switch {
	case status < http.StatusOK:
		cleanAnswer(h, nominated(h))
	case status == http.StatusNotModified:
		respell(h, "Content-Type", "content-type")
		respell(h, "Content-Length", "content-length")
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *answerer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// respell moves a field below the one spelling under which Go's server looks for it.
func respell(h http.Header, from, to string) {
	if values := h[from]; len(values) > 0 {
		h[to] = values
		delete(h, from)
	}
}

// clean removes from an answer what only OpenHQM may set, trailers included, whether they are announced or not. Fields of
// the connection are the proxy's to treat, but for those that Connection nominates in trailers.
func clean(answer *http.Response) {
	drop := nominated(answer.Header)
	dropOurs(answer.Header)
	if answer.StatusCode == http.StatusSwitchingProtocols || answer.ContentLength >= 0 {
		return // without trailers
	}
	cleanTrailer(answer.Trailer, drop)
	answer.Body = &trailedBody{ReadCloser: answer.Body, answer: answer, drop: drop}
}

// trailedBody cleans the trailer of an answer once it has come.
type trailedBody struct {
	io.ReadCloser
	answer *http.Response
	drop   map[string]bool
}

// Read reads the answer.
func (b *trailedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		cleanTrailer(b.answer.Trailer, b.drop)
	}
	return n, err
}

// cleanTrailer is cleanAnswer for trailers, which may hold less (RFC 9110 6.5.1).
func cleanTrailer(t http.Header, drop map[string]bool) {
	cleanAnswer(t, drop)
	for name := range t {
		if !httpguts.ValidTrailerHeader(name) {
			delete(t, name)
		}
	}
}
