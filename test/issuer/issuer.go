// Package issuer is a token endpoint for tests: the client credentials grant of RFC 6749 4.4 over HTTP, and who asked for
// what. It judges clients as an authorization server does, and can revoke, forget, delay and refuse.
//
// # Concurrency
//
// Every method may be called by many goroutines at once.
package issuer

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Issuer is a running token endpoint.
type Issuer struct {
	ID, Secret string // of the one client it knows

	server *httptest.Server

	mu       sync.Mutex
	life     time.Duration // said of tokens; 0: nothing is said
	answer   http.HandlerFunc
	grants   []url.Values
	styles   []string
	valid    []string
	sequence int
}

// Start starts an issuer that knows one client; TLS if secure. Close it.
func Start(secure bool) *Issuer {
	i := &Issuer{ID: "client one", Secret: "client+secret/%", life: time.Hour}
	i.server = httptest.NewUnstartedServer(i)
	if secure {
		i.server.StartTLS()
	} else {
		i.server.Start()
	}
	return i
}

// Server returns the server that it runs on.
func (i *Issuer) Server() *httptest.Server { return i.server }

// URL returns the URL of the token endpoint.
func (i *Issuer) URL() string { return i.server.URL + "/token" }

// Close stops it.
func (i *Issuer) Close() { i.server.Close() }

// SetLife sets how long tokens live that are issued from now on; 0 does not say it, and then they live until revoked.
func (i *Issuer) SetLife(life time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.life = life
}

// Answer makes another handler answer from now on; nil: the issuer itself.
func (i *Issuer) Answer(h http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = h
}

// Revoke ends all tokens.
func (i *Issuer) Revoke() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.valid = nil
}

// Takes reports whether a request bears a token that is valid now.
func (i *Issuer) Takes(r *http.Request) bool {
	value, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	i.mu.Lock()
	defer i.mu.Unlock()
	return bearer && slices.Contains(i.valid, value)
}

// Grants returns the form of every request that was granted, without the secret.
func (i *Issuer) Grants() []url.Values {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.grants)
}

// Styles returns how the client of each grant authenticated: basic or post.
func (i *Issuer) Styles() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.styles)
}

// Tokens returns all tokens that were ever issued.
func (i *Issuer) Tokens() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	tokens := make([]string, i.sequence)
	for n := range tokens {
		tokens[n] = tokenOf(n + 1)
	}
	return tokens
}

func tokenOf(n int) string { return fmt.Sprintf("issued-token-%d", n) }

// ServeHTTP answers a request for a token, as Answer said.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	answer := i.answer
	i.mu.Unlock()
	if answer == nil {
		answer = i.Issue
	}
	answer(w, r)
}

// Issue answers a request for a token as an issuer does.
func (i *Issuer) Issue(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/token" {
		http.NotFound(w, r)
		return
	}
	if err := r.ParseForm(); r.Method != http.MethodPost || err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		refuse(w, http.StatusBadRequest, "invalid_request")
		return
	}
	id, secret, style := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret"), "post"
	if user, password, ok := r.BasicAuth(); ok {
		id, _ = url.QueryUnescape(user) // RFC 6749 2.3.1
		secret, _ = url.QueryUnescape(password)
		style = "basic"
	}
	switch {
	case id != i.ID || secret != i.Secret:
		refuse(w, http.StatusUnauthorized, "invalid_client")
	case r.PostForm.Get("grant_type") != "client_credentials":
		refuse(w, http.StatusBadRequest, "unsupported_grant_type")
	case strings.Contains(r.PostForm.Get("scope"), "forbidden"):
		refuse(w, http.StatusBadRequest, "invalid_scope")
	default:
		r.PostForm.Del("client_secret")
		i.grant(w, r.PostForm, style)
	}
}

func (i *Issuer) grant(w http.ResponseWriter, form url.Values, style string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sequence++
	token := tokenOf(i.sequence)
	i.grants, i.styles, i.valid = append(i.grants, form), append(i.styles, style), append(i.valid, token)
	answer := map[string]any{"access_token": token, "token_type": "bearer"}
	if i.life > 0 {
		answer["expires_in"] = int(i.life / time.Second)
		time.AfterFunc(i.life, func() { i.end(token) })
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(answer)
}

func (i *Issuer) end(token string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.valid = slices.DeleteFunc(i.valid, func(t string) bool { return t == token })
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": "the secret was client+secret/%"})
}
