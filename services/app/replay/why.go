package replay

import (
	"context"
	"fmt"
	"io"
	"slices"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/api"
	"github.com/wantgo/wantgo/services/app/why"
	"github.com/wantgo/wantgo/services/audience"
)

// explained is how many decisions about one device are told.
const explained = 10

// explain tells about the devices of --why, each as of its last row. The clock stands there afterwards.
func (c *Command) explain(ctx context.Context, server *api.Server, r *run) error {
	if len(c.Why) == 0 || c.told == nil {
		return nil
	}
	last := map[string]int64{}
	for p := range r.tracks.Merge() {
		last[p.Device] = max(last[p.Device], p.At)
	}
	for _, device := range c.Why {
		at, known := last[device]
		if !known {
			return fmt.Errorf("--why: no row is of device %q", device)
		}
		r.clock.Set(at)
		answer, err := server.Explain(ctx, r.brand, &v1.ExplainDecisionsRequest{
			Subject: &v1.ExplainDecisionsRequest_DeviceExternalId{DeviceExternalId: device}, Locale: c.Locale, Circumstances: true, PageSize: explained,
		})
		if err != nil {
			return fmt.Errorf("--why %s: %w", device, err)
		}
		if err := why.New(c.told, c.Locale, r.settings.TimeZone).Explained(answer); err != nil {
			return err
		}
		_, _ = io.WriteString(c.told, "\n")
	}
	return nil
}

// without are the consents that replayed people do not give.
func (c *Command) without() (purposes []audience.Purpose, err error) {
	for _, name := range c.Without {
		p := audience.Purpose(name)
		if !slices.Contains(audience.Purposes, p) {
			return nil, fmt.Errorf("--without: %q is none of %v", name, audience.Purposes)
		}
		purposes = append(purposes, p)
	}
	return purposes, nil
}
