package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
)

const allKinds = `
server: {port: 9000, public_url: "https://q.example.com/base"}
auth: {admin_token: s3cret}
queue: {redis_url: "redis://user:s3cret@redis:6379/0", max_age: 90m}
worker: {retry_delay_base: 1500ms}
proxy:
  strip_headers: [Cookie, "X-*"]
  endpoints:
    legacy:
      url: http://legacy:8080/in?api_key=s3cret&x=1
      auth_type: basic
      auth_username: "yes"
      auth_password: s3cret
      headers: {X-Source: "a $${literal}", X-Api-Key: s3cret, X-Gate: "${GATE}", Empty: ""}
      on: {404: retry, 5xx: fail}
      rate: 6000/m
      burst: 5
      host: "true"
`

func TestPrintShowsEffectiveValuesTheirSourcesAndNoSecret(t *testing.T) {
	path := absolute(t, "testdata/printed.yaml")
	got := printed(t, load(t, allKinds, "OPENHQM_PROXY__WAIT=3s", "GATE=s3cret"))
	golden(t, path, got)
	if strings.Contains(got, "s3cret") {
		t.Error("a secret is shown")
	}
}

func TestPrintOfDefaultsIsComplete(t *testing.T) {
	path := absolute(t, "testdata/defaults.yaml")
	golden(t, path, printed(t, load(t, "")))
}

func TestPrintedConfigurationLoadsToTheSameValues(t *testing.T) {
	withoutSecrets := strings.NewReplacer(
		"auth: {admin_token: s3cret}\n", "", "user:s3cret@", "", "api_key=s3cret&", "", "X-Api-Key: s3cret, X-Gate: \"${GATE}\", ", "",
		"auth_type: basic", "", `auth_username: "yes"`, "", "auth_password: s3cret", "").Replace(allKinds)
	before := load(t, withoutSecrets)
	after := load(t, printed(t, before))
	before.sources, after.sources, before.filled, after.filled, before.own, after.own = nil, nil, nil, nil, nil, nil
	if !reflect.DeepEqual(before, after) {
		t.Errorf("before %+v\nafter  %+v", before, after)
	}
}

func TestPrintedMaskIsRefusedWhereASecretBelongs(t *testing.T) {
	_, _, err := tryLoad(t, printed(t, load(t, allKinds, "GATE=s3cret")))
	if err == nil {
		t.Fatal("accepted")
	}
	mustContain(t, err.Error(), "auth.admin_token: is the mask that config print writes, not a secret",
		"queue.redis_url: is the mask that config print writes, not a secret")
}

func TestSecretsShowNowhere(t *testing.T) {
	c := load(t, allKinds, "GATE=s3cret")
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("loaded", "config", c, "token", c.Auth.AdminToken, "redis", c.Queue.RedisURL)
	slog.New(slog.NewTextHandler(&log, nil)).Info("loaded", "token", c.Auth.AdminToken, "redis", c.Queue.RedisURL)
	encoded, err := json.Marshal(struct {
		A Secret
		B URL
	}{c.Auth.AdminToken, c.Queue.RedisURL})
	if err != nil {
		t.Fatal(err)
	}
	shown := log.String() + string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown += fmt.Sprintf(verb, c.Auth.AdminToken) + fmt.Sprintf(verb, c.Queue.RedisURL)
		shown += fmt.Sprintf(verb, c.Auth) + fmt.Sprintf(verb, c.Queue)
	}
	if strings.Contains(shown, "s3cret") || strings.Contains(shown, fmt.Sprintf("%x", "s3cret")) {
		t.Error("a secret is shown:", shown)
	}
	if c.Auth.AdminToken.Reveal() != "s3cret" || Secret("").String() != "" {
		t.Error("a secret must be revealed on demand, and an empty one be told from a set one")
	}
}

func TestMaskURLHidesCredentialsInDoubtMore(t *testing.T) {
	for in, want := range map[string]string{
		"http://a/b?c=d":                    "http://a/b?c=d",
		"http://u:p@a/b":                    "http://***@a/b",
		"http://a/users/me@example.com":     "http://a/users/me@example.com",
		"redis://:pw@h:6379/0":              "redis://***@h:6379/0",
		"redis://:p/w@x@h:6379":             "redis://***@h:6379",
		"https://a/?token=x&n=1&Api_Key=yz": "https://a/?token=***&n=1&Api_Key=***",
		"no url: a@b":                       "no url: a@b",
		"":                                  "",
	} {
		if got := MaskURL(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
