package ingress

import (
	"log/slog"
	"net/http"
	"time"
)

// Server returns an http.Server as the ingress listener needs it; the caller sets addresses and contexts. There is no
// limit on how long a request or an answer takes as a whole: streams pass through, and uploads are bounded by how long
// they stand still.
func Server(handler http.Handler, maxHeaderBytes int, log *slog.Logger) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true) // clients with prior knowledge
	return &http.Server{
		Handler:           unambiguous(handler),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeaderBytes,
		Protocols:         &protocols,
		// OPTIONS * is the endpoint's to answer.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// unambiguous closes the connection after every request of which a proxy before us may have seen another end than Go's
// server did, so that what such a proxy took for its body is never served as a request. It stands before every handler of
// a listener, because each of them answers on the same connections.
func unambiguous(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ambiguous(r) {
			w.Header()["Connection"] = valueClose
		}
		if unsent := r.Header["Content-Length"]; r.ProtoMajor == 2 && r.ContentLength == 0 && len(unsent) > 0 && unsent[0] != "0" {
			// Malformed (RFC 9113 8.1.1), and Go's server does not see it where the head ends the stream.
			http.Error(w, "400 Bad Request: content-length announces a body, and none follows", http.StatusBadRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ambiguous reports whether the end of a request is in doubt. Chunked over HTTP/1.1: a Content-Length beside it is dropped
// unseen, although the connection must then be closed (RFC 9112 6.3). HTTP/1.0: a Transfer-Encoding is dropped unseen.
func ambiguous(r *http.Request) bool {
	return r.ProtoMajor == 1 && (r.ProtoMinor == 0 || len(r.TransferEncoding) > 0)
}
