package telemetry

import (
	"net/url"
	"strings"

	"github.com/openhqm/openhqm/internal/fault"
)

// mask stands for a secret wherever one would be shown.
const mask = "***"

// secretWords are what the names of values that bear credentials contain, in lower case.
var secretWords = [...]string{"auth", "cookie", "token", "secret", "passw", "pwd", "credential", "signature", "key"}

// plainNames contain such a word and bear none.
var plainNames = map[string]bool{"idempotency-key": true, "www-authenticate": true, "proxy-authenticate": true, KeyKeys: true}

// SecretName reports whether a header field, query parameter or log attribute of this name is likely to hold a secret, so
// that its value must not be shown. It is the one rule of the log, of printed configuration and of the operators' API; in
// doubt it says yes.
func SecretName(name string) bool {
	name = strings.ToLower(name)
	if plainNames[name] || fault.Planted(fault.SecretsShown) {
		return false
	}
	for _, word := range secretWords {
		if strings.Contains(name, word) {
			return true
		}
	}
	return name == "sig"
}

// MaskQuery returns a URL or request target with "***" for the value of every query parameter that has a [SecretName],
// however its name is escaped. All else stays as it is.
func MaskQuery(target string) string {
	before, query, found := strings.Cut(target, "?")
	if !found {
		return target
	}
	query, fragment, hasFragment := strings.Cut(query, "#")
	parameters := strings.Split(query, "&")
	for i, parameter := range parameters {
		name, _, _ := strings.Cut(parameter, "=")
		plain, err := url.QueryUnescape(name)
		if name != parameter && (SecretName(name) || err == nil && SecretName(plain)) {
			parameters[i] = name + "=" + mask
		}
	}
	masked := before + "?" + strings.Join(parameters, "&")
	if hasFragment {
		masked += "#" + fragment
	}
	return masked
}
