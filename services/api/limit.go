package api

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// What one message, connection and caller may ask for.
const (
	maxFile       = 16 << 20
	maxUnpacked   = 64 << 20
	maxMessage    = maxFile + 1<<20
	maxSmall      = 1 << 20 // of a request that carries no file
	maxStreams    = 1000    // calls at once on one connection
	minClientPing = 20 * time.Second
	serverPing    = 2 * time.Minute
	maxIdle       = 15 * time.Minute
)

// Rate is how many calls a second a caller may make, and how many at once after a rest. The zero value takes the
// default; a negative PerSecond means no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

func (r Rate) or(other Rate) Rate {
	if r == (Rate{}) {
		return other
	}
	return r
}

// Limits bound what callers may ask of this node.
type Limits struct {
	Device Rate // a phone; default 5 a second, 60 at once
	Key    Rate // a server's key; default 500 a second, 1,000 at once
	App    Rate // an app key, shared by all phones that register; default 500 a second, 2,000 at once
	Search Rate // searches for stores with an app key, counted apart from App; default 5,000 a second, 10,000 at once
	// Callers is how many are remembered; default 200,000. One that is forgotten starts afresh.
	Callers int
}

// limiter keeps a token bucket for each caller lately seen.
type limiter struct {
	rates   map[limited]Rate
	buckets *lru.Cache[bucketKey, *rate.Limiter]
}

// limited is what has a rate of its own.
type limited struct {
	kind   v1.Access_Caller
	search bool
}

type bucketKey struct {
	caller uuid.UUID
	search bool
}

func newLimiter(l Limits) (*limiter, error) {
	if l.Callers <= 0 {
		l.Callers = 200_000
	}
	buckets, err := lru.New[bucketKey, *rate.Limiter](l.Callers)
	if err != nil {
		return nil, fmt.Errorf("rate limits: %w", err)
	}
	return &limiter{buckets: buckets, rates: map[limited]Rate{
		{kind: v1.Access_PHONE}:             l.Device.or(Rate{5, 60}),
		{kind: v1.Access_SERVER}:            l.Key.or(Rate{500, 1000}),
		{kind: v1.Access_APP}:               l.App.or(Rate{500, 2000}),
		{kind: v1.Access_APP, search: true}: l.Search.or(Rate{5000, 10000}),
	}}, nil
}

var limitNames = map[v1.Access_Caller]string{v1.Access_PHONE: "device", v1.Access_SERVER: "key", v1.Access_APP: "app"}

// take lets one call of a caller through at now, or refuses it and says when there is room. Searches with an app key do
// not take the room of phones that register, nor the other way round.
func (l *limiter) take(c *Caller, m *method, now time.Time) error {
	search := c.Kind == v1.Access_APP && m.name == v1.StoreService_SearchStores_FullMethodName
	r := l.rates[limited{c.Kind, search}]
	if r.PerSecond < 0 {
		return nil
	}
	id := bucketKey{c.Device, search}
	if c.Kind != v1.Access_PHONE {
		id.caller = c.Key.ID
	}
	bucket, ok := l.buckets.Get(id)
	if !ok {
		fresh := rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)
		if previous, found, _ := l.buckets.PeekOrAdd(id, fresh); found {
			fresh = previous
		}
		bucket = fresh
	}
	reservation := bucket.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	reservation.CancelAt(now)
	return refuseFor(codes.ResourceExhausted, v1.ErrorReason_RATE_LIMITED, "too many calls", wait.Round(time.Millisecond),
		"limit", limitNames[c.Kind])
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
