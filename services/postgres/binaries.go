package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// OldestMajor is the oldest major version of PostgreSQL that the schema and the statements work on.
const OldestMajor = 14

// ErrNoBinaries means that no usable PostgreSQL was found and none could be fetched.
var ErrNoBinaries = errors.New("no PostgreSQL found: install it (Debian/Ubuntu: apt install postgresql; macOS: brew install postgresql@16; " +
	"RHEL/Fedora: dnf install postgresql-server) or give --database-url")

// Binaries is an installation of PostgreSQL's programs.
type Binaries struct {
	Dir     string // holds initdb and postgres
	Version string // e.g. "15.8"
	Major   int
	Origin  string // "PATH", "system" or "fetched"
}

// String is one line for a log.
func (b Binaries) String() string {
	return fmt.Sprintf("PostgreSQL %s from %s (%s)", b.Version, b.Dir, b.Origin)
}

// systemGlobs are where packages of Debian, RHEL, Homebrew and Postgres.app put the programs; many are not in PATH.
var systemGlobs = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/usr/libexec/postgresql*",
	"/usr/lib/postgresql*/bin",
	"/opt/homebrew/opt/postgresql@*/bin",
	"/opt/homebrew/opt/postgresql/bin",
	"/usr/local/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql/bin",
	"/usr/local/pgsql/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// FindBinaries looks for PostgreSQL in PATH, then in the places where packages put it (the newest there wins), then
// among those fetched before. It fetches nothing.
func FindBinaries(ctx context.Context) (Binaries, error) {
	if all := allBinaries(ctx); len(all) > 0 {
		return all[0], nil
	}
	return Binaries{}, ErrNoBinaries
}

// allBinaries lists every usable installation in the order of preference.
func allBinaries(ctx context.Context) []Binaries {
	var all []Binaries
	if p, err := exec.LookPath("postgres"); err == nil {
		if b, err := inspect(ctx, p, "PATH"); err == nil {
			all = append(all, b)
		}
	}
	first := len(all)
	for _, glob := range systemGlobs {
		dirs, _ := filepath.Glob(glob)
		for _, dir := range dirs {
			if b, err := inspect(ctx, filepath.Join(dir, "postgres"), "system"); err == nil {
				all = append(all, b)
			}
		}
	}
	slices.SortStableFunc(all[first:], func(a, b Binaries) int { return b.Major - a.Major })
	if b, err := fetchedBefore(ctx); err == nil {
		all = append(all, b)
	}
	return all
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) ((\d+)(\.\d+|devel|beta\d+|rc\d+)?)`)

func inspect(ctx context.Context, postgres, origin string) (Binaries, error) {
	real, err := filepath.EvalSymlinks(postgres)
	if err != nil {
		return Binaries{}, err
	}
	dir := filepath.Dir(real)
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return Binaries{}, err
	}
	out, err := exec.CommandContext(ctx, real, "--version").Output()
	if err != nil {
		return Binaries{}, fmt.Errorf("%s --version: %w", real, err)
	}
	m := versionPattern.FindStringSubmatch(strings.TrimSpace(string(out)))
	if m == nil {
		return Binaries{}, fmt.Errorf("%s: unknown version", real)
	}
	major, _ := strconv.Atoi(m[2])
	if major < OldestMajor {
		return Binaries{}, fmt.Errorf("%s is version %s, older than %d", real, m[1], OldestMajor)
	}
	return Binaries{Dir: dir, Version: m[1], Major: major, Origin: origin}, nil
}
