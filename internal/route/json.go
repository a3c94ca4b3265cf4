package route

import (
	"bytes"
	"encoding/json"
	"io"
)

// DecodeJSON returns the value of a text as programs and rules see it, its numbers with every digit; nil if it is no JSON, or null.
func DecodeJSON(text []byte) any {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value any
	if d.Decode(&value) != nil {
		return nil
	}
	if _, err := d.Token(); err != io.EOF {
		return nil // more than one value
	}
	return value
}
