package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// callTime bounds one call, tries how often a call that failed is repeated, as an SDK repeats it.
const (
	callTime = 30 * time.Second
	tries    = 100
)

// lane makes one call after the other for devices of its own, in turn, so that every device's pings stay in order and
// on one connection.
type lane struct {
	load    *load
	conn    *grpc.ClientConn
	walkers []walker
	first   int // number of its first device; its others follow at load.lanes
	ids     []uuid.UUID
	tokens  [][]byte          // presence tokens, in report mode
	callers []context.Context // who calls: a key in turn, or the device itself
	turn    int               // of the next ping
	pass    int               // how often everybody has pinged
	base    uuid.UUID         // of request and ping ids
	serial  uint64

	request  frame
	response frame
	reply    reply
	devices  []int // of the pings in the request
	done     tally
	told     []record
}

// tally is what became of the calls of a phase.
type tally struct {
	calls, pings, taken, transitions int
	refusedCalls, refusedPings       int // RESOURCE_EXHAUSTED
	errors                           int // other errors; the calls were repeated
	refusals                         map[v1.PingRefusal_Code]int
	// Microseconds: of answered calls, from when they were due; of refused ones, from when they were made; and how much
	// later than due calls were made, where a rate is offered.
	times, refusedTimes, lags []uint32
}

func (t *tally) add(o *tally) {
	t.calls, t.pings, t.taken, t.transitions = t.calls+o.calls, t.pings+o.pings, t.taken+o.taken, t.transitions+o.transitions
	t.refusedCalls, t.refusedPings, t.errors = t.refusedCalls+o.refusedCalls, t.refusedPings+o.refusedPings, t.errors+o.errors
	for code, n := range o.refusals {
		if t.refusals == nil {
			t.refusals = map[v1.PingRefusal_Code]int{}
		}
		t.refusals[code] += n
	}
	t.times, t.refusedTimes = append(t.times, o.times...), append(t.refusedTimes, o.refusedTimes...)
	t.lags = append(t.lags, o.lags...)
}

// run makes calls until the phase is over.
func (l *lane) run(ctx context.Context, p *phase) error {
	due := p.began
	var interval time.Duration
	if p.rate > 0 {
		interval = time.Duration(float64(time.Second) * float64(l.load.batch*l.load.lanes) / p.rate)
		due = due.Add(time.Duration(rand.Float64() * float64(interval)))
	}
	for n := p.next(l); n > 0; n = p.next(l) {
		if interval > 0 {
			pause(ctx, time.Until(due))
			if p.over() {
				return ctx.Err()
			}
			l.done.lags = append(l.done.lags, uint32(max(0, time.Since(due)).Microseconds()))
		} else {
			due = time.Now()
		}
		l.write(n)
		if err := l.call(ctx, p, n, due); err != nil {
			return err
		}
		due = due.Add(interval)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// write makes the request of the next n pings.
func (l *lane) write(n int) {
	b := l.request.bytes[:0]
	if l.load.mode == modeImport {
		b = appendID(b, 1, l.newID())
	}
	l.devices = l.devices[:0]
	for range n {
		i := l.turn
		if l.turn++; l.turn == len(l.walkers) {
			l.turn, l.pass = 0, l.pass+1
		}
		w := &l.walkers[i]
		w.step(&l.load.box)
		s := sighting{lat: w.lat, lng: w.lng, at: l.load.timeOf(l.first+i*l.load.lanes, l.passOf(i))}
		if l.load.mode == modeReport {
			s.id = l.newID()
			b = s.appendReport(b, l.tokens[i], time.Now().UnixMilli())
		} else {
			b = s.appendImported(b, l.ids[i])
		}
		l.devices = append(l.devices, i)
	}
	l.request.bytes = b
}

// passOf is the number of the ping that was just made for a device.
func (l *lane) passOf(i int) int {
	if i == len(l.walkers)-1 {
		return l.pass - 1
	}
	return l.pass
}

func (l *lane) newID() uuid.UUID {
	id := l.base
	l.serial++
	binary.BigEndian.PutUint64(id[8:], binary.BigEndian.Uint64(id[8:])^l.serial)
	id[6], id[8] = 0x80|id[6]&0x0f, 0x80|id[8]&0x3f // UUIDv8
	return id
}

// call makes a call that was due at a time until it is answered, or refused for want of room.
func (l *lane) call(ctx context.Context, p *phase, n int, due time.Time) error {
	method, caller := v1.LocationService_ImportPings_FullMethodName, l.callers[l.done.calls%len(l.callers)]
	if l.load.mode == modeReport {
		method, caller = v1.LocationService_ReportPings_FullMethodName, l.callers[l.devices[0]]
	}
	l.done.calls++
	for try := 1; ; try++ {
		made := time.Now()
		bounded, cancel := context.WithTimeout(caller, callTime)
		err := l.conn.Invoke(bounded, method, &l.request, &l.response, grpc.ForceCodecV2(frames{}))
		cancel()
		if err == nil {
			l.done.times = append(l.done.times, uint32(time.Since(due).Microseconds()))
			p.answered.Add(int64(n))
			return l.take(n)
		}
		l.request.bytes = append([]byte(nil), l.request.bytes...) // the transport may still hold the old ones
		if status.Code(err) == codes.ResourceExhausted {
			l.done.refusedCalls, l.done.refusedPings = l.done.refusedCalls+1, l.done.refusedPings+n
			l.done.refusedTimes = append(l.done.refusedTimes, uint32(time.Since(made).Microseconds()))
			if p.rate == 0 {
				pause(ctx, retryAfter(err))
			}
			if !p.insist || ctx.Err() != nil {
				return ctx.Err()
			}
			try--
			continue
		}
		l.done.errors++
		if try == tries || !passing(err) {
			return fmt.Errorf("%s: %w", method, err)
		}
		if pause(ctx, 50*time.Millisecond); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// passing tells errors after which an SDK repeats the call.
func passing(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted, codes.Internal, codes.Unknown:
		return true
	}
	return false
}

// retryAfter is what a refusal asks for, within a millisecond and a second.
func retryAfter(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return min(max(info.GetRetryDelay().AsDuration(), time.Millisecond), time.Second)
		}
	}
	return 10 * time.Millisecond
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// take reads an answer.
func (l *lane) take(n int) error {
	var tokenField protowire.Number
	if l.load.mode == modeReport {
		tokenField = 4
	}
	at := 0
	err := l.reply.scan(l.response.bytes, tokenField, func(o outcome) {
		if at < n {
			l.note(l.devices[at], &o)
		}
		at++
	})
	if err == nil && at != n {
		err = fmt.Errorf("%d results for %d pings", at, n)
	}
	if err != nil {
		return err
	}
	if tokenField != 0 {
		i := l.devices[0]
		l.tokens[i] = append(l.tokens[i][:0], l.reply.token...)
	}
	l.done.pings += n
	return nil
}

func (l *lane) note(i int, o *outcome) {
	if o.taken {
		l.done.taken++
	} else {
		if l.done.refusals == nil {
			l.done.refusals = map[v1.PingRefusal_Code]int{}
		}
		l.done.refusals[v1.PingRefusal_Code(o.refusal)]++
	}
	l.done.transitions += len(o.transitions)
	if !l.load.keep {
		return
	}
	for _, t := range o.transitions {
		l.told = append(l.told, record{
			fence: fenceKey(t.fence), at: t.at, device: uint32(l.first + i*l.load.lanes), kind: t.kind,
		})
	}
}
