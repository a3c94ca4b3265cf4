package callback

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// SecretPrefix begins every secret, as Standard Webhooks has it.
const SecretPrefix = "whsec_"

// Bounds of a secret's key, in bytes, as Standard Webhooks has them.
const (
	minKey = 24
	maxKey = 64
)

var errSecret = errors.New("want whsec_ and the base64 of 24 to 64 random bytes")

// CheckSecret returns an error, which does not repeat it, for text that is no secret.
func CheckSecret(secret string) error {
	encoded, ok := strings.CutPrefix(secret, SecretPrefix)
	if !ok {
		return errSecret
	}
	if key, err := base64.StdEncoding.DecodeString(encoded); err != nil || len(key) < minKey || len(key) > maxKey {
		return errSecret
	}
	return nil
}

// signer signs with every key that is configured.
type signer struct{ keys []*webhooks.Webhook }

func newSigner(secrets []string) (signer, error) {
	var s signer
	for _, secret := range secrets {
		if err := CheckSecret(secret); err != nil {
			return signer{}, err
		}
		key, err := webhooks.NewWebhook(secret)
		if err != nil {
			return signer{}, errSecret // the error would tell of the secret
		}
		s.keys = append(s.keys, key)
	}
	if len(s.keys) == 0 {
		return signer{}, errors.New("no secret to sign callbacks with")
	}
	return s, nil
}

// sign adds the fields of Standard Webhooks to a request. The time is that of the attempt, so that a receiver may refuse
// what is old.
func (s signer) sign(h http.Header, id string, at time.Time, body []byte) error {
	signatures := make([]string, len(s.keys))
	for i, key := range s.keys {
		var err error
		if signatures[i], err = key.Sign(id, at, body); err != nil {
			return fmt.Errorf("sign a callback: %w", err)
		}
	}
	h.Set(webhooks.HeaderWebhookID, id)
	h.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(webhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}
