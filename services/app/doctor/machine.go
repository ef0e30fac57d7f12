package doctor

import (
	"io/fs"
	"syscall"
)

// Machine is what the machine shows. What is nil could not be asked.
type Machine struct {
	ClockSynchronised *bool
	Dir               string // where the embedded database is; empty: elsewhere
	DiskFree          uint64 // bytes there
	DiskSize          uint64
	Files             *uint64 // how many files and connections a process may have open
	CoreDumps         *uint64 // how large a core dump may get
	SecretMode        *fs.FileMode
	SecretFile        string
}

// Look finds out about this machine.
func Look(dir, secretFile string) Machine {
	m := Machine{Dir: dir, SecretFile: secretFile, ClockSynchronised: clockSynchronised()}
	var stat syscall.Statfs_t
	if dir != "" && syscall.Statfs(dir, &stat) == nil {
		m.DiskFree, m.DiskSize = uint64(stat.Bavail)*uint64(stat.Bsize), uint64(stat.Blocks)*uint64(stat.Bsize)
	}
	m.Files, m.CoreDumps = limit(syscall.RLIMIT_NOFILE), limit(syscall.RLIMIT_CORE)
	m.SecretMode = mode(secretFile)
	return m
}

func limit(which int) *uint64 {
	var l syscall.Rlimit
	if syscall.Getrlimit(which, &l) != nil {
		return nil
	}
	soft := uint64(l.Cur)
	return &soft
}

func disk(p *Patient) Finding {
	m := p.Machine
	const gigabyte = 1 << 30
	switch free := m.DiskFree; {
	case m.Dir == "":
		return ok("the database is on another machine: watch its disk there (%.1f GB in use)", float64(p.Database.Bytes)/gigabyte)
	case m.DiskSize == 0:
		return warn("look with df", "the disk of %s cannot be asked", m.Dir)
	case free < gigabyte || free*20 < m.DiskSize:
		return bad("make room: the database stops when the disk is full", "%.1f GB free of %.1f", float64(free)/gigabyte, float64(m.DiskSize)/gigabyte)
	case free*10 < m.DiskSize || free < 2*uint64(p.Database.Bytes):
		return warn("make room: a backup or a rewrite of tables needs as much as the database has", "%.1f GB free; the database has %.1f",
			float64(free)/gigabyte, float64(p.Database.Bytes)/gigabyte)
	default:
		return ok("%.1f GB free; the database has %.1f", float64(free)/gigabyte, float64(p.Database.Bytes)/gigabyte)
	}
}

func files(p *Patient) Finding {
	switch n := p.Machine.Files; {
	case n == nil:
		return warn("look with ulimit -n", "the limit of open files cannot be asked")
	case *n < 1024:
		return bad("ulimit -n 65536, or LimitNOFILE= in the unit: every connection is a file", "%d open files are allowed", *n)
	case *n < 8192:
		return warn("ulimit -n 65536, or LimitNOFILE= in the unit: every connection is a file", "%d open files are allowed", *n)
	default:
		return ok("%d open files are allowed", *n)
	}
}

func coreDumps(p *Patient) Finding {
	switch n := p.Machine.CoreDumps; {
	case n == nil:
		return warn("ulimit -c 0", "the limit of core dumps cannot be asked")
	case *n > 0:
		return bad("ulimit -c 0, or LimitCORE=0 in the unit: a dump holds people's last positions", "core dumps are on")
	default:
		return ok("off for this program and the servers it starts")
	}
}

func secret(p *Patient) Finding {
	m := p.Machine
	switch {
	case m.SecretFile == "":
		return ok("given by a variable")
	case m.SecretMode == nil:
		return warn("the first node makes one; then keep a copy apart from the backups", "%s is not there", m.SecretFile)
	case m.SecretMode.Perm()&0o077 != 0:
		return bad("chmod 600 "+m.SecretFile, "others may read the root secret (%s)", m.SecretMode.Perm())
	default:
		return ok("readable by its owner alone; keep a copy apart from the backups")
	}
}
