package config

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestTheRulesOfAFileStandForThoseOfTheConfiguration(t *testing.T) {
	rules := "version: \"1.0\"\ndefault_endpoint: a\nroutes:\n- {name: r, match_field: payload.n, match_value: 5, endpoint: b, header_mappings: {X-N: payload.n}}\n" +
		"- {name: s, is_default: true, endpoint: a, enabled: false}\n"
	path := t.TempDir() + "/routing.yaml"
	if err := os.WriteFile(path, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	file := load(t, twoEndpoints, "OPENHQM_ROUTING__ENABLED=true", "OPENHQM_ROUTING__CONFIG_PATH="+path)
	dict := load(t, twoEndpoints, "OPENHQM_ROUTING__ENABLED=true",
		`OPENHQM_ROUTING__CONFIG_DICT={"version": "1.0", "default_endpoint": "a", "routes": [{"name": "r", "match_field": "payload.n", "match_value": 5, "endpoint": "b", "header_mappings": {"X-N": "payload.n"}}, {"name": "s", "is_default": true, "endpoint": "a", "enabled": false}]}`)
	if !reflect.DeepEqual(file.Routing, dict.Routing) || file.RulesFile() != path {
		t.Errorf("file %+v\ndict %+v", file.Routing, dict.Routing)
	}
	if again := load(t, printed(t, file)); !reflect.DeepEqual(again.Routing, file.Routing) {
		t.Errorf("printed and read again: %+v\nwant %+v", again.Routing, file.Routing)
	}
	if given, from := file.ActiveRules(); len(given) != 1 || given[0].Value != "5" || !given[0].HasValue || from[0].MaxRetries != -1 {
		t.Errorf("%+v", given)
	}
}

func TestEveryErrorOfARuleNamesItAndItsPlace(t *testing.T) {
	for rule, want := range map[string]string{
		`{match_field: payload.a, endpoint: a}`:                                              `routing.config_dict.routes.1.name: is missing`,
		`{name: r, match_field: payload.a}`:                                                  `routing.config_dict.routes.r.endpoint: is missing`,
		`{name: r, match_field: payload.a, endpoint: c}`:                                     `"c" is no configured endpoint`,
		`{name: r, endpoint: a}`:                                                             `match_field is missing`,
		`{name: r, is_default: true, endpoint: a, transform_type: xslt}`:                     `give one of passthrough, jq, jsonpath, template`,
		`{name: r, is_default: true, endpoint: a, transform_type: jq, transform: ".a |"}`:    `is no program`,
		`{name: r, is_default: true, endpoint: a, header_mappings: {Connection: payload.a}}`: `Connection cannot be set`,
		`{name: r, is_default: true, endpoint: a, match_feld: x}`:                            `did you mean routing.config_dict.routes.r.match_field?`,
		`{name: own, is_default: true, endpoint: a}`:                                         `is the name of one of routes too`,
	} {
		_, _, err := tryLoad(t, twoEndpoints+"routes: [{name: own, endpoint: a}]\nrouting: {enabled: true, config_dict: {routes: ["+rule+"]}}")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "openhqm.yaml:3: ") {
			t.Errorf("%s: %v\nwant %s", rule, err, want)
		}
	}
	if _, _, err := tryLoad(t, twoEndpoints+"routing: {enabled: true, config_path: /nowhere/routing.yaml}"); err == nil || !strings.Contains(err.Error(), "/nowhere/routing.yaml cannot be read: no such file") {
		t.Errorf("%v", err)
	}
}
