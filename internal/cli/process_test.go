package cli

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/openhqm/openhqm/internal/app"
)

func TestOnlyAnInterruptLeavesTheLagOut(t *testing.T) {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for signal, want := range map[os.Signal]bool{syscall.SIGINT: true, syscall.SIGTERM: false} {
		ctx, stop := untilSignal(t.Context())
		if err := self.Signal(signal); err != nil {
			t.Fatal(err)
		}
		<-ctx.Done()
		if got := errors.As(context.Cause(ctx), new(app.Interrupted)); got != want {
			t.Errorf("after %v the cause is %v", signal, context.Cause(ctx))
		}
		stop()
	}
}
