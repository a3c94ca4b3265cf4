// Command openhqm is a durable queue in front of any HTTP service.
package main

import "github.com/openhqm/openhqm"

func main() { openhqm.Main() }
