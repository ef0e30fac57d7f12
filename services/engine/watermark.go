package engine

import (
	"context"

	"github.com/google/uuid"
)

// Watermark is how far a device's pings were taken, as far as its person's row tells.
type Watermark struct {
	At   int64     // observed time of the last ping, Unix ms; 0: none
	Ping uuid.UUID // its id
}

// Watermarks reads how far devices came. An import that was cut off goes on from there.
func (e *Engine) Watermarks(ctx context.Context, brandID uuid.UUID, devices []uuid.UUID) (map[uuid.UUID]Watermark, error) {
	marks := make(map[uuid.UUID]Watermark, len(devices))
	err := e.eachDevice(ctx, brandID, devices, func(t *turn, d *deviceState) error {
		marks[d.id] = Watermark{d.heardWritten, uuidOf(d.presence.LastPing)}
		return nil
	})
	return marks, err
}

// Settle writes how far devices came, where no consequence has written it yet.
func (e *Engine) Settle(ctx context.Context, brandID uuid.UUID, devices []uuid.UUID) error {
	return e.eachDevice(ctx, brandID, devices, func(t *turn, d *deviceState) error {
		if d.presence.LastHeard != d.heardWritten {
			t.touch(d)
			t.dirty = true
		}
		return nil
	})
}

func (e *Engine) eachDevice(ctx context.Context, brandID uuid.UUID, devices []uuid.UUID, f func(*turn, *deviceState) error) error {
	for len(devices) > 0 {
		n := min(pageOfPeople, len(devices))
		some := devices[:n]
		devices = devices[n:]
		keys := make([]PersonKey, 0, n)
		for _, id := range some {
			k, _, err := e.owner(ctx, brandID, id)
			if err != nil {
				return err
			}
			keys = append(keys, k)
		}
		failed, err := e.together(ctx, keys, func(turns map[PersonKey]*turn) error {
			for i, id := range some {
				if t := turns[keys[i]]; t != nil && t.p.hot.device(id) != nil {
					if err := t.do(func(t *turn) error { return f(t, t.p.hot.device(id)) }); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, err := range failed {
			return err
		}
	}
	return nil
}
