package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/wantgo/wantgo/services/app/node"
)

// Storage are the flags of every command that opens a database.
type Storage struct {
	DataDir             string `help:"Where the embedded database and the root secret are kept." type:"path" default:"${data_dir}" env:"WANTGO_DATA_DIR"`
	DatabaseURL         string `help:"PostgreSQL (14 or later) to use instead of the embedded one: postgres://user:password@host:port/name. Holds a password: prefer the variable or the file." env:"WANTGO_DATABASE_URL" placeholder:"URL"`
	DatabaseURLFile     string `help:"File that holds the database URL." type:"path" env:"WANTGO_DATABASE_URL_FILE" placeholder:"FILE"`
	DatabaseConnections string `help:"Most connections to the database." default:"16" env:"WANTGO_DATABASE_CONNECTIONS"`
	DatabasePooled      bool   `help:"A transaction pooler such as pgbouncer stands before the database." env:"WANTGO_DATABASE_POOLED"`
	SecretFile          string `help:"File with the root secret (32 random bytes, hexadecimal or base64) that seals credentials and tokens; the same for all nodes of a database. Default: secret.key in the data directory, made when missing. The variable WANTGO_SECRET may hold the text itself." type:"path" env:"WANTGO_SECRET_FILE" placeholder:"FILE"`
	NoMigrate           bool   `help:"Refuse an older schema instead of bringing it up to date." env:"WANTGO_NO_MIGRATE"`
}

// checksSettings marks commands that report the faults of all settings together.
func (*Storage) checksSettings() {}

// settings collects faults, so that they can be reported together.
type settings struct{ faults []error }

func (s *settings) err() error {
	if len(s.faults) == 0 {
		return nil
	}
	return &node.ConfigError{Faults: s.faults}
}

func (s *settings) fault(flag string, err error) {
	if err != nil {
		s.faults = append(s.faults, fmt.Errorf("--%s: %w", flag, err))
	}
}

// number reads a whole number of at least one.
func (s *settings) number(flag, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		s.fault(flag, fmt.Errorf("%q is not a whole number above 0", text))
	}
	return n
}

func (s *settings) duration(flag, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		s.fault(flag, fmt.Errorf("%q is not a duration such as 20s", text))
	}
	return d
}

// config begins a node's configuration with what the flags say.
func (f *Storage) config(s *settings, log *slog.Logger) node.Config {
	c := node.Config{
		DataDir: f.DataDir, DatabaseURL: f.DatabaseURL, Connections: s.number("database-connections", f.DatabaseConnections),
		Pooled: f.DatabasePooled, NoMigrate: f.NoMigrate, Secret: os.Getenv("WANTGO_SECRET"), SecretFile: f.SecretFile, Log: log,
	}
	if f.DatabaseURLFile == "" {
		return c
	}
	if f.DatabaseURL != "" {
		s.fault("database-url-file", errors.New("given beside --database-url"))
	}
	text, err := os.ReadFile(f.DatabaseURLFile)
	s.fault("database-url-file", err)
	c.DatabaseURL = strings.TrimSpace(string(text))
	if err == nil && c.DatabaseURL == "" {
		s.fault("database-url-file", errors.New("the file is empty"))
	}
	return c
}

// open makes a node of a configuration, or reports every fault of it and of the flags together.
func (s *settings) open(ctx context.Context, c node.Config) (*node.Node, error) {
	if len(s.faults) > 0 {
		var more *node.ConfigError
		if errors.As(c.Check(), &more) {
			s.faults = append(s.faults, more.Faults...)
		}
		return nil, s.err()
	}
	return node.Open(ctx, c)
}

// withNode opens a node that listens nowhere, lets f use it, and closes it.
func (f *Storage) withNode(ctx context.Context, s *settings, log *slog.Logger, use func(*node.Node) error) error {
	return s.use(ctx, f.config(s, log), use)
}

// use opens a node of a configuration, lets f use it, and closes it.
func (s *settings) use(ctx context.Context, c node.Config, use func(*node.Node) error) error {
	n, err := s.open(ctx, c)
	if err != nil {
		return err
	}
	err = use(n)
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return errors.Join(err, n.Close(bounded))
}

// dataDir is where programs of this user keep what is theirs. As root that is a directory which the database server's
// own user can reach.
func dataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/wantgo"
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "wantgo")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "wantgo-data"
	}
	return filepath.Join(home, ".local", "share", "wantgo")
}
