package queue

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
)

// IdempotencyScope returns the reservation's key: a hash of caller, route and idempotency key, so that nobody can join
// another's message by guessing its key (draft-ietf-httpapi-idempotency-key-header-07, section 5).
func IdempotencyScope(caller, route, key string) [32]byte {
	var b []byte
	for _, part := range []string{caller, route, key} {
		b = append(binary.AppendUvarint(b, uint64(len(part))), part...)
	}
	return sha256.Sum256(b)
}

// Fingerprint hashes method, target and body: what makes two requests with one idempotency key the same (R16).
func (r *Request) Fingerprint(ctx context.Context) ([32]byte, error) {
	h := sha256.New()
	var head []byte
	for _, part := range []string{r.Method, r.Target} {
		head = append(binary.AppendUvarint(head, uint64(len(part))), part...)
	}
	h.Write(head)
	body, err := r.Body.Open(ctx)
	if err != nil {
		return [32]byte{}, err
	}
	defer body.Close()
	if _, err := io.Copy(h, body); err != nil {
		return [32]byte{}, err
	}
	return [32]byte(h.Sum(nil)), nil
}
