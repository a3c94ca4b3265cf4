package app

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"
)

// http2Client speaks HTTP/2 without TLS, with prior knowledge.
func http2Client(t *testing.T) *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols), ExpectContinueTimeout: 20 * time.Second}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

func TestADrainOverHTTP2LetsHeldAndPassedCallsEnd(t *testing.T) {
	arrived, release := make(chan struct{}, 2), make(chan struct{})
	app := backend(t, func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		_, _ = io.WriteString(w, "done")
	})
	c := load(t, "proxy: {default_endpoint: '"+app+"', wait: 30s}\nworker: {grace: 20s}")
	c.Worker.DrainLag = 0
	p := start(t, c, Options{})
	client := http2Client(t)
	got := make(chan string, 2)
	for _, method := range []string{"POST", "GET"} { // held, and passed through
		go func() {
			r, err := http.NewRequest(method, p.url+"/", strings.NewReader("x"))
			if err != nil {
				got <- err.Error()
				return
			}
			answer, err := client.Do(r)
			if err != nil {
				got <- err.Error()
				return
			}
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			got <- strings.Join([]string{answer.Proto, answer.Status, string(text), errorText(err)}, " ")
		}()
		<-arrived
	}
	p.stop()
	// Its answer tells the client to go elsewhere (GOAWAY), and ends nothing that is under way.
	await(t, "the drain", func() bool { return call(t, "GET", p.admin+"/readyz", "").status == 503 })
	r, err := http.NewRequestWithContext(t.Context(), "GET", p.url+"/api/v1/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	first, second := new(httptrace.GotConnInfo), new(httptrace.GotConnInfo)
	for _, info := range []*httptrace.GotConnInfo{first, second} {
		answer, err := client.Do(r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { *info = i }})))
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("%v %v", answer, err)
			break
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
	if first.Conn == second.Conn || !first.Reused {
		t.Errorf("a connection is used again while the process drains")
	}
	close(release)
	for range 2 {
		if text := <-got; text != "HTTP/2.0 200 OK done " {
			t.Errorf("a call that was under way got %q", text)
		}
	}
	if err := p.end(); err != nil {
		t.Errorf("a drain ended with %v", err)
	}
}

func errorText(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestInformationalAnswersPassOverHTTP2(t *testing.T) {
	p := passesThrough(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("X-Final", "yes")
		_, _ = io.WriteString(w, "page")
	}, "")
	var early []string
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		if code == http.StatusEarlyHints {
			early = h["Link"]
		}
		return nil
	}})
	r, err := http.NewRequestWithContext(ctx, "GET", p.url+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http2Client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || string(text) != "page" || answer.ProtoMajor != 2 || answer.Header.Get("X-Final") != "yes" || !slices.Equal(early, []string{"</style.css>; rel=preload"}) {
		t.Errorf("%s %q %v %v, early %v", answer.Proto, text, err, answer.Header, early)
	}
}

// Over HTTP/2 Go's server keeps the expectation to itself, so that it is we who ask for the body, and the app is not asked.
func TestABodyThatWaitsToBeAskedForIsSentOverHTTP2(t *testing.T) {
	p := passesThrough(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header["Expect"] != nil {
			t.Errorf("the app was asked %q", r.Header["Expect"])
		}
		_, _ = io.Copy(w, r.Body)
	}, ", expect_continue: true")
	r, err := http.NewRequestWithContext(t.Context(), "POST", p.url+"/", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Expect", "100-continue")
	answer, err := http2Client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK || string(text) != "hello" {
		t.Errorf("%d %q %v", answer.StatusCode, text, err)
	}
}
