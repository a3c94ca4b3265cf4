package attacks

import "strings"

// Names and values of fields, and those that only OpenHQM or the configuration writes.
var fields = []attack{
	fielded("the client's own value for an injected field", "X-Injected: evil\n", "the configuration wins"),
	fielded("an injected field in another case, twice", "x-injected: evil\nX-INJECTED: evil\n", "names have no case"),
	fielded("an injected field with an underscore", "X_Injected: evil\n", "applications behind CGI, WSGI or Rack see one name for both"),
	{name: "an endpoint of an underscore", input: get + "OpenHQM_Endpoint: nowhere\n\n", arrives: []arrival{as("GET", "/{m}/a", "")}, why: "chooses nothing, and goes no further"},
	fielded("the client's own credentials", "Authorization: Bearer evil\n", "the endpoint's are injected in their place"),
	fielded("OpenHQM's own fields", "OpenHQM-Delivery: 9\nOpenHQM-Correlation-Id: evil\nOpenHQM-Last-Attempt: true\n", "are written by OpenHQM alone"),
	{name: "an endpoint that is a URL", input: get + "OpenHQM-Endpoint: http://evil.example\n\n", refused: 404, why: "only names of the configuration (promise 8)"},
	{name: "two endpoints", input: get + "OpenHQM-Endpoint: app\nOpenHQM-Endpoint: app\n\n", refused: 404, why: "one is chosen or none"},
	fieldRefused("a bare return in a value", "X-Attack: a<CR>X-Hidden: evil\n", "ends a line for some servers"),
	fieldRefused("a zero byte in a value", "X-Attack: a\x00b\n", "ends the value for servers in C"),
	fieldRefused("an escape character in a value", "X-Attack: \x1b[2J\n", "control characters are no text"),
	fieldRefused("a line without a colon", "X-Attack\n", "no field"),
	fieldRefused("no name", ": evil\n", "no field"),
	fieldRefused("a blank in a name", "X Attack: 1\n", "names are tokens"),
	fieldRefused("a bracket in a name", "X(Attack): 1\n", "names are tokens"),
	fieldRefused("a zero byte in a name", "X-Att\x00ack: 1\n", "names are tokens"),
	fieldRefused("a letter beyond ASCII in a name", "X-\xc3\xa4: 1\n", "names are tokens"),
	fieldRefused("a K of another alphabet in a name", "Connection: X-Attack\nX-Attac\xe2\x84\xaa: 1\n", "folds to an ASCII k for who compares in Unicode"),
	{name: "a folded value", input: get + "X-Attack: a\n X-Hidden: evil\n\n", arrives: []arrival{as("GET", "/{m}/a", "").with("X-Attack", "a X-Hidden: evil")}, why: "is unfolded to one line (RFC 9112 5.2)"},
	{name: "an encoded line break in a value", input: get + "X-Attack: a%0d%0aX-Hidden: evil\n\n", arrives: []arrival{as("GET", "/{m}/a", "").with("X-Attack", "a%0d%0aX-Hidden: evil")}, why: "stays encoded"},
	{name: "a head too large", input: get + "X-Attack: " + strings.Repeat("a", 100_000) + "\n\n", refused: 431, why: "bounded before it is stored"},
	{name: "TRACE", input: "TRACE /{m}/a HTTP/1.1\nHost: attacked.example\n{way}\n", nginxRefuses: true,
		arrives: []arrival{as("TRACE", "/{m}/a", "").with(injectedField, "").with("Authorization", "")}, why: "its answer shows the request to the client, who must not see what is injected"},
}

func fielded(name, field, why string) attack {
	return attack{name: name, why: why, input: get + field + "\n", arrives: []arrival{as("GET", "/{m}/a", "")}}
}

func fieldRefused(name, field, why string) attack {
	return attack{name: name, why: why, input: get + field + "\n", refused: 400, closes: true}
}
