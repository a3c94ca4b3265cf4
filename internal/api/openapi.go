package api

import (
	_ "embed"
	"net/http"
	"strings"

	"github.com/openhqm/openhqm/internal/reply"
)

// openapiSource is the OpenAPI 3.1 document of both listeners, for the default prefix.
//
//go:embed openapi.json
var openapiSource string

// sourcePrefix is the prefix in openapiSource.
const sourcePrefix = "/api/v1"

// document returns the OpenAPI document for a prefix.
func document(prefix string) []byte {
	return []byte(strings.ReplaceAll(openapiSource, sourcePrefix, strings.TrimSuffix(prefix, "/")))
}

func (p *Producer) openapi(w http.ResponseWriter, r *http.Request, _ vars) {
	writeDocument(p.o.Replies, w, r, p.doc)
}

func (a *Admin) openapi(w http.ResponseWriter, r *http.Request, _ vars) {
	writeDocument(a.o.Replies, w, r, a.doc)
}

func writeDocument(replies *reply.Replies, w http.ResponseWriter, r *http.Request, doc []byte) {
	replies.Own(w.Header(), r, noMessage)
	w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(doc) // a client that has gone does not read it
}
