package attacks

// Whom a request claims to be for, and whom it claims to come from.
var hosts = []attack{
	hosted("no host", "", 400, "must be refused (RFC 9112 3.2)"),
	hosted("two hosts", "Host: attacked.example\nHost: evil.example\n", 400, "must be refused (RFC 9112 3.2)"),
	hosted("two equal hosts", "Host: attacked.example\nHost: attacked.example\n", 400, "must be refused (RFC 9112 3.2)"),
	hosted("a blank before the colon", "Host : attacked.example\n", 400, "no field of that name"),
	hosted("a path in the host", "Host: attacked.example/evil\n", 400, "would be glued into links"),
	hosted("a blank in the host", "Host: attacked.example evil.example\n", 400, "cut at the blank by some"),
	hosted("a zero byte in the host", "Host: attacked.example\x00evil\n", 400, "cut there by servers in C"),
	hosted("a bare return in the host", "Host: attacked.example<CR>X-Hidden: evil\n", 400, "ends a line for some servers"),
	{name: "a folded host", input: "GET /{m}/a HTTP/1.1\n Host: evil.example\nHost: attacked.example\n{way}\n", refused: 400, closes: true, why: "a blank behind the request line must be refused (RFC 9112 2.2)"},
	{name: "another host of the same server", input: "GET /{m}/a HTTP/1.1\nHost: admin.internal\n{way}\n",
		arrives: []arrival{as("GET", "/{m}/a", "").at("admin.internal")}, why: "host: preserve hands it on; the endpoint stays the one that is configured"},
	{name: "a host with the port of somebody", input: "GET /{m}/a HTTP/1.1\nHost: 127.0.0.1:1\n{way}\n",
		arrives: []arrival{as("GET", "/{m}/a", "").at("127.0.0.1:1")}, why: "does not choose where the bytes go (promise 8)"},
	{name: "X-Forwarded of a peer that is not trusted", input: get + "X-Forwarded-For: 6.6.6.6\nX-Forwarded-Host: evil.example\nX-Forwarded-Proto: https\n\n",
		arrives: []arrival{as("GET", "/{m}/a", "")}, why: "what a stranger says of himself is not handed on as ours"},
	{name: "X-Forwarded in another case and on two lines", input: get + "x-forwarded-FOR: 6.6.6.6\nX-FORWARDED-FOR: 7.7.7.7\n\n",
		arrives: []arrival{as("GET", "/{m}/a", "")}, why: "names have no case"},
	{name: "Forwarded of a peer that is not trusted", input: get + "Forwarded: for=6.6.6.6;host=evil.example;proto=https\n\n",
		arrives: []arrival{as("GET", "/{m}/a", "")}, why: "as X-Forwarded"},
	{name: "X_Forwarded_For with underscores", input: get + "X_Forwarded_For: 6.6.6.6\nX_Forwarded-Host: evil.example\nX-Forwarded_Proto: https\n\n",
		arrives: []arrival{as("GET", "/{m}/a", "")}, why: "applications behind CGI, WSGI or Rack see the same name as with hyphens"},
	{name: "X-Forwarded in a trailer", input: post + "Transfer-Encoding: chunked\nTrailer: X-Forwarded-For\n\n5\nhello\n0\nX-Forwarded-For: 6.6.6.6\n\n",
		arrives: []arrival{as("POST", "/{m}/a", "hello")}, closes: true, why: "as in the head"},
}

func hosted(name, field string, status int, why string) attack {
	return attack{name: name, why: why, input: "GET /{m}/a HTTP/1.1\n" + field + "{way}\n", refused: status, closes: true}
}
