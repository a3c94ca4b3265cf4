package ingress_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/queue"
)

// token is a JWT with these claims that nobody has signed.
func token(claims string) string {
	return "Bearer e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func TestAClaimOfTheTokenNamesTheKey(t *testing.T) {
	for name, test := range map[string]struct {
		claim, authorization, key string
		refused                   bool
	}{
		"a text":             {"tenant", token(`{"tenant": "t7"}`), "t7", false},
		"a number":           {"tenant", token(`{"tenant": 70000000000000001}`), "70000000000000001", false},
		"below another":      {"realm.tenant", token(`{"realm": {"tenant": "t7"}}`), "t7", false},
		"blanks around":      {"tenant", token(`{"tenant": " t7 "}`), "t7", false},
		"case of the scheme": {"tenant", strings.Replace(token(`{"tenant": "t7"}`), "Bearer", "bearer", 1), "t7", false},
		"not there":          {"tenant", token(`{"sub": "x"}`), "", false},
		"no object below":    {"realm.tenant", token(`{"realm": "x"}`), "", false},
		"a list":             {"tenant", token(`{"tenant": ["t7"]}`), "", false},
		"null":               {"tenant", token(`{"tenant": null}`), "", false},
		"no JSON":            {"tenant", token(`{`), "", false},
		"no token":           {"tenant", "Bearer t7", "", false},
		"another scheme":     {"tenant", "Basic dDc6dDc=", "", false},
		"nothing":            {"tenant", "", "", false},
		"a control":          {"tenant", token(`{"tenant": "a\u0000b"}`), "", true},
		"too long":           {"tenant", token(`{"tenant": "` + strings.Repeat("x", queue.MaxKeyLength+1) + `"}`), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			if test.authorization != "" {
				h.Set("Authorization", test.authorization)
			}
			for lane, terms := range map[queue.Lane]ingress.Terms{
				{Key: test.key, Bound: 3, Fair: true}: {Fair: ingress.KeySource{Claim: test.claim}, FairShare: 3},
				{Key: test.key, Bound: 1}:             {Ordering: ingress.KeySource{Claim: test.claim}},
			} {
				if test.key == "" {
					lane = queue.Lane{}
				}
				got, problem := terms.Lane("", h)
				if (problem != nil) != test.refused || got != lane {
					t.Errorf("%+v, %v, want %+v", got, problem, lane)
				}
				if problem != nil && strings.Contains(problem.Detail, "xxx") {
					t.Errorf("the problem shows the token: %s", problem.Detail)
				}
			}
		})
	}
}
