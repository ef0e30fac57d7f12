package app

import (
	"github.com/alecthomas/kong"

	"github.com/wantgo/wantgo/services/app/bench"
	"github.com/wantgo/wantgo/services/app/demo"
	"github.com/wantgo/wantgo/services/app/replay"
)

// CLI is everything that may be typed: the one source of the help, the environment variables, the configuration file
// and the table in the README.
type CLI struct {
	Config    kong.ConfigFlag `help:"YAML file with settings: shared ones at the top, a command's own ones also below its name." placeholder:"FILE" env:"WANTGO_CONFIG" type:"existingfile"`
	LogLevel  string          `help:"What is logged: debug, info, warn or error." default:"info" env:"WANTGO_LOG_LEVEL"`
	LogFormat string          `help:"How: text, json, or auto (text on a terminal)." default:"auto" env:"WANTGO_LOG_FORMAT"`

	Demo      demo.Command     `cmd:"" help:"Watch phones walk through an invented Seoul and receive coupons. Needs nothing."`
	Init      initCommand      `cmd:"" help:"Make a brand with its first keys and print them, once."`
	Serve     serveCommand     `cmd:"" help:"Run a node: the public API, the internal pages, and everything behind them."`
	Replay    replay.Command   `cmd:"" help:"Run recorded tracks through the engine and write down what happened."`
	Export    exportCommand    `cmd:"" help:"Write a brand's settings and campaigns as a campaign file."`
	Apply     applyCommand     `cmd:"" help:"Make a brand's settings and campaigns what a campaign file says; first tell what would change."`
	Why       whyCommand       `cmd:"" help:"Tell why somebody did, or did not, get something."`
	Tail      tailCommand      `cmd:"" help:"Watch a phone: its pings, transitions, gates and outcomes as they happen."`
	Import    importCommand    `cmd:"" help:"Bring people, purchases or the members of a list to a running server, from a file."`
	Addresses addressesCommand `cmd:"" help:"Look at what became of push addresses, and undo drops that were wrong."`
	Bench     bench.Command    `cmd:"" help:"Measure this machine with a server and load of their own."`
	Emulator  emulatorCommand  `cmd:"" help:"Run stand-ins for Firebase Cloud Messaging and Apple's push service."`
	Backup    backupCommand    `cmd:"" help:"Copy the embedded database into one file while it works."`
	Restore   restoreCommand   `cmd:"" help:"Make a database of such a file, or take one into use that was recovered by other means."`
	Erasures  erasuresCommand  `cmd:"" help:"List who was erased, for a restore of an older copy."`
	Doctor    doctorCommand    `cmd:"" help:"Look for what is wrong with the machine, the database and its settings."`
	Migrate   migrateCommand   `cmd:"" help:"Bring the database's schema up to date, or tell how it stands."`
	Version   versionCommand   `cmd:"" help:"Print which wantgo this is."`
}

const description = `wantgo turns positions that phones report into the right coupon at the right moment.

First steps:
  wantgo demo                        watch it work
  wantgo init --name "My shops"      make a brand and its keys
  wantgo serve                       run the server

Every flag that names an environment variable can also stand in the file given by --config.`
