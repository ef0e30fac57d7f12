package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/app/node"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/track"
)

// Command is `wantgo replay`.
type Command struct {
	Tracks    string        `required:"" type:"existingfile" placeholder:"FILE" help:"Tracks: CSV (device,unix_ms,lat,lng,accuracy_m,speed_mps) or GPX, gzipped or not."`
	Stores    string        `xor:"places" required:"" type:"existingfile" placeholder:"FILE" help:"Stores: CSV or GeoJSON points; each becomes a circle of --radius."`
	Radius    float64       `default:"100" help:"Radius of the stores' circles, metres."`
	Fences    string        `xor:"places" required:"" type:"existingfile" placeholder:"FILE" help:"Fences: polygons as GeoJSON, gzipped or not."`
	Policy    string        `default:"exact" enum:"exact,standard,strict" help:"How pings are judged: ${enum}."`
	Dwell     time.Duration `default:"0s" help:"Tell of stays this long as dwelled; 0: do not."`
	Campaigns string        `type:"existingfile" placeholder:"FILE" help:"Campaigns to try (YAML); decisions and deliveries are written out too."`
	Out       string        `placeholder:"FILE" help:"Where transitions go, one JSON object a line; - is standard output."`
	JSON      bool          `name:"json" help:"Print the summary as one JSON object, last."`
	Without   []string      `placeholder:"CONSENT" help:"Replayed people have all consents but these, such as ad_push_night. Repeatable."`
	Why       []string      `placeholder:"DEVICE" help:"Tell afterwards why this device's person did, or did not, get something, as of its last row. Repeatable."`
	Locale    string        `help:"Language of --why: ko, or en." default:"en"`

	DataDir     string `type:"path" placeholder:"DIR" help:"Keep the database here and go on from it in the next run. Default: a scratch database, removed at the end."`
	DatabaseURL string `env:"WANTGO_REPLAY_DATABASE_URL" placeholder:"URL" help:"PostgreSQL to use instead."`

	told io.Writer // what is said beside the results
}

// summary is what a replay tells at its end.
type summary struct {
	Pings          int            `json:"pings"`
	Skipped        int            `json:"skipped"` // done by an earlier run on the same database
	Devices        int            `json:"devices"`
	Fences         int            `json:"fences"`
	Policy         string         `json:"policy"`
	RefusedRows    int            `json:"refused_rows"`
	Refused        []refusal      `json:"refused"`
	FencesOut      []refusal      `json:"refused_fences"`
	Verdicts       map[string]int `json:"verdicts"`
	Transitions    map[string]int `json:"transitions"`
	Decisions      map[string]int `json:"decisions"`
	Coupons        int            `json:"coupons_issued"`
	Deliveries     int            `json:"deliveries"`
	ReadSeconds    float64        `json:"read_seconds"`     // reading the files
	OpenSeconds    float64        `json:"database_seconds"` // starting the database
	Seconds        float64        `json:"seconds"`          // writing fences and people, and the pings
	PingsPerSecond float64        `json:"pings_per_s"`      // of the pings alone
	Assumptions    string         `json:"assumptions"`
}

const assumptions = "replayed people have all consents and the time zone of the fences; nothing is handed to a push provider"

// input is what a replay reads before it begins.
type input struct {
	places  []place
	refused []refusal
	tracks  *track.Recording
	took    time.Duration
}

func (c *Command) read(progress func(what string, n int)) (*input, error) {
	in := &input{}
	started := time.Now()
	defer func() { in.took = time.Since(started) }()
	var err error
	if c.Stores != "" {
		in.places, in.refused, err = readStores(c.Stores, c.Radius)
	} else {
		in.places, in.refused, err = readFences(c.Fences)
	}
	if err != nil {
		return nil, err
	}
	progress("fences read", len(in.places))
	r, err := track.Open(c.Tracks)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	in.tracks, err = track.Load(r, func(rows int) { progress("rows read", rows) })
	return in, err
}

// Run replays.
func (c *Command) Run(ctx context.Context, out io.Writer, log *slog.Logger) error {
	if !(c.Radius > 0) {
		return fmt.Errorf("--radius: %v is not a number of metres above 0", c.Radius)
	}
	progress := newProgress(os.Stderr)
	in, err := c.read(progress.count)
	if err != nil {
		return err
	}
	w, closeOut, err := c.writer(out)
	if err != nil {
		return err
	}
	told := out
	if c.Out == "-" || c.JSON {
		told = os.Stderr
	}
	c.told = told
	s, err := c.replay(ctx, in, w, log, progress)
	progress.done()
	if err := errors.Join(err, closeOut()); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(out).Encode(s)
	}
	s.print(told)
	return nil
}

// replay runs an input on the database and returns the summary.
func (c *Command) replay(ctx context.Context, in *input, out io.Writer, log *slog.Logger, p *progress) (_ *summary, err error) {
	policy, err := presence.ParsePolicy(c.Policy)
	if err != nil {
		return nil, err
	}
	without, err := c.without()
	if err != nil {
		return nil, err
	}
	clock := &engine.VirtualClock{}
	config := node.Config{DataDir: c.DataDir, DatabaseURL: c.DatabaseURL, Clock: clock, Log: log}
	if config.DataDir == "" {
		scratch := filepath.Join(os.TempDir(), "wantgo-replay-"+uuid.NewString())
		defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
		config.DataDir, config.Tied = scratch, true
	}
	started := time.Now()
	n, err := node.Open(ctx, config)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, n.Close(context.WithoutCancel(ctx))) }()
	r := &run{
		engine: n.Engine(), clock: clock, settings: settingsFor(policy, zoneOf(in.places), c.Dwell), places: in.places,
		without: without,
		tracks:  in.tracks, out: newOutput(out), progress: func(pings int) { p.part("pings", pings, in.tracks.Len()) },
		counts: counts{Verdicts: map[string]int{}, Transitions: map[string]int{}, Decisions: map[string]int{}},
	}
	if err := r.readCampaigns(c.Campaigns); err != nil {
		return nil, err
	}
	opened := time.Now()
	first := firstTime(in.tracks)
	clock.Set(first)
	if err := r.settle(ctx, time.UnixMilli(first).UTC()); err != nil {
		return nil, err
	}
	if err := r.register(ctx, first); err != nil {
		return nil, err
	}
	playing := time.Now()
	if err := r.play(ctx); err != nil {
		return nil, err
	}
	if err := r.out.close(); err != nil {
		return nil, err
	}
	if err := c.explain(ctx, n.API(), r); err != nil {
		return nil, err
	}
	return c.sum(r, in, opened.Sub(started), time.Since(opened), time.Since(playing)), nil
}

func firstTime(t *track.Recording) int64 {
	for p := range t.Merge() {
		return p.At
	}
	return time.Now().UnixMilli()
}

func (c *Command) sum(r *run, in *input, opening, whole, playing time.Duration) *summary {
	s := &summary{
		Pings: r.counts.Pings, Skipped: r.counts.Skipped, Devices: len(in.tracks.Devices), Fences: len(in.places), Policy: c.Policy,
		RefusedRows: in.tracks.RefusedCount, FencesOut: in.refused, Verdicts: r.counts.Verdicts, Transitions: r.counts.Transitions,
		Decisions: r.counts.Decisions, Coupons: r.counts.Coupons, Deliveries: r.counts.Deliveries,
		ReadSeconds: in.took.Seconds(), OpenSeconds: opening.Seconds(), Seconds: whole.Seconds(), Assumptions: assumptions,
	}
	s.PingsPerSecond = float64(s.Pings) / playing.Seconds()
	for _, f := range in.tracks.Refused {
		s.Refused = append(s.Refused, refusal{f.Line, f.Device, f.Field, f.Reason})
	}
	return s
}

// print writes the summary for a person.
func (s *summary) print(w io.Writer) {
	fmt.Fprintf(w, "%d pings of %d devices, %d fences, policy %s: %.1f s (%.0f pings/s)\n",
		s.Pings, s.Devices, s.Fences, s.Policy, s.ReadSeconds+s.Seconds, s.PingsPerSecond)
	if s.Skipped > 0 {
		fmt.Fprintf(w, "%d pings were done by an earlier run and skipped\n", s.Skipped)
	}
	fmt.Fprintf(w, "transitions: %d entered, %d dwelled, %d exited\n", s.Transitions["entered"], s.Transitions["dwelled"], s.Transitions["exited"])
	for reason, n := range s.Decisions {
		fmt.Fprintf(w, "decisions %s: %d\n", reason, n)
	}
	for verdict, n := range s.Verdicts {
		if verdict != string(engine.Taken) {
			fmt.Fprintf(w, "pings %s: %d\n", verdict, n)
		}
	}
	printRefused(w, "rows", s.Refused, s.RefusedRows)
	printRefused(w, "fences", s.FencesOut, len(s.FencesOut))
	fmt.Fprintln(w, s.Assumptions)
}

func printRefused(w io.Writer, what string, list []refusal, count int) {
	if count == 0 {
		return
	}
	fmt.Fprintf(w, "%d %s refused:\n", count, what)
	for i, r := range list {
		if i == 20 {
			fmt.Fprintf(w, "  and %d more\n", count-i)
			return
		}
		fmt.Fprintf(w, "  line %d (%s): %s: %s\n", r.Line, r.ID, r.Field, r.Reason)
	}
}

// writer opens --out.
func (c *Command) writer(out io.Writer) (io.Writer, func() error, error) {
	switch c.Out {
	case "":
		return nil, func() error { return nil }, nil
	case "-":
		return out, func() error { return nil }, nil
	}
	f, err := os.Create(c.Out)
	if err != nil {
		return nil, nil, err
	}
	return f, f.Close, nil
}
