package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	stockLease  = 60 * time.Second // how long a node may issue from a block
	stockMargin = 10 * time.Second // a node stops issuing this long before its lease ends
	stockGrace  = 30 * time.Second // statements end within this; then a dead node's block is reclaimed
	stockWant   = 64               // coupons asked for at once; a pool gives less as it ends
	stockMemory = 2 * time.Second  // how long "there is none left" is believed
)

// stockroom holds the blocks this node may issue from. Only the pool in the database says that there is no stock.
//
// Whether a lease still holds is asked twice: here, by the monotonic clock, so that a node stops in time; and by the
// statement that writes the coupon, by the database's clock, because a node may be stopped in its tracks for longer than
// any margin between the two.
type stockroom struct {
	pool  Stock
	node  uuid.UUID
	now   func() time.Time // monotonic
	mu    sync.Mutex
	held  map[uuid.UUID][]*heldBlock // by offer
	empty map[uuid.UUID]time.Time    // offer -> when the pool said none
}

type heldBlock struct {
	id    uuid.UUID
	left  int64
	until time.Time // monotonic; nothing is issued from it after
	lease time.Time // its end by the database's clock
}

func newStockroom(pool Stock, node uuid.UUID) *stockroom {
	return &stockroom{
		pool: pool, node: node, now: time.Now,
		held: map[uuid.UUID][]*heldBlock{}, empty: map[uuid.UUID]time.Time{},
	}
}

// ask brings a block of an offer to this node, or learns that the pool is empty.
func (s *stockroom) ask(ctx context.Context, brandID, offer uuid.UUID, total int64) error {
	asked := s.now()
	b, err := s.pool.TakeBlock(ctx, brandID, offer, total, s.node, stockLease, stockWant)
	if err != nil {
		return fmt.Errorf("stock of offer %s: %w", offer, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.Size == 0 {
		s.empty[offer] = asked
		return nil
	}
	delete(s.empty, offer)
	s.held[offer] = append(s.held[offer], &heldBlock{b.ID, b.Size, asked.Add(stockLease - stockMargin), b.LeaseUntil})
	return nil
}

// look finds a block of an offer with something left. known=false: ask first.
func (s *stockroom) look(offer uuid.UUID) (b *heldBlock, known bool) {
	now := s.now()
	for _, b := range s.held[offer] {
		if b.left > 0 && now.Before(b.until) {
			return b, true
		}
	}
	said, empty := s.empty[offer]
	return nil, empty && now.Sub(said) < stockMemory
}

// clear forgets every block: their leases run out.
func (s *stockroom) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.held)
	clear(s.empty)
}

func (s *stockroom) giveBack(taken []stockTake) {
	if len(taken) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range taken {
		for _, b := range s.held[t.offer] {
			if b.id == t.block {
				b.left++
			}
		}
	}
}

// drop forgets the blocks of some takes: their leases have ended for the database.
func (s *stockroom) drop(taken []stockTake) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range taken {
		s.held[t.offer] = slices.DeleteFunc(s.held[t.offer], func(b *heldBlock) bool { return b.id == t.block })
	}
}

// renew keeps the leases of blocks with something left, and forgets the others.
func (s *stockroom) renew(ctx context.Context) error {
	ids := s.live()
	if len(ids) == 0 {
		return nil
	}
	asked := s.now()
	alive, err := s.pool.Renew(ctx, s.node, stockLease, ids)
	if err != nil {
		return fmt.Errorf("renew stock blocks: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, blocks := range s.held {
		for _, b := range blocks {
			if lease, kept := alive[b.id]; kept {
				b.until, b.lease = asked.Add(stockLease-stockMargin), lease
			}
		}
	}
	return nil
}

// live lists the blocks worth renewing and drops the rest.
func (s *stockroom) live() []uuid.UUID {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []uuid.UUID
	now := s.now()
	for offer, blocks := range s.held {
		kept := blocks[:0]
		for _, b := range blocks {
			if b.left > 0 && now.Before(b.until) {
				kept = append(kept, b)
				ids = append(ids, b.id)
			}
		}
		s.held[offer] = kept
		if len(kept) == 0 {
			delete(s.held, offer)
		}
	}
	return ids
}

// stockView is the stockroom as one turn sees it: what it takes is given back if the turn is undone.
type stockView struct{ t *turn }

// Peek answers without taking.
func (v stockView) Peek(offer uuid.UUID) (ok, known bool) {
	s := v.t.e.stock
	s.mu.Lock()
	defer s.mu.Unlock()
	b, known := s.look(offer)
	return b != nil, known
}

// Take takes one coupon from a block this node holds.
func (v stockView) Take(offer uuid.UUID) (block uuid.UUID, ok, known bool) {
	s := v.t.e.stock
	s.mu.Lock()
	defer s.mu.Unlock()
	b, known := s.look(offer)
	if b == nil {
		return uuid.Nil, false, known
	}
	b.left--
	v.t.stock = append(v.t.stock, stockTake{offer, b.id})
	if w := &v.t.write; w.LeasedUntil.IsZero() || b.lease.Before(w.LeasedUntil) {
		w.LeasedUntil = b.lease
	}
	return b.id, true, true
}
