package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/wantgo/wantgo/services/app/node"
)

// The ways a run ends, as exit codes.
const (
	ExitOK    = 0
	ExitFault = 1
	ExitUsage = 2
)

// Main parses args, runs the command they name until it is done or ctx ends, says on errs what went wrong, and
// returns the exit code.
func Main(ctx context.Context, args []string, out, errs io.Writer) int {
	err := run(ctx, args, out, errs)
	var early exited
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &early):
		return int(early)
	}
	var usage *usageError
	var config *node.ConfigError
	if !errors.As(err, &usage) && !errors.As(err, &config) {
		fmt.Fprintln(errs, "wantgo:", err)
		return ExitFault
	}
	for _, line := range strings.Split(err.Error(), "\n") {
		fmt.Fprintln(errs, "wantgo:", line)
	}
	fmt.Fprintln(errs, `wantgo: see "wantgo --help" or "wantgo COMMAND --help"`)
	return ExitUsage
}

type usageError struct{ error }

// exited carries the exit code of a parser that is done after printing help.
type exited int

func (e exited) Error() string { return "done" }

func run(ctx context.Context, args []string, out, errs io.Writer) (err error) {
	defer func() {
		switch ended := recover().(type) {
		case nil:
		case exited:
			err = ended
		default:
			panic(ended)
		}
	}()
	var cli CLI
	parser, err := newParser(&cli, out, errs)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if err != nil {
		return &usageError{err}
	}
	var s settings
	log := newLog(&s, cli.LogLevel, cli.LogFormat, errs)
	if _, ok := command.Selected().Target.Addr().Interface().(interface{ checksSettings() }); !ok && len(s.faults) > 0 {
		return s.err()
	}
	command.Bind(log, &s)
	command.BindTo(ctx, (*context.Context)(nil))
	command.BindTo(out, (*io.Writer)(nil))
	err = command.Run()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // told to stop, and stopped
	}
	return err
}

func newParser(cli *CLI, out, errs io.Writer) (*kong.Kong, error) {
	return kong.New(cli, kong.Name("wantgo"), kong.Description(description), kong.Vars{"data_dir": dataDir()},
		kong.Writers(out, errs), kong.Exit(func(code int) { panic(exited(code)) }),
		kong.Configuration(readSettings), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 110}))
}

// newLog makes the log. Faults of its settings are noted, to be reported with the command's own.
func newLog(s *settings, level, format string, w io.Writer) *slog.Logger {
	var l slog.Level
	if l.UnmarshalText([]byte(level)) != nil {
		s.fault("log-level", fmt.Errorf("%q is not debug, info, warn or error", level))
	}
	if f, ok := w.(*os.File); format == "auto" && ok && term.IsTerminal(int(f.Fd())) {
		format = "text"
	}
	options := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options))
	case "json", "auto":
	default:
		s.fault("log-format", fmt.Errorf("%q is not text, json or auto", format))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
