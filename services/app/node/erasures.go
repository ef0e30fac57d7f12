package node

import (
	"context"
	"time"

	"github.com/wantgo/wantgo/services/app/backup"
)

const (
	erasuresEvery = 10 * time.Second // how far the list of erasures may be behind
	erasuresFresh = 5 * time.Minute  // how old it may be while nobody is erased: it says up to when it is complete
)

// keepErasures writes the list of who was erased into the configured file whenever somebody was: a backup that is
// restored later must not bring them back, and the database that knows them may be lost by then. The list is written
// once more when the node stops.
func (n *Node) keepErasures(ctx context.Context) error {
	if n.config.ErasuresFile == "" {
		return nil
	}
	tick := time.NewTicker(erasuresEvery)
	defer tick.Stop()
	var known, written time.Time
	for {
		stopping := ctx.Err() != nil
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), erasuresEvery/2)
		if last, err := n.store.LastErasure(bounded); err != nil {
			n.log.Warn("the list of erasures is not up to date", "error", err)
		} else if stopping || !last.Equal(known) || time.Since(written) > erasuresFresh {
			if n.writeErasures(bounded) {
				known, written = last, time.Now()
			}
		}
		cancel()
		if stopping {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (n *Node) writeErasures(ctx context.Context) bool {
	list, err := n.store.Erasures(ctx)
	if err == nil {
		err = backup.ReplaceErasures(n.config.ErasuresFile, list)
	}
	if err != nil {
		n.log.Error("the list of erasures could not be written", "file", n.config.ErasuresFile, "error", err)
	}
	return err == nil
}

// RootFile is where the root secret is kept.
func (c *Config) RootFile() string {
	if c.SecretFile != "" {
		return c.SecretFile
	}
	return c.secretFile()
}
