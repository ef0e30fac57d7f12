package postgres

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	embedded "github.com/fergusstrange/embedded-postgres"
)

// fetchedVersion is what is fetched where nothing is installed.
const fetchedVersion = embedded.V16

// FetchBinaries finds PostgreSQL as [FindBinaries] does and, where there is none, fetches the programs once into the
// user's cache directory (as root into /var/cache, where the server's own user can reach them).
func FetchBinaries(ctx context.Context) (Binaries, error) {
	return fetchMissing(ctx, allBinaries(ctx))
}

func fetchMissing(ctx context.Context, all []Binaries) (Binaries, error) {
	if len(all) > 0 {
		return all[0], nil
	}
	cache, err := fetchCache()
	if err != nil {
		return Binaries{}, fmt.Errorf("%w (%v)", ErrNoBinaries, err)
	}
	if err := makeDirs(cache, 0o755); err != nil {
		return Binaries{}, fmt.Errorf("%w (%v)", ErrNoBinaries, err)
	}
	unlock, err := lockFile(ctx, filepath.Join(cache, "fetch.lock"))
	if err != nil {
		return Binaries{}, err
	}
	defer unlock()
	if b, err := fetchedBefore(ctx); err == nil {
		return b, nil
	}
	if err := fetchInto(ctx, cache); err != nil {
		return Binaries{}, fmt.Errorf("%w (fetching failed: %s)", ErrNoBinaries, oneLine(err.Error()))
	}
	return fetchedBefore(ctx)
}

func fetchCache() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache/wantgo/postgres", nil
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "wantgo", "postgres"), err
}

func fetchedDir(cache string) string { return filepath.Join(cache, string(fetchedVersion)) }

func fetchedBefore(ctx context.Context) (Binaries, error) {
	cache, err := fetchCache()
	if err != nil {
		return Binaries{}, fmt.Errorf("%w (%v)", ErrNoBinaries, err)
	}
	b, err := inspect(ctx, filepath.Join(fetchedDir(cache), "bin", "postgres"), "fetched")
	if err != nil {
		return Binaries{}, ErrNoBinaries
	}
	return b, nil
}

// fetchInto downloads and unpacks beside the final place and renames, so that a directory that exists is whole. The
// library can only fetch as a part of starting a server; a data directory that cannot start makes it stop right after.
func fetchInto(ctx context.Context, cache string) error {
	work, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.Chmod(work, 0o755); err != nil {
		return err
	}
	unpacked, barren := filepath.Join(work, "unpacked"), filepath.Join(work, "barren")
	if err := os.Mkdir(barren, 0o700); err != nil {
		return err
	}
	major, _, _ := strings.Cut(string(fetchedVersion), ".")
	if err := os.WriteFile(filepath.Join(barren, "PG_VERSION"), []byte(major+"\n"), 0o600); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	started := make(chan error, 1)
	go func() {
		server := embedded.NewDatabase(embedded.DefaultConfig().Version(fetchedVersion).Port(uint32(port)).Logger(io.Discard).
			CachePath(work).RuntimePath(filepath.Join(work, "runtime")).BinariesPath(unpacked).DataPath(barren))
		err := server.Start()
		if err == nil {
			err = server.Stop()
		}
		started <- err
	}()
	var startErr error
	select {
	case startErr = <-started:
	case <-ctx.Done():
		return ctx.Err()
	}
	if _, err := inspect(ctx, filepath.Join(unpacked, "bin", "postgres"), "fetched"); err != nil {
		if startErr != nil {
			return startErr
		}
		return err
	}
	return os.Rename(unpacked, fetchedDir(cache))
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
