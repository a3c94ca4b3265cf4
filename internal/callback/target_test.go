package callback

import (
	"errors"
	"strings"
	"testing"
)

func TestOnlyListedReceiversMayBeNamed(t *testing.T) {
	targets, err := NewTargets([]string{"https://hooks.example.com", "https://*.partner.example/openhqm/", "http://10.1.2.3:9000/in",
		"http://[fd00::1]:9000", "https://198.51.100.7"}, loopback)
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{ // allowed, forbidden or malformed
		"https://hooks.example.com":                               "allowed",
		"https://hooks.example.com/any/path?with=query":           "allowed",
		"https://hooks.example.com:443/a":                         "allowed",
		"HTTPS://HOOKS.example.com./a":                            "allowed",
		"https://a.partner.example/openhqm":                       "allowed",
		"https://a.b.partner.example/openhqm/x?y":                 "allowed",
		"http://hooks.example.com/":                               "forbidden", // another scheme
		"https://hooks.example.com:8443/":                         "forbidden", // another port
		"https://hooks.example.com.evil.example/":                 "forbidden",
		"https://evilhooks.example.com/":                          "forbidden",
		"https://partner.example/openhqm":                         "forbidden", // the domain itself is none of its subdomains
		"https://evilpartner.example/openhqm":                     "forbidden",
		"https://a.partner.example/openhqmx":                      "forbidden", // a prefix ends where a segment ends
		"https://a.partner.example/":                              "forbidden",
		"https://a.partner.example/x?/openhqm":                    "forbidden",
		"https://a.partner.example/%6fpenhqm":                     "forbidden", // spelled in another way than listed
		"http://10.1.2.3:9000/in":                                 "forbidden", // listed, and not a public address
		"http://[fd00::1]:9000/":                                  "forbidden",
		"http://[fd00:0::1]:9000/":                                "forbidden",
		"https://198.51.100.7/":                                   "forbidden",
		"http://127.0.0.1:9000/":                                  "forbidden", // its address would do, it is not listed
		"http://169.254.169.254/latest/meta-data/":                "forbidden",
		"http://localhost:8001/api/v1/queues/x/purge":             "forbidden",
		"https://a.partner.example/openhqm/../admin":              "malformed",
		"https://a.partner.example/openhqm/%2e%2e/admin":          "malformed",
		"https://a.partner.example/openhqm/..%2fadmin":            "malformed",
		"https://a.partner.example/openhqm/%5c..%5cadmin":         "malformed",
		`https://a.partner.example\@hooks.example.com/`:           "malformed",
		"https://user:s3cret@hooks.example.com/":                  "malformed",
		"https://hooks.example.com@evil.example/":                 "malformed",
		"https://hooks.example.com/#fragment":                     "malformed",
		"https://hooks.example.com/#":                             "malformed",
		"https://hooks.example.com:/":                             "malformed",
		"https://hooks.example.com/a b":                           "malformed",
		"https://hooks.example.com/\r\nX: y":                      "malformed",
		"https://hooks.example.com/\u00e9":                        "malformed",
		"https:hooks.example.com":                                 "malformed",
		"https:///path":                                           "malformed",
		"//hooks.example.com/":                                    "malformed",
		"/done":                                                   "malformed",
		"":                                                        "malformed",
		"ftp://hooks.example.com/":                                "malformed",
		"file:///etc/passwd":                                      "malformed",
		"gopher://hooks.example.com/":                             "malformed",
		"http://[fe80::1%25eth0]/":                                "malformed",
		"https://hooks.example.com/" + strings.Repeat("x", 2048):  "malformed",
		"https://hooks%2eexample.com/":                            "malformed",
		"https://hooks.example.com/?token=s3cret#":                "malformed",
		"https://other.example/?token=s3cret":                     "forbidden",
		"https://hooks.example.com:99999999999999999999/?s3cret=": "forbidden",
	} {
		err := targets.Check(url)
		var refusal *Refusal
		got := "allowed"
		switch {
		case errors.As(err, &refusal) && refusal.Malformed:
			got = "malformed"
		case err != nil:
			got = "forbidden"
		}
		if got != want {
			t.Errorf("%q is %s, want %s: %v", url, got, want, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: the refusal shows a secret: %v", url, err)
		}
	}
}

func TestARefusalNamesTheRemedy(t *testing.T) {
	none, err := NewTargets(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	some, err := NewTargets([]string{"https://hooks.example.com", "http://127.0.0.1:9000"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		targets   *Targets
		url, want string
	}{
		{none, "https://hooks.example.com/a?b", "callbacks are not configured here: list https://hooks.example.com in callback.allow and set callback.secrets"},
		{some, "https://other.example/a?b", "https://other.example is not among the receivers that callback.allow lists, or this path of it is not; name one that is, or have it added"},
		{some, "http://127.0.0.1:9000/", "127.0.0.1 is a loopback address; callbacks go to public addresses, and to those of callback.allow_networks"},
		{some, "nonsense", "want an absolute http or https URL of at most 2048 bytes, without credentials, fragment or dot segments, such as https://hooks.example.com/done"},
	} {
		if err := tc.targets.Check(tc.url); err == nil || err.Error() != tc.want {
			t.Errorf("%s: %v\nwant %s", tc.url, err, tc.want)
		}
	}
}

func TestPatternsAreChecked(t *testing.T) {
	for text, ok := range map[string]bool{
		"https://hooks.example.com": true, "https://*.example.com/x": true, "http://10.0.0.1:80": true, "http://[::1]:9000/": true,
		"https://*": false, "*": false, "": false, "https://": false, "https://*.10.0.0.1": false, "https://a.*.example.com": false,
		"https://example.com/*": false, "https://example.com?x": false, "https://example.com/?": false, "hooks.example.com": false,
		"https://u:p@example.com": false, "ftp://example.com": false, "https://example.com/a/../b": false,
	} {
		if err := ParsePattern(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}
