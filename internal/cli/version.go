package cli

import (
	"fmt"
	"runtime"
)

type versionCommand struct{}

// Run prints the version, and what it was built with.
func (c *versionCommand) Run(env *Environment) error {
	_, err := fmt.Fprintln(env.Stdout, versionText())
	return err
}

func versionText() string {
	return fmt.Sprintf("openhqm %s (%s, %s/%s)", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
