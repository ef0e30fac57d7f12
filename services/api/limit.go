package api

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/api/admit"
)

// What one message, connection and caller may ask for.
const (
	maxFile        = 16 << 20
	maxUnpacked    = 64 << 20
	maxMessage     = maxFile + 1<<20
	maxSmall       = 1 << 20 // of a request that carries no file
	defaultStreams = 250     // calls at once on one connection
	minClientPing  = 20 * time.Second
	serverPing     = 2 * time.Minute
	maxIdle        = 15 * time.Minute
)

// Rate is how many a second a caller may ask for, and how many at once after a rest. The zero value takes the default; a
// negative PerSecond means no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

func (r Rate) or(other Rate) admit.Rate {
	if r == (Rate{}) {
		r = other
	}
	return admit.Rate(r)
}

// Limits bound what callers may ask of this node.
type Limits struct {
	Device Rate // calls of a phone; default 5 a second, 60 at once
	Key    Rate // calls with a server's key; default 500 a second, 1,000 at once
	App    Rate // calls with an app key, shared by all phones that register; default 500 a second, 2,000 at once
	Search Rate // searches for stores with an app key, counted apart from App; default 5,000 a second, 10,000 at once
	// DevicePings and KeyPings count pings instead of calls. Default: 100 a second and 20,000 at once, what a phone gathers
	// in two days without a network; none.
	DevicePings Rate
	KeyPings    Rate
	// Callers is how many are remembered; default 200,000. One that is forgotten starts afresh.
	Callers int
}

// limiter keeps a caller's buckets while the caller is among those lately seen. Every call asks, so there is a front: a
// table that a caller's bits lead into straight, without a lock; a caller that finds another in its place asks behind.
type limiter struct {
	rates   map[limited]rates
	front   []atomic.Pointer[buckets]
	shift   int
	buckets *lru.Cache[bucketKey, *buckets]
}

// limited is what has rates of its own.
type limited struct {
	kind   v1.Access_Caller
	search bool
}

type rates struct{ calls, pings admit.Rate }

type bucketKey struct {
	caller uuid.UUID
	search bool
}

type buckets struct {
	id           bucketKey
	calls, pings admit.Bucket
}

func newLimiter(l Limits) (*limiter, error) {
	if l.Callers <= 0 {
		l.Callers = 200_000
	}
	kept, err := lru.New[bucketKey, *buckets](l.Callers)
	if err != nil {
		return nil, fmt.Errorf("rate limits: %w", err)
	}
	width := bits.Len(uint(2 * l.Callers))
	front := make([]atomic.Pointer[buckets], 1<<width)
	return &limiter{buckets: kept, front: front, shift: 64 - width, rates: map[limited]rates{
		{kind: v1.Access_PHONE}:             {l.Device.or(Rate{5, 60}), l.DevicePings.or(Rate{100, 20_000})},
		{kind: v1.Access_SERVER}:            {l.Key.or(Rate{500, 1000}), l.KeyPings.or(Rate{})},
		{kind: v1.Access_APP}:               {calls: l.App.or(Rate{500, 2000})},
		{kind: v1.Access_APP, search: true}: {calls: l.Search.or(Rate{5000, 10000})},
	}}, nil
}

var limitNames = map[v1.Access_Caller]string{v1.Access_PHONE: "device", v1.Access_SERVER: "key", v1.Access_APP: "app"}

// take lets one call of a caller through at now, or refuses it and says when there is room. Searches with an app key do
// not take the room of phones that register, nor the other way round.
func (l *limiter) take(c *Caller, m *method, weight int, now time.Time) error {
	search := c.Kind == v1.Access_APP && m.name == v1.StoreService_SearchStores_FullMethodName
	r := l.rates[limited{c.Kind, search}]
	if r.calls.PerSecond <= 0 && r.pings.PerSecond <= 0 {
		return nil
	}
	b := l.of(c, search)
	wait := b.calls.Take(now, 1, r.calls)
	if wait == 0 && m.pings {
		wait = b.pings.Take(now, weight, r.pings)
	}
	if wait == 0 {
		return nil
	}
	if c.Kind != v1.Access_PHONE { // many share it, and were refused together
		wait += time.Duration(rand.Int64N(int64(sharedSpread)))
	}
	return refuseFor(codes.ResourceExhausted, v1.ErrorReason_RATE_LIMITED, "too many calls", wait.Truncate(time.Millisecond)+time.Millisecond,
		"limit", limitNames[c.Kind])
}

// sharedSpread is over how long those come back that were refused for one key.
const sharedSpread = 2 * time.Second

func (l *limiter) of(c *Caller, search bool) *buckets {
	id := bucketKey{c.Device, search}
	if c.Kind != v1.Access_PHONE {
		id.caller = c.Key.ID
	}
	word := binary.LittleEndian.Uint64(id.caller[8:]) ^ binary.LittleEndian.Uint64(id.caller[:])
	place := &l.front[word*0x9E3779B97F4A7C15>>l.shift]
	if b := place.Load(); b != nil && b.id == id && rand.Uint32()&seldom != 0 {
		return b
	}
	b := l.behind(id)
	place.Store(b)
	return b
}

// seldom is how often, less one and in powers of two, a look in front counts as asking behind it too: those that are
// asked for are those that stay.
const seldom = 31

func (l *limiter) behind(id bucketKey) *buckets {
	if b, ok := l.buckets.Get(id); ok {
		return b
	}
	fresh := &buckets{id: id}
	if previous, found, _ := l.buckets.PeekOrAdd(id, fresh); found {
		return previous
	}
	return fresh
}

// checkSize refuses a request that is larger than its method has use for.
func checkSize(m *method, request proto.Message) error {
	if m.large {
		return nil // bounded by the transport
	}
	if size := proto.Size(request); size > maxSmall {
		return refuse(codes.InvalidArgument, v1.ErrorReason_TOO_MANY, "the request is too large",
			"limit", fmt.Sprint(maxSmall), "given", fmt.Sprint(size))
	}
	return nil
}
