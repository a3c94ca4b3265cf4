package attacks

import "strings"

// What stands between method and version. A proxy that tidies a path up lets others see another one: it passes byte for byte,
// or the request is refused.
var targets = []attack{
	passed("dot segments", "/{m}/b/../a/./c", "resolved by whoever owns the path, once"),
	passed("encoded dot segments", "/{m}/b/c/%2e%2e%2f%2E%2E/a", "decoding once more than the others is the attack"),
	passed("doubly encoded dot segments", "/{m}/%252e%252e%252fa", "stays as it is, not decoded even once"),
	passed("a parameter behind dots", "/{m}/..;/a", "servlet containers cut it off, proxies do not"),
	passed("double slashes", "//{m}//a//", "no authority, no joining of slashes"),
	passed("a host behind two slashes", "//evil.example/{m}/a", "is a path: the bytes never choose where they go (promise 8)"),
	passed("a backslash", "/{m}\\..\\a", "a separator on other systems only"),
	passed("an encoded line break with a field", "/{m}/a%0d%0aX-Hidden:%20evil", "stays encoded"),
	passed("a line break in the query", "/{m}/a?x=%0D%0A%0D%0AGET%20/", "stays encoded"),
	passed("an at sign and a port", "/{m}@evil.example:80/a", "no authority behind a slash"),
	passed("a URL for a path", "/http://evil.example/{m}/a", "is a path"),
	passed("a path of our own API", "/api/v1/{m}/../submit", "is the application's as long as it is none of ours byte for byte"),
	passed("bytes beyond ASCII", "/{m}/\xc3\xbc\xff", "are passed on, not encoded"),
	passed("a zero byte, encoded, in the query", "/{m}/a?x=%00", "stays encoded"),
	passed("a second question mark and a semicolon", "/{m}/a?x=1?y=2;z=3&&", "the query is not taken apart"),
	{name: "a zero byte, encoded, in the path", input: line("GET /{m}/a%00.html HTTP/1.1"), arrives: []arrival{as("GET", "/{m}/a%00.html", "")},
		nginxRefuses: true, why: "stays encoded; nginx refuses what arrives"},
	{name: "more dots than segments", input: line("GET /{m}/../../../etc/passwd HTTP/1.1"), arrives: []arrival{as("GET", "/{m}/../../../etc/passwd", "")},
		nginxRefuses: true, why: "passes as it is; nginx refuses to leave its root"},
	{name: "a fragment", input: line("GET /{m}/a#/b HTTP/1.1"), arrives: []arrival{as("GET", "/{m}/a#/b", "")}, why: "no client sends one, and it passes as it came"},
	{name: "an absolute URL of another host", input: "GET http://evil.example/{m}/a?x HTTP/1.1\nHost: attacked.example\n{way}\n",
		arrives: []arrival{as("GET", "/{m}/a?x", "").at("evil.example")}, why: "its host counts, and Host is made to agree (RFC 9112 3.2.2)"},
	{name: "an absolute URL with a user", input: "GET http://attacked.example@evil.example/{m}/a HTTP/1.1\nHost: attacked.example\n{way}\n",
		arrives: []arrival{as("GET", "/{m}/a", "").at("evil.example")}, why: "the user part is no host"},
	{name: "an absolute URL without a host", input: "GET http:///{m}/a HTTP/1.1\nHost: attacked.example\n{way}\n",
		refused: 400, why: "is invalid (RFC 9110 4.2.1), and some take the path's first segment for the host"},
	{name: "an absolute URL of another scheme", input: "GET file:///{m}/etc/passwd HTTP/1.1\nHost: attacked.example\n{way}\n",
		refused: 400, why: "names no host"},
	{name: "an authority", input: line("GET evil.example:80 HTTP/1.1"), refused: 400, why: "only CONNECT has one"},
	{name: "a path without a slash", input: line("GET {m}/a HTTP/1.1"), refused: 400, closes: true, why: "would be glued to the endpoint's host"},
	{name: "an at sign first", input: line("GET @evil.example/{m}/a HTTP/1.1"), refused: 400, closes: true, why: "would make the endpoint's host a user name"},
	{name: "a port first", input: line("GET :80/{m}/a HTTP/1.1"), refused: 400, closes: true, why: "would change the endpoint's port"},
	{name: "an asterisk for GET", input: line("GET * HTTP/1.1"), refused: 400, why: "only OPTIONS has it"},
	{name: "a tunnel", input: "CONNECT evil.example:443 HTTP/1.1\nHost: evil.example:443\n{way}\n", refused: 501, why: "no request chooses where its bytes go"},
	{name: "an empty target", input: line("GET  HTTP/1.1"), refused: 400, closes: true, why: "no target"},
	{name: "a blank in the target", input: line("GET /{m}/a b HTTP/1.1"), refused: 400, closes: true, why: "request lines are split at blanks, from either end"},
	{name: "a second version in the line", input: line("GET /{m}/a HTTP/1.1 HTTP/1.1"), refused: 400, closes: true, why: "cut at the first or the last blank, these are two targets"},
	{name: "a tab in the line", input: line("GET\t/{m}/a\tHTTP/1.1"), refused: 400, closes: true, why: "one blank separates"},
	{name: "a bare return in the target", input: line("GET /{m}/a<CR>X HTTP/1.1"), refused: 400, closes: true, why: "ends a line for some servers"},
	{name: "a zero byte in the target", input: line("GET /{m}/a\x00b HTTP/1.1"), refused: 400, closes: true, why: "ends the target for servers in C"},
	{name: "an escape cut short", input: line("GET /{m}/a%2 HTTP/1.1"), refused: 400, closes: true, why: "every server decodes it otherwise"},
	{name: "an escape of other letters", input: line("GET /{m}/a%zz HTTP/1.1"), refused: 400, closes: true, why: "every server decodes it otherwise"},
	{name: "no version (0.9)", input: "GET /{m}/a\n{way}\n", refused: 400, closes: true, why: "an answer without a head could be anything"},
	{name: "a version in small letters", input: line("GET /{m}/a http/1.1"), refused: 400, closes: true, why: "versions have a case"},
	{name: "a version of three digits", input: line("GET /{m}/a HTTP/1.10"), refused: 400, closes: true, why: "one digit each (RFC 9112 2.3)"},
	{name: "version 2 in a line of version 1", input: line("GET /{m}/a HTTP/2.0"), refused: 505, closes: true, why: "version 2 has no request line"},
	{name: "version 3 in a line of version 1", input: line("GET /{m}/a HTTP/3.0"), refused: 505, closes: true, why: "version 3 has no request line"},
	{name: "a method with a colon", input: line("GET: /{m}/a HTTP/1.1"), refused: 400, closes: true, why: "methods are tokens"},
	{name: "a target too long", input: line("GET /{m}/" + strings.Repeat("a", 20_000) + " HTTP/1.1"), refused: 414, why: "bounded before it is stored"},
}

func line(request string) string { return request + "\nHost: attacked.example\n{way}\n" }

func passed(name, target, why string) attack {
	return attack{name: name, why: why, input: line("GET " + target + " HTTP/1.1"), arrives: []arrival{as("GET", target, "")}}
}
