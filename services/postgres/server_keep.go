package postgres

import (
	"context"
	"fmt"
	"time"
)

// keepEvery is how often a server is looked at.
const keepEvery = 500 * time.Millisecond

// Keep starts the server again, on its port, whenever it has died, until ctx ends: killed for its memory, or after its
// disk was full. What the server answered before is on disk; it recovers by itself.
func (s *Server) Keep(ctx context.Context) error {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(keepEvery):
		}
		if post, err := readPostmaster(s.pg()); err == nil && alive(post.pid) {
			failing = false
			continue
		}
		err := s.revive(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			s.config.Log.Error("the database server has died and does not start again", "error", err)
		}
		failing = err != nil
	}
}

// revive starts the server, unless another process was quicker.
func (s *Server) revive(ctx context.Context) error {
	unlock, err := lockFile(ctx, s.path("postgres.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	again := *s // whoever asks for the URL meanwhile is not disturbed
	again.config.Port = s.port
	adopted, err := again.adopt(ctx)
	if err == nil && !adopted {
		if err = again.launch(ctx); err == nil {
			s.config.Log.Warn("the database server had died and was started again", "port", s.port)
		}
	}
	if err == nil && again.port != s.port {
		return fmt.Errorf("it answers on port %d now, not on %d", again.port, s.port)
	}
	return err
}
