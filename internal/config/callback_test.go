package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

const (
	signKey  = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	otherKey = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
)

func TestKeysOfCallbacksComeFromFileVariableAndReference(t *testing.T) {
	for name, c := range map[string]*Config{
		"file":      load(t, "callback: {allow: [https://a.example], secrets: ["+signKey+", "+otherKey+"]}"),
		"reference": load(t, "callback: {allow: [https://a.example], secrets: [\"${OLD}\", \"${NEW}\"]}", "OLD="+signKey, "NEW="+otherKey),
		"variable":  load(t, "", "OPENHQM_CALLBACK__ALLOW=https://a.example", "OPENHQM_CALLBACK__SECRETS="+signKey+", "+otherKey),
		"JSON":      load(t, "", "OPENHQM_CALLBACK__ALLOW=https://a.example", `OPENHQM_CALLBACK__SECRETS=["`+signKey+`","`+otherKey+`"]`),
	} {
		if !slices.Equal(c.Callback.Secrets, []Secret{signKey, otherKey}) {
			t.Errorf("%s: other keys", name)
		}
		text := printed(t, c)
		mustContain(t, text, `secrets: ['***', '***']`)
		if strings.Contains(text, "whsec_") {
			t.Errorf("%s: a key is printed:\n%s", name, text)
		}
	}
}

func TestNetworksOfCallbacksAreNetworksOrAddresses(t *testing.T) {
	c := load(t, "callback: {allow_networks: [10.1.2.3/8, 127.0.0.1, \"::1\"]}")
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")}
	if got := c.Callback.Networks(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWrongCallbacksAreRefusedWithTheRemedy(t *testing.T) {
	const keys = ", secrets: [" + signKey + "]}"
	for file, want := range map[string]string{
		"callback: {allow: [https://a.example]}":                          `callback.secrets: is empty; callback.allow needs a key to sign with: whsec_ and what openssl rand -base64 32 prints`,
		"callback: {allow: [a.example]" + keys:                            `openhqm.yaml:1: callback.allow: "a.example" is not accepted; give URLs without a query, such as https://hooks.example.com or https://*.example.com/openhqm`,
		"callback: {allow: [\"*\"]" + keys:                                `openhqm.yaml:1: callback.allow: "*" is not accepted; give URLs without a query, such as https://hooks.example.com or https://*.example.com/openhqm`,
		"callback: {allow: [\"https://u:s3cret@a.example\"]" + keys:       `openhqm.yaml:1: callback.allow: "https://***@a.example" is not accepted; give URLs without a query, such as https://hooks.example.com or https://*.example.com/openhqm`,
		"callback: {allow: [https://a.example], secrets: [whsec_s3cret]}": `openhqm.yaml:1: callback.secrets: number 1 is not accepted; give whsec_ and the base64 of 24 to 64 random bytes, as openssl rand -base64 32 makes them`,
		"callback: {allow: [https://a.example], secrets: [\"***\"]}":      `openhqm.yaml:1: callback.secrets: is the mask that config print writes, not a secret`,
		"callback: {allow_networks: [10.0.0.0/99]}":                       `openhqm.yaml:1: callback.allow_networks: "10.0.0.0/99" is not accepted; give networks or addresses such as 10.0.0.0/8`,
		"callback: {retry_delay_base: 7h}":                                `callback.retry_delay_max: 6h is less than callback.retry_delay_base, 7h; give at least that`,
	} {
		_, _, err := tryLoad(t, file)
		if err == nil || strings.TrimPrefix(err.Error(), "configuration: ") != want {
			t.Errorf("%s\ngot  %v\nwant %s", file, err, want)
		}
	}
	_, notes, err := tryLoad(t, "callback: {secrets: ["+signKey+"]}")
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0].String(), "callback.secrets: has no effect without callback.allow") {
		t.Errorf("notes %v, %v", notes, err)
	}
}
