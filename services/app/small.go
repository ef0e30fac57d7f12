package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/wantgo/wantgo/pusher/emulator"
	"github.com/wantgo/wantgo/services/app/heap"
	"github.com/wantgo/wantgo/services/postgres"
)

type emulatorCommand struct {
	FCM     string `name:"fcm" help:"Where the emulated Firebase Cloud Messaging answers." default:"127.0.0.1:8090"`
	APNs    string `name:"apns" help:"Where the emulated Apple push service answers." default:"127.0.0.1:8091"`
	Sandbox string `name:"apns-sandbox" help:"Where the emulated development environment of Apple's answers." default:"127.0.0.1:8093"`
	WebPush string `name:"web-push" help:"Where the emulated push service of a browser's maker answers." default:"127.0.0.1:8094"`
	FCMTLS  bool   `name:"fcm-tls" help:"Have the emulated Firebase speak HTTPS, and so HTTP/2."`
	Control string `help:"Where it is told how to answer, and tells what it accepted." default:"127.0.0.1:8092"`
	Dir     string `help:"Gets the credentials to upload (firebase.json, apns.p8), ca.pem and emulator.json. What is there is kept." type:"path" default:"wantgo-emulator"`
	Script  string `help:"JSON file that says how addresses are answered. Default: everything is accepted." type:"path" placeholder:"FILE"`
	JSON    bool   `name:"json" help:"Print the addresses as one JSON object."`
}

// Run serves until it is told to stop.
func (c *emulatorCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger) error {
	go heap.Fit(ctx)
	return emulator.Run(ctx, emulator.Config{
		FCMAddr: c.FCM, APNsAddr: c.APNs, SandboxAddr: c.Sandbox, WebPushAddr: c.WebPush,
		FCMTLS: c.FCMTLS, ControlAddr: c.Control, Dir: c.Dir, Script: c.Script,
		Ready: func(a emulator.Addresses) { c.print(out, a) },
	}, log)
}

func (c *emulatorCommand) print(out io.Writer, a emulator.Addresses) {
	if c.JSON {
		_ = json.NewEncoder(out).Encode(a)
		return
	}
	fmt.Fprintf(out, `Emulators are ready. Start a server that talks to them:

  wantgo serve --fcm-endpoint %s --apns-endpoint %s --apns-sandbox-endpoint %s --web-push-services %s --apns-ca %s

  upload     %s   (Firebase)
             %s   (Apple: key id %s, team id %s, topic %s)
             %s   (web push)
  accepted   curl %s/accepted
  stall      curl -X POST %s/control/stall   (and release)
`, a.FCMEndpoint, a.APNsEndpoint, a.APNsSandbox, a.WebPush, a.CA, a.ServiceAccount, a.P8, a.APNsKeyID, a.APNsTeamID, a.APNsTopic,
		a.VAPID, a.Control, a.Control)
}

type migrateCommand struct {
	Storage `embed:""`
	Status  bool `help:"Only tell which steps were taken."`
	Citus   bool `help:"Also spread the tables over the workers of a Citus cluster whose coordinator the database URL names: what is about a person by the person, the catalogue on every node. Stop every node first. Can be run again."`
	JSON    bool `name:"json" help:"Print one JSON object."`
}

// step is a migration as it is printed.
type step struct {
	Version int64      `json:"version"`
	Name    string     `json:"name"`
	Applied *time.Time `json:"applied_time,omitempty"`
}

// Run migrates, or lists.
func (c *migrateCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger, s *settings) (err error) {
	url, stop, err := c.database(ctx, s, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	var taken []postgres.Migration
	if !c.Status {
		if taken, err = postgres.Migrate(ctx, url); err != nil {
			return err
		}
	}
	all, err := postgres.MigrationStatus(ctx, url)
	if all == nil {
		return err
	}
	placed, fault := c.distribute(ctx, url)
	return errors.Join(err, c.print(out, taken, all, placed), fault)
}

// distribute spreads the tables over a cluster if that was asked for.
func (c *migrateCommand) distribute(ctx context.Context, url string) ([]postgres.Placed, error) {
	if !c.Citus || c.Status {
		return nil, nil
	}
	return postgres.Distribute(ctx, url)
}

// database is where migrations go; the embedded server is started for them when no database was given.
func (c *migrateCommand) database(ctx context.Context, s *settings, log *slog.Logger) (url string, stop func() error, err error) {
	config := c.config(s, log)
	if err := s.err(); err != nil {
		return "", nil, err
	}
	if config.DatabaseURL != "" {
		return config.DatabaseURL, func() error { return nil }, nil
	}
	server, err := postgres.Start(ctx, postgres.ServerConfig{DataDir: config.DataDir, Log: log})
	if err != nil {
		return "", nil, err
	}
	return server.URL(), func() error { return server.Stop(context.WithoutCancel(ctx)) }, nil
}

func (c *migrateCommand) print(out io.Writer, taken, all []postgres.Migration, placed []postgres.Placed) error {
	steps := make([]step, len(all))
	for i, m := range all {
		steps[i] = step{Version: m.Version, Name: m.Name}
		if !m.AppliedAt.IsZero() {
			steps[i].Applied = &all[i].AppliedAt
		}
	}
	if c.JSON {
		report := map[string]any{"taken": len(taken), "steps": steps}
		if placed != nil {
			report["tables"] = placed
		}
		return json.NewEncoder(out).Encode(report)
	}
	for _, s := range steps {
		applied := "not yet"
		if s.Applied != nil {
			applied = s.Applied.Local().Format(time.DateTime)
		}
		fmt.Fprintf(out, "%6d  %-40s  %s\n", s.Version, s.Name, applied)
	}
	if !c.Status {
		fmt.Fprintf(out, "%d steps taken\n", len(taken))
	}
	for _, p := range placed {
		now := ""
		if p.Now {
			now = "  now"
		}
		fmt.Fprintf(out, "        %-20s  %s%s\n", p.Table, p.How, now)
	}
	return nil
}

type versionCommand struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Run prints what the build says of itself.
func (c *versionCommand) Run(out io.Writer) error {
	v := struct {
		Version  string `json:"version"`
		Revision string `json:"revision,omitempty"`
		Time     string `json:"time,omitempty"`
		Modified bool   `json:"modified,omitempty"`
		Go       string `json:"go"`
		Platform string `json:"platform"`
	}{Version: "(unknown)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version = info.Main.Version
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Revision = s.Value
			case "vcs.time":
				v.Time = s.Value
			case "vcs.modified":
				v.Modified = s.Value == "true"
			}
		}
	}
	if c.JSON {
		return json.NewEncoder(out).Encode(v)
	}
	_, err := fmt.Fprintf(out, "wantgo %s %s\n%s %s\n", v.Version, v.Revision, v.Go, v.Platform)
	return err
}
