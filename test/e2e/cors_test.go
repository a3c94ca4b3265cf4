package e2e

import (
	"fmt"
	"testing"

	"github.com/openhqm/openhqm/test/recorder"
)

func TestCrossOriginAnswersOfTheApplicationAreItsOwn(t *testing.T) {
	r := record(t, func(a recorder.Arrival) recorder.Reply {
		switch {
		case a.Method() == "OPTIONS":
			return recorder.Answer(204, "", "Access-Control-Allow-Origin: https://app.example", "Access-Control-Allow-Methods: PATCH")
		case a.Target() == "/close":
			return recorder.Reply{recorder.Close()}
		}
		return recorder.Answer(200, "", "Access-Control-Allow-Origin: https://app.example")
	})
	for _, captured := range []bool{false, true} {
		t.Run(fmt.Sprintf("captured %t", captured), func(t *testing.T) {
			s := serve(t, endpoint(r.URL()), setting("SERVER__CORS__CAPTURED", fmt.Sprint(captured)))
			own := ""
			if captured {
				own = "*"
			}
			origin := "Origin: https://page.example"
			for name, c := range map[string]struct {
				sent   request
				status int
				allow  string
			}{
				"preflight of the application": {request{method: "OPTIONS", target: "/x", fields: []string{origin, "Access-Control-Request-Method: PATCH"}}, 204, "https://app.example"},
				"its answer, passed through":   {get("/x", origin), 200, "https://app.example"},
				"its answer, held":             {post("/x", "b", origin), 200, "https://app.example"},
				"our 202":                      {post("/x", "b", origin, "Prefer: respond-async"), 202, own},
				"our problem":                  {get("/x", origin, "OpenHQM-Endpoint: none"), 404, own},
				"our word for the application": {get("/close", origin), 502, own},
				"the API":                      {post("/api/v1/submit", `{"payload":1}`, origin, "Content-Type: application/json"), 202, "*"},
			} {
				got := send(t, s.address, c.sent)
				if allow := got.header.Get("Access-Control-Allow-Origin"); got.status != c.status || allow != c.allow {
					t.Errorf("%s: status %d, allowed %q; want %d, %q", name, got.status, allow, c.status, c.allow)
				}
			}
		})
	}
}
