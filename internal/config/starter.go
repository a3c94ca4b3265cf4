package config

import (
	_ "embed"
	"fmt"
	"io"
)

// starter is a file whose settings are all commented out with "#" and no space, comments proper with "# ".
//
//go:embed starter.yaml
var starter string

// Init writes a commented file to start from. Loaded as it is, it sets nothing.
func Init(w io.Writer) error {
	if _, err := io.WriteString(w, starter); err != nil {
		return fmt.Errorf("write starter configuration: %w", err)
	}
	return nil
}
