package app

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"github.com/openhqm/openhqm/internal/config"
)

// listen binds one listener before anything else is opened, so that a port in use costs nothing. The error names the key
// and the flag that change the port.
func listen(section, host string, port int, c *config.Config) (net.Listener, error) {
	address := net.JoinHostPort(host, strconv.Itoa(port))
	l, err := net.Listen("tcp", address)
	if err == nil {
		return l, nil
	}
	key, flag := section+".port", "--port"
	if section != "server" {
		flag = "--" + section + "-port"
	}
	change := key + " or " + flag
	if s := c.Source(key); s != "default" {
		change += " (now set by " + s + ")"
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen on %s: address in use; end the process that listens there, or give another port with %s",
			address, change)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("listen on %s: permission denied; ports below 1024 are for the superuser, give another with %s",
			address, change)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("listen on %s: no such address on this machine; change %s.host", address, section)
	}
	return nil, fmt.Errorf("listen on %s: %w; change %s or %s.host", address, err, key, section)
}
