package redis

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/rueidis"
)

// The functions that run within Redis, in the order in which they need each other.
//
//go:embed lua/*.lua
var sources embed.FS

// library is the code of the functions. Its name, and the beginning of theirs, is a hash of the code, so that processes of two
// versions, which may differ in it, stand side by side.
type library struct{ name, code string }

func newLibrary() (library, error) {
	files, err := sources.ReadDir("lua")
	if err != nil {
		return library{}, err
	}
	var b strings.Builder
	for _, file := range files { // sorted by name
		code, err := sources.ReadFile("lua/" + file.Name())
		if err != nil {
			return library{}, err
		}
		b.Write(code)
	}
	sum := sha256.Sum256([]byte(b.String()))
	name := "hqm_" + hex.EncodeToString(sum[:6])
	return library{name, fmt.Sprintf("#!lua name=%s\nlocal NAME = '%s'\n%s", name, name, b.String())}, nil
}

// function returns the name under which Redis knows a function.
func (l library) function(name string) string { return l.name + "_" + name }

// present reports whether an error of a load says that the library is there already.
func present(err error) bool {
	var refused *rueidis.RedisError
	return errors.As(err, &refused) && strings.Contains(refused.Error(), "already exists")
}
