package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestMaintenanceWindowsAreReadAndPrinted(t *testing.T) {
	c := load(t, "proxy: {endpoints: {a: {url: http://a, maintenance: [{days: [Saturday, sun], from: 22:00, to: 04:00, timezone: Europe/Berlin}, {from: 01:00, to: 02:00}]}}}")
	want := []Maintenance{
		{Days: []string{"sat", "sun"}, From: "22:00", To: "04:00", Timezone: "Europe/Berlin"},
		{Days: []string{}, From: "01:00", To: "02:00"},
	}
	if got := c.Proxy.Endpoints["a"].Maintenance; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if again := load(t, printed(t, c)).Proxy.Endpoints["a"].Maintenance; !reflect.DeepEqual(again, want) {
		t.Errorf("printed and loaded: %+v, want %+v", again, want)
	}
}

func TestWrongMaintenanceWindowsAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		`{from: 22:00}`:                                 `proxy.endpoints.a.maintenance.1.to: "" is not accepted; give a time of the day from 00:00 to 23:59`,
		`{from: 24:00, to: 01:00}`:                      `proxy.endpoints.a.maintenance.1.from: "24:00" is not accepted`,
		`{days: [caturday], from: 22:00, to: 04:00}`:    `proxy.endpoints.a.maintenance.1.days: "caturday" is not accepted; give one of mon`,
		`{timezone: Mars/Base, from: 22:00, to: 04:00}`: `proxy.endpoints.a.maintenance.1.timezone: "Mars/Base" is not known`,
		`{day: [sun], from: 22:00, to: 04:00}`:          `proxy.endpoints.a.maintenance.1.day: unknown key`,
	} {
		if _, _, err := tryLoad(t, "proxy: {endpoints: {a: {url: http://a, maintenance: ["+text+"]}}}"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
