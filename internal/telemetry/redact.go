package telemetry

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
)

// Redact is a ReplaceAttr of slog: values under names that tell credentials become "***", in header maps too; URLs lose
// their user information and query, also inside the errors of net/http.
func Redact(_ []string, a slog.Attr) slog.Attr {
	if SecretName(a.Key) && a.Value.Kind() != slog.KindGroup {
		return slog.String(a.Key, mask)
	}
	if a.Value.Kind() != slog.KindAny {
		if a.Value.Kind() == slog.KindString && strings.Contains(a.Value.String(), "://") {
			return slog.String(a.Key, redactURLs(a.Value.String()))
		}
		return a
	}
	switch v := a.Value.Any().(type) {
	case http.Header:
		return slog.Any(a.Key, redactHeader(v))
	case *url.URL:
		return slog.String(a.Key, redactURL(v))
	case error:
		return slog.String(a.Key, redactError(v))
	}
	return a
}

func redactHeader(h http.Header) http.Header {
	shown := make(http.Header, len(h))
	for name, values := range h {
		if SecretName(name) {
			values = []string{mask}
		}
		shown[name] = values
	}
	return shown
}

// redactError hides what net/http puts into the text of its errors: the whole URL.
func redactError(err error) string {
	text := err.Error()
	var failed *url.Error
	if errors.As(err, &failed) {
		if u, parseErr := url.Parse(failed.URL); parseErr == nil {
			text = strings.ReplaceAll(text, failed.URL, redactURL(u))
		}
	}
	return redactURLs(text)
}

// redactURL returns a URL without user information, query and fragment.
func redactURL(u *url.URL) string {
	if u == nil {
		return ""
	}
	shown := *u
	if shown.User != nil {
		shown.User = url.User(mask)
	}
	if shown.RawQuery != "" {
		shown.RawQuery = "..."
	}
	shown.Fragment, shown.RawFragment = "", ""
	s := shown.String()
	return strings.Replace(s, url.User(mask).String()+"@", mask+"@", 1)
}

// redactURLs hides the user information of every URL in a text. What stands between "://" and the last "@" before the
// next blank or quote is taken for it: in doubt it hides more.
func redactURLs(text string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "://")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("://")
		end := strings.IndexAny(after, " \t\n\"'")
		if end < 0 {
			end = len(after)
		}
		address := after[:end]
		if at := strings.LastIndexByte(address, '@'); at >= 0 {
			address = mask + address[at:]
		}
		b.WriteString(address)
		text = after[end:]
	}
}
