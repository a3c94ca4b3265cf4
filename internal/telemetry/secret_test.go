package telemetry

import "testing"

func TestNamesTellSecrets(t *testing.T) {
	for name, secret := range map[string]bool{
		"Authorization": true, "Proxy-Authorization": true, "Cookie": true, "Set-Cookie": true, "X-Api-Key": true, "X-Shop-Key": true,
		"X-Amz-Security-Token": true, "X-Vault-Token": true, "X-Csrf-Token": true, "X-Amz-Signature": true, "auth_token": true,
		"password": true, "pwd": true, "client_secret": true, "sig": true, "key": true, "X-Amz-Credential": true,
		"Idempotency-Key": false, "WWW-Authenticate": false, "Content-Type": false, "Keep-Alive": false, "page": false, "design": false,
		KeyKeys: false, KeySignal: false, KeyPlace: false,
	} {
		if SecretName(name) != secret {
			t.Errorf("%s: %v, want %v", name, !secret, secret)
		}
	}
}

func TestQueriesAreMaskedByName(t *testing.T) {
	for in, want := range map[string]string{
		"/a":                               "/a",
		"/a?":                              "/a?",
		"/a?b=c&d":                         "/a?b=c&d",
		"/a?access_token=x&n=1&Api_Key=yz": "/a?access_token=***&n=1&Api_Key=***",
		"/a?access%5Ftok%65n=x":            "/a?access%5Ftok%65n=***",
		"/a?token%zz=x":                    "/a?token%zz=***",
		"/a?token":                         "/a?token",
		"http://h/a?sig=x#top":             "http://h/a?sig=***#top",
		"/a?n=token=x":                     "/a?n=token=x",
	} {
		if got := MaskQuery(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
