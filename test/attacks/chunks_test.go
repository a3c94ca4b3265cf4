package attacks

// How a chunked body is written. What passes straight through has begun when a later chunk turns out to be malformed: then the
// endpoint's connection is cut, and it never gets the end of a body.
var chunks = []attack{
	chunked("an extension", "5;a=b\nhello\n0\n\n", "hello", "is dropped with the framing"),
	chunked("a quoted extension with a line in it", "5;a=\"0\\r\\n\\r\\n\"\nhello\n0\n\n", "hello", "text, not a line"),
	chunked("blanks behind the size", "5 \nhello\n0\n\n", "hello", "bad white space of old clients; framed anew"),
	chunked("leading zeros", "0000000005\nhello\n000\n\n", "hello", "are digits"),
	chunked("letters of both cases", "a\n0123456789\nA\n0123456789\n0\n\n", "01234567890123456789", "hexadecimal has no case"),
	malformed("a bare line feed behind the size", "5<LF>hello\n0\n\n", "ends a line for some servers only"),
	malformed("a bare line feed within an extension (TERM.EXT)", "5;<LF>hello\n0\n\n", "hides the rest of the line from servers that look for CRLF"),
	malformed("a bare line feed behind the data (TERM.SPILL)", "5\nhello<LF>0\n\n", "shifts what follows by one byte"),
	malformed("a bare return behind the size", "5<CR>hello\n0\n\n", "ends a line for some servers only"),
	malformed("a size with 0x", "0x5\nhello\n0\n\n", "is 0, the end, for parsers that stop at the x"),
	malformed("a size with a sign", "+5\nhello\n0\n\n", "hexadecimal digits only (RFC 9112 7.1)"),
	malformed("a negative size", "-1\nhello\n0\n\n", "wraps around in unsigned numbers"),
	malformed("a size beyond 64 bits", "10000000000000005\nhello\n0\n\n", "wraps around to 5"),
	malformed("letters that are no digits", "5xyz\nhello\n0\n\n", "is 5 for parsers that stop early"),
	malformed("an underscore in the size", "1_0\n0123456789abcdef\n0\n\n", "is a number to some languages"),
	malformed("no size", "\nhello\n0\n\n", "an empty size is 0 for some"),
	malformed("more data than the size", "3\nhello\n0\n\n", "the surplus would be the next chunk line"),
	malformed("a blank before the size", " 5\nhello\n0\n\n", "digits come first"),
	malformed("a trailer line without a colon", "5\nhello\n0\nX-Attack\n\n", "no field, no trailer"),
	{name: "chunks without an end", input: post + "Transfer-Encoding: chunked\n\n5\nhello\n", ends: true, refused: 400, why: "a truncated upload is never a request (R1)"},
	{name: "a chunk cut short", input: post + "Transfer-Encoding: chunked\n\nff\nhello", ends: true, refused: 400, why: "a truncated upload is never a request (R1)"},
	{name: "trailers of framing and routing", input: post + "Transfer-Encoding: chunked\n\n5\nhello\n0\nContent-Length: 0\nHost: evil.example\nTransfer-Encoding: chunked\nAuthorization: Bearer evil\nX-Forwarded-For: 6.6.6.6\n\n",
		arrives: []arrival{as("POST", "/{m}/a", "hello")}, closes: true, why: "must not be merged into the head (RFC 9110 6.5.1)"},
	{name: "a Trailer that announces framing", input: post + "Transfer-Encoding: chunked\nTrailer: Content-Length\n\n5\nhello\n0\nContent-Length: 0\n\n",
		refused: 400, closes: true, why: "no such trailer may be sent"},
}

func chunked(name, body, content, why string) attack {
	return attack{name: name, why: why, input: post + "Transfer-Encoding: chunked\n\n" + body,
		arrives: []arrival{as("POST", "/{m}/a", content)}, closes: true}
}

func malformed(name, body, why string) attack {
	return attack{name: name, why: why, input: post + "Transfer-Encoding: chunked\n\n" + body + smuggled, refused: 400, closes: true}
}
