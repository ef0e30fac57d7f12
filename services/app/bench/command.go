package bench

import (
	"errors"
	"fmt"
	"time"

	"github.com/wantgo/wantgo/geo/presence"
)

// Command is `wantgo bench`.
type Command struct {
	Ingest ingestCommand `cmd:"" help:"Measure how many positions a second a server takes on this machine, with everything durable."`
	Noop   noopCommand   `cmd:"" hidden:"" help:"Run the empty service that the measurements compare with."`
	Push   pushCommand   `cmd:"" help:"Measure how many notifications a second go from the outbox to the providers, and what keeping them safe costs."`
}

// ingestCommand says what is measured.
type ingestCommand struct {
	Fences    int           `help:"Fences, uniform in the box." default:"10000" placeholder:"N"`
	Box       string        `help:"Where fences and walkers are: ${enum}." enum:"seoul,korea" default:"seoul"`
	Radius    float64       `help:"Radius of the fences, metres." default:"100" placeholder:"M"`
	Devices   int           `help:"Devices that walk, each of a person of its own." default:"10000" placeholder:"N"`
	Pings     int           `help:"Pings to measure. Default: as many as go into --for." placeholder:"N"`
	For       time.Duration `help:"Time to measure. Default: 15s, or until --pings are made." placeholder:"DURATION"`
	Batch     int           `help:"Pings in one ImportPings, of as many devices." default:"500" placeholder:"N"`
	Conns     int           `help:"Connections." default:"4" placeholder:"N"`
	InFlight  int           `help:"Calls at once on each connection. Default: 2 imports, 64 reports." placeholder:"N"`
	Mode      string        `help:"import: ImportPings in batches; report: ReportPings, one phone and one ping a call." enum:"import,report" default:"import"`
	Policy    string        `help:"How pings are judged: ${enum}." enum:"exact,standard" default:"exact"`
	Campaigns int           `help:"Live campaigns." default:"100" placeholder:"N"`
	Matching  int           `help:"How many of them match every entry." default:"3" placeholder:"N"`
	Seed      uint64        `help:"Another number: other fences and other ways." default:"1" placeholder:"N"`
	Every     time.Duration `help:"Time between two pings of a walker, in the walker's time." default:"30s" placeholder:"DURATION"`

	Population     int     `help:"People altogether; those who do not walk report once, before. Default: those who walk." placeholder:"N"`
	PeopleInMemory int     `help:"People that the server keeps copies of. Default: the server's." placeholder:"N"`
	WarmUp         int     `help:"Pings of every walker before measuring." default:"2" placeholder:"N"`
	Restart        bool    `help:"Restart the server just before measuring."`
	Rate           float64 `help:"Pings a second to offer, evenly. Latencies then count from when a call was due. Default: as many as go." placeholder:"R"`
	Push           bool    `help:"People can be reached: notifications go to an emulated provider in a process of its own, and are timed."`
	Verify         bool    `help:"Compare the transitions that were told with those in the database; a difference fails the command."`

	DataDir    string   `help:"A directory for the server, kept. One that an earlier run with the same fences and campaigns made is used again, with new people. Default: a temporary one, removed at the end." type:"path" placeholder:"DIR"`
	Serve      []string `help:"One more flag for the server, such as --serve=--database-connections=32. Can be repeated." sep:"none" placeholder:"FLAG"`
	CPUProfile string   `name:"cpuprofile" help:"Write a CPU profile of the server while it is measured." type:"path" placeholder:"FILE"`
	Allocs     string   `name:"allocprofile" help:"Write the server's allocation profile after measuring." type:"path" placeholder:"FILE"`
	NoNoop     bool     `help:"Leave out the empty service."`
}

// defaultTime is measured when neither pings nor a time are given.
const defaultTime = 15 * time.Second

// check names every fault of the flags, and fills in what follows from others.
func (c *ingestCommand) check() error {
	var faults []error
	atLeast := func(name string, n, least int) {
		if n < least {
			faults = append(faults, fmt.Errorf("--%s: must be at least %d", name, least))
		}
	}
	atLeast("fences", c.Fences, 0)
	atLeast("devices", c.Devices, 1)
	atLeast("pings", c.Pings, 0)
	atLeast("conns", c.Conns, 1)
	atLeast("in-flight", c.InFlight, 0)
	atLeast("warm-up", c.WarmUp, 0)
	atLeast("matching", c.Matching, 0)
	atLeast("campaigns", c.Campaigns, c.Matching)
	if c.Batch < 1 || c.Batch > 1000 {
		faults = append(faults, errors.New("--batch: must be 1 to 1000"))
	}
	if !(c.Radius >= 10 && c.Radius <= 50_000) {
		faults = append(faults, errors.New("--radius: must be 10 to 50000 m"))
	}
	if c.Population == 0 {
		c.Population = c.Devices
	}
	atLeast("population", c.Population, c.Devices)
	if c.Rate < 0 || c.For < 0 {
		faults = append(faults, errors.New("--rate and --for: must not be negative"))
	}
	if c.For == 0 && c.Pings == 0 {
		c.For = defaultTime
	}
	if c.Every <= 0 {
		faults = append(faults, errors.New("--every: must be above 0"))
	} else if need := c.WarmUp + 2 + c.Pings/max(c.Devices, 1); time.Duration(need)*c.Every > span {
		c.Every = (span / time.Duration(need)).Truncate(time.Millisecond)
	}
	if c.Policy != presence.Exact.String() && c.Every < 6*time.Second {
		faults = append(faults, fmt.Errorf("the walkers would have to run: %d m in %v; more --devices or fewer --pings", stride, c.Every))
	}
	return errors.Join(faults...)
}

func (c *ingestCommand) batch() int {
	if c.Mode == modeReport {
		return 1
	}
	return c.Batch
}

// lanes is how many calls are under way at once: never so many that a batch holds a device twice, where that can be had.
func (c *ingestCommand) lanes() int {
	each := c.InFlight
	switch {
	case each > 0:
	case c.Mode == modeReport:
		each = min(64, max(1, c.Devices/c.Conns))
	default:
		each = min(2, max(1, c.Devices/(c.Conns*c.Batch)))
	}
	return min(c.Conns*each, c.Devices)
}
