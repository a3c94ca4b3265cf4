package app

import (
	"context"

	wire "github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/internal/api"
	"github.com/openhqm/openhqm/internal/store/embedded"
)

// AuditStore recounts the data directory of an embedded store that no process is using, and changes nothing in it.
func AuditStore(ctx context.Context, dir string) (*wire.Audit, error) {
	found, err := embedded.Audit(ctx, dir)
	if err != nil {
		return nil, err
	}
	audit := api.AuditOf(found)
	return &audit, nil
}
