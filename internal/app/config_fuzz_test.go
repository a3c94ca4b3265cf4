package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/internal/config"
)

// FuzzConfigIsBuilt loads any file and builds what it describes. What the configuration accepts, the parts that it fills
// accept too, so that an error is always one of the configuration and names the file or the key.
func FuzzConfigIsBuilt(f *testing.F) {
	f.Add([]byte("proxy: {default_endpoint: 'http://localhost:8080'}"))
	f.Add([]byte("proxy:\n  endpoints:\n    a: {url: 'https://a.example/x?y=1', host: preserve, auth_type: basic, auth_username: u, auth_password: p, rate: 5/s, burst: 2}\n" +
		"    b: {url: 'http://[::1]:80/', auth_type: api_key, auth_token: t, auth_header_name: X-K, header_names: [SOAPAction], headers: {X-A: b}, concurrency: 3}\n" +
		"  forward_headers: [X-*, Accept]\n  strip_headers: [Cookie]\n"))
	f.Add([]byte("proxy:\n  endpoints:\n    a: {url: 'http://a', protocol: h2c, method_override: POST, success: {status: [2xx], jq: .ok}, max_request_size: 1KiB,\n" +
		"      rules: [{status: [302], header: {Location: /login}, then: wait}, {body_regex: 'F[ >]', then: fail}],\n" +
		"      maintenance: [{days: [sat], from: 22:00, to: 04:00, timezone: Europe/Berlin}]}\n"))
	f.Add([]byte("callback: {allow: ['https://*.example.com/hooks'], secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw]}"))
	f.Add([]byte("proxy: {endpoints: {a: {url: 'http://a b/'}, _b: {url: http://b, host: 'x y'}, c: {url: 'http://c/#f', headers: {'x y': z}}}}"))
	path := filepath.Join(f.TempDir(), "openhqm.yaml")
	f.Fuzz(func(t *testing.T, file []byte) {
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		c, _, err := config.Load(config.Options{Path: path, Backends: Extensions{}.Backends()})
		if err != nil {
			for _, e := range err.(config.Errors) {
				if !strings.Contains(e.Source, path) && e.Key == "" {
					t.Errorf("an error that names neither the file nor a key: %v", e)
				}
			}
			return
		}
		s, err := (&builder{}).build(c, nil)
		if err != nil {
			t.Fatalf("the configuration accepts it, and then: %v", err)
		}
		s.closeWhatIsNotIn(nil)
	})
}
