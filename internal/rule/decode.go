package rule

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
)

// decode returns the beginning of a body as its reader sees it, whether that is all of it, and false where it is in a
// coding that is not read.
func decode(h http.Header, sent []byte, all bool) (text []byte, whole, readable bool) {
	codings := h["Content-Encoding"]
	if len(codings) == 0 {
		return sent, all, true
	}
	var from io.Reader
	var err error
	switch strings.ToLower(strings.TrimSpace(strings.Join(codings, ","))) {
	case "", "identity":
		return sent, all, true
	case "gzip", "x-gzip":
		from, err = gzip.NewReader(bytes.NewReader(sent))
	case "deflate": // RFC 9110 8.4.1.2: in the zlib format
		from, err = zlib.NewReader(bytes.NewReader(sent))
	default:
		return nil, false, false
	}
	if err != nil {
		return nil, false, false
	}
	text, err = io.ReadAll(io.LimitReader(from, MaxBody+1))
	if len(text) > MaxBody {
		return text[:MaxBody], false, true
	}
	return text, all && err == nil, true
}
