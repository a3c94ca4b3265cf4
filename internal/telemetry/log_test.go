package telemetry

import (
	"bytes"
	"fmt"
	stdlog "log"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestSecretsDoNotReachTheLog(t *testing.T) {
	const secret = "s3cr3t"
	address, err := url.Parse("http://user:" + secret + "@host/path?token=" + secret)
	if err != nil {
		t.Fatal(err)
	}
	attrs := []slog.Attr{
		slog.String("Authorization", "Bearer "+secret),
		slog.Any("header", http.Header{"Cookie": {secret}, "Set-Cookie": {secret}, "X-Api-Key": {secret}, "Proxy-Authorization": {secret}}),
		slog.Group("endpoint", slog.String("auth_token", secret), slog.String("password", secret)),
		slog.String(KeyPlace, "redis://:"+secret+"@localhost:6379/0"),
		slog.Any("url", address),
		slog.Any(KeyError, fmt.Errorf("deliver: %w", &url.Error{Op: "Post", URL: address.String(), Err: http.ErrHandlerTimeout})),
		slog.Any(KeyError, fmt.Errorf("dial redis://:p@ss@%s@host:1: refused", secret)),
	}
	for _, format := range []string{FormatJSON, FormatText} {
		var out bytes.Buffer
		log := NewLogger(&out, slog.LevelInfo, format)
		for _, a := range attrs {
			log.LogAttrs(t.Context(), slog.LevelInfo, "hello", a)
			log.With(slog.Any(a.Key, a.Value)).Info("hello")
		}
		if strings.Contains(out.String(), secret) || strings.Contains(out.String(), "p@ss") {
			t.Errorf("%s shows a secret:\n%s", format, out.String())
		}
	}
}

func TestOrdinaryValuesStayReadable(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, slog.LevelInfo, FormatJSON)
	log.Info("hello", KeyQueue, "legacy", KeyPlace, "http://localhost:8080/x", "header", http.Header{"Accept": {"*/*"}},
		KeyDuration, 1500*time.Millisecond)
	for _, want := range []string{`"duration":1.5`, `"queue":"legacy"`, `"http://localhost:8080/x"`, `"Accept":["*/*"]`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, out.String())
		}
	}
}

func TestTheLevelMayChange(t *testing.T) {
	var out bytes.Buffer
	level := new(slog.LevelVar)
	log := NewLogger(&out, level, FormatAuto)
	log.Debug("unseen")
	level.Set(ParseLevel("debug"))
	log.Debug("seen")
	if got := out.String(); strings.Contains(got, "unseen") || !strings.Contains(got, "seen") || !strings.HasPrefix(got, "{") {
		t.Errorf("logged %q", got)
	}
}

func TestTheStandardLoggersTextIsNotLogged(t *testing.T) {
	var out bytes.Buffer
	old := stdlog.New(StandardLog(NewLogger(&out, slog.LevelDebug, FormatJSON)), "", 0)
	old.Printf("Unsolicited response received on idle HTTP channel starting with %q", "s3cr3t")
	if got := out.String(); strings.Contains(got, "s3cr3t") || !strings.HasPrefix(got, "{") {
		t.Errorf("logged %q", got)
	}
}
