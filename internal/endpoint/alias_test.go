package endpoint_test

import (
	"net/http"
	"testing"

	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/queue"
	"github.com/openhqm/openhqm/test/recorder"
)

// To an application behind CGI, WSGI or Rack a name with underscores is the name with hyphens.
func TestNoFieldIsTakenForOneThatIsNotTheClients(t *testing.T) {
	r := start(t, recorder.Always(recorder.Answer(200, "ok")))
	e := open(t, r.URL(), func(c *endpoint.Config) {
		c.Headers = map[string]string{"X-Tenant": "ours", "X_Plan": "ours"}
		c.StripHeaders = []string{"X-Secret"}
		c.Auth = endpoint.Auth{Scheme: endpoint.AuthAPIKey, Header: "X-API-Key", Secret: func() string { return "ours" }}
	})
	dropped := []string{"X_Tenant", "x_tenant", "X.Tenant", "X-Plan", "X_Secret", "X_Api_Key", "X-Api_key", "Content_Length", "Transfer_Encoding",
		"X_Forwarded_For", "X-Forwarded_Host", "X_Forwarded-Proto", "Openhqm_Delivery", "Proxy_Authorization", "X_Plan"}
	header := http.Header{"X_own": {"1"}, "X.other": {"2"}}
	for _, name := range dropped {
		header[name] = []string{"evil"}
	}
	e.Handle(t.Context(), delivery(queue.Request{Method: "GET", Header: header}))
	arrived := r.Arrivals()
	if len(arrived) != 1 {
		t.Fatalf("%d arrivals", len(arrived))
	}
	for _, field := range arrived[0].Fields() {
		if field.Value == "evil" {
			t.Errorf("%s: evil arrived", field.Name)
		}
	}
	for name, want := range map[string]string{"X_own": "1", "X.other": "2", "X-Tenant": "ours", "X_plan": "ours", "X-Api-Key": "ours"} {
		if got := arrived[0].Value(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
