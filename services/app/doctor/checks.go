package doctor

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wantgo/wantgo/services/postgres"
)

// Level says how bad a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Bad     Level = "bad"
)

// Finding is the answer of one check.
type Finding struct {
	Check  string `json:"check"` // also the anchor in the runbook: doctor-CHECK
	Level  Level  `json:"level"`
	Found  string `json:"found"`
	Advice string `json:"advice,omitempty"`
}

func ok(format string, args ...any) Finding {
	return Finding{Level: OK, Found: fmt.Sprintf(format, args...)}
}

func warn(advice, format string, args ...any) Finding {
	return Finding{Level: Warning, Found: fmt.Sprintf(format, args...), Advice: advice}
}

func bad(advice, format string, args ...any) Finding {
	return Finding{Level: Bad, Found: fmt.Sprintf(format, args...), Advice: advice}
}

// Patient is what is looked at.
type Patient struct {
	Database    *postgres.Examination
	Pooled      bool // the program is told that a pooler stands before the database
	Connections int  // that one node may open
	Machine     Machine
	Load        func(zone string) (*time.Location, error)
}

// check is one look.
type check struct {
	name string
	look func(*Patient) Finding
}

// checks in the order in which they are printed.
var checks = []check{
	{"version", version}, {"schema", schema}, {"clock", clock}, {"clock-source", clockSource}, {"zones", zones},
	{"indexes", indexes}, {"partitions", partitions}, {"durability", durability}, {"replica", replica}, {"autovacuum", autovacuum},
	{"dead-rows", deadRows}, {"transaction-ids", transactionIDs}, {"open-transactions", openTransactions}, {"connections", connections},
	{"pooler", pooler}, {"log", log}, {"slots", slots}, {"deliveries", deliveries},
	{"disk", disk}, {"files", files}, {"core-dumps", coreDumps}, {"secret", secret},
}

// Names lists the checks.
func Names() (names []string) {
	for _, c := range checks {
		names = append(names, c.name)
	}
	return names
}

// Examine makes every check.
func Examine(p *Patient) []Finding {
	found := make([]Finding, len(checks))
	for i, c := range checks {
		found[i] = c.look(p)
		found[i].Check = c.name
	}
	return found
}

// Worst is the worst level among findings.
func Worst(all []Finding) Level {
	worst := OK
	for _, f := range all {
		if f.Level == Bad || f.Level == Warning && worst == OK {
			worst = f.Level
		}
	}
	return worst
}

func version(p *Patient) Finding {
	v := p.Database.Version
	if v/10000 < postgres.OldestMajor {
		return bad("use PostgreSQL 14 or later", "PostgreSQL %d", v/10000)
	}
	return ok("PostgreSQL %d.%d", v/10000, v%10000)
}

func schema(p *Patient) Finding {
	x := p.Database
	switch {
	case x.Schema == 0:
		return warn("run wantgo migrate, or start a node", "the database is empty")
	case x.Schema > x.Known:
		return bad("use the newer wantgo that made it", "version %d; this program knows %d", x.Schema, x.Known)
	case x.Schema < x.Known:
		return warn("run wantgo migrate", "version %d; this program brings %d", x.Schema, x.Known)
	}
	return ok("version %d", x.Schema)
}

// A node stops acting on time when the clocks are two seconds apart.
const (
	clockBad  = 2 * time.Second
	clockWarn = 500 * time.Millisecond
)

func clock(p *Patient) Finding {
	x := p.Database
	off := x.Offset.Abs()
	found := fmt.Sprintf("the database's clock is %+.0f ms from this machine's (give or take %.1f)", float64(x.Offset)/1e6, float64(x.Doubt)/1e6)
	switch {
	case off-x.Doubt > clockBad:
		return bad("set both clocks by NTP: nodes this far off do not act on time", "%s", found)
	case off-x.Doubt > clockWarn:
		return warn("set both clocks by NTP", "%s", found)
	}
	return ok("%s", found)
}

func clockSource(p *Patient) Finding {
	switch synchronised := p.Machine.ClockSynchronised; {
	case synchronised == nil:
		return ok("whether the clock is set by NTP cannot be asked here")
	case !*synchronised:
		return warn("run chrony or another NTP client, or ask whoever runs the machine (a container cannot tell)", "the system says that nothing sets its clock")
	}
	return ok("the clock is set by NTP")
}

// Places whose rules change with the season, and the one whose law is built in.
var sampleZones = map[string]int{"Asia/Seoul": 9 * 3600, "Europe/Berlin": 2 * 3600, "America/New_York": -4 * 3600}

func zones(p *Patient) Finding {
	july := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for name, want := range sampleZones {
		zone, err := p.Load(name)
		if err != nil {
			return bad("use the released binary, which carries the time zones, or install tzdata", "%s is not known here", name)
		}
		if _, offset := july.In(zone).Zone(); offset != want {
			return bad("update tzdata, or unset ZONEINFO", "%s is %d s from UTC in July instead of %d", name, offset, want)
		}
	}
	var unknown []string
	for _, name := range p.Database.Zones {
		if _, err := p.Load(name); err != nil {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return bad("correct the brand or store, or update wantgo", "zones in use that are not known here: %s", strings.Join(unknown, ", "))
	}
	return ok("known, with the %d in use", len(p.Database.Zones))
}

func indexes(p *Patient) Finding {
	x := p.Database
	switch {
	case len(x.InvalidIndexes) > 0:
		return bad("DROP INDEX CONCURRENTLY each and run wantgo migrate, or REINDEX INDEX CONCURRENTLY", "not valid: %s", strings.Join(x.InvalidIndexes, ", "))
	case len(x.MissingIndexes) > 0:
		return bad("make them again as services/postgres/migrations does", "missing: %s", strings.Join(x.MissingIndexes, ", "))
	}
	return ok("all %d are there and valid", len(x.Indexes))
}

func partitions(p *Patient) Finding {
	x := p.Database
	switch {
	case x.Schema == 0:
		return ok("there is no schema yet")
	case len(x.Overdue) > 0:
		return bad("run a node, and see its log for \"house\": places are kept longer than allowed", "%d hours of places overdue, from %s", len(x.Overdue), x.Overdue[0])
	case x.Ahead < 2*time.Hour:
		return warn("run a node: it makes them for a day ahead", "no partitions of places beyond the next %s", max(0, x.Ahead).Round(time.Minute))
	}
	return ok("none overdue; made for the next %s", x.Ahead.Round(time.Hour))
}

func durability(p *Patient) Finding {
	s := p.Database.Settings
	for _, name := range []string{"fsync", "full_page_writes"} {
		if s[name] != "on" {
			return bad("set it to on: what was acknowledged is lost in a crash", "%s is %s", name, s[name])
		}
	}
	if s["synchronous_commit"] == "off" {
		return bad("set synchronous_commit = on: what was acknowledged is lost in a crash", "synchronous_commit is off")
	}
	return ok("fsync and full_page_writes on, synchronous_commit %s", s["synchronous_commit"])
}

func replica(p *Patient) Finding {
	if names := p.Database.Settings["synchronous_standby_names"]; names != "" {
		return ok("commits wait for %s", names)
	}
	return ok("none that commits wait for: what was acknowledged survives a crash, not the loss of the disk")
}

func autovacuum(p *Patient) Finding {
	for _, name := range []string{"autovacuum", "track_counts"} {
		if p.Database.Settings[name] != "on" {
			return bad("set it to on: tables grow without end", "%s is %s", name, p.Database.Settings[name])
		}
	}
	return ok("on")
}

func deadRows(p *Patient) Finding {
	var sick []string
	for _, t := range p.Database.Tables {
		if t.DeadRows > 50_000 && t.DeadRows > t.LiveRows/2 {
			sick = append(sick, fmt.Sprintf("%s (%d dead, %d live)", t.Table, t.DeadRows, t.LiveRows))
		}
	}
	if len(sick) > 0 {
		return warn("look for old transactions and idle slots, then VACUUM", "vacuum does not keep up: %s", strings.Join(sick, ", "))
	}
	return ok("no table is short of vacuum")
}

func transactionIDs(p *Patient) Finding {
	age := p.Database.FrozenAge
	switch {
	case age > 1_500_000_000:
		return bad("VACUUM FREEZE now: the database stops at 2.1 billion", "%d million transactions since the last freeze", age/1e6)
	case age > 500_000_000:
		return warn("look why autovacuum does not freeze", "%d million transactions since the last freeze", age/1e6)
	}
	return ok("%d million transactions since the last freeze", age/1e6)
}

func openTransactions(p *Patient) Finding {
	if open := p.Database.LongestOpen; open > 15*time.Minute {
		return warn("find it in pg_stat_activity and end it: vacuum waits for it", "the oldest transaction is open for %s", open.Round(time.Minute))
	}
	return ok("none is old")
}

func connections(p *Patient) Finding {
	most, err := strconv.Atoi(p.Database.Settings["max_connections"])
	switch open := p.Database.Connections; {
	case err != nil:
		return warn("ask the database", "max_connections cannot be read")
	case p.Database.Pooler:
		return ok("a pooler shares them out (%d open, %d allowed)", open, most)
	case p.Connections+10 > most:
		return bad("raise max_connections, or lower --database-connections", "one node may want %d, the database allows %d", p.Connections, most)
	case open*10 > most*8:
		return warn("raise max_connections, or lower --database-connections, or put pgbouncer between", "%d of %d are open", open, most)
	default:
		return ok("%d of %d are open; a node may want %d", open, most, p.Connections)
	}
}

func pooler(p *Patient) Finding {
	x := p.Database
	switch {
	case x.Pooler && !p.Pooled:
		return bad("set --database-pooled (WANTGO_DATABASE_POOLED=true)", "a connection pooler stands before the database, and nodes do not know")
	case p.Pooled && (x.Settings["statement_timeout"] == "0" || x.Settings["statement_timeout"] == ""):
		return bad("ALTER ROLE ... SET statement_timeout = '10s': leases count on it, and through a pooler nodes cannot set it", "statements may last for ever")
	case p.Pooled && !x.Pooler:
		return warn("unset --database-pooled: statements are not prepared for nothing", "nodes are told of a pooler, and there is none")
	case p.Pooled:
		return ok("known to nodes; statements end after %s", x.Settings["statement_timeout"])
	}
	return ok("none")
}

func log(p *Patient) Finding {
	if n := p.Database.Settings["log_parameter_max_length_on_error"]; n != "0" && n != "" {
		return warn("set log_parameter_max_length_on_error = 0", "the database's log shows parameters of failed statements, which name people")
	}
	return ok("failed statements do not show their parameters")
}

func slots(p *Patient) Finding {
	if idle := p.Database.IdleSlots; len(idle) > 0 {
		return warn("drop them with pg_drop_replication_slot, or start their readers: they fill the disk", "replication slots that nobody reads: %s", strings.Join(idle, ", "))
	}
	return ok("none is idle")
}

func deliveries(p *Patient) Finding {
	if n := p.Database.Waiting; n > 0 {
		return warn("run a node, and look whether the provider and the brand's credential work", "%d deliveries are due for over five minutes", n)
	}
	return ok("none waits longer than it should")
}
