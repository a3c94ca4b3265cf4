package config

import (
	"os"
	"testing"
	"time"
)

func TestDurationsAreReadAndWritten(t *testing.T) {
	for in, want := range map[string]struct {
		value time.Duration
		text  string
	}{
		"30s": {30 * time.Second, "30s"}, "14d": {14 * 24 * time.Hour, "14d"}, "2w": {14 * 24 * time.Hour, "14d"},
		"1h30m": {90 * time.Minute, "1h30m"}, "300": {300 * time.Second, "5m"}, "1.0": {time.Second, "1s"},
		"0.5": {500 * time.Millisecond, "500ms"}, "0": {0, "0s"}, "24h": {24 * time.Hour, "24h"}, " 1m ": {time.Minute, "1m"},
		"1.5h": {90 * time.Minute, "1h30m"}, "1d12h": {36 * time.Hour, "36h"}, "10µs": {10 * time.Microsecond, "10µs"},
	} {
		var d, again Duration
		if err := d.UnmarshalText([]byte(in)); err != nil || d.Std() != want.value || d.String() != want.text {
			t.Errorf("%q: got %v (%s), %v", in, d.Std(), d, err)
		}
		if err := again.UnmarshalText([]byte(d.String())); err != nil || again != d {
			t.Errorf("%q: %s reads back as %s, %v", in, d, again, err)
		}
	}
	for _, in := range []string{"", "-1s", "x", "1y", "1s1", "NaN", "1e3", "0x1", "99999999999d", ".", "1..2s", "1 s s", "9223372037"} {
		var d Duration
		if err := d.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q is accepted as %s", in, d)
		}
	}
}

func TestSizesAreReadAndWritten(t *testing.T) {
	for in, want := range map[string]struct {
		value int64
		text  string
	}{
		"10MiB": {10 << 20, "10MiB"}, "10MB": {10e6, "10MB"}, "10485760": {10 << 20, "10MiB"}, "64Ki": {64 << 10, "64KiB"},
		"1.5 gib": {3 << 29, "1536MiB"}, "0": {0, "0"}, "7": {7, "7"}, "7B": {7, "7"}, "2TiB": {2 << 40, "2TiB"}, "5k": {5000, "5KB"},
	} {
		var z, again Size
		if err := z.UnmarshalText([]byte(in)); err != nil || int64(z) != want.value || z.String() != want.text {
			t.Errorf("%q: got %d (%s), %v", in, int64(z), z, err)
		}
		if err := again.UnmarshalText([]byte(z.String())); err != nil || again != z {
			t.Errorf("%q: %s reads back as %s, %v", in, z, again, err)
		}
	}
	for _, in := range []string{"", "-1", "MiB", "1XB", "1MiB1", "99999999TiB", "1e6"} {
		var z Size
		if err := z.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q is accepted as %s", in, z)
		}
	}
}

func TestRatesAreReadAndWritten(t *testing.T) {
	for in, want := range map[string]struct {
		perSecond float64
		text      string
	}{
		"100/s": {100, "100/s"}, "6000/m": {100, "6000/m"}, "36/h": {0.01, "36/h"}, "86400/d": {1, "86400/d"},
		"2.5": {2.5, "2.5/s"}, "10 / minute": {1.0 / 6, "10/m"}, "0": {0, "0"}, "0/h": {0, "0"},
	} {
		var r, again Rate
		if err := r.UnmarshalText([]byte(in)); err != nil || r.PerSecond() != want.perSecond || r.String() != want.text {
			t.Errorf("%q: got %v (%s), %v", in, r.PerSecond(), r, err)
		}
		if err := again.UnmarshalText([]byte(r.String())); err != nil || again != r {
			t.Errorf("%q: %s reads back as %s, %v", in, r, again, err)
		}
	}
	for _, in := range []string{"", "/s", "1/x", "-1/s", "1/", "a/s"} {
		var r Rate
		if err := r.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q is accepted as %s", in, r)
		}
	}
}

func TestVariablesExpandInsideValues(t *testing.T) {
	env := environment{"A=1", "EMPTY=", "B=${A}"}
	for in, want := range map[string]string{
		"":                     "",
		"plain $5 {x} $":       "plain $5 {x} $",
		"${A}":                 "1",
		"x${A}y${A}":           "x1y1",
		"${EMPTY}":             "",
		"${EMPTY:-d}":          "d",
		"${NONE:-d e}":         "d e",
		"${NONE:-}":            "",
		"${NONE:-${A}}":        "1",
		"${NONE:-${NO:-{}}}":   "{}",
		"$${A}":                "${A}",
		"${B}":                 "${A}", // values of variables are not expanded again
		"http://${NONE:-h}:80": "http://h:80",
	} {
		if got, err := expand(in, env.lookup, noFile); err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"${NONE}", "${", "${A", "${}", "${A-b}", "${1}", "${NONE:-${NO}}"} {
		if got, err := expand(in, env.lookup, noFile); err == nil {
			t.Errorf("%q is accepted as %q", in, got)
		}
	}
}

func noFile(path string) (string, error) { return "", os.ErrNotExist }
