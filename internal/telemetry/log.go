package telemetry

import (
	"io"
	"log/slog"
	"os"

	"github.com/lmittmann/tint"
	"golang.org/x/term"
)

// Forms of the log.
const (
	FormatAuto = "auto" // text on a terminal, else JSON
	FormatJSON = "json" // one object per line
	FormatText = "text" // for people; in colour on a terminal, unless NO_COLOR is set
)

// NewLogger returns a logger that writes to w. The level may change while the logger is used (a *slog.LevelVar). Every
// attribute is redacted, see [Redact].
func NewLogger(w io.Writer, level slog.Leveler, format string) *slog.Logger {
	if format == FormatText || format == FormatAuto && IsTerminal(w) {
		return slog.New(tint.NewTextHandler(w, &tint.Options{
			Level:       level,
			ReplaceAttr: Redact,
			TimeFormat:  "15:04:05.000",
			NoColor:     !IsTerminal(w) || os.Getenv("NO_COLOR") != "",
		}))
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: forMachines}))
}

// forMachines redacts, and writes durations as seconds, where slog writes nanoseconds.
func forMachines(groups []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		return slog.Float64(a.Key, a.Value.Duration().Seconds())
	}
	return Redact(groups, a)
}

// StandardLog returns where the output of the standard library's own logger goes: a constant line at debug. Its text may hold
// bytes that an endpoint sent, which belong in no log.
func StandardLog(log *slog.Logger) io.Writer { return standardLog{log} }

type standardLog struct{ log *slog.Logger }

func (s standardLog) Write(p []byte) (int, error) {
	s.log.Debug("the standard library reports something, most likely unasked bytes on a connection", KeyBytes, len(p))
	return len(p), nil
}

// IsTerminal reports whether w is a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// ParseLevel reads debug, info, warn or error; anything else is info.
func ParseLevel(word string) slog.Level {
	switch word {
	case "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}
