package endpoint_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/test/authority"
	"github.com/openhqm/openhqm/test/issuer"
	"github.com/openhqm/openhqm/test/recorder"
)

func issuing(t *testing.T, secure bool) *issuer.Issuer {
	t.Helper()
	i := issuer.Start(secure)
	t.Cleanup(i.Close)
	return i
}

// guarded starts an endpoint that takes the issuer's tokens only, and counts what it took and refused.
func guarded(t *testing.T, i *issuer.Issuer) (url string, taken, refused *atomic.Int32) {
	t.Helper()
	taken, refused = new(atomic.Int32), new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil || !i.Takes(r) {
			refused.Add(1)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		taken.Add(1)
	}))
	t.Cleanup(s.Close)
	return s.URL, taken, refused
}

// withTokens returns an endpoint that authenticates with the issuer's tokens.
func withTokens(t *testing.T, url string, i *issuer.Issuer, change func(*endpoint.OAuth2)) *endpoint.Endpoint {
	t.Helper()
	return open(t, url, func(c *endpoint.Config) {
		o := &endpoint.OAuth2{TokenURL: i.URL(), ClientID: i.ID, ClientSecret: i.Secret}
		if change != nil {
			change(o)
		}
		c.Auth = endpoint.Auth{Scheme: endpoint.AuthOAuth2, OAuth2: o}
	})
}

func TestATokenIsFetchedOnceForAllCallsAndKept(t *testing.T) {
	i := issuing(t, false)
	url, taken, _ := guarded(t, i)
	release := make(chan struct{})
	i.Answer(func(w http.ResponseWriter, r *http.Request) {
		<-release // until all calls wait
		i.Issue(w, r)
	})
	e := withTokens(t, url, i, nil)
	var calls sync.WaitGroup
	for range 64 {
		calls.Go(func() {
			if o := e.Handle(t.Context(), delivery(queue.Request{})); o.Class != queue.Answered || o.Result.Status != 200 || !o.Injected {
				t.Errorf("%s %v", o.Class, o.Err)
			}
		})
	}
	time.AfterFunc(200*time.Millisecond, func() { close(release) })
	calls.Wait()
	w := httptest.NewRecorder()
	e.Pass(w, httptest.NewRequest("GET", "/passed", nil))
	if w.Code != 200 || taken.Load() != 65 || len(i.Tokens()) != 1 {
		t.Errorf("passed %d, %d calls, %d tokens", w.Code, taken.Load(), len(i.Tokens()))
	}
}

func TestTheRequestForATokenBearsWhatIsConfigured(t *testing.T) {
	i := issuing(t, false)
	url, _, _ := guarded(t, i)
	for _, inBody := range []bool{false, true} {
		e := withTokens(t, url, i, func(o *endpoint.OAuth2) {
			o.Scopes, o.InBody = []string{"orders:read", "orders:write"}, inBody
			o.Params = map[string]string{"audience": "https://api.test/ä&b"}
		})
		if o := e.Handle(t.Context(), delivery(queue.Request{})); o.Class != queue.Answered || o.Result.Status != 200 {
			t.Fatalf("in the body %t: %s %v", inBody, o.Class, o.Err)
		}
		form := i.Grants()[len(i.Grants())-1]
		if form.Get("scope") != "orders:read orders:write" || form.Get("audience") != "https://api.test/ä&b" || form.Get("grant_type") != "client_credentials" {
			t.Errorf("in the body %t: %v", inBody, form)
		}
	}
	if got := i.Styles(); !slices.Equal(got, []string{"basic", "post"}) {
		t.Errorf("the client authenticated by %v", got)
	}
}

func TestATokenIsRenewedAheadOfItsEndWhileCallsGoOn(t *testing.T) {
	i := issuing(t, false)
	i.SetLife(2 * time.Second)
	url, _, refused := guarded(t, i)
	e := withTokens(t, url, i, nil)
	if o := e.Handle(t.Context(), delivery(queue.Request{})); o.Class != queue.Answered {
		t.Fatal(o.Err)
	}
	slow := 150 * time.Millisecond
	i.Answer(func(w http.ResponseWriter, r *http.Request) {
		<-time.After(slow)
		i.Issue(w, r)
	})
	var longest time.Duration
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); {
		began := time.Now()
		if o := e.Handle(t.Context(), delivery(queue.Request{})); o.Class != queue.Answered || o.Result.Status != 200 {
			t.Fatalf("%s %v", o.Class, o.Err)
		}
		longest = max(longest, time.Since(began))
		<-time.After(5 * time.Millisecond)
	}
	if n := len(i.Tokens()); n < 3 || n > 4 || refused.Load() != 0 {
		t.Errorf("%d tokens, %d calls refused", n, refused.Load())
	}
	if longest >= slow {
		t.Errorf("a call took %s: it waited for a token", longest)
	}
}

func TestA401RenewsTheTokenOnceAndCostsNoAttempt(t *testing.T) {
	i := issuing(t, false)
	url, taken, refused := guarded(t, i)
	e := withTokens(t, url, i, nil)
	if o := e.Handle(t.Context(), delivery(queue.Request{})); o.Class != queue.Answered || o.Verdict != queue.VerdictByStatus {
		t.Fatal(o.Verdict, o.Err)
	}
	i.Revoke()
	var calls sync.WaitGroup
	for range 16 {
		calls.Go(func() {
			for range 2 { // as the queue hands it out again
				o := e.Handle(t.Context(), delivery(queue.Request{Body: body("order")}))
				switch {
				case o.Class != queue.Answered:
					t.Errorf("%s %v", o.Class, o.Err)
				case o.Result.Status == 401 && o.Verdict != queue.VerdictAgain:
					t.Errorf("a 401 to an old token is judged %d", o.Verdict)
				}
			}
		})
	}
	calls.Wait()
	if n := len(i.Tokens()); n != 2 {
		t.Errorf("%d tokens, want one renewal", n)
	}
	if taken.Load()+refused.Load() != 33 {
		t.Errorf("%d arrivals: a call was sent twice", taken.Load()+refused.Load())
	}
}

func TestASecond401IsForTheConfiguration(t *testing.T) {
	i := issuing(t, false)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer s.Close()
	e := withTokens(t, s.URL, i, nil)
	d := delivery(queue.Request{})
	first := e.Handle(t.Context(), d)
	if first.Verdict != queue.VerdictAgain || !first.Injected {
		t.Fatalf("the first 401: %d, injected %t", first.Verdict, first.Injected)
	}
	d.Record.History = []queue.Attempt{{Class: queue.Answered, Status: 401, StartedAt: first.StartedAt}}
	if o := e.Handle(t.Context(), d); o.Verdict != queue.VerdictByStatus || !o.Injected || o.Result.Status != 401 {
		t.Errorf("the second 401 is judged %d, injected %t", o.Verdict, o.Injected)
	}
	if o := e.Handle(t.Context(), delivery(queue.Request{})); o.Verdict != queue.VerdictByStatus {
		t.Errorf("another message's 401 to the new token is judged %d", o.Verdict)
	}
	if n := len(i.Tokens()); n != 2 {
		t.Errorf("%d tokens", n)
	}
}

// A message that is refused for itself, while the endpoint takes its token from others, does not go in a circle.
func TestAMessageIsSentAgainForItsTokenOnce(t *testing.T) {
	i := issuing(t, false)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refused" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer s.Close()
	e := withTokens(t, s.URL, i, nil)
	d := delivery(queue.Request{Target: "/refused"})
	for n := range 2 {
		if o := e.Handle(t.Context(), delivery(queue.Request{Target: "/taken"})); o.Class != queue.Answered || o.Result.Status != 200 {
			t.Fatal(o.Err)
		}
		o := e.Handle(t.Context(), d)
		if want := map[bool]queue.Verdict{true: queue.VerdictAgain, false: queue.VerdictByStatus}[n == 0]; o.Verdict != want {
			t.Errorf("attempt %d is judged %d", n+1, o.Verdict)
		}
		d.Record.History = append(d.Record.History, queue.Attempt{Class: o.Class, Status: o.Result.Status, StartedAt: o.StartedAt})
	}
}

func TestAPassed401RenewsTheTokenForTheNextCall(t *testing.T) {
	i := issuing(t, false)
	url, _, _ := guarded(t, i)
	var told []queue.Passed
	c := endpoint.Config{Name: "app", URL: url, Auth: endpoint.Auth{Scheme: endpoint.AuthOAuth2,
		OAuth2: &endpoint.OAuth2{TokenURL: i.URL(), ClientID: i.ID, ClientSecret: i.Secret}}}
	e, err := endpoint.New(c, endpoint.Options{Passed: func(_ context.Context, _ string, p queue.Passed) { told = append(told, p) }})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	pass := func() int {
		w := httptest.NewRecorder()
		e.Pass(w, httptest.NewRequest("GET", "/", nil))
		return w.Code
	}
	first := pass()
	i.Revoke()
	second, third := pass(), pass()
	if first != 200 || second != 401 || third != 200 {
		t.Errorf("%d %d %d", first, second, third)
	}
	if len(told) != 3 || !told[0].Injected || told[1].Injected || !told[2].Injected {
		t.Errorf("%+v", told)
	}
}

func TestWithoutATokenNothingIsSent(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	secure := issuing(t, true)
	for name, tc := range map[string]struct {
		change func(*endpoint.OAuth2)
		answer http.HandlerFunc
		want   string
	}{
		"refused": {change: func(o *endpoint.OAuth2) { o.TokenURL = "http://" + closed.Addr().String() + "/token?key=s3cret" },
			want: "connection refused; see that it runs, or correct oauth2.token_url"},
		"no such name": {change: func(o *endpoint.OAuth2) { o.TokenURL = "http://nowhere.invalid/" }, want: "lookup of nowhere.invalid"},
		"unknown authority": {change: func(o *endpoint.OAuth2) { o.TokenURL = secure.URL() },
			want: "name its certificate in oauth2.ca_file"},
		"wrong secret": {change: func(o *endpoint.OAuth2) { o.ClientSecret = "wr0ng" },
			want: "it answered 401 invalid_client; correct oauth2.client_id or oauth2.client_secret"},
		"wrong scope": {change: func(o *endpoint.OAuth2) { o.Scopes = []string{"forbidden"} }, want: "it answered 400 invalid_scope; correct oauth2.scopes"},
		"wrong path":  {change: func(o *endpoint.OAuth2) { o.TokenURL = strings.TrimSuffix(o.TokenURL, "token") }, want: "it answered 404; correct oauth2.token_url"},
		"no answer": {change: func(o *endpoint.OAuth2) { o.Timeout = 100 * time.Millisecond }, want: "no answer within 100ms",
			answer: func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that its client has left
				<-r.Context().Done()
			}},
		"a redirect": {want: "it answered 307; correct oauth2.token_url",
			answer: func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			}},
		"a page": {want: "its answer holds no token (RFC 6749 5.1)", answer: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>s3cret") }},
		"another type": {want: "its token is of another type than Bearer", answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token": "s3cret", "token_type": "DPoP"}`)
		}},
		"not a value": {want: "its token cannot be the value of a field", answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token": "s3cret\r\nX: y", "token_type": "bearer"}`)
		}},
		"an unknown error": {want: "it answered 503", answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"error": "s3cret", "error_description": "s3cret"}`)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, recorder.Always(recorder.Answer(200, "ok")))
			i := issuing(t, false)
			i.Answer(tc.answer)
			e := withTokens(t, r.URL(), i, tc.change)
			o := e.Handle(t.Context(), delivery(queue.Request{}))
			if o.Class != queue.NotSent || o.Err == nil || !strings.HasPrefix(o.Err.Error(), "no access token from ") || !strings.Contains(o.Err.Error(), tc.want) {
				t.Errorf("%s: %v", o.Class, o.Err)
			}
			w := httptest.NewRecorder()
			e.Pass(w, httptest.NewRequest("GET", "/", nil))
			if w.Code != 502 && w.Code != 504 {
				t.Errorf("passed: %d", w.Code)
			}
			for _, secret := range []string{"s3cret", i.Secret, "wr0ng", "?"} {
				if strings.Contains(o.Err.Error()+w.Body.String(), secret) {
					t.Errorf("%q is in %v, %s", secret, o.Err, w.Body)
				}
			}
			if n := len(r.Arrivals()); n != 0 {
				t.Errorf("%d arrivals", n)
			}
		})
	}
}

func TestATokenEndpointThatIsBackIsUsedAgain(t *testing.T) {
	i := issuing(t, false)
	url, taken, _ := guarded(t, i)
	var asked atomic.Int32
	i.Answer(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	var news []error
	c := endpoint.Config{Name: "app", URL: url, Auth: endpoint.Auth{Scheme: endpoint.AuthOAuth2,
		OAuth2: &endpoint.OAuth2{TokenURL: i.URL(), ClientID: i.ID, ClientSecret: i.Secret}}}
	e, err := endpoint.New(c, endpoint.Options{TokenFetched: func(_ string, err error) { news = append(news, err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for range 20 {
		if o := e.Handle(t.Context(), delivery(queue.Request{})); o.Class != queue.NotSent {
			t.Fatal(o.Class)
		}
	}
	if n := asked.Load(); n > 2 {
		t.Errorf("asked %d times in a moment", n)
	}
	i.Answer(nil)
	for end := time.Now().Add(10 * time.Second); taken.Load() == 0 && time.Now().Before(end); <-time.After(50 * time.Millisecond) {
		e.Handle(t.Context(), delivery(queue.Request{}))
	}
	if taken.Load() == 0 || len(news) != 2 || news[0] == nil || news[1] != nil {
		t.Errorf("%d calls, told %v", taken.Load(), news)
	}
}

func TestTheAuthoritiesOfTheTokenEndpointAreItsOwn(t *testing.T) {
	a, err := authority.New("company")
	if err != nil {
		t.Fatal(err)
	}
	i := issuing(t, true)
	file := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Server().Certificate().Raw})
	if err := os.WriteFile(file, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	url, taken, _ := guarded(t, i)
	e := withTokens(t, url, i, func(o *endpoint.OAuth2) { o.CAFile = file })
	if o := e.Handle(t.Context(), delivery(queue.Request{})); o.Class != queue.Answered || taken.Load() != 1 {
		t.Errorf("%s %v", o.Class, o.Err)
	}
	e = withTokens(t, url, i, func(o *endpoint.OAuth2) { o.Roots = a.Pool() })
	if o := e.Handle(t.Context(), delivery(queue.Request{})); o.Class != queue.NotSent {
		t.Errorf("with another authority: %s %v", o.Class, o.Err)
	}
	if _, err := endpoint.New(endpoint.Config{Name: "app", URL: url, Auth: endpoint.Auth{Scheme: endpoint.AuthOAuth2, OAuth2: &endpoint.OAuth2{
		TokenURL: i.URL(), ClientID: "x", ClientSecret: "y", CAFile: file + ".none"}}}, endpoint.Options{}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "oauth2") {
		t.Errorf("a file that is not there: %v", err)
	}
}
