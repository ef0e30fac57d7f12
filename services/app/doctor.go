package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/wantgo/wantgo/services/app/doctor"
	"github.com/wantgo/wantgo/services/postgres"
)

type doctorCommand struct {
	Storage `embed:""`
	JSON    bool `name:"json" help:"Print one JSON object."`
}

// Run prints one line a check. It ends with a fault when one of them is bad; a warning is none.
func (c *doctorCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger, s *settings) error {
	config := c.config(s, log)
	if err := s.err(); err != nil {
		return err
	}
	dir, secret := "", ""
	if config.DatabaseURL == "" {
		dir = config.DataDir
	}
	if config.Secret == "" {
		secret = config.RootFile()
	}
	p := &doctor.Patient{Pooled: config.Pooled, Connections: config.Connections, Machine: doctor.Look(dir, secret), Load: time.LoadLocation}
	err := withDatabase(ctx, config, func(url string, _ *postgres.Server) (err error) {
		p.Database, err = postgres.Examine(ctx, url)
		return err
	})
	if err != nil {
		return err
	}
	found := doctor.Examine(p)
	show := doctor.Print
	if c.JSON {
		show = doctor.PrintJSON
	}
	if err := show(out, found); err != nil {
		return err
	}
	if doctor.Worst(found) == doctor.Bad {
		return errors.New("something is bad: see above")
	}
	return nil
}
