package callback

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// signature is that of Standard Webhooks, written from its text and not from the library that signs.
func signature(t *testing.T, secret, id string, at time.Time, body string) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "." + body))
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestSignatureIsThatOfStandardWebhooks(t *testing.T) {
	at := time.Unix(1_764_000_000, 999)
	for name, secrets := range map[string][]string{"one key": {key1}, "two keys while one is replaced": {key2, key1}} {
		t.Run(name, func(t *testing.T) {
			s, err := newSigner(secrets)
			if err != nil {
				t.Fatal(err)
			}
			h := make(http.Header)
			if err := s.sign(h, "018f3e1a-7c00-7abc-8def-0123456789ab", at, []byte(`{"a":1}`)); err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, secret := range secrets {
				want = append(want, signature(t, secret, "018f3e1a-7c00-7abc-8def-0123456789ab", at, `{"a":1}`))
			}
			if got := h.Get("webhook-signature"); got != strings.Join(want, " ") {
				t.Errorf("signature %q, want %q", got, want)
			}
			if h.Get("webhook-id") != "018f3e1a-7c00-7abc-8def-0123456789ab" || h.Get("webhook-timestamp") != "1764000000" {
				t.Errorf("fields are %v", h)
			}
		})
	}
}

// The vector of the specification's own documentation and libraries.
func TestSignatureOfThePublishedVector(t *testing.T) {
	s, err := newSigner([]string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
	if err != nil {
		t.Fatal(err)
	}
	h := make(http.Header)
	if err := s.sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)); err != nil {
		t.Fatal(err)
	}
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; h.Get("webhook-signature") != want {
		t.Errorf("signature %q, want %q", h.Get("webhook-signature"), want)
	}
}

func TestSecretsAreChecked(t *testing.T) {
	encode := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for _, tc := range []struct {
		secret string
		ok     bool
	}{
		{key1, true}, {"whsec_" + encode(24), true}, {"whsec_" + encode(64), true},
		{"whsec_" + encode(23), false}, {"whsec_" + encode(65), false}, {encode(32), false}, {"", false}, {"whsec_", false},
		{"whsec_s3cret!", false}, {"whpk_" + encode(32), false},
	} {
		err := CheckSecret(tc.secret)
		if (err == nil) != tc.ok {
			t.Errorf("%q: %v", tc.secret, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
	if _, err := New(Config{}, Options{}); err == nil {
		t.Error("a sender without a key was made")
	}
}
