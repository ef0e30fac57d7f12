package doctor

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/postgres"
)

func of[T any](v T) *T { return &v }

// healthy is a patient without a fault.
func healthy() *Patient {
	return &Patient{
		Connections: 16, Load: time.LoadLocation,
		Database: &postgres.Examination{
			Version: 150018, Offset: 3 * time.Millisecond, Doubt: time.Millisecond, Schema: 5, Known: 5, Connections: 20, Ahead: 26 * time.Hour,
			Indexes: []string{"person_pkey"}, Zones: []string{"Asia/Seoul"}, Bytes: 1 << 30, FrozenAge: 1e6,
			Settings: map[string]string{"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "autovacuum": "on", "track_counts": "on",
				"max_connections": "100", "statement_timeout": "0", "log_parameter_max_length_on_error": "0"},
		},
		Machine: Machine{ClockSynchronised: of(true), Dir: "/data", DiskFree: 50 << 30, DiskSize: 100 << 30, Files: of(uint64(65536)),
			CoreDumps: of(uint64(0)), SecretFile: "/data/secret.key", SecretMode: of(fs.FileMode(0o600))},
	}
}

// Every illness changes the line of its own check, and no other.
func TestEveryCheckCanFail(t *testing.T) {
	well := Examine(healthy())
	for _, f := range well {
		require.Equal(t, OK, f.Level, f)
		require.Empty(t, f.Advice)
	}
	set := func(name, value string) func(*Patient) { return func(p *Patient) { p.Database.Settings[name] = value } }
	ill := map[string]bool{}
	for _, c := range []struct {
		check string
		level Level
		ill   func(*Patient)
	}{
		{"version", Bad, func(p *Patient) { p.Database.Version = 130000 }},
		{"schema", Bad, func(p *Patient) { p.Database.Schema = 6 }},
		{"schema", Warning, func(p *Patient) { p.Database.Schema = 4 }},
		{"clock", Bad, func(p *Patient) { p.Database.Offset = -3 * time.Second }},
		{"clock", Warning, func(p *Patient) { p.Database.Offset = time.Second }},
		{"clock-source", Warning, func(p *Patient) { p.Machine.ClockSynchronised = of(false) }},
		{"zones", Bad, func(p *Patient) { p.Database.Zones = []string{"Asia/Atlantis"} }},
		{"zones", Bad, func(p *Patient) { p.Load = func(string) (*time.Location, error) { return time.UTC, nil } }},
		{"indexes", Bad, func(p *Patient) { p.Database.MissingIndexes = []string{"x"} }},
		{"indexes", Bad, func(p *Patient) { p.Database.InvalidIndexes = []string{"x"} }},
		{"partitions", Bad, func(p *Patient) { p.Database.Overdue = []string{"place_h2026010100"} }},
		{"partitions", Warning, func(p *Patient) { p.Database.Ahead = -time.Hour }},
		{"durability", Bad, set("fsync", "off")},
		{"durability", Bad, set("full_page_writes", "off")},
		{"durability", Bad, set("synchronous_commit", "off")},
		{"autovacuum", Bad, set("autovacuum", "off")},
		{"dead-rows", Warning, func(p *Patient) {
			p.Database.Tables = []postgres.TableUse{{Table: "person", LiveRows: 100_000, DeadRows: 60_000}}
		}},
		{"transaction-ids", Warning, func(p *Patient) { p.Database.FrozenAge = 6e8 }},
		{"transaction-ids", Bad, func(p *Patient) { p.Database.FrozenAge = 16e8 }},
		{"open-transactions", Warning, func(p *Patient) { p.Database.LongestOpen = time.Hour }},
		{"connections", Bad, func(p *Patient) { p.Connections = 95 }},
		{"connections", Warning, func(p *Patient) { p.Database.Connections = 90 }},
		{"pooler", Bad, func(p *Patient) { p.Database.Pooler = true }},
		{"pooler", Bad, func(p *Patient) { p.Pooled, p.Database.Pooler = true, true }},
		{"log", Warning, set("log_parameter_max_length_on_error", "-1")},
		{"slots", Warning, func(p *Patient) { p.Database.IdleSlots = []string{"x"} }},
		{"deliveries", Warning, func(p *Patient) { p.Database.Waiting = 1 }},
		{"disk", Bad, func(p *Patient) { p.Machine.DiskFree = 1 << 29 }},
		{"disk", Warning, func(p *Patient) { p.Machine.DiskFree = 8 << 30 }},
		{"files", Bad, func(p *Patient) { p.Machine.Files = of(uint64(256)) }},
		{"files", Warning, func(p *Patient) { p.Machine.Files = of(uint64(1024)) }},
		{"core-dumps", Bad, func(p *Patient) { p.Machine.CoreDumps = of(uint64(1)) }},
		{"secret", Bad, func(p *Patient) { p.Machine.SecretMode = of(fs.FileMode(0o644)) }},
		{"secret", Warning, func(p *Patient) { p.Machine.SecretMode = nil }},
	} {
		p := healthy()
		c.ill(p)
		ill[c.check] = true
		found := Examine(p)
		require.Equal(t, c.level, Worst(found), c.check)
		for i, f := range found {
			if f.Check == c.check {
				require.Equal(t, c.level, f.Level, f)
				require.NotEmpty(t, f.Advice)
			} else if c.check != "pooler" {
				require.Equal(t, well[i], f)
			}
		}
	}
	ill["replica"] = true // says how it is; neither is a fault
	for _, name := range Names() {
		require.True(t, ill[name], "%s never failed", name)
	}
}

func TestOneLineACheck(t *testing.T) {
	var b bytes.Buffer
	p := healthy()
	p.Database.Overdue = []string{"place_h2026010100"}
	require.NoError(t, Print(&b, Examine(p)))
	require.Equal(t, len(Names()), strings.Count(b.String(), "\n"))
	require.Contains(t, b.String(), "\nbad      partitions         1 hours of places overdue, from place_h2026010100: run a node")
}
