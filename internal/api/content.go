package api

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/openhqm/openhqm/queue"
)

// content is a stored answer's body as it stands in the envelope: JSON as it is, other text and bytes as an object.
type content struct {
	form     form
	body     queue.Body
	gunzip   bool   // decode it on the way out
	mimeType string // the answer's Content-Type
	encoding string // the answer's Content-Encoding, if the bytes still have it
}

// form is how a body is written.
type form uint8

const (
	formBytes form = iota // {"response_base64", "content_type"}
	formText              // {"response", "content_type"}
	formJSON              // the JSON itself
)

// errNotThat says that a body is not what it was taken for.
var errNotThat = errors.New("not of this form")

// contentOf decides how a body is written. It reads the body once to be sure: what calls itself JSON need not be.
func (p *Producer) contentOf(ctx context.Context, result *queue.Result) (*content, error) {
	c := &content{body: result.Body, mimeType: result.Header.Get("Content-Type")}
	switch encoding := strings.ToLower(strings.Join(result.Header["Content-Encoding"], ", ")); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		c.gunzip = true
	default:
		c.encoding = encoding
		return c, nil
	}
	if _, inline := result.Body.Inline(); !inline || c.gunzip {
		done, err := p.bigBody(ctx)
		if err != nil {
			return nil, err
		}
		defer done()
	}
	for _, candidate := range candidates(c.mimeType) {
		err := c.check(ctx, candidate, p.config.MaxResultSize)
		if err == nil {
			c.form = candidate
			return c, nil
		}
		if !errors.Is(err, errNotThat) {
			return nil, err
		}
	}
	if c.gunzip && c.check(ctx, formBytes, p.config.MaxResultSize) != nil {
		c.gunzip, c.encoding = false, "gzip" // damaged, cut, or too large once decoded: as it is
	}
	return c, nil
}

// candidates are the forms that a media type may have beside bytes, the most telling first.
func candidates(contentType string) []form {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	if contentType == "" {
		return []form{formJSON, formText}
	}
	if err != nil {
		return []form{formText}
	}
	switch charset := strings.ToLower(parameters["charset"]); {
	case charset != "" && charset != "utf-8" && charset != "utf8" && charset != "us-ascii":
		return nil
	case mediaType == "application/json", strings.HasSuffix(mediaType, "+json"):
		return []form{formJSON, formText}
	case strings.HasPrefix(mediaType, "text/"), strings.HasSuffix(mediaType, "+xml"), slices.Contains(textTypes, mediaType):
		return []form{formText}
	}
	return nil
}

// textTypes are media types outside text/ that are text.
var textTypes = []string{"application/xml", "application/javascript", "application/x-javascript", "application/ecmascript",
	"application/x-www-form-urlencoded", "application/yaml", "application/x-yaml", "application/x-ndjson",
	"application/jsonl", "application/graphql", "application/sql", "application/toml"}

// check reads the body and returns errNotThat if it does not have the form, or is longer than limit once decoded.
func (c *content) check(ctx context.Context, as form, limit int64) error {
	r, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	text := &utf8Reader{r: r}
	var from io.Reader = text
	if c.gunzip {
		from = io.LimitReader(text, limit+1)
	}
	counted := &countingReader{r: from}
	switch as {
	case formJSON:
		err = readOneJSON(counted)
	default:
		_, err = io.Copy(io.Discard, counted)
	}
	switch {
	case err != nil:
		return err
	case c.gunzip && counted.n > limit, as != formBytes && !text.valid():
		return errNotThat
	}
	return nil
}

// readOneJSON reads one JSON value to the end of the text.
func readOneJSON(r io.Reader) error {
	d := json.NewDecoder(r)
	d.UseNumber()
	err := skipValue(d)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return nil
		}
	}
	var syntax *json.SyntaxError
	if err == nil || err == io.EOF || errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errNotThat
	}
	return err
}

// open returns the bytes to write, decoded if they are to be. What gzip itself refuses is errNotThat.
func (c *content) open(ctx context.Context) (io.ReadCloser, error) {
	stored, err := c.body.Open(ctx)
	if err != nil || !c.gunzip {
		return stored, err
	}
	z, err := gzip.NewReader(bufio.NewReader(stored))
	if err != nil {
		stored.Close()
		return nil, gzipError(err)
	}
	return &gunzipped{z: z, stored: stored}, nil
}

// gunzipped reads decoded bytes.
type gunzipped struct {
	z      *gzip.Reader
	stored io.Closer
}

func (g *gunzipped) Read(b []byte) (int, error) {
	n, err := g.z.Read(b)
	return n, gzipError(err)
}

func (g *gunzipped) Close() error { return g.stored.Close() }

func gzipError(err error) error {
	switch {
	case err == nil, err == io.EOF, errors.Is(err, queue.ErrCorrupt):
		return err
	}
	return errNotThat
}

// write writes the value of "result". It returns errors of reading only.
func (c *content) write(ctx context.Context, w *bufio.Writer) error {
	r, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	if c.form == formJSON {
		return readErrors(io.Copy(onlyWriter{w}, r))
	}
	if c.form == formText {
		_, _ = w.WriteString(`{"response":"`)
		err = writeText(w, r)
	} else {
		_, _ = w.WriteString(`{"response_base64":"`)
		encoder := base64.NewEncoder(base64.StdEncoding, onlyWriter{w})
		err = readErrors(io.Copy(encoder, r))
		_ = encoder.Close()
	}
	if err != nil {
		return err
	}
	_, _ = w.WriteString(`","content_type":`)
	_, _ = w.Write(quoted(c.mimeType))
	if c.encoding != "" {
		_, _ = w.WriteString(`,"content_encoding":`)
		_, _ = w.Write(quoted(c.encoding))
	}
	_ = w.WriteByte('}')
	return nil
}

// writeText writes valid UTF-8 as the inside of a JSON string.
func writeText(w *bufio.Writer, r io.Reader) error {
	buf := make([]byte, 16<<10)
	kept := 0
	for {
		n, err := r.Read(buf[kept:])
		n += kept
		whole := n - incomplete(buf[:n])
		q := quoted(string(buf[:whole]))
		_, _ = w.Write(q[1 : len(q)-1])
		kept = copy(buf, buf[whole:n])
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// incomplete returns how many bytes at the end begin a rune that is not complete.
func incomplete(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if tail := b[len(b)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

func quoted(s string) []byte {
	q, _ := json.Marshal(s) // a string always encodes
	return q
}

// readErrors passes on the error of a copy into an onlyWriter, which has none of its own.
func readErrors(_ int64, err error) error { return err }

// onlyWriter swallows errors of writing, which a bufio.Writer keeps, so that an error of io.Copy is one of reading.
type onlyWriter struct{ w *bufio.Writer }

func (o onlyWriter) Write(b []byte) (int, error) {
	_, _ = o.w.Write(b)
	return len(b), nil
}

// utf8Reader watches whether what is read is UTF-8.
type utf8Reader struct {
	r    io.Reader
	tail []byte // of a rune that is not complete
	bad  bool
}

func (u *utf8Reader) Read(b []byte) (int, error) {
	n, err := u.r.Read(b)
	if !u.bad && n > 0 {
		seen := b[:n]
		for len(u.tail) > 0 && len(seen) > 0 && !utf8.FullRune(u.tail) {
			u.tail, seen = append(u.tail, seen[0]), seen[1:]
		}
		if utf8.FullRune(u.tail) {
			u.bad = !utf8.Valid(u.tail)
			u.tail = u.tail[:0]
		}
		if len(u.tail) == 0 {
			whole := len(seen) - incomplete(seen)
			u.bad = u.bad || !utf8.Valid(seen[:whole])
			u.tail = append(u.tail, seen[whole:]...)
		}
	}
	return n, err
}

// valid is told at the end.
func (u *utf8Reader) valid() bool { return !u.bad && len(u.tail) == 0 }
