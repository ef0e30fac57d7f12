package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is who the server runs as: ourselves, or, since PostgreSQL refuses to run as root, another user.
type account struct {
	name     string
	uid, gid int
	other    bool
}

func serverAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid != 0 {
			return account{name: name, uid: uid, gid: gid, other: true}, nil
		}
	}
	return account{}, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
}

func (a account) credential() *syscall.Credential {
	if !a.other {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
}

func (a account) own(path string) error {
	if !a.other {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// prepare makes the data directory, which stays ours; what the server keeps inside belongs to the server's user. That
// user must be able to pass through every parent: directories that we make are made so, and the data directory itself
// is opened for passing (not for listing); others are never changed.
func (a account) prepare(dataDir string) error {
	mode := fs.FileMode(0o700)
	if a.other {
		mode = 0o711
	}
	if err := makeDirs(dataDir, mode); err != nil {
		return err
	}
	if !a.other {
		return nil
	}
	info, err := os.Stat(dataDir)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o001 == 0 {
		if err := os.Chmod(dataDir, info.Mode().Perm()|0o011); err != nil {
			return err
		}
	}
	return a.canReach(dataDir)
}

func (a account) canReach(dir string) error {
	for d := dir; ; d = filepath.Dir(d) {
		info, err := os.Stat(d)
		if err != nil {
			return err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		perm := info.Mode().Perm()
		passes := perm&0o001 != 0 || ok && int(st.Uid) == a.uid && perm&0o100 != 0 || ok && int(st.Gid) == a.gid && perm&0o010 != 0
		if !passes {
			return fmt.Errorf("as root the database server runs as user %s, who may not pass through %s: give a data directory elsewhere, such as /var/lib/wantgo, or run as another user", a.name, d)
		}
		if d == filepath.Dir(d) {
			return nil
		}
	}
}

// makeDirs is MkdirAll whose new directories get exactly mode, whatever the umask.
func makeDirs(dir string, mode fs.FileMode) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := makeDirs(parent, mode); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Chmod(dir, mode)
}
