package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
)

// Environment of a child that is this binary under another role.
const (
	roleVariable   = "OPENHQM_BENCH_ROLE"
	addrVariable   = "OPENHQM_BENCH_ADDR"
	targetVariable = "OPENHQM_BENCH_TARGET"
)

// serveRole is the whole life of such a child: null stores nothing, endpoint is a trivial app, proxy is
// httputil.ReverseProxy to it.
func serveRole(role string) error {
	var handler http.Handler
	switch role {
	case "null":
		handler = http.HandlerFunc(null)
	case "endpoint":
		handler = http.HandlerFunc(trivial)
	case "proxy":
		target, err := url.Parse("http://" + os.Getenv(targetVariable))
		if err != nil {
			return err
		}
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = 256
		handler = &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	default:
		return fmt.Errorf("no role %q", role)
	}
	return http.ListenAndServe(os.Getenv(addrVariable), handler)
}

// null reads the request and answers 202 with a body as long as the product's.
func null(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) // the client went away
	if r.Method == http.MethodGet {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	w.Write(nullAnswer) // the client went away
}

var nullAnswer = make([]byte, 420)

// trivial reads the request and answers 200 with 1 KiB, or with as many bytes as ?bytes= asks for.
func trivial(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) // the client went away
	n, err := strconv.ParseInt(r.URL.Query().Get("bytes"), 10, 64)
	if err != nil {
		n = 1 << 10
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	for n > 0 {
		chunk := min(n, int64(len(zeros)))
		if _, err := w.Write(zeros[:chunk]); err != nil {
			return
		}
		n -= chunk
	}
}

var zeros = make([]byte, 64<<10)
