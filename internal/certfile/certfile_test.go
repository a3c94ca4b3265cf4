package certfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func write(t *testing.T, content string, in ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if len(in) > 0 {
		path = in[0]
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFilesAreFollowed(t *testing.T) {
	path := write(t, "one")
	read := func() (string, error) {
		text, err := os.ReadFile(path)
		if string(text) == "broken" {
			err = errors.New("it is broken")
		}
		return string(text), err
	}
	synctest.Test(t, func(t *testing.T) {
		var told []error
		w, err := Watch([]string{"", path}, read, func(err error) { told = append(told, err) })
		if err != nil || w.Now() != "one" {
			t.Fatal(w.Now(), err)
		}
		step := func(want string, wantChanged bool, wantTold int) {
			t.Helper()
			time.Sleep(lookEvery)
			if now, changed := w.Current(); now != want || changed != wantChanged || len(told) != wantTold {
				t.Errorf("%q, changed %t, told %v; want %q, %t, %d", now, changed, told, want, wantChanged, wantTold)
			}
		}
		step("one", false, 0)
		write(t, "second", path)
		if now, changed := w.Current(); now != "one" || changed {
			t.Errorf("%q, changed %t: looked at twice within a second", now, changed)
		}
		step("second", true, 1)
		step("second", false, 1)
		write(t, "broken", path)
		if err := os.Chtimes(path, time.Now(), time.Now()); err != nil { // its size is that of the one before
			t.Fatal(err)
		}
		step("second", false, 1) // another file may be about to follow
		step("second", false, 2)
		step("second", false, 2)
		if told[0] != nil || told[1] == nil {
			t.Errorf("told %v, want nil and the error", told)
		}
		write(t, "the third", path)
		step("the third", true, 3)
	})
}

func TestWhatNoFileIsBehindIsRead(t *testing.T) {
	w, err := Watch([]string{"", ""}, func() (int, error) { return 7, nil }, nil)
	if now, changed := w.Current(); err != nil || now != 7 || changed {
		t.Errorf("%d, %t, %v", now, changed, err)
	}
}

func TestWrongFilesAreNamedWithARemedy(t *testing.T) {
	text := write(t, "no PEM")
	encrypted := write(t, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n")
	missing := filepath.Join(t.TempDir(), "missing.pem")
	for name, c := range map[string]struct {
		err  error
		want []string
	}{
		"authorities missing": {second(Authorities("tls.ca_file", missing)), []string{"tls.ca_file", missing}},
		"authorities no PEM":  {second(Authorities("tls.client_ca_file", text)), []string{"tls.client_ca_file", text, "BEGIN CERTIFICATE"}},
		"certificate missing": {second(Pair(missing, text)), []string{"tls.cert_file", missing}},
		"key missing":         {second(Pair(text, missing)), []string{"tls.key_file", missing}},
		"key encrypted":       {second(Pair(text, encrypted)), []string{"tls.key_file", encrypted, "without a passphrase"}},
		"certificate no PEM":  {second(Pair(text, text)), []string{"tls.cert_file", text}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(c.err.Error(), want) {
					t.Errorf("%v does not name %q", c.err, want)
				}
			}
			if strings.Contains(c.err.Error(), "no PEM") || strings.Contains(c.err.Error(), "MIIB") {
				t.Errorf("%v shows what is in the file", c.err)
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }
