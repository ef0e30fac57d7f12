package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/app/node"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

type addressesCommand struct {
	Counts  addressCounts  `cmd:"" help:"How many were dropped, quarantined, withdrawn, replaced and restored, by the provider's code."`
	List    addressList    `cmd:"" help:"What became of them, the newest first. Addresses themselves are never shown."`
	Restore addressRestore `cmd:"" help:"Undo drops and quarantines that were wrong, where the device has the address still."`
}

// addressScope is whose addresses, and since when.
type addressScope struct {
	Storage `embed:""`
	Brand   string        `help:"The brand, by name or UUID, where there are several." placeholder:"NAME"`
	Since   time.Duration `help:"How far back." default:"24h"`
	JSON    bool          `name:"json" help:"Print JSON, an object a line."`
}

func (c *addressScope) on(ctx context.Context, s *settings, log *slog.Logger, use func(*engine.Engine, *brand.Brand, time.Time) error) error {
	if c.Since <= 0 {
		s.fault("since", errors.New("must be above 0"))
	}
	return c.withNode(ctx, s, log, func(n *node.Node) error {
		b, err := (&whyCommand{Brand: c.Brand}).brand(n.Engine())
		if err != nil {
			return err
		}
		return use(n.Engine(), b, n.Engine().Now().Add(-c.Since))
	})
}

type addressCounts struct {
	addressScope `embed:""`
}

// Run prints the counts.
func (c *addressCounts) Run(ctx context.Context, out io.Writer, log *slog.Logger, s *settings) error {
	return c.on(ctx, s, log, func(e *engine.Engine, b *brand.Brand, from time.Time) error {
		counts, err := e.AddressCounts(ctx, b.ID, from)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, n := range counts {
			if c.JSON {
				err = errors.Join(err, json.NewEncoder(out).Encode(n))
				continue
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%d\n", n.Provider, n.Change, n.Code, n.Count)
		}
		return errors.Join(err, table.Flush())
	})
}

type addressList struct {
	addressScope `embed:""`
	Device       string `help:"Of this device alone, by its UUID." placeholder:"ID"`
	Limit        int    `help:"Most changes." default:"100"`
}

// addressLine is one change as it is printed.
type addressLine struct {
	Time       time.Time `json:"time"`
	Device     uuid.UUID `json:"device_id"`
	Provider   string    `json:"provider"`
	Change     string    `json:"change"`
	Code       string    `json:"code"`
	Registered time.Time `json:"registered_time"`
	LastSeen   time.Time `json:"last_seen_time,omitzero"`
}

// Run prints changes.
func (c *addressList) Run(ctx context.Context, out io.Writer, log *slog.Logger, s *settings) error {
	device := oneDevice(s, c.Device)
	if c.Limit < 1 || c.Limit > 10_000 {
		s.fault("limit", errors.New("must be 1 to 10000"))
	}
	return c.on(ctx, s, log, func(e *engine.Engine, b *brand.Brand, from time.Time) error {
		events, err := e.AddressHistory(ctx, b.ID, device, from, c.Limit)
		for _, v := range events {
			if c.JSON {
				err = errors.Join(err, json.NewEncoder(out).Encode(addressLine{v.At, v.DeviceID, v.Provider, v.Change, v.Code, v.RegisteredAt, v.LastSeenAt}))
				continue
			}
			fmt.Fprintf(out, "%s  %s  %-7s  %-11s  %s\n", v.At.Local().Format(time.DateTime), v.DeviceID, v.Provider, v.Change, v.Code)
		}
		return err
	})
}

type addressRestore struct {
	addressScope `embed:""`
	Until        time.Duration `help:"Only what is at least so long ago." default:"0s"`
	Code         string        `help:"Only what this code of the provider's did, such as UNREGISTERED." placeholder:"CODE"`
	Provider     string        `help:"Only this provider's: ${enum}." enum:",fcm,apns,webpush" default:""`
	Device       string        `help:"Only this device's, by its UUID." placeholder:"ID"`
	Why          string        `help:"Is noted with each of them." required:"" placeholder:"TEXT"`
}

// Run restores, and says how many.
func (c *addressRestore) Run(ctx context.Context, out io.Writer, log *slog.Logger, s *settings) error {
	device := oneDevice(s, c.Device)
	if len(c.Why) == 0 || len(c.Why) > 200 {
		s.fault("why", errors.New("must be 1 to 200 bytes"))
	}
	return c.on(ctx, s, log, func(e *engine.Engine, b *brand.Brand, from time.Time) error {
		n, err := e.RestoreAddresses(ctx, b.ID, audience.WrongDrops{From: from, Until: e.Now().Add(-c.Until), Code: c.Code, Provider: c.Provider,
			DeviceID: device, Why: c.Why})
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(out).Encode(map[string]int{"restored": n})
		}
		_, err = fmt.Fprintf(out, "%d addresses are live again\n", n)
		return err
	})
}

func oneDevice(s *settings, text string) (id uuid.UUID) {
	if text == "" {
		return id
	}
	id, err := uuid.Parse(text)
	if err != nil {
		s.fault("device", errors.New("is not a UUID"))
	}
	return id
}
