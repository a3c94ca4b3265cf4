package app

import "testing"

func TestATokenBoundsADeadlineOnlyWhereItIsForwarded(t *testing.T) {
	for yaml, forwarded := range map[string]bool{
		"proxy: {endpoints: {a: {url: 'http://192.0.2.1'}}}":                                                                   true,
		"proxy: {strip_headers: [authorization], endpoints: {a: {url: 'http://192.0.2.1'}}}":                                   false,
		"proxy: {strip_headers: ['Auth*'], endpoints: {a: {url: 'http://192.0.2.1'}}}":                                         false,
		"proxy: {forward_headers: ['X-*'], endpoints: {a: {url: 'http://192.0.2.1'}}}":                                         false,
		"proxy: {endpoints: {a: {url: 'http://192.0.2.1', headers: {Authorization: fixed}}}}":                                  false,
		"proxy: {endpoints: {a: {url: 'http://192.0.2.1', auth_type: bearer, auth_token: t}}}":                                 false,
		"proxy: {endpoints: {a: {url: 'http://192.0.2.1', authorization: replace}}}":                                           false,
		"proxy: {endpoints: {a: {url: 'http://192.0.2.1', auth_type: api_key, auth_token: t, authorization: forward}}}":        true,
		"proxy: {strip_headers: [X-Internal], forward_headers: [authorization], endpoints: {a: {url: 'http://192.0.2.1'}}}":    true,
		"proxy: {endpoints: {a: {url: 'http://192.0.2.1', auth_type: basic, auth_username: u, auth_password: p, host: auto}}}": false,
	} {
		s, err := (&builder{}).build(load(t, yaml), nil)
		if err != nil {
			t.Fatal(err)
		}
		target, ok := s.table.Default()
		if !ok || target.ForwardsAuthorization != forwarded {
			t.Errorf("%s: %v, want %v", yaml, target.ForwardsAuthorization, forwarded)
		}
		s.closeWhatIsNotIn(nil)
	}
}
