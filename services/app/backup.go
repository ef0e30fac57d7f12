package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/wantgo/wantgo/services/app/backup"
	"github.com/wantgo/wantgo/services/app/node"
	"github.com/wantgo/wantgo/services/postgres"
)

type backupCommand struct {
	Storage    `embed:""`
	File       string `arg:"" help:"The file to make; it must not exist." type:"path"`
	WithSecret bool   `help:"Put the root secret into the file. Without it a restore needs the secret from elsewhere, and whoever has the file cannot open credentials."`
	JSON       bool   `name:"json" help:"Print one JSON object."`
}

// Run copies the embedded database, which may be in use.
func (c *backupCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger, s *settings) error {
	config := c.config(s, log)
	if config.DatabaseURL != "" {
		s.fault("database-url", errors.New("a database of one's own is kept by PostgreSQL's own tools: see services/app/operate/RUNBOOK.md"))
	}
	request := backup.Request{File: c.File, Program: programVersion(), Now: time.Now()}
	if c.WithSecret {
		request.Secret = config.RootFile()
	}
	if err := s.err(); err != nil {
		return err
	}
	return withServer(ctx, config, func(server *postgres.Server) error {
		m, err := backup.Write(ctx, server, request)
		if err != nil {
			return err
		}
		return c.print(out, m)
	})
}

func (c *backupCommand) print(out io.Writer, m *backup.Manifest) error {
	var size int64
	for _, f := range m.Files {
		size += f.Size
	}
	if c.JSON {
		return json.NewEncoder(out).Encode(struct {
			File   string               `json:"file"`
			Files  int                  `json:"files"`
			Bytes  int64                `json:"bytes"`
			Secret bool                 `json:"secret"`
			Facts  postgres.BackupFacts `json:"database"`
		}{c.File, len(m.Files), size, m.Secret, m.Facts})
	}
	_, err := fmt.Fprintf(out, "%s holds the database as of %s: %d files, %.1f MB before packing.\n",
		c.File, m.Facts.EndedAt.Format(time.RFC3339), len(m.Files), float64(size)/1e6)
	if !m.Secret {
		_, err = fmt.Fprintf(out, "The root secret is not in it: keep %s elsewhere.\n", "secret.key")
	}
	return err
}

type restoreCommand struct {
	Storage         `embed:""`
	File            string   `arg:"" optional:"" help:"A file made by wantgo backup; the data directory must be empty." type:"existingfile"`
	Recovered       bool     `help:"Instead of a file: take the database into use that --database-url names and that was recovered by other means. No node may run."`
	Erasures        []string `help:"List of who was erased, made by wantgo erasures after the backup; may be given several times." type:"existingfile" placeholder:"FILE"`
	WithoutErasures bool     `help:"Restore although nobody knows who was erased since: they come back."`
	JSON            bool     `name:"json" help:"Print one JSON object."`
}

// Run restores.
func (c *restoreCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger, s *settings) error {
	config := c.config(s, log)
	switch {
	case c.Recovered == (c.File != ""):
		s.fault("recovered", errors.New("give either a file, or --recovered"))
	case c.Recovered && config.DatabaseURL == "":
		s.fault("recovered", errors.New("needs --database-url"))
	case !c.Recovered && config.DatabaseURL != "":
		s.fault("database-url", errors.New("a file becomes an embedded database in --data-dir"))
	}
	if len(c.Erasures) == 0 && !c.WithoutErasures {
		s.fault("erasures", backup.ErrNoErasures)
	}
	if err := s.err(); err != nil {
		return err
	}
	past := backup.Past{Erasures: c.Erasures, WithoutErasures: c.WithoutErasures, Now: time.Now(), Log: log}
	done, err := backup.Restored{}, error(nil)
	if c.Recovered {
		done, err = backup.Resume(ctx, config.DatabaseURL, past)
	} else {
		done, err = backup.Restore(ctx, c.File, postgres.ServerConfig{DataDir: config.DataDir, Log: log}, past)
	}
	if err != nil {
		return err
	}
	return c.print(out, config, &done)
}

func (c *restoreCommand) print(out io.Writer, config node.Config, done *backup.Restored) error {
	if c.JSON {
		return json.NewEncoder(out).Encode(done)
	}
	r := done.Resumption
	_, err := fmt.Fprintf(out, `The database is of the past now, and a new epoch (%s):
  erased again      %d people (%d more tombstones are known)
  expired           %d waiting deliveries
  counts as issued  %d coupons of stock that was out
What was changed since is not there: look at keys, credentials and campaigns, and ask for consents withdrawn since.
`, done.Epoch, r.Erased, r.Tombstones-r.Erased, r.Deliveries, r.Stock)
	if _, fault := os.Stat(config.RootFile()); !c.Recovered && config.Secret == "" && fault != nil {
		_, err = fmt.Fprintf(out, "Before the first start put the root secret into %s: without it phones must register again and credentials be uploaded again.\n", config.RootFile())
	}
	return err
}

type erasuresCommand struct {
	Storage `embed:""`
	Out     string `help:"File to write, in place of an older list. Default: the standard output." type:"path" placeholder:"FILE"`
}

// Run lists who was erased.
func (c *erasuresCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger, s *settings) error {
	config := c.config(s, log)
	if err := s.err(); err != nil {
		return err
	}
	return withDatabase(ctx, config, func(url string, _ *postgres.Server) error {
		store, err := postgres.Open(ctx, url, postgres.Options{MaxConns: 1, Pooled: config.Pooled, Log: log})
		if err != nil {
			return err
		}
		defer store.Close()
		list, err := store.Erasures(ctx)
		if err != nil {
			return err
		}
		if c.Out == "" {
			return backup.WriteErasures(out, list)
		}
		return backup.ReplaceErasures(c.Out, list)
	})
}

// withDatabase lets f use the database that is configured; the embedded server is started for it when it does not run.
func withDatabase(ctx context.Context, c node.Config, f func(url string, server *postgres.Server) error) error {
	if err := c.Check(); err != nil {
		return err
	}
	if c.DatabaseURL != "" {
		return f(c.DatabaseURL, nil)
	}
	return withServer(ctx, c, func(server *postgres.Server) error { return f(server.URL(), server) })
}

func withServer(ctx context.Context, c node.Config, f func(*postgres.Server) error) error {
	if _, err := os.Stat(c.DataDir); err != nil {
		return fmt.Errorf("there is no database: %w", err)
	}
	server, err := postgres.Start(ctx, postgres.ServerConfig{DataDir: c.DataDir, Log: c.Log, Tied: c.Tied})
	if err != nil {
		return err
	}
	err = f(server)
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return errors.Join(err, server.Stop(bounded))
}

func programVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "(unknown)"
}
